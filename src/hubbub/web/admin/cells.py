"""What stands in a cell of a table, and beside the name of a fact.

Knows: the few kinds there are; templates/admin/parts.html draws each by its `kind`. Does not know of what they are.
"""

from datetime import datetime
from typing import ClassVar

import msgspec


class Text(msgspec.Struct, frozen=True):
    """A text, or a number; None is a dash. `is_code` is for keys, slugs and the like."""

    kind: ClassVar[str] = "text"
    text: str | int | None
    is_code: bool = False


class Link(msgspec.Struct, frozen=True):
    """A text that leads to another page of ours."""

    kind: ClassVar[str] = "link"
    text: str
    path: str


class Moment(msgspec.Struct, frozen=True):
    """A time; None is never."""

    kind: ClassVar[str] = "moment"
    at: datetime | None


class Badges(msgspec.Struct, frozen=True):
    """Words, each with its tone: `good`, `warn`, `bad`, `accent` or none."""

    kind: ClassVar[str] = "badges"
    words: tuple[tuple[str, str], ...]


class Links(msgspec.Struct, frozen=True):
    """Several links, and how many more there would be."""

    kind: ClassVar[str] = "links"
    links: tuple[Link, ...]
    more: int = 0


class Switch(msgspec.Struct, frozen=True):
    """A yes or no that flips where it stands, by the deed of this name. `label` is what it is, for who cannot see."""

    kind: ClassVar[str] = "switch"
    deed: str
    is_on: bool
    label: str


class Code(msgspec.Struct, frozen=True):
    """A text of several lines."""

    kind: ClassVar[str] = "code"
    text: str


Cell = Text | Link | Moment | Badges | Links | Switch | Code


def user_link(user_id: int, email: str) -> Link:
    """Lead to a user."""
    return Link(email, f"/admin/users/{user_id}")


def organization_link(organization_id: int, name: str) -> Link:
    """Lead to an organization."""
    return Link(name, f"/admin/organizations/{organization_id}")


def application_link(application_id: int, name: str) -> Link:
    """Lead to an application."""
    return Link(name, f"/admin/applications/{application_id}")


def archived(at: datetime | None) -> tuple[tuple[str, str], ...]:
    """Give the word for what is archived, none for what is not."""
    return (("archived", "bad"),) if at is not None else ()
