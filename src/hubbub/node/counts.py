"""How many subscriptions a channel has, told to those who have one.

Pusher sends the number "after each subscribe/unsubscribe"; with more than 100 subscribers at most every five seconds,
while it changes.
"""

import asyncio
from collections.abc import Coroutine
from typing import Final, Protocol

from hubbub.errors import Refusal
from hubbub.logs import named
from hubbub.node.gates import Gates

MANY: Final = 100
"""Subscribers beyond whom not each change is told."""

SECONDS: Final = 5.0
"""Between two numbers told to that many."""

AGAIN: Final = 1.0
"""Seconds after which a node that did not answer is asked again: most are back by then, or given up a little later."""

AT_ONCE: Final = 1000
"""Channels of which other nodes are asked in one question."""

Place = tuple[str, str]

logger = named("hubbub.node")


class Local(Protocol):
    """What is known and told of subscriptions, here and in the cluster."""

    def count(self, app_id: str, channel: str) -> int:
        """Count the subscriptions to a channel here."""

    async def subscription_counts(self, app_id: str, channels: list[str]) -> list[int]:
        """Count the subscriptions to each channel in the cluster."""

    @property
    def unanswered(self) -> int:
        """How many questions another node has not answered in time, ever."""

    async def tell_count(self, app_id: str, channel: str, count: int) -> None:
        """Tell a channel its number, on all nodes."""

    def tell_count_here(self, app_id: str, channel: str, count: int) -> None:
        """Tell it on this node."""


class Counts:
    """Tells numbers at their time."""

    def __init__(self, local: Local) -> None:
        self._local = local
        # What the channels that have subscribers here were told last, where numbers are told.
        self._known: dict[Place, int] = {}
        # Channels whose number has changed here, and could not be found out or told on all nodes; and those of which a
        # number was told without that of a node that did not answer.
        self._owed: dict[Place, None] = {}
        self._asks_again = False
        # One after the other, or the last number told might not be the last there was.
        self._gates = Gates()
        # Channels of many that were told a number less than SECONDS ago, and whether it has changed since.
        self._changed: dict[Place, bool] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def changed(self, app_id: str, channel: str) -> None:
        """Tell the number now, or later if the channel's many subscribers were told one just now.

        Raises what asking for it or telling it does; the next `recount` tells it then.
        """
        place = (app_id, channel)
        async with self._gates.of(app_id, channel):
            if place in self._changed:
                self._changed[place] = True
                return
            unanswered = self._local.unanswered
            try:
                count = (await self._local.subscription_counts(app_id, [channel]))[0]
                if self._local.unanswered != unanswered:
                    self._owed[place] = None
                    self._ask_again()
                self._note(place, count)
                if count > MANY:
                    self._rest(place)
                if count:
                    await self._local.tell_count(app_id, channel, count)
            except Refusal:
                self._owed[place] = None
                raise

    def told(self, app_id: str, channel: str, count: int) -> None:
        """Note that another node told a number to all: many are not told the next at once."""
        self._note((app_id, channel), count)
        if count > MANY and (app_id, channel) not in self._changed:
            self._rest((app_id, channel))

    def forget(self, app_id: str, channel: str) -> None:
        """Note that a channel has no subscribers here any more, and is not counted."""
        self._known.pop((app_id, channel), None)
        self._owed.pop((app_id, channel), None)

    async def recount(self) -> None:
        """Tell what has changed without a word: a node is lost, or the cluster was away.

        What changed here is told on all nodes, which have heard nothing of it; what did elsewhere, to those here.
        """
        await self._settle()
        channels: dict[str, list[str]] = {}
        for app_id, channel in self._known:
            channels.setdefault(app_id, []).append(channel)
        for app_id, names in channels.items():
            for start in range(0, len(names), AT_ONCE):
                some = names[start : start + AT_ONCE]
                counts = await self._local.subscription_counts(app_id, some)
                for channel, count in zip(some, counts, strict=True):
                    if count != self._known.get((app_id, channel), count):
                        await self._tell_here(app_id, channel)

    async def _settle(self) -> None:
        """Tell on all nodes what is owed to them."""
        for place in list(self._owed):
            self._owed.pop(place, None)  # it is owed again if this fails
            await self.changed(*place)

    async def _tell_here(self, app_id: str, channel: str) -> None:
        place = (app_id, channel)
        async with self._gates.of(app_id, channel):
            count = (await self._local.subscription_counts(app_id, [channel]))[0]
            if count != self._known.get(place, count):
                self._note(place, count)
                self._local.tell_count_here(app_id, channel, count)

    def _note(self, place: Place, count: int) -> None:
        if self._local.count(*place):
            self._known[place] = count
        else:
            self._known.pop(place, None)

    def stop(self) -> None:
        """Tell nothing more."""
        for task in self._tasks:
            task.cancel()

    def _rest(self, place: Place) -> None:
        if place in self._changed:
            return  # another node told a number while the cluster was asked for ours
        self._changed[place] = False
        self._start(self._tell_later(place))

    def _ask_again(self) -> None:
        """Settle what is owed in a while: a node may have been frozen, or cut off, and nobody tells when it is back."""
        if not self._asks_again:
            self._asks_again = True
            self._start(self._settle_later())

    async def _settle_later(self) -> None:
        await asyncio.sleep(AGAIN)
        self._asks_again = False
        try:
            await self._settle()
        except Refusal:
            pass  # the cluster is away; who tells that it is back has all recounted
        except Exception:
            logger.exception("Channels were not told their number of subscriptions")

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _tell_later(self, place: Place) -> None:
        await asyncio.sleep(SECONDS)
        if self._changed.pop(place):
            try:
                await self.changed(*place)
            except Exception:
                logger.exception("A channel was not told its number of subscriptions")
