"""One client, from its opening to its end: what all protocols have in common.

Knows: that commands are obeyed one after the other, in the order they came, and that nothing escapes from them. Does
not know a protocol, nor sockets: a connection is what can be written to and closed.
"""

import asyncio
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any

from msgspec import Raw

from hubbub import eager
from hubbub.accounts.domain import Grant
from hubbub.apps import Application
from hubbub.errors import APP_DISABLED, APP_GONE, CLIENT_EVENT_RATE, CONNECTION_LOST, GRANT_ENDED, INTERNAL, Refusal
from hubbub.hub.rate import Pace, Rate
from hubbub.logs import HERE, named
from hubbub.messages import NO_INFO, Member
from hubbub.session import chance
from hubbub.session.arrivals import Arrival
from hubbub.session.doors import SHOWN, Client, Doors, Line, Opening
from hubbub.taps.incident import Particulars, Sort
from hubbub.taps.sights import Kind, Sight, sight

logger = named("hubbub.session")


class Session(ABC):
    """One client. While a command waits for the cluster or the store, who reads should stop."""

    __slots__ = (
        "_app",
        "_client",
        "_doors",
        "_is_ended",
        "_pace",
        "_rate",
        "_waiting",
        "grant",
        "is_busy",
        "key",
        "socket_id",
        "way",
    )

    takes_binary = False
    """Whether a message may be bytes."""

    is_pinged = True
    """Whether a silent client is asked for a sign of life before it is given up."""

    def __init__(self, doors: Doors, client: Client) -> None:
        self._doors = doors
        self._client = client
        self._app: Application | None = None
        self._waiting: deque[str | bytes] | None = None
        self._is_ended = False
        self._rate: Rate | None = None
        self._pace: Pace | None = None
        self.grant: Grant | None = None
        """What the client may do here by a user's word; None where channels are signed one by one."""
        self.is_busy = False
        """Whether a command is being waited for."""
        self.key = ""
        """The application's key that the client came with."""
        self.socket_id = ""
        """Its id, once it is welcome."""
        self.way = ""
        """How it came, once it is welcome, as statistics tell it: `ws`, `wss`, `http` or `phoenix`."""

    @property
    def answers_pings(self) -> bool:
        """Whether the client must answer a ping."""
        return False

    def receive(self, message: str | bytes) -> None:
        """Obey one message, now or after those before it. Bytes only if the session `takes_binary`."""
        if self.is_busy:
            if self._waiting is None:
                self._waiting = deque()
            self._waiting.append(message)
        elif not self._is_ended:
            try:
                work = self._understand(message)
            except Exception:
                logger.exception("A message of a client failed", **self.told())
                self._fail()
                return
            if work is not None:
                self._start(work)

    def end(self) -> None:
        """Leave everything: the socket is gone. Nothing is written any more."""
        self._is_ended = True
        if not self.is_busy:
            self._start(self._leave_all())

    # Why it ends

    def part(self, refusal: Refusal) -> None:
        """Note that the connection is about to be closed, and why; what is noted first holds."""
        if not self._is_over and self not in self._doors.endings:
            self._doors.endings[self] = refusal
            self._doors.tally.closed(refusal)
            self._note(refusal, Sort.CLOSED)
            if self._doors.lines is not None and self._app is None:
                arrival = self._arrival
                address = (arrival.address if arrival is not None else None) or self.line().address
                self._doors.lines.turned_away(self._doors.id_of(self.key), self.key[:SHOWN], address, refusal)

    def left(self, tell: Callable[[bytes], str], said: bytes = b"") -> None:
        """Count that the client ends the connection itself, and nobody else has.

        If anybody looks, `tell` puts what it `said` into words.
        """
        doors = self._doors
        doors.tally.goodbyes[said[:2]] += 1
        if (doors.taps.watched or doors.lines is not None) and not self._is_over:
            doors.endings.setdefault(self, tell(said))

    def lost(self) -> None:
        """Note that the connection has ended and nobody said why, if nobody has."""
        if self not in self._doors.endings:
            self.part(CONNECTION_LOST())

    @property
    def _is_over(self) -> bool:
        """Whether it has left everything, or was never let in and will not be."""
        return self._is_ended and self._app is None

    def refused(self, refusal: Refusal, *, channel: str = "", event: str = "", asked: str = "") -> None:
        """Count, and note, what was refused to the client, whose connection stays."""
        self._doors.count(self.key, refusal)
        self._note(refusal, Sort.CLIENT, channel, event, asked)

    def ping(self) -> bool:
        """Ask the client for a sign of life in its protocol; False when it has none, or need not answer."""
        return False

    def review(self, app: Application | None, *, is_granted: bool) -> None:
        """Go on with `app` as it is now, or end with the refusal that fits: None is an application that is gone.

        `is_granted` tells whether the user's word that the client came with still holds.
        """
        if self._app is None or self._is_ended:
            return
        if app is None:
            self._refuse(APP_GONE(key=self.key))
        elif not app.settings.enabled:
            self._refuse(APP_DISABLED())
        elif not is_granted:
            self._refuse(GRANT_ENDED())
        else:
            self._app = app
            self._rate = self._pace = None  # their limits may be others now

    # What a protocol does in its own way

    @abstractmethod
    def _understand(self, message: str | bytes) -> Coroutine[Any, Any, None] | None:
        """Give what is to be done about a message; None when it has been answered at once."""

    @abstractmethod
    def _tell(self, refusal: Refusal) -> None:
        """Say why the connection will be closed, if the protocol has words for it."""

    @abstractmethod
    async def _leave_channels(self, app: Application) -> None:
        """Leave all channels."""

    def _refuse(self, refusal: Refusal) -> None:
        """Obey nothing more, and close."""
        self._doors.count(self.key, refusal)
        self.part(refusal)
        self._is_ended = True
        self._tell(refusal)
        self._client.close(refusal)

    def _note(self, refusal: Refusal, sort: Sort, channel: str = "", event: str = "", asked: str = "") -> None:
        app_id = self._app.id if self._app is not None else self._doors.id_of(self.key)

        def tell() -> Particulars:
            arrival = self._arrival
            return Particulars(
                self.socket_id,
                self.users,
                (arrival.address if arrival is not None else None) or self.line().address,
                arrival.library.name or arrival.library.protocol if arrival is not None else "",
                channel,
                event,
                asked or (f"key {self.key[:SHOWN]}" if self.key and not self.socket_id else ""),
            )

        self._doors.taps.refused(app_id, refusal, sort, tell)

    @property
    def _arrival(self) -> Arrival | None:
        """How the client came; None if that is not known any more."""
        return self._doors.sessions.get(self._app.id, {}).get(self) if self._app is not None else None

    def _see(self, kind: Kind, channel: str, make: Callable[[], Sight] | None = None) -> None:
        """Let it be seen, if anybody looks, that something happened in a channel."""
        if self._doors.taps.watched:
            self._show(kind, channel, make)

    def _show(self, kind: Kind, channel: str, make: Callable[[], Sight] | None) -> None:
        self._doors.taps.see(self._application.id, kind, make or (lambda: self._seen(kind, channel)))

    def _seen(self, kind: Kind, channel: str) -> Sight:
        return sight(kind, socket_id=self.socket_id, channel=channel, user_id=", ".join(self.users))

    # What who inspects it asks

    @property
    @abstractmethod
    def channels(self) -> Sequence[str]:
        """What it is subscribed to."""

    @property
    @abstractmethod
    def users(self) -> tuple[str, ...]:
        """Who it is: as it is signed in, and as a member of presence channels."""

    @property
    def queued(self) -> int:
        """Bytes that wait to be read by the client."""
        return self._client.queued

    def line(self) -> Line:
        """Give what its connection is at this moment."""
        return self._client.look()

    # The order of things

    def told(self) -> Mapping[str, object]:
        """See `logs.current.Served`: the connection's id is its socket id, once it is welcome."""
        if not self.socket_id:
            return {"key": self.key[:SHOWN]}
        return {"connection_id": self.socket_id, "app_id": self._app.id if self._app is not None else ""}

    def header(self, name: bytes) -> str:
        """See `logs.current.Served`: a session has none."""
        return ""

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        self.is_busy = True
        before, HERE.served = HERE.served, self
        try:
            task = eager.start(self._work(work))
        finally:
            HERE.served = before
        if task is not None:
            task.add_done_callback(self._resume)

    def _resume(self, _task: "asyncio.Task[None]") -> None:
        self._client.resume()

    async def _work(self, work: Coroutine[Any, Any, None] | None) -> None:
        """Do `work`, then what came in the meantime, then leave if that is due. Nothing escapes from here."""
        while work is not None:
            try:
                await work
                work = self._next()
            except Exception:
                logger.exception("A command of a client failed", **self.told())
                self._fail()
                work = self._next()
        self.is_busy = False

    def _fail(self) -> None:
        """Obey nothing more of a client whose command has met a fault of ours."""
        self._is_ended = True
        self._client.close(INTERNAL())

    def _next(self) -> Coroutine[Any, Any, None] | None:
        """Give what is to be done now; None if nothing is."""
        while self._waiting and not self._is_ended:
            if (work := self._understand(self._waiting.popleft())) is not None:
                return work
        self._waiting = None
        if not self._is_ended:
            return None
        if self._app is not None:
            return self._leave_all()
        self._doors.endings.pop(self, None)
        return None

    # What is told to others

    def _check_rate(self) -> None:
        """Count an event that the client sends to others. Raises CLIENT_EVENT_RATE."""
        if self._rate is None:
            self._rate = Rate(self._application.settings.client_events_per_second)
        if not self._rate.use(time.monotonic()):
            raise CLIENT_EVENT_RATE(limit=self._application.settings.client_events_per_second)

    async def _settle(self, channel: str) -> None:
        """Wait until the client may leave a channel where all others are told: that it left, or how many they are.

        Whoever comes and goes without end is held up, and nobody else: until what the channel has been told is
        written, and in the long run to a rate. Coming is free, as there is a limit to how often one is there.
        """
        if self._pace is None:
            limit = self._application.settings.leaves_per_second
            self._pace = Pace(10 * limit, limit)
        if wait := self._pace.use(time.monotonic()):
            await asyncio.sleep(wait)
        await self._doors.node.settle(self._application.id, channel)

    # Being there

    @property
    def _application(self) -> Application:
        assert self._app is not None, "a command before the welcome"
        return self._app

    def _enter(self, app: Application, opening: Opening, way: str) -> None:
        """Be one of the application's sessions from now on."""
        self._app = app
        self.way = way
        self.key = key = opening.key
        for pair in app.key_pairs:
            if pair.key == key:
                self.key = pair.key  # the application's own: a copy for each of its clients would be 80 bytes
        self.socket_id = chance.socket_id()
        self._doors.enter(app, self, self._client, opening)

    async def _leave_all(self) -> None:
        app, self._app = self._app, None
        if app is not None:
            self._doors.leave(app.id, self)
        if self._doors.endings:
            self._doors.endings.pop(self, None)
        if app is not None:
            await self._leave_channels(app)


def size_of(text: str) -> int:
    """Give the bytes of a text in UTF-8."""
    return len(text) if text.isascii() else len(text.encode())


def present(user_id: str, info: Raw = NO_INFO) -> Member:
    """Give a member who comes now."""
    return Member(user_id, info, time.time_ns() // 1_000_000, chance.ref())
