"""How long a message takes here: from when this node has it until it is written to the last who is to have it here.

Timed are samples: of each application one message, then the next that comes REST seconds later; so of a quiet
application every one. Knows: what is on its way in a channel, and when that is written. Does not know what it is.
"""

import time
from bisect import bisect_left
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Final

from hubbub.durations import Durations
from hubbub.hub.meters import Meter, Timed
from hubbub.statistics.figures import LATENCIES

REST: Final = 1.0
"""Seconds between two samples of one application."""

AT_ONCE: Final = 500
"""Applications that are timed again in one go: a sample costs some microseconds."""

_BOUNDS: Final = tuple(bound for bound in LATENCIES if bound is not None)


class Stopwatch:
    """Times messages. `soon` is that of the hub, `later` takes seconds and a call; `clock` gives seconds, steadily."""

    def __init__(
        self,
        soon: Callable[[Callable[[], None]], object],
        later: Callable[[float, Callable[[], None]], object],
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._soon = soon
        self._later = later
        self._clock = clock
        self._resting: deque[tuple[str, Meter]] = deque()
        self._latencies: dict[str, list[int]] = {}
        self.durations = Durations([bound / 1e6 for bound in _BOUNDS])
        """What all samples took, since the start."""

    def begin(self, app_id: str, meter: Meter) -> None:
        """Time the next message of an application."""
        meter.watch = partial(self._started, app_id, meter)

    def take(self) -> dict[str, tuple[int, ...]]:
        """Give the latencies of each application that had any since this was asked last, as a histogram."""
        taken, self._latencies = self._latencies, {}
        return {app_id: tuple(histogram) for app_id, histogram in taken.items()}

    def _started(self, app_id: str, meter: Meter, channel: Timed) -> None:
        meter.watch = None
        if not self._resting:
            self._later(REST, self._rested)
        self._resting.append((app_id, meter))
        # After the turn in which most are written: to ask the channel now would cut in two what it writes in that turn.
        self._soon(partial(channel.when_written, partial(self._ended, app_id, self._clock())))

    def _ended(self, app_id: str, started: float) -> None:
        histogram = self._latencies.get(app_id)
        if histogram is None:
            histogram = self._latencies[app_id] = [0] * len(LATENCIES)
        seconds = self._clock() - started
        histogram[bisect_left(_BOUNDS, seconds * 1e6)] += 1
        self.durations.took(seconds)

    def _rested(self) -> None:
        for _ in range(min(AT_ONCE, len(self._resting))):
            self.begin(*self._resting.popleft())
        if self._resting:
            self._later(REST, self._rested)
