"""The stretch of time that is measured: what was counted in it, and how busy this process was.

Knows the clock. Does not know what is counted.
"""

import asyncio
import time
from collections.abc import Callable

from hubbub.bench.orders import Go


class Window:
    """Counts `units` between two moments. Its figures are there when `run` has come back."""

    def __init__(self, go: Go, units: Callable[[], int]) -> None:
        self.begin = go.begin
        self.units = 0
        self.seconds = 0.0
        self.busy = 0.0
        self._go = go
        self._units = units

    async def run(self, stop: asyncio.Event) -> None:
        """Wait until the window is over, or `stop` is set."""
        await until(self._go.begin, stop)
        units, began, used = self._units(), time.monotonic_ns(), time.process_time()
        await until(self._go.end, stop)
        self.units = self._units() - units
        self.seconds = (time.monotonic_ns() - began) / 1e9
        self.busy = (time.process_time() - used) / self.seconds if self.seconds > 0 else 0.0


async def until(moment: int, stop: asyncio.Event) -> None:
    """Wait for a moment of the monotonic clock, in nanoseconds, or until `stop` is set."""
    rest = (moment - time.monotonic_ns()) / 1e9
    if rest > 0 and not stop.is_set():
        try:
            await asyncio.wait_for(stop.wait(), rest)
        except TimeoutError:
            return
