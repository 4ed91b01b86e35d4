"""One connection to one Redis: commands in, answers out, in order; or topics in, messages out.

Knows RESP, by hiredis; that what is asked within one turn of the loop goes out in one write; and when a server that
says nothing is to be taken for dead. Does not know what the commands do, nor where else there is a Redis.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final, cast

import hiredis

from hubbub.engine.redis.link import Answer, Argument
from hubbub.engine.redis.location import Address
from hubbub.errors import STORE_UNAVAILABLE

TICKS: Final = 4
"""Into how many parts the time in which an answer must come is divided; after each part it is looked for."""

MOST_WAITING: Final = 100_000
MOST_BYTES: Final = 64 * 2**20
"""Commands that may wait for their answers, and bytes to be sent; beyond, it is as if the server were away."""

pack = cast("Callable[[tuple[Argument, ...]], bytes]", hiredis.pack_command)


class Complaint(Exception):
    """An error that Redis answered. Its text may hold what it was asked: not to be shown where that was a secret."""

    @property
    def code(self) -> str:
        """Its first word, such as READONLY; also of the error that a script met (Redis 6 wraps it in others)."""
        text = str(self)
        if text.startswith("ERR Error running script"):
            text = text.rpartition(": -")[2]
        return text.partition(" ")[0]


class Connection(asyncio.Protocol):
    """A connection to `address`. Made by `dial`; what happens to it is told once it is watched."""

    def __init__(self, address: Address, timeout: float) -> None:
        self.address = address
        self.reason: str | None = None  # why it is lost, once it is
        self.speaks_redis = True
        self._timeout = timeout
        self._loop = asyncio.get_running_loop()
        self._reader = hiredis.Reader(replyError=Complaint)
        self._waiting: deque[asyncio.Future[Answer] | None] = deque()
        self._asked = 0  # commands, and
        self._answered = 0  # how many of them have been answered
        self._earlier: deque[int] = deque(maxlen=TICKS)  # `_asked` at the last ticks
        self._out: list[bytes] = []
        self._is_full = False
        self._timer: asyncio.TimerHandle | None = None
        self._closed = self._loop.create_future()
        self._transport: asyncio.Transport | None = None
        # What `watch` takes:
        self._lost: Callable[[str], None] = _ignore
        self._judge: Callable[[Complaint], Exception] = _as_it_is
        self._look: Callable[[], None] = _nothing
        self._pushed: Callable[[list[Answer]], bool] | None = None

    # For those who ask

    def ask(self, *words: Argument) -> asyncio.Future[Answer]:
        """Send a command. The future gets its answer, or raises: a `Complaint`, or STORE_UNAVAILABLE if it is lost."""
        future: asyncio.Future[Answer] = self._loop.create_future()
        if self.reason is not None or len(self._waiting) >= MOST_WAITING or self._is_full:
            future.set_exception(STORE_UNAVAILABLE())
            return future
        # Before anybody waits: of what cannot be sent, the next one's answer would be taken for its own.
        packed = pack(words)
        self._waiting.append(future)
        self._send(packed)
        return future

    def tell(self, *words: Argument) -> None:
        """Send a command whose answer nobody waits for."""
        if self.reason is None:
            packed = pack(words)
            self._waiting.append(None)
            self._send(packed)

    def watch(
        self,
        lost: Callable[[str], None],
        judge: Callable[[Complaint], Exception],
        look: Callable[[], None],
        pushed: Callable[[list[Answer]], bool] | None = None,
    ) -> None:
        """Tell from now on, in line, when and why the connection is lost.

        `judge` gives what a complaint is to raise, and may `lose` the connection for it. `look` is called now and then
        to ask something: a server that leaves anything without an answer for the timeout is taken for dead. `pushed`
        is given each list that Redis sends, and tells whether it is one that nobody had asked for.
        """
        self._lost, self._judge, self._look, self._pushed = lost, judge, look, pushed
        if self.reason is not None:
            lost(self.reason)
        else:
            self._tick()

    def lose(self, reason: str) -> None:
        """Give the connection up: what waits for an answer gets STORE_UNAVAILABLE. Without effect on a lost one."""
        if self.reason is not None:
            return
        self.reason = reason
        if self._timer is not None:
            self._timer.cancel()
        if self._transport is not None:
            self._transport.abort()
        self._out.clear()
        waiting, self._waiting = self._waiting, deque()
        for future in waiting:
            if future is not None and not future.done():
                future.set_exception(STORE_UNAVAILABLE())
        self._lost(reason)

    async def close(self) -> None:
        """End. What was asked gets its answer first, if that comes in time."""
        self._lost = _ignore
        if self.reason is None:
            last = self.ask("PING")
            await asyncio.wait([last], timeout=self._timeout)
            _ = last.done() and not last.cancelled() and last.exception()
        self.lose("closed")
        if self._transport is not None:
            await self._closed

    # For asyncio

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(MOST_BYTES)

    def data_received(self, data: bytes) -> None:
        """Hand out the answers that are complete."""
        self._reader.feed(data)
        gets, pushed = self._reader.gets, self._pushed
        try:
            while self.reason is None and (answer := gets()) is not False:
                if pushed is not None and type(answer) is list and pushed(answer):
                    continue
                future = self._waiting.popleft()
                self._answered += 1
                if type(answer) is Complaint:
                    error = self._judge(answer)
                    if future is not None and not future.done():
                        future.set_exception(error)
                elif future is not None and not future.done():
                    future.set_result(answer)
        except (hiredis.ProtocolError, IndexError):
            self.speaks_redis = self.reason is not None
            self.lose(f"{self.address} says what no Redis would")

    def pause_writing(self) -> None:
        """Take no more commands."""
        self._is_full = True

    def resume_writing(self) -> None:
        """Take commands again."""
        self._is_full = False

    def connection_lost(self, error: Exception | None) -> None:
        """Tell so."""
        self.lose(f"{self.address} has closed the connection")
        if not self._closed.done():
            self._closed.set_result(None)

    # Within

    def _send(self, packed: bytes) -> None:
        self._asked += 1
        if not self._out:
            self._loop.call_soon(self._flush)
        self._out.append(packed)

    def _flush(self) -> None:
        if self._out and self._transport is not None:
            self._transport.write(b"".join(self._out))
            self._out.clear()

    def _tick(self) -> None:
        """See whether what was asked so many ticks ago has been answered.

        Ticks are counted, not seconds: of a node that was frozen itself, nothing is overdue when it goes on.
        """
        if len(self._earlier) == TICKS and self._answered < self._earlier[0]:
            self.lose(f"{self.address} has not answered for {self._timeout:g} s")
            return
        self._look()
        self._earlier.append(self._asked)
        self._timer = self._loop.call_later(self._timeout / TICKS, self._tick)


def _ignore(reason: str) -> None: ...


def _as_it_is(complaint: Complaint) -> Exception:
    return complaint


def _nothing() -> None: ...
