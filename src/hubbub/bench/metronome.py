"""A steady beat, finer than the milliseconds in which event loops set their timers.

Knows a thread that sleeps until something is due and wakes the loop. Does not know what is due.
"""

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Final

FINEST: Final = 500_000
"""Nanoseconds between two beats at least: each costs the loop some 20 µs."""


class Metronome:
    """Calls `beat` in the running loop at `start` and then every `interval`, until `end`; in nanoseconds."""

    def __init__(self, start: int, interval: float, end: int, beat: Callable[[], None]) -> None:
        self._start = start
        self._step = max(interval, FINEST)
        self._end = end
        self._beat = beat
        self._loop = asyncio.get_running_loop()
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="metronome", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Beat no more."""
        self._is_over.set()
        self._thread.join()

    def _run(self) -> None:
        count = 0
        while (due := self._start + int(count * self._step)) < self._end:
            rest = due - time.monotonic_ns()
            if rest > 100_000_000:  # so that `stop` need not wait for a slow beat
                if self._is_over.wait(0.05):
                    return
                continue
            if rest > 0:
                time.sleep(rest / 1e9)
            if self._is_over.is_set():
                return
            self._loop.call_soon_threadsafe(self._beat)
            # Beats that were slept through are one.
            count = max(count + 1, int((time.monotonic_ns() - self._start) / self._step))
