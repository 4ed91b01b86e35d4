"""The texts by which people and programs name rows.

Knows: what may be an id, a key, a slug, an e-mail address, and the condition that finds it. Anything else finds
nothing, on either database: PostgreSQL takes no NUL, no lone surrogate, and no integer beyond 31 bits.
"""

import re

from sqlalchemy import ColumnElement, false, select

from hubbub.store import models

KEY = re.compile(r"[A-Za-z0-9_-]{1,64}")
ID = re.compile(r"[1-9][0-9]{0,9}")  # only the usual spelling of a number: not `01`
SLUG = re.compile(r"[a-z0-9-]{1,255}")
LONG_ID = re.compile(r"[1-9][0-9]{0,18}")
LARGEST_ID = 2**31 - 1  # PostgreSQL's integer
LARGEST_LONG_ID = 2**63 - 1  # its bigint, and SQLite's integer
LONGEST_EMAIL = 255


def id_of(text: str) -> int | None:
    """Give the id that `text` spells, None if it spells none."""
    return number if ID.fullmatch(text) and (number := int(text)) <= LARGEST_ID else None


def long_id_of(text: str) -> int | None:
    """Give the id that `text` spells, for a table of which there may be more rows than an integer can number."""
    return number if LONG_ID.fullmatch(text) and (number := int(text)) <= LARGEST_LONG_ID else None


def user(text: str) -> ColumnElement[bool]:
    """Find a user by id or e-mail address."""
    if (number := id_of(text)) is not None:
        return models.User.id == number
    address = text.strip().lower()
    if "@" not in address or len(address) > LONGEST_EMAIL or not _is_storable(address):
        return false()
    return models.User.email == address


def organization(text: str) -> ColumnElement[bool]:
    """Find an organization by id or slug; a slug is never digits alone."""
    if (number := id_of(text)) is not None:
        return models.Organization.id == number
    return models.Organization.slug == text if SLUG.fullmatch(text) else false()


def application(text: str) -> ColumnElement[bool]:
    """Find an application by id or active key."""
    if (number := id_of(text)) is not None:
        return models.Application.id == number
    return application_of_key(text)


def application_of_key(key: str) -> ColumnElement[bool]:
    """Find an application by active key."""
    if not KEY.fullmatch(key):
        return false()
    pair = models.KeyPair
    owner = select(pair.application_id).where(pair.key == key, pair.revoked_at.is_(None)).scalar_subquery()
    return models.Application.id == owner


def _is_storable(text: str) -> bool:
    return "\0" not in text and not any("\ud800" <= letter <= "\udfff" for letter in text)
