"""What a client sent, checked field by field.

Knows: what each kind of field must be, and the words for what is wrong with it. Does not know which use-case asks, nor
what is kept already.
"""

import unicodedata
from collections.abc import Mapping
from typing import Any, Self

import msgspec
from pydantic import ValidationError

from hubbub.errors import INVALID, Refusal
from hubbub.settings import AppSettings

LONGEST_NAME = 255
SHORTEST_PASSWORD, LONGEST_PASSWORD = 8, 1024
MOST_ITEMS, USUAL_ITEMS = 1000, 100
LARGEST = 2**31 - 1

UNPRINTABLE = {"Cc", "Cs", "Zl", "Zp"}
"""Unicode's categories of controls, lone surrogates, and separators of lines and paragraphs."""

UNMAILABLE = frozenset(',;:<>()[]\\"')
"""What stands between addresses in a header, and around them: nobody's letters go to a list."""

FLAGS = {"true": True, "1": True, "on": True, "false": False, "0": False, "off": False}

BLANK = "can't be blank"
TAKEN = "has already been taken"


def invalid(field: str, message: str) -> Refusal:
    """Give the refusal of one field."""
    return _refusal({field: [message]})


class Slice(msgspec.Struct, frozen=True):
    """Which part of a list is asked for: `limit` items from the one numbered `offset`, which begins at 0."""

    limit: int
    offset: int

    @classmethod
    def of(cls, limit: object, offset: object) -> Self:
        """Give it from what a client sent; None is 100 items from the first. Raises INVALID."""
        with Fields() as fields:
            most = fields.number("limit", USUAL_ITEMS if limit is None else limit, 1, MOST_ITEMS)
            first = fields.number("offset", 0 if offset is None else offset, 0, LARGEST)
        return cls(most, first)


class Fields:
    """The faults of some fields, collected: INVALID with all of them at the end of the `with` block.

    Inside it each check gives the value as it is to be used; for a faulty one any of its type. `errors` are the
    messages of each field so far.
    """

    def __init__(self) -> None:
        self.errors: dict[str, list[str]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None and self.errors:
            raise _refusal(self.errors)

    def fault(self, field: str, message: str) -> None:
        """Note what is wrong with `field`."""
        self.errors.setdefault(field, []).append(message)

    def text(self, field: str, value: object, longest: int = LONGEST_NAME) -> str:
        """Check a text of one line, 1 to `longest` characters without the space around it."""
        if value is None:
            value = ""
        if not isinstance(value, str):
            self.fault(field, "must be text")
            return ""
        trimmed = value.strip()
        if not trimmed:
            self.fault(field, BLANK)
        elif len(trimmed) > longest:
            self.fault(field, f"should be at most {longest} character(s)")
        elif any(unicodedata.category(letter) in UNPRINTABLE for letter in trimmed):
            self.fault(field, "must not have control characters")
        else:
            return trimmed
        return ""

    def email(self, field: str, value: object) -> str:
        """Check an e-mail address: something on both sides of an `@`, and one address only. Gives it in lower case."""
        address = self.text(field, value).lower()
        name, _, host = address.rpartition("@")
        is_one = UNMAILABLE.isdisjoint(address) and not any(map(str.isspace, address))
        if address and (not name or not host or len(address) > LONGEST_NAME or not is_one):
            self.fault(field, "is not an e-mail address")
        return address

    def password(self, field: str, value: object) -> str:
        """Check a new password: 8 to 1024 characters, spaces and all."""
        if not isinstance(value, str) or not value:
            self.fault(field, BLANK if value in (None, "") else "must be text")
            return ""
        if not SHORTEST_PASSWORD <= len(value) <= LONGEST_PASSWORD:
            self.fault(field, f"should have {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters")
        elif any(unicodedata.category(letter) == "Cs" for letter in value):
            self.fault(field, "has characters that cannot be encoded")
        return value

    def flag(self, field: str, value: object) -> bool:
        """Check a yes or no: a boolean, 0 or 1, or one of a form's texts for them."""
        if isinstance(value, int):  # a boolean is one
            known = bool(value) if value in (0, 1) else None
        else:
            known = FLAGS.get(value[:20].strip().lower()) if isinstance(value, str) else None
        if known is None:
            self.fault(field, "must be true or false")
        return bool(known)

    def number(self, field: str, value: object, least: int, most: int) -> int:
        """Check a whole number from `least` to `most`, or its digits."""
        if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 20:
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            self.fault(field, "must be a whole number")
        elif not least <= value <= most:
            self.fault(field, f"must be from {least} to {most}")
        else:
            return value
        return least

    def settings(self, field: str, value: object) -> dict[str, Any]:
        """Check settings of an application, by name. Gives each as it is kept, None for one that is to be the default.

        A faulty one is named `FIELD.NAME`.
        """
        if not isinstance(value, Mapping):
            self.fault(field, "must be an object")
            return {}
        given = {str(name): setting for name, setting in value.items()}
        for name in sorted(given.keys() - AppSettings.model_fields.keys()):
            self.fault(field, f"has no setting {name[:50]!a}")
        set_to = {name: setting for name, setting in given.items() if setting is not None}
        try:
            kept = AppSettings.model_validate(set_to).model_dump(mode="json", exclude_unset=True)
        except ValidationError as error:
            for fault in error.errors(include_input=False, include_url=False):
                if fault["type"] != "extra_forbidden":
                    self.fault(f"{field}.{fault['loc'][0]}", str(fault["msg"]).removeprefix("Value error, "))
            return {}
        return kept | dict.fromkeys(given.keys() - set_to.keys())


def _refusal(errors: Mapping[str, list[str]]) -> Refusal:
    summary = "; ".join(f"{field} {message}" for field, messages in errors.items() for message in messages)
    return INVALID(summary=summary, errors=errors)
