"""One timer for all connections.

A timer per socket costs an object and a heap operation each time it is moved. Here a connection that is heard of only
notes the wheel's time; when its turn comes it looks whether it is really due.
"""

import asyncio
import logging
import math
from typing import Protocol

logger = logging.getLogger("hubbub.wheel")

TICK = 0.25
"""Seconds between two turns. A deadline is never kept early, and up to two turns late."""


class Due(Protocol):
    """Something with a deadline. `slot` is the wheel's own note: the turn it waits for, 0 for none."""

    slot: int

    def on_due(self) -> None:
        """The deadline has come; it is watched no more unless it asks again."""


class Wheel:
    """Calls `on_due` of what is watched, not before its deadline."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._slots: dict[int, set[Due]] = {}
        self._turn = math.floor(loop.time() / TICK)
        self._timer: asyncio.TimerHandle | None = None
        self.now = loop.time()
        """Seconds on the loop's clock, a tick old at most: for noting times without asking the clock."""

    def start(self) -> None:
        """Begin to turn."""
        self._timer = self._loop.call_later(TICK, self._tick)

    def stop(self) -> None:
        """Turn no more."""
        if self._timer is not None:
            self._timer.cancel()

    def watch(self, due: Due, seconds: float) -> None:
        """Call `due.on_due()` in so many seconds, in place of any deadline it had."""
        self.forget(due)
        due.slot = max(math.ceil((self.now + seconds) / TICK), self._turn) + 1
        self._slots.setdefault(due.slot, set()).add(due)

    def forget(self, due: Due) -> None:
        """Take the deadline away, if there is one."""
        if due.slot and (waiting := self._slots.get(due.slot)) is not None:
            waiting.discard(due)
        due.slot = 0

    def _tick(self) -> None:
        self._timer = self._loop.call_later(TICK, self._tick)
        self.now = self._loop.time()
        last = math.floor(self.now / TICK)
        while self._turn < last:
            self._turn += 1
            for due in self._slots.pop(self._turn, ()):
                # Another of this turn may have forgotten it, or moved it.
                if due.slot == self._turn:
                    due.slot = 0
                    try:
                        due.on_due()
                    except Exception:
                        logger.exception("a deadline could not be kept")
