"""The documents say what is so."""

import re
from pathlib import Path

import pytest

from hubbub import errors, reference
from hubbub.errors import Reason
from hubbub.metrics.page import markdown

ROOT = Path(__file__).parent.parent
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


def test_the_page_of_settings_is_the_table_of_settings() -> None:
    assert (ROOT / "docs/settings.md").read_text(encoding="utf-8") == reference.markdown() + "\n", "run `make docs`"


def test_the_page_of_metrics_is_the_table_of_metrics() -> None:
    assert (ROOT / "docs/metrics.md").read_text(encoding="utf-8") == markdown() + "\n", "run `make docs`"


def test_every_close_code_is_explained() -> None:
    behaviour = (ROOT / "docs/behaviour.md").read_text(encoding="utf-8")
    reasons = [value for value in vars(errors).values() if isinstance(value, Reason)]
    assert len(reasons) > 50
    assert [reason for reason in reasons if reason.code is not None and str(reason.code) not in behaviour] == []


def test_every_setting_that_the_pages_name_exists() -> None:
    known = {*reference.names(), "HUBBUB_TEST_POSTGRES_URL", "HUBBUB_PURE"}
    for page in DOCUMENTS:
        for name in re.findall(r"\bHUBBUB_[A-Z_]*[A-Z]\b(?!…)", page.read_text(encoding="utf-8")):
            assert name in known, f"{page.name} names {name}"


@pytest.mark.parametrize("page", DOCUMENTS, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_within_the_repository_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target
