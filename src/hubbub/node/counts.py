"""How many subscriptions a channel has, told to those who have one.

Pusher sends the number "after each subscribe/unsubscribe"; with more than 100 subscribers at most every five seconds,
while it changes.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from hubbub.node.gates import Gates

MANY: Final = 100
"""Subscribers beyond whom not each change is told."""

SECONDS: Final = 5.0
"""Between two numbers told to that many."""

Place = tuple[str, str]

logger = logging.getLogger("hubbub.node")


class Counts:
    """Tells numbers at their time. `count` gives a channel's number of subscriptions, `tell` tells it."""

    def __init__(
        self, count: Callable[[str, str], Awaitable[int]], tell: Callable[[str, str, int], Awaitable[None]]
    ) -> None:
        self._count = count
        self._tell = tell
        # One after the other, or the last number told might not be the last there was.
        self._gates = Gates()
        # Channels of many that were told a number less than SECONDS ago, and whether it has changed since.
        self._changed: dict[Place, bool] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def changed(self, app_id: str, channel: str) -> None:
        """Tell the number now, or later if the channel's many subscribers were told one just now."""
        place = (app_id, channel)
        async with self._gates.of(app_id, channel):
            if place in self._changed:
                self._changed[place] = True
                return
            count = await self._count(app_id, channel)
            if count > MANY:
                self._rest(place)
            if count:
                await self._tell(app_id, channel, count)

    def stop(self) -> None:
        """Tell nothing more."""
        for task in self._tasks:
            task.cancel()

    def _rest(self, place: Place) -> None:
        self._changed[place] = False
        task = asyncio.ensure_future(self._tell_later(place))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _tell_later(self, place: Place) -> None:
        await asyncio.sleep(SECONDS)
        if self._changed.pop(place):
            try:
                await self.changed(*place)
            except Exception:
                logger.exception("a channel was not told its number of subscriptions")
