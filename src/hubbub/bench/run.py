"""A run: the cases, one after the other, each dealt out to all processes, and what came of them put together.

Knows the crew and what is measured of the server. Does not know how a load is made, or how a report looks.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final, Protocol

from hubbub.bench.crew import Crew
from hubbub.bench.orders import Done, Figures, Finish, Go, Open, Ready, Stop
from hubbub.bench.outcome import Outcome
from hubbub.bench.plan import Case, Part, Plan
from hubbub.bench.target import Target
from hubbub.bench.usage import Look, Looks

SOON: Final = 0.1
"""Seconds between the order to begin and the beginning."""

STEP: Final = 0.05
"""Seconds between two looks at how far it is; CPU is looked at when the measured time begins and ends."""

DRAIN: Final = 2.0
"""Seconds without a delivery after which what is still missing counts as lost."""


class Watcher(Protocol):
    """Who is told how far it is."""

    def begin(self, plan: Plan) -> None:
        """Say that a case begins, with its connecting."""

    def tell(self, plan: Plan, share: float, units: int) -> None:
        """Say how much of the case is done, from 0 to 1, and what it has counted."""


class Run:
    """Conducts cases. `stop` ends the one that runs, which still gives what it has, and all others do not begin."""

    def __init__(self, target: Target, crew: Crew, pids: Sequence[int], watcher: Watcher) -> None:
        self.stop = asyncio.Event()
        self._target = target
        self._crew = crew
        self._pids = pids
        self._watcher = watcher

    async def conduct(self, plan: Plan) -> Outcome | None:
        """Run one case. Gives None when it was interrupted before anything was measured.

        Raises crew.Lost when a process has ended by itself, and usage.Gone when the server's has.
        """
        heeding = asyncio.create_task(self._heed())
        self._watcher.begin(plan)
        try:
            return await self._conduct(plan)
        finally:
            heeding.cancel()

    async def _heed(self) -> None:
        await self.stop.wait()
        self._crew.tell(Stop())

    async def _conduct(self, plan: Plan) -> Outcome | None:
        crew, parts = self._crew, len(self._crew)
        crew.tell(*(Open(self._target, plan, Part(number, parts)) for number in range(parts)))
        ready = await crew.hear(Ready)
        if self.stop.is_set():
            crew.tell(Finish())
            await crew.hear(Figures)
            return None
        start = time.monotonic() + SOON
        begin = start if plan.case is Case.CONNECT else start + plan.warm_up
        end = begin + plan.duration
        crew.tell(Go(int(start * 1e9), int(begin * 1e9), int(end * 1e9)))
        hearing = asyncio.create_task(crew.hear(Done))
        try:
            looks = await self._watch(plan, hearing, start, begin, end)
            done = await hearing
        finally:
            hearing.cancel()
        expected = _expected(plan, ready, done)
        await self._drain(expected)
        is_whole = not self.stop.is_set()
        crew.tell(Finish())
        outcome = Outcome.of(plan, await crew.hear(Figures), expected, looks, is_whole=is_whole)
        return outcome if outcome.units or is_whole else None

    async def _watch(
        self, plan: Plan, hearing: "asyncio.Task[list[Done]]", start: float, begin: float, end: float
    ) -> Looks:
        """Tell how far it is until it is done; give what was used in the measured time."""
        before, is_begun = self._look(), False
        after: Look | None = None
        while not hearing.done():
            edges = [edge - time.monotonic() for edge in (begin, end)]
            await asyncio.wait([hearing], timeout=min([STEP, *(edge for edge in edges if edge > 0)]))
            now = time.monotonic()
            if plan.case is not Case.CONNECT:
                if not is_begun:
                    before, is_begun = self._look(), now >= begin
                elif after is None and (now >= end or self.stop.is_set()):
                    after = self._look()
            share = self._crew.units / plan.connections if plan.case is Case.CONNECT else (now - start) / (end - start)
            self._watcher.tell(plan, min(1.0, max(0.0, share)), self._crew.units)
        return (after or self._look()).since(before)

    async def _drain(self, expected: int) -> None:
        """Wait until all has arrived that was accepted, or nothing more does."""
        crew, seen, since = self._crew, -1, time.monotonic()
        while crew.received < expected and time.monotonic() - since < DRAIN:
            crew.ticked.clear()
            try:
                await asyncio.wait_for(crew.ticked.wait(), DRAIN)
            except TimeoutError:
                return
            if crew.received != seen:
                seen, since = crew.received, time.monotonic()

    def _look(self) -> Look:
        return Look.at(self._pids)


def _expected(plan: Plan, ready: Iterable[Ready], done: Iterable[Done]) -> int:
    """Give how many deliveries make what was accepted complete. Who sends a client event does not receive it."""
    seats: Counter[int] = Counter()
    for one in ready:
        seats.update(one.seats)
    accepted: Counter[int] = Counter()
    for each in done:
        accepted.update(each.accepted)
    own = 1 if plan.case is Case.CLIENT_EVENTS else 0
    return sum(count * max(0, seats[channel] - own) for channel, count in accepted.items())
