"""The case `client-events`: pairs of connections on private channels, each sending to the other at a fixed rate.

An open loop, as in `latency`. The rate is per connection, for that is what servers limit.
"""

import asyncio
import time
from collections import Counter
from typing import Final

from hubbub.bench import stamp
from hubbub.bench.audience import Audience
from hubbub.bench.listener import Listener
from hubbub.bench.metronome import Metronome
from hubbub.bench.orders import Done, Figures, Go, Ready, Timing
from hubbub.bench.plan import Part, Plan
from hubbub.bench.target import Target
from hubbub.bench.window import Window

EVENT: Final = "client-bench"


class Talking:
    """Counts deliveries."""

    def __init__(self, target: Target, plan: Plan, part: Part) -> None:
        self._audience = Audience(target, plan, part)
        self._plan = plan
        self._part = part
        self._talkers: list[Listener] = []
        self._numbers: Counter[int] = Counter()
        self._sent: Counter[int] = Counter()
        self._made = 0
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
        """Events that have arrived."""
        return self._audience.score.received

    async def open(self, stop: asyncio.Event) -> Ready:
        """Connect all."""
        await self._audience.open(stop)
        return Ready(self._audience.seats, dict(self._audience.refused))

    async def run(self, go: Go, stop: asyncio.Event) -> Done:
        """Send in time, until the time is over."""
        self._talkers = [one for one in self._audience.listeners if one.is_there]
        self._window = Window(go, lambda: self.units)
        self._begin, self._end = go.begin, go.end
        if not self._talkers:
            await self._window.run(stop)
            return Done({}, self.received)
        self._interval = 1e9 / (self._plan.rate * len(self._talkers))
        self._start = go.start + self._part.number * self._interval / self._part.parts
        metronome = Metronome(int(self._start), self._interval, go.end, self._beat)
        await self._window.run(stop)
        metronome.stop()
        return Done(dict(self._sent), self.received)

    async def close(self) -> None:
        """Close all."""
        await self._audience.close()

    def figures(self) -> Figures:
        """Give what has arrived, and how late."""
        audience, score, window = self._audience, self._audience.score, self._window
        return Figures(
            units=window.units if window else 0,
            seconds=window.seconds if window else 0,
            busy=window.busy if window else 0,
            accepted=self._sent.total() - sum(audience.errors.values()),
            refused=dict(audience.refused),
            opened=len(audience.listeners),
            received=score.received,
            duplicates=score.duplicates,
            disordered=score.disordered,
            complaints=audience.errors,
            ended=dict(audience.ended),
            timings={"delivery": Timing.of(score.latency)},
        )

    def _beat(self) -> None:
        now = time.monotonic_ns()
        while (due := int(self._start + self._made * self._interval)) <= now and due < self._end:
            talker = self._talkers[self._made % len(self._talkers)]
            self._made += 1
            if talker.is_there:
                self._say(talker, due)

    def _say(self, talker: Listener, due: int) -> None:
        self._numbers[talker.number] += 1
        self._sent[talker.number % self._plan.channels] += 1
        talker.send_event(
            EVENT,
            stamp.payload(
                is_measured=due >= self._begin,
                source=talker.number,
                number=self._numbers[talker.number],
                due=due,
                size=self._plan.size,
            ),
        )
