"""One timer for all connections.

A timer per socket costs an object and a heap operation each time it is moved. Here a connection that is heard of only
notes the wheel's time; when its turn comes it looks whether it is really due.
"""

import asyncio
import math
import time
from collections.abc import Callable
from typing import Protocol

from hubbub.durations import Durations
from hubbub.logs import named

logger = named("hubbub.wheel")

TICK = 0.25
"""Seconds between two turns. A deadline is never kept early, and up to two turns late."""


class Due(Protocol):
    """Something with a deadline. `slot` is the wheel's own note: the turn it waits for, 0 for none."""

    slot: int

    def on_due(self) -> None:
        """The deadline has come; it is watched no more unless it asks again."""


class _Turn:
    """Who waits for one turn. A set of as many would take up to three times the memory of a dictionary."""

    __slots__ = ("number", "waiting")

    def __init__(self, number: int) -> None:
        self.number = number
        self.waiting: dict[Due, None] = {}


class Wheel:
    """Calls `on_due` of what is watched, not before its deadline, and `ticked` with each tick."""

    def __init__(self, loop: asyncio.AbstractEventLoop, ticked: Callable[[], object] = lambda: None) -> None:
        self._loop = loop
        self._ticked = ticked
        self._expected = 0.0
        self.lags = Durations()
        """How late ticks were: all else had to wait as long."""
        self._turns: dict[int, _Turn] = {}
        self._next: dict[float, _Turn] = {}  # those looked for since the last tick, by how far off they are
        self._turn = math.floor(loop.time() / TICK)
        self._timer: asyncio.TimerHandle | None = None
        self.now = loop.time()
        """Seconds on the loop's clock, a tick old at most: for noting times without asking the clock."""

    def start(self) -> None:
        """Begin to turn."""
        self._expected = time.perf_counter() + TICK
        self._timer = self._loop.call_later(TICK, self._tick)

    def stop(self) -> None:
        """Turn no more."""
        if self._timer is not None:
            self._timer.cancel()

    def watch(self, due: Due, seconds: float) -> None:
        """Call `due.on_due()` in so many seconds, in place of any deadline it had."""
        if due.slot:
            self.forget(due)
        turn = self._next.get(seconds)
        if turn is None:
            turn = self._next[seconds] = self._turn_in(seconds)
        due.slot = turn.number  # the same object for all: 32 bytes each
        turn.waiting[due] = None

    def forget(self, due: Due) -> None:
        """Take the deadline away, if there is one."""
        if due.slot and (turn := self._turns.get(due.slot)) is not None:
            del turn.waiting[due]
        due.slot = 0

    def _turn_in(self, seconds: float) -> _Turn:
        number = max(math.ceil((self.now + seconds) / TICK), self._turn) + 1
        turn = self._turns.get(number)
        if turn is None:
            turn = self._turns[number] = _Turn(number)
        return turn

    def _tick(self) -> None:
        now = time.perf_counter()
        self.lags.took(max(now - self._expected, 0.0))
        self._expected = now + TICK
        self._ticked()
        self._timer = self._loop.call_later(TICK, self._tick)
        self.now = self._loop.time()
        self._next = {}
        last = math.floor(self.now / TICK)
        while self._turn < last:
            self._turn += 1
            turn = self._turns.pop(self._turn, None)
            for due in turn.waiting if turn is not None else ():
                # Another of this turn may have forgotten it, or moved it.
                if due.slot == self._turn:
                    due.slot = 0
                    try:
                        due.on_due()
                    except Exception:
                        logger.exception("a deadline could not be kept")
