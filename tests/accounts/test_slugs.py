import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubbub.accounts.slugs import LONGEST, free_slug, slug_of


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Acme Inc.", "acme-inc"),
        ("  Acme -- Inc  ", "acme-inc"),
        ("Łódź & Söhne", "lodz-sohne"),
        ("Straße", "strasse"),
        ("Ærøskøbing", "aeroskobing"),
        ("İstanbul", "istanbul"),
        ("Joe's", "joes"),
        ("ﬁne ½", "fine-1-2"),
        ("2024", "org-2024"),
        ("New", "org-new"),
        ("２０２４", "org-2024"),
        ("C3", "c3"),
        ("東京", ""),
        ("!!!", ""),
        ("x" * 300, "x" * LONGEST),
    ],
)
def test_a_slug_is_what_can_be_read_of_the_name(name: str, slug: str) -> None:
    assert slug_of(name) == slug


@given(st.text())
def test_any_name_gives_a_slug_fit_for_a_url_or_none(name: str) -> None:
    slug = slug_of(name)
    assert re.fullmatch(r"([a-z0-9]+(-[a-z0-9]+)*)?", slug)
    assert not slug.isdigit()
    assert len(slug) <= LONGEST + len("org-")


@given(st.text())
def test_a_slug_is_its_own_slug(name: str) -> None:
    assert slug_of(slug_of(name)) == slug_of(name)


@given(st.sampled_from(["acme", "globex"]), st.sets(st.sampled_from(["acme", "acme-2", "acme-3", "acme-10", "globex"])))
def test_a_free_slug_is_free_and_begins_like_the_one_wished_for(slug: str, taken: set[str]) -> None:
    free = free_slug(slug, taken)
    assert free not in taken
    assert free == slug or (slug in taken and re.fullmatch(rf"{slug}-[0-9]+", free))
