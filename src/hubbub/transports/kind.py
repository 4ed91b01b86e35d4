"""The kinds of traffic on the one port, and what their owners ask of who tells them apart."""

import asyncio
import re
from enum import Enum
from typing import Final, Protocol

MOST_FIELDS: Final = 100
"""Header fields of one request; `native.plain_post` and `plain_opening` leave any with more to a parser."""


class Kind(Enum):
    """Whose a request is."""

    API = "the signed HTTP API"
    SOCKET = "a WebSocket"
    OTHER = "the ASGI application"


_ABSOLUTE = re.compile(rb"https?://[^/?# ]*", re.IGNORECASE)


def origin_form(target: bytes) -> bytes:
    """Give a request target without scheme and host: RFC 9112, 3.2.2 says a server "MUST accept" them in requests."""
    return _ABSOLUTE.sub(b"", target, count=1) if target[:4].lower() == b"http" else target


class Dispatcher(Protocol):
    """Decides whose the next request on a connection is."""

    @property
    def is_public(self) -> bool:
        """Whether strangers may come to its port, for whom there are limits by address."""

    def kind(self, head: bytes) -> Kind | None:
        """Tell whose a request is that begins with these bytes; None while that is open."""

    def dispatch(self, transport: asyncio.Transport, head: bytes) -> None:
        """Hand a connection, between two requests, to the owner of the next, which begins with `head`."""
