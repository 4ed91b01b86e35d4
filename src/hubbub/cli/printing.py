"""How answers look: fields and tables for people, JSON for programs.

Knows: stdout and stderr. Does not know what is printed.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, NoReturn

import typer

REFUSED = 1

# Plain tracebacks: rich ones show local variables, and those may be secrets.
OPTIONS: dict[str, Any] = {
    "no_args_is_help": True,
    "pretty_exceptions_enable": False,
    "pretty_exceptions_show_locals": False,
    "rich_markup_mode": None,
}
"""What every group of commands is made with."""

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Archived = Annotated[bool, typer.Option("--archived", help="List the archived ones instead.")]


def refuse(message: str) -> NoReturn:
    """End the program with one line on stderr."""
    typer.echo(message, err=True)
    raise typer.Exit(REFUSED)


def remark(text: str) -> None:
    """Tell a person something beside the answer: on stderr, so that a program that reads the answer gets it alone."""
    typer.echo(text, err=True)


def print_json(value: object) -> None:
    """Print JSON, indented."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))


def print_fields(fields: Mapping[str, str]) -> None:
    """Print a line for each field, the values below each other."""
    width = max(map(len, fields)) + 2
    for name, value in fields.items():
        typer.echo(f"{name + ':':{width}}{value}")


def print_table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> None:
    """Print a table; a column for each of `head`."""
    widths = [max(map(len, column)) for column in zip(head, *lines, strict=True)]
    for line in (head, *lines):
        cells = [f"{cell:{width}}" for cell, width in zip(line, widths, strict=True)]
        typer.echo("  ".join(cells).rstrip())


def moment(when: datetime | None) -> str:
    """Give a time in UTC, to the second, as people read it; `-` for none."""
    return "-" if when is None else f"{when:%Y-%m-%d %H:%M:%S}Z"


def yes(flag: bool) -> str:
    """Give the cell of a table for what is so, or is not."""
    return "yes" if flag else "-"
