"""The sockets of an application, on all nodes: who is connected at this moment, and ending one.

Knows: what there is to be said of a connection, and how it is looked for. Does not know who may ask.
"""

import asyncio
import time
from collections.abc import Iterator
from typing import Final

import msgspec

from hubbub.console.recent import Recent
from hubbub.errors import CLOSED_BY_HAND
from hubbub.gathering import Gathering
from hubbub.session.arrivals import Arrival
from hubbub.session.doors import Doors, Guest

PAGE: Final = 200
"""Connections of one page."""

MOST_CHANNELS: Final = 50
"""Channels of a connection that are named in a list; of more, their number."""

SLICE: Final = 500
"""Connections that are looked at before others have their turn."""

SECONDS: Final = 0.8
"""In which a node looks; then it gives what it has found, and says that this is not all."""

LONGEST: Final = 200
"""Characters of what is looked for."""


class Asked(msgspec.Struct, frozen=True):
    """What is asked of each node: connections of an application that have `search` in a text, or that `socket_id`.

    Only those that come after `since` and `after`, in the order of the page: the newest first, then by socket id.
    """

    app_id: str
    search: str = ""
    socket_id: str = ""
    since: float | None = None
    after: str = ""


class Seen(msgspec.Struct, frozen=True):
    """One connection. `since` is in Unix seconds, `queued` the bytes that wait to be read by it."""

    socket_id: str
    since: float
    users: tuple[str, ...]
    channels: tuple[str, ...]
    channel_count: int
    address: str
    library: str
    protocol: str
    agent: str
    transport: str
    is_secure: bool
    queued: int
    node: str
    last_refusal: str = ""
    last_reference: str = ""


class Found(msgspec.Struct, frozen=True):
    """What one node has found: some connections, whether there are more that fit, and how many it has in all."""

    seen: list[Seen]
    has_more: bool
    total: int
    is_partial: bool = False


class Listing(msgspec.Struct, frozen=True):
    """A page of connections. `missing` is how many nodes did not answer; `is_partial`: some had not looked at all."""

    seen: list[Seen]
    has_more: bool
    total: int
    missing: int
    nodes: int
    is_partial: bool


class Ending(msgspec.Struct, frozen=True):
    """The question to end a connection."""

    app_id: str
    socket_id: str


class Inspector:
    """Looks at connections. `label` is what this node is called on pages."""

    def __init__(self, gathering: Gathering, doors: Doors, recent: Recent, label: str) -> None:
        self._gathering = gathering
        self._doors = doors
        self._recent = recent
        self._label = label
        gathering.answer_with("connections", self._look)
        gathering.answer_with("close connection", self._end)

    async def list(self, app_id: str, *, search: str = "", since: float | None = None, after: str = "") -> Listing:
        """Give a page of an application's connections, the newest first, from behind the one at `since` and `after`.

        `search` is looked for in socket ids, users, addresses, channels and libraries, whatever its case.
        """
        asked = Asked(app_id, search[:LONGEST].strip().lower(), "", since, after)
        gathered = await self._gathering.ask("connections", msgspec.msgpack.encode(asked))
        found = [msgspec.msgpack.decode(answer, type=Found) for answer in gathered.answers]
        seen = sorted((one for part in found for one in part.seen), key=_place)
        return Listing(
            seen=seen[:PAGE],
            has_more=len(seen) > PAGE or any(part.has_more for part in found),
            total=sum(part.total for part in found),
            missing=gathered.missing,
            nodes=len(found) + gathered.missing,
            is_partial=any(part.is_partial for part in found),
        )

    async def find(self, app_id: str, socket_id: str) -> Seen | None:
        """Give one connection, wherever it is; None if no node that answers has it."""
        asked = Asked(app_id, socket_id=socket_id[:LONGEST])
        gathered = await self._gathering.ask("connections", msgspec.msgpack.encode(asked))
        for answer in gathered.answers:
            for one in msgspec.msgpack.decode(answer, type=Found).seen:
                return one
        return None

    async def close(self, app_id: str, socket_id: str) -> bool:
        """End a connection, wherever it is; False if no node that answers has it."""
        ending = msgspec.msgpack.encode(Ending(app_id, socket_id[:LONGEST]))
        gathered = await self._gathering.ask("close connection", ending)
        return b"\1" in gathered.answers

    # What this node answers

    async def _look(self, question: bytes) -> bytes:
        asked = msgspec.msgpack.decode(question, type=Asked)
        sessions = self._doors.sessions.get(asked.app_id, {})
        if asked.socket_id:
            seen = [
                self._describe(asked.app_id, session, arrival, most=2000)
                for session, arrival in sessions.items()
                if session.socket_id == asked.socket_id
            ]
            return msgspec.msgpack.encode(Found(seen, has_more=False, total=len(sessions)))
        found: list[Seen] = []
        until = time.monotonic() + SECONDS
        for number, (session, arrival) in enumerate(_newest_first(sessions), 1):
            if number % SLICE == 0:
                await asyncio.sleep(0)
                if time.monotonic() > until:
                    return msgspec.msgpack.encode(Found(found, True, len(sessions), is_partial=True))
            if not _is_behind(asked, session, arrival):
                continue
            if session in sessions and (not asked.search or _fits(asked.search, session, arrival)):
                if len(found) == PAGE:
                    return msgspec.msgpack.encode(Found(found, has_more=True, total=len(sessions)))
                found.append(self._describe(asked.app_id, session, arrival))
        return msgspec.msgpack.encode(Found(found, has_more=False, total=len(sessions)))

    async def _end(self, question: bytes) -> bytes:
        ending = msgspec.msgpack.decode(question, type=Ending)
        connection = self._doors.node.hub.connection(ending.app_id, ending.socket_id)
        if connection is None:
            return b"\0"
        connection.close(CLOSED_BY_HAND())
        return b"\1"

    def _describe(self, app_id: str, session: Guest, arrival: Arrival, most: int = MOST_CHANNELS) -> Seen:
        line, library, channels = session.line(), arrival.library, session.channels
        refusal = self._recent.of(app_id, session.socket_id)
        return Seen(
            socket_id=session.socket_id,
            since=arrival.since,
            users=session.users[:most],
            channels=tuple(channels[:most]),
            channel_count=len(channels),
            address=arrival.address or line.address,
            library=library.name,
            protocol=library.protocol,
            agent=library.agent,
            transport=line.transport,
            is_secure=library.is_secure,
            queued=line.queued,
            node=self._label,
            last_refusal=refusal.text if refusal is not None else "",
            last_reference=refusal.reference if refusal is not None else "",
        )


def _newest_first(sessions: dict[Guest, Arrival]) -> Iterator[tuple[Guest, Arrival]]:
    """Give sessions from the last that came; of the same second, by socket id."""
    second: list[tuple[Guest, Arrival]] = []
    for session, arrival in reversed(list(sessions.items())):
        if second and second[0][1].since != arrival.since:
            yield from sorted(second, key=_socket_id)
            second = []
        second.append((session, arrival))
    yield from sorted(second, key=_socket_id)


def _socket_id(one: tuple[Guest, Arrival]) -> str:
    return one[0].socket_id


def _place(seen: Seen) -> tuple[float, str]:
    return -seen.since, seen.socket_id


def _is_behind(asked: Asked, session: Guest, arrival: Arrival) -> bool:
    return asked.since is None or (-arrival.since, session.socket_id) > (-asked.since, asked.after)


def _fits(search: str, session: Guest, arrival: Arrival) -> bool:
    library = arrival.library
    texts = (session.socket_id, arrival.address or session.line().address, library.name, *session.users)
    return any(search in text.lower() for text in texts) or any(search in name.lower() for name in session.channels)
