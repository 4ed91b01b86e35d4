"""The page of findings tells what the table does, and the table tells it well."""

from pathlib import Path

import pytest

from hubbub.doctor.faults import FAULTS, markdown

PAGE = Path(__file__).parent.parent.parent / "docs" / "doctor.md"
HEAD = "## Findings\n\n"


def test_the_page_of_findings_is_that_of_the_table() -> None:
    # After a change of the table: python -m hubbub.doctor.faults writes what stands below the heading.
    assert PAGE.read_text(encoding="utf-8").partition(HEAD)[2] == markdown()


@pytest.mark.parametrize("code", FAULTS)
def test_each_fault_has_its_words(code: str) -> None:
    fault = FAULTS[code]
    assert fault.title
    assert not fault.title.endswith(".")
    assert fault.meaning.endswith(".")
    assert fault.remedy
    assert all(fault.lines.values())
