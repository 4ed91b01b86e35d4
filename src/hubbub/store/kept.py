"""Columns of secrets: what is in them is no text that anybody could take for the secret.

Knows: how such a column is read and written. Does not know keys: `Vault` makes what is kept of a secret, and opens it.
"""

import json
from typing import Any, Final

import msgspec
from sqlalchemy import JSON, Text, TypeDecorator
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import Dialect

from hubbub.store.keys import MARK


class Kept(msgspec.Struct, frozen=True):
    """What the database keeps of a secret: sealed, or as it is. Never in a `repr`."""

    text: str

    def __repr__(self) -> str:
        return "Kept()"


class KeptText(TypeDecorator[Kept]):
    """A column of secrets that are texts. A plain `str` is refused, so that none gets there past the vault."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Kept | None, dialect: Dialect) -> str | None:
        """Give what is stored. Raises TypeError for anything but what the vault made."""
        return None if value is None else _checked(value).text

    def process_result_value(self, value: str | None, dialect: Dialect) -> Kept | None:
        """Give what was stored."""
        return None if value is None else Kept(value)


class KeptJson(TypeDecorator[Kept]):
    """A column of secrets that are JSON objects, as JSON texts: sealed, it is a JSON string."""

    impl = JSON
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        """Use the type that other JSON has."""
        return dialect.type_descriptor(JSONB() if dialect.name == "postgresql" else JSON())

    def process_bind_param(self, value: Kept | None, dialect: Dialect) -> Any:
        """Give what is stored. Raises TypeError for anything but what the vault made."""
        if value is None:
            return None
        text = _checked(value).text
        return text if text.startswith(MARK) else json.loads(text)

    def process_result_value(self, value: Any, dialect: Dialect) -> Kept | None:
        """Give what was stored; JSON may be anything."""
        if value is None:
            return None
        return Kept(value) if isinstance(value, str) and value.startswith(MARK) else Kept(json.dumps(value))


NOTHING: Final = Kept("{}")
"""What is kept of an empty object: no secret is in it."""


def _checked(value: object) -> Kept:
    if not isinstance(value, Kept):
        raise TypeError(f"a column of secrets takes what the vault gives, not {type(value).__name__}")
    return value
