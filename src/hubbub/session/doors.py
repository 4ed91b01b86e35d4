"""What sessions are made with and kept in, one for the whole process.

Knows: the open sessions of each application, and that they are looked at again when what they rest on has changed. Does
not know a protocol.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, Protocol
from weakref import WeakValueDictionary

import msgspec

from hubbub.accounts.domain import Grant
from hubbub.apps import Application, Apps
from hubbub.errors import (
    APP_DISABLED,
    ORIGIN_FORBIDDEN,
    OVER_CAPACITY,
    TLS_REQUIRED,
    UNKNOWN_KEY,
    Refusal,
)
from hubbub.hub.connection import Connection, Wire
from hubbub.node.node import Node
from hubbub.session.arrivals import Arrival, Arrivals
from hubbub.session.lines import Lines
from hubbub.session.origins import is_allowed
from hubbub.session.quota import Quota
from hubbub.tally import Tally
from hubbub.taps.incident import Particulars, Sort
from hubbub.taps.sights import Kind, Sight, sight
from hubbub.taps.taps import Taps

AT_ONCE: Final = 6
"""Grants asked for at one time: fewer than a pool has connections, so that the API and the journal get theirs."""

MOST_KNOWN: Final = 10_000

MOST_QUEUED: Final = 2000
"""Who waits for one: with 2 ms each, the last may wait 4 s, and clients give up after 10."""

REVIEWED_AT_ONCE: Final = 50
"""Sessions that are looked at again before others have their turn."""

SHOWN: Final = 512
"""Characters of a client's own text that are told back to it in an error."""


class Line(msgspec.Struct, frozen=True, gc=False):
    """What a connection is at this moment: by which transport, from which address, and what waits to be read by it.

    The address is that of the other end, which may be a proxy's; empty where there is none.
    """

    transport: str
    address: str
    queued: int


class Client(Connection, Protocol):
    """The connection of a session, which can also be told to stop reading for a while."""

    @property
    def is_socket(self) -> bool:
        """Whether it is one all the time; a fallback is put together from requests."""

    @property
    def queued(self) -> int:
        """Bytes that wait to be read by the client."""

    def look(self) -> Line:
        """Give what it is at this moment, for who inspects it."""

    def resume(self) -> None:
        """Read on: the commands that made the session wait are done."""


class Guest(Protocol):
    """A session, as the doors know it."""

    key: str
    socket_id: str
    way: str
    grant: Grant | None

    @property
    def channels(self) -> Sequence[str]:
        """What it is subscribed to."""

    @property
    def users(self) -> tuple[str, ...]:
        """Who it is: as it is signed in, and as a member of presence channels."""

    @property
    def queued(self) -> int:
        """Bytes that wait to be read by the client."""

    def line(self) -> Line:
        """Give what its connection is at this moment."""

    def review(self, app: Application | None, *, is_granted: bool) -> None:
        """Go on with the application as it is now, or end."""


class Opening(msgspec.Struct, frozen=True, gc=False):
    """How a client came: the key it named, its query parameters, and whether the way here was encrypted.

    `token` is a JWT that came by a header, `origin` the page's that a browser tells. `address` is the client's where a
    proxy tells it, `agent` what its program says it is.
    """

    key: str
    query: Mapping[str, str]
    is_secure: bool
    token: str | None = None
    origin: str | None = None
    address: str | None = None
    agent: str | None = None


class Grants(Protocol):
    """Who may hold a socket, by JWT."""

    def admit(self, jwt: str, app: Application) -> Coroutine[Any, Any, Grant]:
        """Give what the bearer may do in `app`; raises a Refusal."""

    def readmit(self, grant: Grant, app: Application) -> Coroutine[Any, Any, bool]:
        """Tell whether a grant still holds."""


class Admissions:
    """Those who are being let in: a few ask the database at a time, the others queue, up to a number."""

    def __init__(self) -> None:
        self._places = asyncio.Semaphore(AT_ONCE)
        self._queued = 0

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """Wait for a place. Raises OVER_CAPACITY when too many do."""
        if self._queued >= MOST_QUEUED:
            raise OVER_CAPACITY()
        self._queued += 1
        try:
            async with self._places:
                yield
        finally:
            self._queued -= 1


class Known:
    """Grants by JWT and application, until anything changes: pages that share one token are let in by one question."""

    def __init__(self) -> None:
        self._grants: dict[tuple[str, str], Grant] = {}

    def get(self, jwt: str, app_id: str) -> Grant | None:
        """Give one whose time is not over."""
        grant = self._grants.get((jwt, app_id))
        return grant if grant is not None and grant.expires_at > time.time() else None

    def put(self, jwt: str, app_id: str, grant: Grant) -> None:
        """Remember one; the oldest goes when there are too many."""
        if len(self._grants) >= MOST_KNOWN:
            del self._grants[next(iter(self._grants))]
        self._grants[jwt, app_id] = grant

    def forget(self) -> None:
        """Ask for all of them again."""
        self._grants.clear()


class Doors(msgspec.Struct):
    """The way in. `activity_timeout` is in seconds; `capacity` is how many sessions may be open, None for no limit.

    Without `grants` nobody comes in by JWT.
    """

    apps: Apps
    node: Node
    activity_timeout: int
    capacity: int | None = None
    grants: Grants | None = None
    open_sessions: int = 0
    known: Known = msgspec.field(default_factory=Known)
    admissions: Admissions = msgspec.field(default_factory=Admissions)
    reviews: int = 0
    """How often something has changed: who waited while it did must look again."""
    sessions: dict[str, dict[Guest, Arrival]] = msgspec.field(default_factory=dict)
    """The open ones of each application, the earliest first, with how and when each came."""
    endings: dict[Guest, Refusal | str] = msgspec.field(default_factory=dict)
    """Why sessions are about to end, as far as that is known yet: a refusal, or what their clients said."""
    arrivals: Arrivals = msgspec.field(default_factory=Arrivals)
    taps: Taps = msgspec.field(default_factory=Taps)
    """Who looks at what happens."""
    lines: Lines | None = None
    """The log of connections; None while nobody wants one."""
    unauthorized: dict[str, int] = msgspec.field(default_factory=dict)
    """Connections of each application that have yet to show whose they are, and do not count for its quota."""
    tally: Tally = msgspec.field(default_factory=Tally)
    """What was refused."""
    wires: WeakValueDictionary[object, Wire] = msgspec.field(default_factory=WeakValueDictionary)
    """Wires that are made for those who share them, by what they share."""
    quota: Quota = None  # type: ignore[assignment]  # made of the others
    """Whether there is room for another connection of an application."""

    def __post_init__(self) -> None:
        self.quota = Quota(self.node, self.counted)

    async def application(self, opening: Opening) -> Application:
        """Give the application that a client may enter, or raise why not."""
        app = self.apps.known(opening.key) or await self.apps.by_key(opening.key)
        if app is None:
            raise UNKNOWN_KEY(key=opening.key[:SHOWN])
        # From here on nothing waits, so that no limit is overrun.
        self.check(app, opening)
        return app

    async def entrance(self, opening: Opening) -> Application:
        """Give the application that a client may enter and that has room for it, if it counts; or raise why not."""
        while True:
            app = await self.application(opening)
            if app.settings.authorized_connections or (vacancy := self.quota.room(app)) is None:
                return app
            await vacancy

    def check(self, app: Application, opening: Opening) -> None:
        """Raise why a client may not enter this application at this moment, if so."""
        if self.capacity is not None and self.open_sessions >= self.capacity:
            raise OVER_CAPACITY()
        settings = app.settings
        if not settings.enabled:
            raise APP_DISABLED()
        if settings.force_tls and not opening.is_secure:
            raise TLS_REQUIRED()
        if not is_allowed(opening.origin, settings.allowed_origins):
            raise ORIGIN_FORBIDDEN(origin=(opening.origin or "")[:SHOWN])

    def counted(self, app_id: str) -> int:
        """Count an application's connections here, those that count for its quota."""
        return self.node.hub.connection_count(app_id) - self.unauthorized.get(app_id, 0)

    def id_of(self, key: str) -> str:
        """Give the id of the application that a client came with the key of; empty if it is not known."""
        app = self.apps.known(key)
        return app.id if app is not None else ""

    def count(self, key: str, refusal: Refusal) -> None:
        """Count what was refused to a client that came with `key`."""
        self.tally.refused(self.id_of(key), refusal)

    def turned_away(self, opening: Opening, refusal: Refusal, line: Line) -> None:
        """Count, and note, that a client was not let in who has no session yet."""
        self.count(opening.key, refusal)
        arrival = self.arrivals.of(opening)
        if self.lines is not None:
            self.lines.turned_away(
                self.id_of(opening.key), opening.key[:SHOWN], arrival.address or line.address, refusal
            )
        self.taps.refused(
            self.id_of(opening.key),
            refusal,
            Sort.CLOSED,
            lambda: Particulars(
                address=arrival.address or line.address,
                client=arrival.library.name or arrival.library.protocol,
                asked=f"key {opening.key[:SHOWN]}" if opening.key else "",
            ),
        )

    def enter(self, app: Application, session: Guest, client: Client, opening: Opening) -> None:
        """Count a session in. What it was let in for must have been checked in this very turn of the loop."""
        self.open_sessions += 1
        arrival = self.arrivals.of(opening)
        self.sessions.setdefault(app.id, {})[session] = arrival
        self.node.hub.open(app.id, session.socket_id, client)
        self.node.hub.meter(app.id).came(session.way, time.monotonic())
        if self.taps.watched:
            self._see(app.id, session, arrival, opening)
        if self.lines is not None:
            self.lines.opened(app.id, session.socket_id, session.way, arrival, session.line().address)

    def _see(self, app_id: str, session: Guest, arrival: Arrival, opening: Opening) -> None:
        self.taps.see(app_id, Kind.CONNECTION, lambda: _arrived(session, arrival, opening))

    def leave(self, app_id: str, session: Guest) -> None:
        """Count it out; it must have left its channels, or be about to, before anything else is done with it."""
        self.open_sessions -= 1
        sessions = self.sessions[app_id]
        arrival = sessions.pop(session)
        if self.taps.watched and app_id in self.taps.watched:
            about = Particulars(session.socket_id, session.users)
            why = self.endings.get(session, "Closed by the client")
            self.taps.ended(app_id, about, session.channels, time.time() - arrival.since, why)
        if self.lines is not None:
            self.lines.closed(app_id, session.socket_id, arrival, self.endings.get(session))
        if not sessions:
            del self.sessions[app_id]
        self.node.hub.close(app_id, session.socket_id)
        self.node.hub.meter(app_id).went(session.way, time.monotonic())
        self.quota.left(app_id)

    async def review_application(self, app_id: str) -> None:
        """Look again at all sessions of an application: it, its keys, its settings or its owners have changed."""
        self.reviews += 1
        self.known.forget()
        self.apps.forget(app_id)
        await self._review(list(self.sessions.get(app_id, ())))

    async def review_user(self, user_id: int) -> None:
        """Look again at all sessions that rest on a user's word: the user, a token or an enrollment has changed."""
        self.reviews += 1
        self.known.forget()
        concerned = [
            session
            for sessions in self.sessions.values()
            for session in sessions
            if session.grant is not None and session.grant.user_id == user_id
        ]
        await self._review(concerned)

    async def _review(self, sessions: list[Guest]) -> None:
        apps: dict[str, Application | None] = {}
        holds: dict[object, bool] = {}
        seen = self.reviews
        for number, session in enumerate(sessions, 1):
            if number % REVIEWED_AT_ONCE == 0:
                await asyncio.sleep(0)  # each may have a watchlist to follow: 0.3 ms
            if self.reviews != seen:
                # Something has changed again meanwhile, and what was found here may be old.
                seen, apps, holds = self.reviews, {}, {}
            if session.key not in apps:
                apps[session.key] = app = await self.apps.by_key(session.key)
                if app is not None:
                    self.quota.follow(app)
            app, grant = apps[session.key], session.grant
            is_granted = True
            if app is not None and grant is not None and self.grants is not None:
                basis = (app.id, grant.user_id, grant.token_id, grant.app_id, grant.may_send)
                if basis not in holds:
                    holds[basis] = await self.grants.readmit(grant, app)
                is_granted = holds[basis]
            session.review(app, is_granted=is_granted)


def _arrived(session: Guest, arrival: Arrival, opening: Opening) -> Sight:
    line = session.line()
    said = [line.transport, arrival.library.name, f"from {arrival.address or line.address}"]
    if opening.origin == "null":  # a file, or a frame that is shut in
        said.append("on a page without an origin")
    elif opening.origin:
        said.append(f"on a page of {opening.origin[:SHOWN]}")
    return sight(
        Kind.CONNECTION,
        socket_id=session.socket_id,
        user_id=", ".join(session.users),
        text=", ".join(filter(None, said)),
    )
