"""On whose behalf something is done at this moment: a request, or a session.

Knows: that lines of the log name it. Does not know what it is, nor who says so.
"""

import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final, Protocol

LONGEST_ID: Final = 64
"""Characters of a request's id that a proxy may give."""

_WELL_FORMED: Final = re.compile(rf"[A-Za-z0-9_.:+/=@-]{{1,{LONGEST_ID}}}")


class Served(Protocol):
    """A request, or a client's session."""

    def told(self) -> Mapping[str, object]:
        """Give the fields that each line about it has: `request_id`, or `connection_id`. Empty when it is over."""

    def header(self, name: bytes) -> str:
        """Give a header that it came with, by its name in lower case; empty if there is none, or none is known."""


CURRENT: Final[ContextVar[Served | None]] = ContextVar("served", default=None)
"""Who is served by a task."""


class Here:
    """Who is served by what runs without a task: whoever says so puts back, before anything waits, who was before.

    To set a context variable and set it back would cost a publish 5 %, for lines that are hardly ever written.
    """

    __slots__ = ("served",)

    def __init__(self) -> None:
        self.served: Served | None = None


HERE: Final = Here()


def served() -> Served | None:
    """Give who is served."""
    return HERE.served or CURRENT.get()


@contextmanager
def carried() -> Iterator[None]:
    """Let tasks that are begun inside of this serve who is served here."""
    if HERE.served is None:
        yield
        return
    before = CURRENT.set(HERE.served)
    try:
        yield
    finally:
        CURRENT.reset(before)


SOURCES: Final[list[Callable[[], Mapping[str, object]]]] = []
"""What else gives fields that a line has at its moment."""


def request_id() -> str:
    """Give the id of the request that is being answered; empty if none is."""
    found = served()
    return str(found.told().get("request_id", "")) if found is not None else ""


def new_request_id() -> str:
    """Make one."""
    return secrets.token_hex(8)


def is_well_formed(given: str) -> bool:
    """Tell whether an id that a proxy gives can be passed on: a header and a line of the log may have it."""
    return _WELL_FORMED.fullmatch(given) is not None
