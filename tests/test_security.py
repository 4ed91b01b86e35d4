"""SECURITY.md says what is so: whatever it says guards is shown by tests that are there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "SECURITY.md").read_text("utf-8")
GUARDS = TEXT[TEXT.index("## Threats") : TEXT.index("## What is not guarded")]
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in GUARDS.splitlines()
    if line.startswith("|") and not line.startswith(("|---", "| threat |"))
]


def test_there_is_a_threat_of_every_actor() -> None:
    assert len(ROWS) > 35
    assert all(len(row) == 3 for row in ROWS)
    assert len({threat for threat, _, _ in ROWS}) == len(ROWS)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0][:60])
def test_every_guard_names_tests_that_are_there(row: list[str]) -> None:
    threat, guard, shown = row
    assert guard, threat
    named = re.findall(r"`(tests/[^`]+)`", shown)
    assert named, f"{threat}: nothing shows it"
    for path in named:
        assert re.fullmatch(r"tests/(\w+/)*test_\w+\.py", path), path
        assert "def test_" in (ROOT / path).read_text("utf-8"), path


def test_versions_are_those_that_there_are() -> None:
    version = re.search(r'^version = "(\d+\.\d+)', (ROOT / "pyproject.toml").read_text("utf-8"), re.MULTILINE)
    assert version is not None
    assert f"| {version[1]} | yes |" in TEXT
