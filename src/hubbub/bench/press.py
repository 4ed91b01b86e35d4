"""The publishers of one process: signed events out, answers in, both counted.

Knows requests, answers and stamps. Does not know when an event is due, or who hears it.
"""

import asyncio
import contextlib
import time
from collections import Counter, deque
from collections.abc import Callable
from typing import Final

from hubbub.bench import stamp
from hubbub.bench.histogram import Histogram
from hubbub.bench.plan import Part, Plan
from hubbub.bench.publisher import Publisher, dial
from hubbub.bench.refusal import reason
from hubbub.bench.request import Signer
from hubbub.bench.target import Target

AGAIN: Final = 0.2
"""Seconds before a connection is tried again that was refused, or ended before it had answered anything."""

_TEXT: Final = 200


class Press:
    """Publishes into the channels of a plan.

    `on_free` is called when a connection is free again; before that, `on_refusal` with the channel of what the server
    has not taken, or not said to have taken.
    """

    def __init__(self, target: Target, plan: Plan, part: Part) -> None:
        self.accepted: Counter[int] = Counter()
        """Events that the server has taken, by channel."""
        self.taken = 0
        self.refused: Counter[str] = Counter()
        self.unanswered = 0
        self.responses = Histogram()
        self.on_free: Callable[[], None] | None = None
        self.on_refusal: Callable[[int], None] | None = None
        self._target = target
        self._plan = plan
        self._part = part
        self._signer = Signer(target)
        self._context = target.context() if plan.publishers else None
        self._names = [plan.channel(number) for number in range(plan.channels)]
        self._numbers: Counter[tuple[int, int]] = Counter()
        self._publishers: set[Publisher] = set()
        self._idle: deque[Publisher] = deque()
        self._flying: dict[Publisher, tuple[int, int, bool]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_quiet = asyncio.Event()
        self._is_quiet.set()
        self._is_empty = asyncio.Event()
        self._is_empty.set()
        self._is_closing = False

    @property
    def is_free(self) -> bool:
        """Whether there is a connection without a request on its way."""
        return bool(self._idle)

    @property
    def is_waiting(self) -> bool:
        """Whether an answer is to come."""
        return bool(self._flying)

    @property
    def fits(self) -> int:
        """How many events go in one request."""
        return self._plan.batch

    async def open(self) -> None:
        """Connect all publishers. One that cannot be is counted as refused, with the reason."""
        await asyncio.gather(*(self._open(source) for source in self._plan.sources(self._part)))

    def publish(self, channel: int, due: int, *, is_measured: bool) -> None:
        """Publish one request's worth of events, which were due at `due`, by a connection that is free."""
        publisher = self._idle.popleft()
        payloads = [self._payload(publisher.source, channel, due, is_measured) for _ in range(self._plan.batch)]
        now = time.time_ns() // 1_000_000_000
        name = self._names[channel]
        write = (
            self._signer.batch(name, payloads, now)
            if len(payloads) > 1
            else self._signer.trigger(name, payloads[0], now)
        )
        self._flying[publisher] = (channel, time.monotonic_ns(), is_measured)
        self._is_quiet.clear()
        publisher.send(write)

    async def settle(self) -> None:
        """Wait for the answers that are to come, as long as one may take."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._is_quiet.wait(), self._target.patience)

    async def close(self) -> None:
        """End all connections."""
        self._is_closing = True
        for task in self._tasks:
            task.cancel()
        for publisher in self._publishers:
            publisher.leave()
        await self._is_empty.wait()

    def _payload(self, source: int, channel: int, due: int, is_measured: bool) -> str:
        self._numbers[source, channel] += 1
        number = self._numbers[source, channel]
        return stamp.payload(is_measured=is_measured, source=source, number=number, due=due, size=self._plan.size)

    async def _open(self, source: int) -> bool:
        publisher = Publisher(source, self._answered, self._ended)
        try:
            await dial(self._target, publisher, self._context)
        except OSError as error:
            self.refused[f"no connection: {reason(error, self._target.patience)}"] += 1
            return False
        if self._is_closing:
            publisher.leave()
            return False
        self._publishers.add(publisher)
        self._is_empty.clear()
        self._idle.append(publisher)
        if self.on_free is not None:
            self.on_free()
        return True

    def _answered(self, publisher: Publisher, status: int, body: bytes) -> None:
        channel, began, is_measured = self._flying.pop(publisher)
        if status and not publisher.is_leaving:
            self._idle.append(publisher)
        elif status:
            self._replace(publisher.source, 0)
        if 200 <= status < 300:
            self.accepted[channel] += self._plan.batch
            self.taken += self._plan.batch
            if is_measured:
                self.responses.add(time.monotonic_ns() - began)
        elif status == 0:
            self.unanswered += self._plan.batch
        else:
            text = " ".join(body.decode(errors="replace").split())[:_TEXT]
            self.refused[self._target.redact(f"{status} {text}")] += self._plan.batch
        if not 200 <= status < 300 and self.on_refusal is not None:
            self.on_refusal(channel)
        if self.on_free is not None:
            self.on_free()
        if not self._flying:
            self._is_quiet.set()

    def _ended(self, publisher: Publisher) -> None:
        self._publishers.discard(publisher)
        if not self._publishers:
            self._is_empty.set()
        with contextlib.suppress(ValueError):
            self._idle.remove(publisher)
        if not publisher.is_leaving:
            self._replace(publisher.source, 0 if publisher.has_answered else AGAIN)

    def _replace(self, source: int, pause: float) -> None:
        if self._is_closing:
            return
        task = asyncio.create_task(self._open_again(source, pause))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _open_again(self, source: int, pause: float) -> None:
        await asyncio.sleep(pause)
        if not await self._open(source):
            self._replace(source, AGAIN)
