"""Statistics: what was counted is written down every INTERVAL seconds, and read again.

Knows: when figures are taken and written, that they wait while the database is away, and what is asked of them. Does
not know who counts, tables, or pages.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Final

import msgspec

from hubbub.errors import Refusal
from hubbub.statistics import live
from hubbub.statistics.collector import Collector
from hubbub.statistics.figures import NOTHING, Figures, together
from hubbub.statistics.live import Live
from hubbub.statistics.seam import DAY, INTERVAL, KEPT, MINUTE, Ledger, Noted, Refused

MOST_WAITING: Final = 50_000
"""Figures that wait for a database that is away; beyond that they are put together to longer times."""

LATE: Final = 3
"""Seconds after the end of an interval in which all nodes have written it down."""

Place = tuple[str, int]
"""An application's id, and when an interval begins."""

logger = logging.getLogger("hubbub.statistics")


class Usage(msgspec.Struct, frozen=True):
    """What an application has used. `messages` are counted as Pusher does; `peak` is of connections at once."""

    messages: int
    events: int
    client_events: int
    deliveries: int
    presence: int
    queries: int
    webhooks: int
    peak: int


class Now(msgspec.Struct, frozen=True):
    """How an application stood in the last interval, on all nodes: connections on average, others per second."""

    connections: float
    messages: float
    deliveries: float


class Statistics:
    """Figures of all applications. `clock` gives Unix seconds. `ask` has all nodes asked, this one too."""

    def __init__(
        self,
        ledger: Ledger,
        collector: Collector,
        ask: Callable[[str, bytes], Awaitable[Sequence[bytes]]],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._ledger = ledger
        self._collector = collector
        self._ask = ask
        self._clock = clock
        self._noted_at = clock()
        self._figures: dict[Place, Figures] = {}
        self._refusals: dict[tuple[str, int, str], int] = {}
        self._task: asyncio.Task[None] | None = None
        self._writing: asyncio.Task[bool] | None = None

    @property
    def waiting(self) -> int:
        """How much waits to be written down."""
        return len(self._figures) + len(self._refusals)

    # Writing down

    def start(self) -> None:
        """Write down, from now on."""
        self._noted_at = self._clock()
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Write down what is left, if the database is there."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._writing is not None:
            await asyncio.gather(self._writing, return_exceptions=True)
        self.note()
        if not await self.write():
            logger.warning("Figures that could not be written down are lost: those of %d intervals", len(self._figures))

    async def _run(self) -> None:
        while True:
            now = self._clock()
            await asyncio.sleep(INTERVAL - now % INTERVAL)
            try:
                self.note()
                # To the end, also when the server stops meanwhile: else it might be written twice, or not at all.
                self._writing = asyncio.create_task(self.write())
                await asyncio.shield(self._writing)
                if self._clock() % MINUTE < INTERVAL:
                    await self.prune()
            except Exception:
                logger.exception("figures could not be written down")

    def note(self) -> None:
        """Take what has been counted since the last time."""
        now = self._clock()
        at = int((self._noted_at + now) / 2) // INTERVAL * INTERVAL
        self._noted_at = now
        new = self._collector.collect()
        for app_id, figures in new.figures.items():
            self._add((app_id, at), figures)
        for (app_id, reason), count in new.refusals.items():
            self._add_refusal((app_id, at, reason), count)
        for resolution in KEPT:
            if len(self._figures) + len(self._refusals) <= MOST_WAITING:
                break
            self._put_together(resolution)

    async def write(self) -> bool:
        """Write down what was noted; False when the database is away, and it is kept for later."""
        figures, refusals = self._figures, self._refusals
        if not figures and not refusals:
            return True
        self._figures, self._refusals = {}, {}
        noted = [Noted(app_id, at, one) for (app_id, at), one in figures.items()]
        refused = [Refused(app_id, at, reason, count) for (app_id, at, reason), count in refusals.items()]
        try:
            await self._ledger.add(noted, refused)
        except BaseException as error:
            for place, one in figures.items():
                self._add(place, one)
            for of, count in refusals.items():
                self._add_refusal(of, count)
            if isinstance(error, Refusal):
                return False
            raise
        return True

    async def prune(self) -> None:
        """Forget what is kept for too long; what cannot be forgotten now is so later."""
        try:
            is_more = True
            while is_more:
                is_more = await self._ledger.prune(int(self._clock()))
        except Refusal:
            return

    def _add(self, place: Place, figures: Figures) -> None:
        there = self._figures.get(place)
        self._figures[place] = figures if there is None else together([there, figures])

    def _add_refusal(self, of: tuple[str, int, str], count: int) -> None:
        self._refusals[of] = self._refusals.get(of, 0) + count

    def _put_together(self, resolution: int) -> None:
        """Let what waits be told only to the beginning of longer times: sums stay right for these."""
        figures, self._figures = self._figures, {}
        for (app_id, at), one in figures.items():
            self._add((app_id, at // resolution * resolution), one)
        refusals, self._refusals = self._refusals, {}
        for (app_id, at, reason), count in refusals.items():
            self._add_refusal((app_id, at // resolution * resolution, reason), count)

    # Asking

    async def series(self, app_id: str, resolution: int, since: int, until: int) -> tuple[list[int], list[Figures]]:
        """Give the times from `since` to before `until` in steps of a kept resolution, and the figures of each."""
        first = since // resolution * resolution
        found = await self._ledger.figures(app_id, resolution, first, until)
        times = list(range(first, until, resolution))
        return times, [found.get(at, NOTHING) for at in times]

    async def refusals(self, app_id: str, resolution: int, since: int, until: int) -> Mapping[int, Mapping[str, int]]:
        """Give how often what was refused, by the time that each begins and the reason's name."""
        return await self._ledger.refusals(app_id, resolution, since // resolution * resolution, until)

    async def usage(self, app_ids: Sequence[str], since: date, until: date) -> dict[str, Usage]:
        """Give what each application has used from one day to another, both included, by UTC."""
        end = until + timedelta(days=1)
        totals = await self._ledger.totals(app_ids, DAY, _midnight(since), _midnight(end))
        return {app_id: _usage(totals.get(app_id, NOTHING)) for app_id in app_ids}

    async def now(self, app_ids: Sequence[str]) -> dict[str, Now]:
        """Give how each application stood in the last interval that all nodes have written down."""
        at = int(self._clock() - LATE) // INTERVAL * INTERVAL - INTERVAL
        totals = await self._ledger.totals(app_ids, INTERVAL, at, at + INTERVAL)
        return {app_id: _now(totals.get(app_id, NOTHING)) for app_id in app_ids}

    async def live(self, app_id: str) -> Live:
        """Give how an application stands at this moment, on all nodes that answer."""
        return live.added(await self._ask(live.KIND, app_id.encode()))


def _midnight(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())


def _usage(figures: Figures) -> Usage:
    return Usage(
        messages=figures.billed,
        events=figures.events,
        client_events=figures.client_events,
        deliveries=figures.deliveries,
        presence=figures.presence,
        queries=figures.queries,
        webhooks=figures.webhooks,
        peak=figures.peak,
    )


def _now(figures: Figures) -> Now:
    return Now(
        connections=figures.open_ms / (1000 * INTERVAL),
        messages=figures.messages / INTERVAL,
        deliveries=figures.deliveries / INTERVAL,
    )
