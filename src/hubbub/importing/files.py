"""Files that are read: settings as variables, JSON, and rows of a table.

Knows: their forms, by name and by what they begin with. Does not know what is in them. Nothing that is read is ever in
a message: there are secrets in it.
"""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
from dotenv import dotenv_values

LARGEST = 16_777_216
"""Bytes of one file."""

Row = Mapping[str, Any]


class UnreadableError(Exception):
    """Why a file cannot be read for what it was given for: a sentence, which names the file."""


class Variables(msgspec.Struct, frozen=True):
    """A file of variables, `NAME=VALUE` a line."""

    path: Path
    values: Mapping[str, str]


class Document(msgspec.Struct, frozen=True):
    """A file of JSON."""

    path: Path
    value: Any


class Rows(msgspec.Struct, frozen=True):
    """The rows of a table, each by the names of its columns."""

    path: Path
    rows: Sequence[Row]


File = Variables | Document | Rows


def read(path: Path) -> File:
    """Read one. Raises UnreadableError."""
    if not path.is_file():
        raise UnreadableError(f"There is no file {path}.")
    if path.stat().st_size > LARGEST:
        raise UnreadableError(f"{path} is larger than {LARGEST // 1_048_576} MB.")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UnreadableError(f"{path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise UnreadableError(f"{path} is not text in UTF-8.") from None
    ending = path.suffix.lower()
    if ending == ".php" or text.lstrip().startswith("<?php"):
        raise UnreadableError(
            f"{path} is PHP, which only PHP can read. Have it say what it means, and give that file instead:"
            " php artisan tinker --execute=\"echo json_encode(config('reverb'));\" > reverb.json"
        )
    if ending in (".yml", ".yaml", ".sql"):
        raise UnreadableError(
            f"{path}: {ending} is not read. Give variables (NAME=VALUE), JSON, or rows as CSV or JSON."
        )
    if text.lstrip().startswith(("{", "[")):
        return _document(path, text)
    if ending == ".csv":
        try:
            return Rows(path, list(csv.DictReader(io.StringIO(text))))
        except csv.Error as error:
            raise UnreadableError(f"{path} is no CSV that can be read: {error}.") from None
    values = dotenv_values(stream=io.StringIO(text))
    found = {name: value for name, value in values.items() if value is not None}
    if not found:
        raise UnreadableError(f"{path} has neither variables (NAME=VALUE) in it, nor JSON; rows are read from a .csv.")
    return Variables(path, found)


def _document(path: Path, text: str) -> File:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        at = f" in line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        raise UnreadableError(f"{path} is not JSON{at}.") from None
    if not isinstance(value, list):
        return Document(path, value)
    if not all(isinstance(row, dict) for row in value):
        raise UnreadableError(f"{path} is a list of other things than applications.")
    return Rows(path, value)
