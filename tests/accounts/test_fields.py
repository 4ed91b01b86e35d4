from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubbub.accounts.fields import Fields, Slice
from hubbub.errors import INVALID, Refusal

ANYTHING: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters()), inner),
    max_leaves=5,
)


def faults(check: str, value: object) -> dict[str, list[str]]:
    """Give the faults that a check finds, none for a value that will do."""
    with suppress(Refusal), Fields() as fields:
        getattr(fields, check)("field", value)
    return fields.errors


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (None, "can't be blank"),
        ("", "can't be blank"),
        (" \t\n", "can't be blank"),
        ("x" * 256, "should be at most 255 character(s)"),
        ("a\0b", "must not have control characters"),
        ("a\nb", "must not have control characters"),
        ("\ud800", "must not have control characters"),
        (3, "must be text"),
        (["a"], "must be text"),
    ],
)
def test_a_text_has_1_to_255_characters_of_one_line(value: object, message: str) -> None:
    assert faults("text", value) == {"field": [message]}


def test_a_text_loses_the_space_around_it() -> None:
    with Fields() as fields:
        assert fields.text("name", f"  {'é' * 255}\n") == "é" * 255


@pytest.mark.parametrize(
    "value", ["ann", "@", "ann@", "@example.com", "a b@example.com", f"{'x' * 250}@example.com", 3]
)
def test_an_address_has_something_on_both_sides_of_its_at(value: object) -> None:
    assert faults("email", value).keys() == {"field"}


@pytest.mark.parametrize(
    "value",
    [
        "a,b@example.com",
        "a@example.com,b@example.com",
        "a;b@c",
        "<a@b>",
        "Ann <a@b>",
        "a@b(c)",
        '"a"@b',
        "a\\@b",
        "a@[::1]",
    ],
)
def test_an_address_is_one_that_a_letter_can_go_to(value: str) -> None:
    assert faults("email", value) == {"field": ["is not an e-mail address"]}


def test_an_address_is_given_in_lower_case() -> None:
    with Fields() as fields:
        assert fields.email("email", " Ann@Example.COM ") == "ann@example.com"


@pytest.mark.parametrize("value", ["", None, "1234567", "x" * 1025, "\ud800" * 8, 12345678, ["long enough"]])
def test_a_password_has_8_to_1024_characters(value: object) -> None:
    assert faults("password", value).keys() == {"field"}


def test_a_password_keeps_its_spaces() -> None:
    with Fields() as fields:
        assert fields.password("password", "  spaces  ") == "  spaces  "


@pytest.mark.parametrize(
    ("value", "flag"),
    [(True, True), ("true", True), ("1", True), (1, True), ("on", True), ("TRUE", True), (False, False), ("0", False)],
)
def test_a_yes_or_no_has_a_few_spellings(value: object, flag: bool) -> None:
    with Fields() as fields:
        assert fields.flag("is_admin", value) is flag


@pytest.mark.parametrize("value", ["", None, "yes", 2, 10**4000, -1, 1.0, [True], {}])
def test_nothing_else_is_a_yes_or_no(value: object) -> None:
    assert faults("flag", value) == {"field": ["must be true or false"]}


@pytest.mark.parametrize("value", ["", "1.5", "-1", "１", "9" * 30, True, 1.0, None, [], 0, 1001])
def test_a_limit_is_a_number_from_1_to_1000(value: object) -> None:
    if value is None:
        assert Slice.of(None, None) == Slice(100, 0)
    else:
        with pytest.raises(Refusal, match="limit must be"):
            Slice.of(value, None)


def test_settings_are_kept_as_they_are_meant_and_none_is_the_default() -> None:
    given = {"client_events": "true", "max_presence_members": "5", "enabled": None}
    with Fields() as fields:
        assert fields.settings("settings", given) == {
            "client_events": True, "max_presence_members": 5, "enabled": None
        }  # fmt: skip


@pytest.mark.parametrize(
    ("value", "field"),
    [
        ("client_events", "field"),
        ([], "field"),
        ({"colour": "red"}, "field"),
        ({"\ud800": None}, "field"),
        ({"max_presence_members": 0}, "field.max_presence_members"),
        ({"max_presence_members": 10**4000}, "field.max_presence_members"),
        ({"client_events": "perhaps"}, "field.client_events"),
        ({"client_events": "\ud800"}, "field.client_events"),
    ],
)
def test_settings_that_do_not_exist_or_fit_are_named(value: object, field: str) -> None:
    assert faults("settings", value).keys() == {field}


def test_all_faults_are_told_at_once() -> None:
    with pytest.raises(Refusal) as caught, Fields() as fields:  # noqa: PT012 - one block is the point
        fields.text("name", "")
        fields.email("email", "ann")
    assert caught.value.reason is INVALID
    assert caught.value.facts["errors"] == {"name": ["can't be blank"], "email": ["is not an e-mail address"]}
    assert caught.value.message == "name can't be blank; email is not an e-mail address"


@given(st.sampled_from(["text", "email", "password", "flag", "settings"]), ANYTHING)
def test_whatever_comes_is_taken_or_refused_in_words_that_can_be_sent(check: str, value: object) -> None:
    for field, messages in faults(check, value).items():
        for text in (field, *messages):
            text.encode()
