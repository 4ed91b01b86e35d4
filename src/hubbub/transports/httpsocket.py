"""A client whose socket is kept over HTTP requests: some bring its messages, one at a time waits for ours.

Knows: what waits for the client, whether a request of it is there to take that, and when it is to be taken for gone.
Does not know routes, how an answer is written, nor what a message means.
"""

import asyncio
from collections.abc import Callable
from typing import Final, Protocol

from hubbub.errors import (
    INACTIVE,
    INTERNAL,
    INTERRUPTED,
    PONG_NOT_RECEIVED,
    SHUTTING_DOWN,
    TOO_EAGER,
    TOO_SLOW,
    Refusal,
)
from hubbub.logs import named
from hubbub.session.doors import Line, Opening
from hubbub.session.pusher import PusherSession
from hubbub.transports import sockjs
from hubbub.transports.absence import Absence
from hubbub.transports.newcomer import Newcomer
from hubbub.transports.services import Services

INTERNAL_ERROR: Final = 1011
"""RFC 6455, 7.4.1: the server "encountered an unexpected condition"."""

NEW_PATIENCE: Final = 5.0
"""Seconds in which a client that has made one request only must make its second, if `poll_timeout` is not less.

Both pusher-js and SockJS do at once; SockJS's own servers wait just as long. It keeps a place meanwhile, for the price
of that one request.
"""

_AT_ONCE: Final = 100
"""Messages of one request that are obeyed before anybody else has a turn: less than 1 ms."""

_logger = named("hubbub.fallback")


class Receiver(Protocol):
    """A request that waits for what is said to a client."""

    def wake(self) -> None:
        """There is something to take, or nothing will come any more."""

    def cut(self) -> None:
        """Break the connection: the client reads nothing."""


class HttpSocket:
    """One client. What is said to it are lines, which wait here until a request takes them.

    `opening` tells how it came; its key is empty for one whose first message names the application.
    `forget` is called with it when nothing more is to be done for it. `absence` is told when no request waits for it.
    """

    __slots__ = (
        "_absence",
        "_address",
        "_forget",
        "_heard_at",
        "_idle",
        "_is_counted",
        "_is_full",
        "_is_over",
        "_is_pinged",
        "_pending",
        "_receiver",
        "_requests",
        "_said_at",
        "_services",
        "_session",
        "_since",
        "_size",
        "_turn",
        "_waiting",
        "slot",
    )

    wire = sockjs.LINES

    is_socket = False

    def __init__(
        self, services: Services, opening: Opening, absence: Absence, forget: Callable[["HttpSocket"], None]
    ) -> None:
        self._services = services
        self._absence = absence
        self._forget = forget
        self._pending: list[bytes] = [sockjs.OPEN]
        self._size = 0
        self._receiver: Receiver | None = None
        self._requests = 0
        self._turn = asyncio.Lock()
        self._waiting = 0  # bytes of requests that wait for their turn
        self._idle: asyncio.Future[None] | None = None
        self._is_counted = False  # among the absent, as one that has been welcomed
        self._is_full = False  # too much waited for it, and nothing more is kept
        self._is_over = False  # the closing line waits or is taken, and nothing may follow it
        self._is_pinged = False
        self._since = self._heard_at = self._said_at = services.wheel.now
        self.slot = 0
        self._address = opening.address or ""
        self._session: PusherSession | None = None
        if opening.key:
            self._session = PusherSession(services.doors, self, opening)
            self._session.begin()
        else:
            self._session = Newcomer(services.doors, self, opening, services.settings.head_timeout)
        self._watch()

    # What the hub and the session call

    def write(self, data: bytes) -> None:
        """Keep lines until a request takes them."""
        limit = self._services.settings.max_backlog_bytes
        if self._is_over or self._is_full or not data:
            return
        self._pending.append(data)
        self._size += len(data)
        if self._receiver is None and not self._is_counted:
            # It may have been welcomed just now. Not once it is in channels: their members must not change meanwhile.
            self._be_absent()
        if self._size > limit:
            self._pending.clear()  # it is closed for good, and until then nothing more is kept
            self._size = 0
            self._is_full = True
            self.close(TOO_SLOW(limit=limit))
        self._wake()

    @property
    def queued(self) -> int:
        """Bytes that wait to be read by the client."""
        return self._size

    def look(self) -> Line:
        """Tell what the connection is at this moment."""
        return Line("HTTP fallback", self._address, self._size)

    def close(self, refusal: Refusal) -> None:
        """End soon; log the refusal's cause, if it has one. The client is told by the last line it gets."""
        if refusal.reason is INTERNAL and refusal.__cause__ is not None:
            _logger.error("A connection is closed for a fault of ours", exc_info=refusal.__cause__)
        if self._session is not None:
            self._session.part(refusal)
        asyncio.get_running_loop().call_soon(self._close, refusal)

    def resume(self) -> None:
        """The session takes more."""
        if self._idle is not None and not self._idle.done():
            self._idle.set_result(None)

    # What requests call that wait for us

    @property
    def is_taken(self) -> bool:
        """Whether a request waits already."""
        return self._receiver is not None

    @property
    def has_news(self) -> bool:
        """Whether there is anything to take."""
        return bool(self._pending)

    @property
    def is_at_end(self) -> bool:
        """Whether all has been taken, the closing line too."""
        return self._is_over and not self._pending

    def attach(self, receiver: Receiver) -> None:
        """Let a request wait for what is said. Not while one does."""
        assert self._receiver is None
        self._receiver = receiver
        self._absence.remove(self)
        self._is_counted = False
        self.hear()
        self._watch()

    def take(self, most: int, *, is_single: bool = False) -> bytes:
        """Give what waits: all, if that is at most `most` bytes; else up to the end of the line with which it is more.

        If it `is_single`, no more of that than makes one frame.

        So a client that gives up a request once it has read more than so many bytes, at the end of a line, has read all
        of it: pusher-js does so.
        """
        data = b"".join(self._pending)
        self._pending.clear()
        end = data.index(b"\n", most) + 1 if len(data) > most else len(data)
        if is_single:
            end = sockjs.first(data[:end])
        if end < len(data):
            self._pending.append(data[end:])
            data = data[:end]
        self._size = sum(map(len, self._pending))
        self._said_at = self._services.wheel.now
        return data

    def detach(self) -> None:
        """The request is answered, or will be with what it has just taken; the client may come with another."""
        self._receiver = None
        if self.is_at_end:
            self._end()
            return
        self._be_absent()
        if not self._is_over:
            self._since = self._services.wheel.now
            self._watch()

    def interrupt(self, receiver: Receiver) -> None:
        """The client broke off a request. Both pusher-js and SockJS give up the session with one that waits."""
        if self._receiver is receiver:
            self._receiver = None
            if self._session is not None and self._session not in self._services.doors.endings:
                self._session.left(lambda _: "Closed by the client, which broke off its request")
            self._close(INTERRUPTED())
            self._be_absent()

    # What is called while no request waits

    def give_up(self) -> None:
        """End at once: another needs the place. A client that is on its way finds a new session, and begins anew."""
        if self._session is not None:
            self._session.part(INACTIVE())
        self._close(INACTIVE())
        self._end()

    def _be_absent(self) -> None:
        session, app = self._session, None
        if session is not None and session.socket_id:
            self._is_counted = True
            app = self._services.doors.apps.known(session.key)
        self._absence.add(self, app)

    # What requests call that bring messages

    def hear(self) -> None:
        """Take note of a sign of life."""
        self._requests += 1
        self._heard_at = self._services.wheel.now
        self._is_pinged = False

    async def receive(self, size: int, read: Callable[[], list[str]]) -> None:
        """Obey the messages that `read` gives, after those of earlier requests, when it is called: `size` bytes wait.

        Comes back when that is done, or the client is given up. Raises what `read` raises, and TOO_EAGER when the
        requests that wait hold more bytes than one may bring.
        """
        limit = self._services.settings.max_body_bytes
        if self._turn.locked() and self._waiting + size > limit:
            raise TOO_EAGER(limit=limit)
        self._waiting += size
        try:
            await self._turn.acquire()
        finally:
            self._waiting -= size
        try:
            await self._obey(read)
        finally:
            self._turn.release()

    async def _obey(self, read: Callable[[], list[str]]) -> None:
        if self._session is None:
            return
        for number, text in enumerate(read(), 1):
            await self._rest()
            if self._session is None or self._is_full:
                return
            self._session.receive(text)
            if number % _AT_ONCE == 0:
                await asyncio.sleep(0)
        await self._rest()

    async def _rest(self) -> None:
        """Come back when the session is not busy. One message at a time: a request may bring thousands."""
        while self._session is not None and self._session.is_busy:
            if self._idle is None or self._idle.done():
                self._idle = asyncio.get_running_loop().create_future()
            await asyncio.shield(self._idle)

    # Time

    def on_due(self) -> None:
        """Look whether the client is still there, and show it that we are."""
        settings, now = self._services.settings, self._services.wheel.now
        if self._is_over:
            if self._receiver is not None:
                self._receiver.cut()
            self._end()
            return
        if self._receiver is not None:
            if now >= self._said_at + settings.fallback_heartbeat:
                self._said_at = now
                if not self._pending:
                    self.write(sockjs.HEARTBEAT)
            if self._session is not None and now >= self._silent_until():
                self._ask(self._session)
        elif now >= self._since + self._patience:
            self.close(INACTIVE())
        self._watch()

    def _ask(self, session: PusherSession) -> None:
        """Ask a silent client for a sign of life, or give it up if it has been asked."""
        if self._is_pinged:
            self.close(PONG_NOT_RECEIVED())
            return
        self._is_pinged = session.ping()
        if not self._is_pinged:
            self.hear()  # its version has no pongs: it is there as long as its request is

    def _silent_until(self) -> float:
        settings = self._services.settings
        return self._heard_at + settings.ping_after + (settings.pong_timeout if self._is_pinged else 0)

    @property
    def _patience(self) -> float:
        patience = self._services.settings.poll_timeout
        return patience if self._requests > 1 else min(patience, NEW_PATIENCE)

    def _watch(self) -> None:
        settings, wheel = self._services.settings, self._services.wheel
        if self._is_over:
            return  # it has its last deadline, which nothing moves
        if self._receiver is None:
            until = self._since + self._patience
        else:
            until = min(self._said_at + settings.fallback_heartbeat, self._silent_until())
        wheel.watch(self, max(until - wheel.now, 0))

    # Ending

    def shutdown(self) -> None:
        """The server stops: tell the client to come back."""
        self.close(SHUTTING_DOWN())

    def _close(self, refusal: Refusal) -> None:
        if self._is_over:
            return
        self._is_over = True
        self._pending.append(sockjs.close(refusal.code or INTERNAL_ERROR, refusal.message))
        session, self._session = self._session, None
        if session is not None:
            session.end()
        self._services.wheel.watch(self, self._services.settings.close_timeout)
        self._wake()
        self.resume()

    def _end(self) -> None:
        self._pending.clear()
        self._services.wheel.forget(self)
        self._absence.remove(self)
        self._forget(self)

    def _wake(self) -> None:
        if self._receiver is not None:
            self._receiver.wake()
