"""The way to Redis that mends itself: one server or all primaries of a Cluster, looked for anew whenever one is lost.

Knows which server has a key or a topic, and which topics are to be heard. Does not know what scripts do, nor what is
told on a topic.
"""

import asyncio
import logging
import random
from binascii import crc_hqx
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

from hubbub.durations import Durations
from hubbub.engine.redis.cluster import Cluster
from hubbub.engine.redis.finder import SLOTS, Finder, Layout, Named
from hubbub.engine.redis.greeting import Away, Unusable
from hubbub.engine.redis.link import Answer, Argument, Listening, Script
from hubbub.engine.redis.location import Address, Kind, Location, locate
from hubbub.engine.redis.sentinels import Sentinels
from hubbub.engine.redis.shard import Shard
from hubbub.errors import STORE_UNAVAILABLE
from hubbub.settings import ConfigurationError

_logger = logging.getLogger("hubbub.engine")

FIRST_PAUSE: Final = 0.1
LONGEST_PAUSE: Final = 2.0
"""Seconds: a pause before trying again is any time up to this, doubled after each try from the first to the longest.

All of it by chance ("full jitter"): many nodes that have lost one server do not come back in step.
"""

WELL: Final = 10.0
"""Seconds after which Redis is taken for well again: who loses it sooner waits as if it had not come back."""

REMINDER: Final = 10.0
"""Seconds between two lines in the log that say why Redis is still away."""

AT_ONCE: Final = 1000
"""Topics that are subscribed to again in one go: of a hundred thousand, nobody else is to wait for all."""

FINDERS: Final[dict[Kind, Callable[[Location], Finder]]] = {
    Kind.SINGLE: Named,
    Kind.SENTINEL: Sentinels,
    Kind.CLUSTER: Cluster,
}

SHARDED: Final = 7
"""The first major version whose Clusters have topics that only one shard hears of."""


def link_to(url: str, timeout: float) -> "Servers":
    """Give the way to Redis at a URL, not yet open. Raises ConfigurationError, which shows nothing of the URL.

    `timeout`: seconds in which Redis must answer.
    """
    return Servers(locate(url, timeout))


def slot_of(key: str) -> int:
    """Give the slot of a key or a topic: that of what is between its first braces, if anything is."""
    # "The hash tag": Redis Cluster Specification, "Hash tags".
    start = key.find("{")
    if start >= 0:
        end = key.find("}", start + 1)
        if end > start + 1:
            key = key[start + 1 : end]
    return crc_hqx(key.encode(), 0) % SLOTS


class Servers:
    """A `Link`. Made by `link_to`."""

    def __init__(self, location: Location) -> None:
        self._location = location
        self._finder = FINDERS[location.kind](location)
        self._is_cluster = location.kind is Kind.CLUSTER
        # "Pub/Sub has no relation to the key space. […] Publishing on db 10, will be heard by a subscriber on db 1": so
        # what is told in another database than the first is told on topics of its own. They begin as all do, so that a
        # user of Redis may be given them by the prefix.
        self._mark = f"/{location.database}" if location.database else ""
        self._is_sharded = False
        self._shards: dict[Address, Shard] = {}
        self._layout: Layout = {}  # as it was when the shards were connected to
        self._by_slot: list[Shard | None] = [None] * (SLOTS if self._is_cluster else 1)
        self._topics: set[str] = set()
        self._is_open = False
        self._is_closed = False
        self._reason = ""  # why a server was last lost
        self._lost_at = self._found_at = 0.0
        self._tries = 0  # since all was well for a while
        self._mending: asyncio.Task[None] | None = None
        self._asking: asyncio.Task[None] | None = None
        self._is_suspect = False
        self._news = asyncio.Event()  # `_suspect` was called
        self.round_trips = Durations()
        """See `Link.round_trips`."""

    # See `Link`

    async def open(self, listening: Listening) -> None:
        """See `Link.open`."""
        self._listening = listening
        try:
            await self._mend(is_first=True)
        except Unusable as problem:
            raise ConfigurationError(f"HUBBUB_ENGINE_URL: {problem}") from None
        finally:
            if not self._is_open:
                self._forget(*self._shards)
        self._finder.follow(self._suspect)

    async def close(self) -> None:
        """See `Link.close`."""
        self._is_closed = True
        self._is_open = False
        await self._finder.close()
        for task in (self._mending, self._asking):
            if task is not None:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
        await asyncio.gather(*(shard.close() for shard in self._shards.values()))
        self._forget(*self._shards)

    @property
    def is_open(self) -> bool:
        """See `Link.is_open`."""
        return self._is_open

    async def run(self, script: Script, keys: Sequence[str], arguments: Sequence[Argument]) -> Answer:
        """See `Link.run`."""
        return await self._shard(keys[0]).run(script, keys, arguments)

    async def publish(self, topic: str, message: bytes) -> None:
        """See `Link.publish`."""
        await self._shard(topic).publish(topic + self._mark, message)

    def publishing(self, topic: str) -> tuple[str, str]:
        """See `Link.publishing`."""
        return ("SPUBLISH" if self._is_sharded else "PUBLISH"), topic + self._mark

    async def subscribe(self, topic: str) -> None:
        """See `Link.subscribe`."""
        topic = topic + self._mark
        self._topics.add(topic)
        if (shard := self._by_slot[self._slot(topic)]) is not None:
            await shard.subscribe([topic])

    async def unsubscribe(self, topic: str) -> None:
        """See `Link.unsubscribe`."""
        topic = topic + self._mark
        self._topics.discard(topic)
        if (shard := self._by_slot[self._slot(topic)]) is not None:
            await shard.unsubscribe(topic)

    # Which server

    def _slot(self, key: str) -> int:
        return slot_of(key) if self._is_cluster else 0

    def _shard(self, key: str) -> Shard:
        shard = self._by_slot[self._slot(key)]
        if shard is None:
            raise STORE_UNAVAILABLE()
        return shard

    # Mending

    def _lost(self, shard: Shard, reason: str) -> None:
        """Look for all primaries anew; called by a shard, in line."""
        self._forget(shard.address)
        self._reason = reason
        if self._is_open:
            self._is_open = False
            self._lost_at = asyncio.get_running_loop().time()
            if self._lost_at - self._found_at > WELL:
                self._tries = 0
            self._mending = asyncio.create_task(self._mend())
            _logger.warning("Redis is away: %s", reason)
            self._listening.lost(reason)

    def _suspect(self) -> None:
        """See whether the primary is another by now; called by the finder, in line."""
        self._is_suspect = True
        self._news.set()
        if self._is_open and (self._asking is None or self._asking.done()):
            self._asking = asyncio.create_task(self._ask())

    async def _ask(self) -> None:
        while self._is_suspect and self._is_open:
            self._is_suspect = False
            with suppress(Away):  # all Sentinels are away; the primary is not, as far as is known
                layout = await self._finder.find()
                for shard in list(self._shards.values()):
                    if self._layout[shard.address] != layout.get(shard.address):
                        shard.lose(f"{shard.address} is the primary no more")

    async def _mend(self, *, is_first: bool = False) -> None:
        """Try until all is well. Raises Unusable, but only the first time: what was well once may be again."""
        loop = asyncio.get_running_loop()
        said, said_at = "", 0.0
        while True:
            if self._tries or not is_first:
                await self._pause(random.uniform(0, min(LONGEST_PAUSE, FIRST_PAUSE * 2**self._tries)))  # noqa: S311
            self._tries = min(self._tries + 1, 30)
            try:
                await self._reach()
                break
            except Away as trouble:
                if is_first and isinstance(trouble, Unusable):
                    raise
                reason, now = str(trouble), loop.time()
                if reason != said or now - said_at >= REMINDER:
                    said, said_at = reason, now
                    _logger.warning("Redis is %s: %s", "not there yet" if is_first else "still away", reason)
        self._is_open, self._mending, self._found_at = True, None, loop.time()
        if not is_first:
            seconds = self._found_at - self._lost_at
            _logger.warning("Redis is back after %.1f s", seconds)
            self._listening.found(seconds)

    async def _pause(self, seconds: float) -> None:
        """Wait, but no longer than until there may be another primary."""
        self._news.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._news.wait()

    async def _reach(self) -> None:
        """Connect to all primaries that are not connected to, and subscribe to their topics. Raises Away."""
        layout = await self._finder.find()
        self._forget(*(address for address in self._shards if self._layout[address] != layout.get(address)))
        shards = await self._connect([address for address in layout if address not in self._shards])
        self._take(layout, shards)
        topics: dict[Shard, list[str]] = {shard: [] for shard in shards}
        for topic in self._topics:
            owner = self._by_slot[self._slot(topic)]
            if owner in topics:
                topics[owner].append(topic)
        await asyncio.gather(*(self._hear_again(shard, wanted) for shard, wanted in topics.items()))
        if self._shards.keys() != layout.keys():
            raise Away(self._reason)

    async def _connect(self, addresses: list[Address]) -> list[Shard]:
        """Connect to all of them, or to none. Raises Away."""
        opening = [asyncio.create_task(Shard.open(address, self._location)) for address in addresses]
        try:
            return await asyncio.gather(*opening)
        except BaseException:
            for task in opening:
                task.cancel()
            for opened in await asyncio.gather(*opening, return_exceptions=True):
                if isinstance(opened, Shard):
                    opened.drop()
            raise

    async def _hear_again(self, shard: Shard, topics: list[str]) -> None:
        for start in range(0, len(topics), AT_ONCE):
            await shard.subscribe([topic for topic in topics[start : start + AT_ONCE] if topic in self._topics])

    def _take(self, layout: Layout, shards: list[Shard]) -> None:
        """Let calls and topics go to shards that have just been connected to, beside those that are left."""
        all_shards = [*self._shards.values(), *shards]
        is_sharded = self._is_cluster and all(shard.greeting.version >= SHARDED for shard in all_shards)
        if self._shards and is_sharded != self._is_sharded:
            self._forget(*self._shards)
            for shard in shards:
                shard.drop()
            raise Away("the Cluster's version has changed")
        self._layout, self._is_sharded = layout, is_sharded
        for shard in shards:
            self._shards[shard.address] = shard
            for slots in layout[shard.address] if self._is_cluster else [range(1)]:
                self._by_slot[slots.start : slots.stop] = [shard] * len(slots)
        hear = self._hear_marked if self._mark else self._listening.hear
        for shard in shards:
            shard.begin(hear, self._lost, self.round_trips.took, is_sharded=is_sharded)

    def _hear_marked(self, topic: bytes, message: bytes) -> None:
        self._listening.hear(topic[: -len(self._mark)], message)

    def _forget(self, *addresses: Address) -> None:
        """Give up what is left of shards, if anything is."""
        for address in addresses:
            if (shard := self._shards.pop(address, None)) is not None:
                shard.drop()
                self._by_slot = [None if found is shard else found for found in self._by_slot]
