"""Pages that are made of tables in the source are those tables, and the page of commands names them all."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import typer.main
from typer.core import TyperGroup
from typer.testing import CliRunner

from docs.blocks import ROOT
from hubbub import errors
from hubbub.cli import commands
from hubbub.console import catalogue
from hubbub.errors import Reason, name_of

REASONS = [value for value in vars(errors).values() if isinstance(value, Reason)]


def page(name: str) -> str:
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


def test_the_page_of_errors_is_the_table_of_refusals() -> None:
    assert page("errors.md") == catalogue.markdown() + "\n", "run `make docs`"


def test_the_page_of_errors_has_every_refusal() -> None:
    headings = set(re.findall(r"^### (\w+)$", page("errors.md"), re.MULTILINE))
    assert headings == {name_of(reason) for reason in REASONS}


def test_the_page_of_every_option_is_what_typer_makes() -> None:
    program = Path(sys.executable).with_name("typer")
    command = [str(program), "hubbub.cli", "utils", "docs", "--name", "hubbub", "--title", "Every option"]
    made = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    assert page("cli.md") == made, "run `make docs`"


def every(group: TyperGroup, name: str) -> Iterator[str]:
    for word, command in group.commands.items():
        if isinstance(command, TyperGroup):
            yield from every(command, f"{name} {word}")
        else:
            yield f"{name} {word}"


def test_the_page_of_commands_names_every_command() -> None:
    text = page("commands.md")
    group = typer.main.get_command(commands)
    assert isinstance(group, TyperGroup)
    names = list(every(group, "hubbub"))
    assert len(names) > 30
    assert [name for name in names if f"`{name}" not in text] == []


def test_a_refusal_is_explained_by_its_code() -> None:
    done = CliRunner().invoke(commands, ["errors", "4004"])
    assert done.exit_code == 0
    assert "over_quota" in done.output
    assert "What to do:" in done.output


def test_a_refusal_is_found_by_its_words() -> None:
    assert [name_of(reason) for reason in catalogue.find("Over its connection quota")] == ["over_quota"]
    assert [name_of(reason) for reason in catalogue.find("over_quota")] == ["over_quota"]
    assert {reason.status for reason in catalogue.find("429")} == {429}


def test_what_is_no_refusal_is_refused_in_a_line() -> None:
    done = CliRunner().invoke(commands, ["errors", "no such thing"])
    assert done.exit_code == 1
    assert "no such thing" in done.output


def test_all_refusals_are_listed() -> None:
    lines = CliRunner().invoke(commands, ["errors"]).output.splitlines()
    assert len(lines) == 1 + len(REASONS)
