"""What this node has counted since it was asked last, put together from all who count.

Knows: where numbers that only grow are found, and what they were last time. Does not know what becomes of figures.
"""

import time
from collections.abc import Callable, Mapping

import msgspec

from hubbub.hub.meters import Meter
from hubbub.statistics.figures import KINDS, NOTHING, SIZES, Figures
from hubbub.statistics.stopwatch import Stopwatch

Counts = Mapping[str, int]


class Sources(msgspec.Struct, frozen=True):
    """Who counts. Numbers are by the application's id, and only grow.

    `refusals` are by the application's id, empty where none is known, and the reason's name.
    """

    meters: Callable[[], Mapping[str, Meter]]
    refusals: Mapping[tuple[str, str], int]
    webhooks: Counts
    failed_webhooks: Counts
    stopwatch: Stopwatch


class Collected(msgspec.Struct, frozen=True):
    """What is new: figures by application, and refusals by application and reason. What did nothing is not there."""

    figures: dict[str, Figures]
    refusals: dict[tuple[str, str], int]


class _Last(msgspec.Struct):
    """What the numbers of one application were."""

    read: tuple[int, ...]
    open_ms: tuple[int, ...]


_NEVER = _Last((0,) * (5 + len(SIZES) + 4), (0,) * len(KINDS))


class Collector:
    """Reads the `sources`. `clock` is that by which connections come and go."""

    def __init__(self, sources: Sources, clock: Callable[[], float] = time.monotonic) -> None:
        self._sources = sources
        self._clock = clock
        self._last: dict[str, _Last] = {}
        self._refused: dict[tuple[str, str], int] = {}

    def collect(self) -> Collected:
        """Give what has come since this was asked last."""
        now, sources = self._clock(), self._sources
        refusals = self._refusals()
        refused: dict[str, int] = {}
        for (app_id, _), count in refusals.items():
            refused[app_id] = refused.get(app_id, 0) + count
        latencies = sources.stopwatch.take()
        figures: dict[str, Figures] = {}
        for app_id, meter in sources.meters().items():
            last = self._last.get(app_id, _NEVER)
            read = self._read(app_id, meter)
            open_ms = tuple(int(meter.seconds(kind, now) * 1000) for kind in KINDS)
            peak = meter.take_peak()
            # Whoever came and went within a millisecond was there.
            if peak or read != last.read or open_ms != last.open_ms or app_id in refused or app_id in latencies:
                figures[app_id] = self._figures(
                    _Last(read, open_ms), last, meter, peak, refused.pop(app_id, 0), latencies.get(app_id)
                )
                self._last[app_id] = _Last(read, open_ms)
        for app_id, count in refused.items():
            if app_id:
                figures[app_id] = Figures(refusals=count)  # nobody has ever come in
        return Collected(figures, refusals)

    def _read(self, app_id: str, meter: Meter) -> tuple[int, ...]:
        sources = self._sources
        webhooks = (sources.webhooks.get(app_id, 0), sources.failed_webhooks.get(app_id, 0))
        return (*meter.read(), meter.presence, meter.queries, *webhooks)

    def _refusals(self) -> dict[tuple[str, str], int]:
        new = {
            of: count - self._refused.get(of, 0)
            for of, count in self._sources.refusals.items()
            if of[0] and count != self._refused.get(of, 0)
        }
        for of, count in new.items():
            self._refused[of] = self._refused.get(of, 0) + count
        return new

    @staticmethod
    def _figures(
        now: _Last, last: _Last, meter: Meter, peak: int, refusals: int, latencies: tuple[int, ...] | None
    ) -> Figures:
        new = [count - before for count, before in zip(now.read, last.read, strict=True)]
        events, client_events, bytes_in, deliveries, bytes_out, *sizes = new[:-4]
        presence, queries, webhooks, failed_webhooks = new[-4:]
        ws, wss, http, phoenix = (count - before for count, before in zip(now.open_ms, last.open_ms, strict=True))
        return Figures(
            events=events,
            client_events=client_events,
            bytes_in=bytes_in,
            deliveries=deliveries,
            bytes_out=bytes_out,
            presence=presence,
            queries=queries,
            webhooks=webhooks,
            failed_webhooks=failed_webhooks,
            refusals=refusals,
            ws=ws,
            wss=wss,
            http=http,
            phoenix=phoenix,
            sizes=tuple(sizes),
            largest=meter.take_largest(),
            peak=peak,
            latencies=latencies or NOTHING.latencies,
        )
