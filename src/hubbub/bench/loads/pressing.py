"""The cases `publish` and `fan-out`: as much as will go, with so many requests or messages on their way at once.

A closed loop: each publisher has one request on its way, and with `in_flight` a message is published only while no more
than that are still to be delivered to this process's own subscribers. So a server that answers before it delivers
cannot build a queue, and latency means something.
"""

import asyncio
import itertools
import time
from typing import Final

from hubbub.bench.audience import Audience
from hubbub.bench.orders import Done, Figures, Go, Ready, Timing
from hubbub.bench.plan import Part, Plan
from hubbub.bench.press import Press
from hubbub.bench.target import Target
from hubbub.bench.window import Window, until

PATIENCE: Final = 1.0
"""Seconds without a delivery after which what is missing is held against nobody, so that a loss cannot stop the run."""

RECOUNT: Final = 0.1
"""Seconds after the end of a subscriber in which further ones are waited for before who is left is counted."""


class Pressing:
    """Counts deliveries, or without subscribers the events that were taken."""

    def __init__(self, target: Target, plan: Plan, part: Part) -> None:
        self._audience = Audience(target, plan, part)
        self._press = Press(target, plan, part)
        self._plan = plan
        self._part = part
        self._seats: dict[int, int] = {}
        self._channels = itertools.cycle(range(plan.channels))
        self._next = 0
        self._limit = 0.0
        self._promised = 0
        self._forgiven = 0
        self._wake = 0
        self._stalls = 0
        self._begin = 0
        self._is_running = False
        self._recount: asyncio.TimerHandle | None = None
        self._window: Window | None = None

    @property
    def units(self) -> int:
        """Deliveries, or events."""
        return self.received if self._plan.connections else self._press.taken

    @property
    def received(self) -> int:
        """Messages that have arrived."""
        return self._audience.score.received

    async def open(self, stop: asyncio.Event) -> Ready:
        """Connect subscribers, then publishers."""
        await self._audience.open(stop)
        await self._press.open()
        self._count()
        return Ready(self._audience.seats, dict(self._audience.refused))

    async def run(self, go: Go, stop: asyncio.Event) -> Done:
        """Publish until the time is over, then wait for the answers."""
        await until(go.start, stop)
        self._begin = go.begin
        self._window = Window(go, lambda: self.units)
        self._press.on_free = self._pump
        self._press.on_refusal = self._refused
        self._audience.on_burst = self._heard
        self._audience.on_end = self._left
        self._is_running = True
        self._pump()
        watch = asyncio.create_task(self._watch())
        await self._window.run(stop)
        self._is_running = False
        watch.cancel()
        await self._press.settle()
        return Done(dict(self._press.accepted), self.received)

    async def close(self) -> None:
        """Close everything."""
        await self._press.close()
        await self._audience.close()

    def figures(self) -> Figures:
        """Give what was published, what of it has arrived, and how fast."""
        press, audience, score, window = self._press, self._audience, self._audience.score, self._window
        timings = {"answer": Timing.of(press.responses)}
        if self._plan.connections:
            timings = {"delivery": Timing.of(score.latency), **timings}
        return Figures(
            units=window.units if window else 0,
            seconds=window.seconds if window else 0,
            busy=window.busy if window else 0,
            accepted=press.taken,
            refused=dict(audience.refused + press.refused),
            unanswered=press.unanswered,
            stalls=self._stalls,
            opened=len(audience.listeners),
            received=score.received,
            duplicates=score.duplicates,
            disordered=score.disordered,
            complaints=audience.errors,
            ended=dict(audience.ended),
            timings=timings,
        )

    def _count(self) -> None:
        """Take note of who listens here: publishers of this process publish where it has subscribers, if anywhere."""
        self._seats = self._audience.seats
        here = sorted(self._seats) or range(self._plan.channels)
        mean = sum(self._seats.values()) / len(here)
        share = self._part.share(self._plan.publishers) / max(1, self._plan.publishers)
        self._limit = max(1.0, mean) * max(1.0, self._plan.in_flight * share) if self._plan.in_flight else 0.0
        start = self._part.number % len(here)
        self._channels = itertools.cycle([*here[start:], *here[:start]])
        self._next = next(self._channels)

    def _pump(self) -> None:
        """Publish while there is a publisher without a request, and room for another message."""
        while self._is_running and self._press.is_free:
            channel, now = self._next, time.monotonic_ns()
            deliveries = self._seats.get(channel, 0) * self._press.fits
            missing = self._promised - self._forgiven - self.received
            if self._limit and missing > 0 and missing + deliveries > self._limit:
                self._wake = self.received + max(1, int(missing + deliveries - self._limit))
                return
            self._next = next(self._channels)
            self._promised += deliveries
            self._press.publish(channel, now, is_measured=now >= self._begin)

    def _heard(self) -> None:
        if self._wake and self.received >= self._wake:
            self._wake = 0
            self._pump()

    def _refused(self, channel: int) -> None:
        self._forgiven += self._seats.get(channel, 0) * self._press.fits

    def _left(self) -> None:
        # A server that goes away ends thousands at once.
        if self._recount is None and self._is_running:
            self._recount = asyncio.get_running_loop().call_later(RECOUNT, self._count_again)

    def _count_again(self) -> None:
        self._recount = None
        self._count()
        self._forgive()

    def _forgive(self) -> None:
        self._forgiven = self._promised - self.received
        self._pump()

    async def _watch(self) -> None:
        while True:
            before = self.received
            await asyncio.sleep(PATIENCE)
            if self._wake and self.received == before and not self._press.is_waiting:
                self._stalls += 1
                self._forgive()
