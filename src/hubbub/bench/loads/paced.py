"""The case `latency`: messages at a fixed rate, whatever becomes of those before.

An open loop: a message is stamped with the moment it was due, not when it could be sent. A server that stands still for
a second so pays for all that were due in it, and not for one alone, as it would if the generator waited with it
("coordinated omission").
"""

import asyncio
import itertools
import time
from collections import deque

from hubbub.bench.audience import Audience
from hubbub.bench.histogram import Histogram
from hubbub.bench.metronome import Metronome
from hubbub.bench.orders import Done, Figures, Go, Ready, Timing
from hubbub.bench.plan import Part, Plan
from hubbub.bench.press import Press
from hubbub.bench.target import Target
from hubbub.bench.window import Window


class Paced:
    """Counts deliveries, and times them from when their message was due."""

    def __init__(self, target: Target, plan: Plan, part: Part) -> None:
        self._audience = Audience(target, plan, part)
        self._press = Press(target, plan, part)
        self._plan = plan
        self._part = part
        self._channels = itertools.cycle(range(plan.channels))
        self._due: deque[int] = deque()
        self._made = 0
        self._lateness = Histogram()
        self._begin = 0
        self._start = 0.0
        self._end = 0
        self._interval = 0.0
        self._window: Window | None = None

    @property
    def units(self) -> int:
        """Deliveries."""
        return self.received

    @property
    def received(self) -> int:
        """Messages that have arrived."""
        return self._audience.score.received

    async def open(self, stop: asyncio.Event) -> Ready:
        """Connect subscribers, then publishers."""
        await self._audience.open(stop)
        await self._press.open()
        return Ready(self._audience.seats, dict(self._audience.refused))

    async def run(self, go: Go, stop: asyncio.Event) -> Done:
        """Publish in time, until the time is over; then wait for the answers."""
        share = self._part.share(self._plan.publishers) / max(1, self._plan.publishers)
        self._window = Window(go, lambda: self.units)
        self._begin, self._end = go.begin, go.end
        if not share:
            await self._window.run(stop)
            return Done({}, self.received)
        # Processes take turns.
        self._start = go.start + self._part.number * 1e9 / self._plan.rate
        self._interval = 1e9 / (self._plan.rate * share)
        self._press.on_free = self._pump
        metronome = Metronome(int(self._start), self._interval, go.end, self._beat)
        await self._window.run(stop)
        metronome.stop()
        self._press.on_free = None
        await self._press.settle()
        return Done(dict(self._press.accepted), self.received)

    async def close(self) -> None:
        """Close everything."""
        await self._press.close()
        await self._audience.close()

    def figures(self) -> Figures:
        """Give what has arrived, and how late."""
        press, audience, score, window = self._press, self._audience, self._audience.score, self._window
        return Figures(
            units=window.units if window else 0,
            seconds=window.seconds if window else 0,
            busy=window.busy if window else 0,
            accepted=press.taken,
            refused=dict(audience.refused + press.refused),
            unanswered=press.unanswered,
            not_sent=len(self._due),
            opened=len(audience.listeners),
            received=score.received,
            duplicates=score.duplicates,
            disordered=score.disordered,
            complaints=audience.errors,
            ended=dict(audience.ended),
            timings={
                "delivery": Timing.of(score.latency),
                "answer": Timing.of(press.responses),
                "lateness": Timing.of(self._lateness),
            },
        )

    def _beat(self) -> None:
        now = time.monotonic_ns()
        while (due := int(self._start + self._made * self._interval)) <= now and due < self._end:
            self._due.append(due)
            self._made += 1
        self._pump()

    def _pump(self) -> None:
        while self._due and self._press.is_free:
            due = self._due.popleft()
            is_measured = due >= self._begin
            if is_measured:
                self._lateness.add(time.monotonic_ns() - due)
            self._press.publish(next(self._channels), due, is_measured=is_measured)
