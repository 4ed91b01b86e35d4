"""The places for connections of one application that a node holds, and who waits for one.

Knows: how many there should be, and whose turn it is. Does not know the engine: what is asked of it, `quota` asks.
"""

import asyncio
import time
from collections import deque
from typing import Final

from hubbub.errors import OVER_QUOTA

SPARE: Final = 16
"""One of so many of an application's places is the most that a node holds in advance …"""

GROWTH: Final = 4
"""… and one for so many that it needs, or many nodes with few connections would hold them all."""

FEW_SECONDS: Final = 10.0
"""For how long nobody holds places in advance, after there were none to be had."""

RECALL_PAUSES: Final = (0.005, 0.01, 0.02, 0.04, 0.08, 0.16)
"""Seconds for which those who come wait, the first time, for what other nodes give back; then one looks again."""

WHATEVER: Final = 2**31 - 1
"""A limit that refuses nobody, for who is there already."""

UNKNOWN: Final = -1
"""What the engine knows to be held, when it may or may not have heard."""


class Places:
    """Those of one application. `told` is what the engine knows to be held; of that, `held` is not to be given back.

    `waiting` are those who came when there was none, `coming` how many of them were told since that there is one, and
    have yet to take it. `is_over` says that all nodes together may hold more than the limit; `elsewhere` is what others
    had at most when places became few.
    """

    __slots__ = (
        "_few_until", "_pauses", "app_id", "coming", "elsewhere", "held", "is_over", "limit", "task",
        "told", "told_at", "waiting",
    )  # fmt: skip

    def __init__(self, app_id: str) -> None:
        self.app_id = app_id
        self.limit = 0
        self.held = 0
        self.coming = 0
        self.elsewhere = 0
        self.told = 0
        self.is_over = False
        self.waiting: deque[asyncio.Future[None]] = deque()
        self.task: asyncio.Task[None] | None = None
        self.told_at = self._few_until = float("-inf")
        self._pauses = iter(RECALL_PAUSES)

    @property
    def is_tight(self) -> bool:
        """Whether nobody should hold places in advance."""
        return self.is_over or self.are_few

    @property
    def is_empty(self) -> bool:
        """Whether nothing need be known of them."""
        return not (self.held or self.coming or self.waiting or self.is_owed or self.are_few)

    @property
    def are_few(self) -> bool:
        """Whether there was none to be had in advance, not long ago."""
        return time.monotonic() < self._few_until

    @property
    def is_owed(self) -> bool:
        """Whether the engine may not know what is held."""
        return self.told != self.held

    def spare(self, needed: int) -> int:
        """Give how many should be held in advance."""
        return 0 if self.is_tight else min(self.limit // SPARE, needed // GROWTH)

    def wanted(self, count: int) -> int:
        """Give how many should be held where there are `count` connections."""
        if not self.limit:
            return 0
        here = count + self.coming
        needed = here + len(self.waiting)
        spare = self.spare(needed)
        if spare // 2 < self.held - needed <= 2 * spare:
            return self.held
        return max(here, min(needed + spare, self.limit))

    def tighten(self, elsewhere: int) -> None:
        """Hold none in advance for a while. `elsewhere` is how many other nodes hold now."""
        now = time.monotonic()
        if not self.are_few:
            self._pauses = iter(RECALL_PAUSES)
        self.elsewhere = elsewhere
        self._few_until = now + FEW_SECONDS

    async def pause(self) -> bool:
        """Give other nodes time to give places back; False when they have had it."""
        for seconds in self._pauses:
            await asyncio.sleep(seconds)
            return True
        return False

    def let_in(self, free: int) -> int:
        """Tell those who have waited longest that there are places, so many at most; give how many were told."""
        told = 0
        while self.waiting and free > self.coming:
            place = self.waiting.popleft()
            if not place.done():
                place.set_result(None)
                self.coming += 1
            told += 1
        return told

    def refuse(self, most: int) -> None:
        """Refuse so many of those who have waited longest."""
        for _ in range(min(most, len(self.waiting))):
            place = self.waiting.popleft()
            if not place.done():
                place.set_exception(OVER_QUOTA(limit=self.limit))

    def drift(self) -> None:
        """Let those who wait look again: the engine cannot be asked, and may or may not have heard what it was told."""
        self.told = UNKNOWN
        self.let_in(WHATEVER)
