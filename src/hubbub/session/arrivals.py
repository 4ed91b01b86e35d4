"""How and when clients came, kept for who asks later: at the price of a pointer where another came the same way.

Knows: what an opening says of its client. Does not know sessions.
"""

import time
from collections.abc import Mapping
from typing import Final, Protocol

import msgspec

MOST_LIBRARIES: Final = 2000
"""Ways to come, by library, version, protocol and program, that are remembered. Clients choose these texts."""

LONGEST: Final = 64
LONGEST_AGENT: Final = 256
LONGEST_KEY: Final = 512


class Coming(Protocol):
    """What is needed of an `Opening`."""

    @property
    def query(self) -> Mapping[str, str]:
        """Its parameters."""

    @property
    def is_secure(self) -> bool:
        """Whether the way here was encrypted."""

    @property
    def address(self) -> str | None:
        """Where a proxy said that it comes from."""

    @property
    def agent(self) -> str | None:
        """What its program says it is."""


class Library(msgspec.Struct, frozen=True, gc=False):
    """What a client says that it is: a library and its version, the protocol it speaks, and its program."""

    name: str
    protocol: str
    agent: str
    is_secure: bool


class Arrival(msgspec.Struct, frozen=True, gc=False):
    """One client's coming: `since` then, in Unix seconds; its `address` where a proxy told it, else None."""

    since: int
    address: str | None
    library: Library


UNKNOWN: Final = Library("", "", "", is_secure=False)


class Arrivals:
    """Makes them. Who comes in the same second in the same way shares one; libraries are shared at any time."""

    def __init__(self) -> None:
        self._libraries: dict[tuple[str | None, str | None, str | None, str | None, bool], Library] = {}
        self._last = Arrival(0, None, UNKNOWN)

    def of(self, opening: Coming) -> Arrival:
        """Give that of a client that comes now."""
        since, address, library = int(time.time()), opening.address, self._library(opening)
        last = self._last
        if last.since == since:
            if last.library is library and last.address == address:
                return last
            since = last.since  # one number for all
        self._last = last = Arrival(since, address, library)
        return last

    def _library(self, opening: Coming) -> Library:
        query = opening.query
        key = (query.get("client"), query.get("version"), query.get("protocol"), opening.agent, opening.is_secure)
        library = self._libraries.get(key)
        if library is None:
            client, version = (query.get("client") or "")[:LONGEST], (query.get("version") or "")[:LONGEST]
            protocol, agent = (query.get("protocol") or "")[:LONGEST], (opening.agent or "")[:LONGEST_AGENT]
            name, spoken = f"{client} {version}".strip(), f"Pusher {protocol}".strip()
            if "guardian_token" in query or "vsn" in query:
                spoken = f"Phoenix {query.get('vsn', '1.0.0')[:LONGEST]}"
            library = Library(name, spoken, agent, opening.is_secure)
            size = sum(len(part) for part in key if isinstance(part, str))
            if len(self._libraries) < MOST_LIBRARIES and size <= LONGEST_KEY:
                self._libraries[key] = library
            else:
                library = msgspec.structs.replace(library, agent="")
        return library
