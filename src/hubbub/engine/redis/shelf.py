"""The last event of each cache channel, as Redis keeps it.

Of an application's channels so many may keep one, wherever they live: the application has them in a row of its own,
which a channel enters before it keeps an event, so that who is pushed out is known first. Who was pushed out and keeps
another event at the same moment keeps that: its place in the row is compared.
"""

import math
from typing import Any

from hubbub.engine.redis import parcels
from hubbub.engine.redis.keys import Names, bucket_of
from hubbub.engine.redis.link import Link
from hubbub.engine.redis.scripts import FORGET, KEEP, MISS, QUEUE, RECALL
from hubbub.engine.seam import Cached
from hubbub.messages import Event


class Shelf:
    """Kept, recalled, forgotten. Every call may raise STORE_UNAVAILABLE."""

    def __init__(self, link: Link, names: Names) -> None:
        self._link = link
        self._names = names

    async def keep(self, app_id: str, event: Event, exclude: str | None, seconds: int, most: int) -> int:
        """Keep an event, and have it told to who subscribes; gives the number with which it was told."""
        names, channel = self._names, event.channel
        milliseconds = seconds * 1000
        row = [names.order(app_id), names.keeping(app_id), names.ends(app_id)]
        queued: Any = await self._link.run(QUEUE, row, [channel, milliseconds, most])
        bucket = bucket_of(app_id, channel)
        command, topic = self._link.publishing(names.topic(bucket, channel))
        keys = [names.number(bucket), names.nodes(bucket, channel)]
        keys += [names.kept(bucket, channel), names.missed(bucket, channel)]
        packed = parcels.pack_kept(event, exclude, seconds)
        number: Any = await self._link.run(KEEP, keys, [command, topic, queued[0], packed, milliseconds])
        for name, place in zip(queued[1::2], queued[2::2], strict=True):
            await self._forget(app_id, name.decode(), place)
        return int(number)

    async def recall(self, app_id: str, channel: str) -> Cached | None:
        """See `Engine.recall`."""
        answer: Any = await self._link.run(RECALL, [self._names.kept(bucket_of(app_id, channel), channel)], [])
        kept, milliseconds = answer
        if kept is None or milliseconds <= 0:
            return None
        event, _, _ = parcels.unpack_kept(memoryview(kept)[32:], channel)
        return Cached(event, math.ceil(milliseconds / 1000))

    async def miss(self, app_id: str, channel: str, seconds: int) -> bool:
        """See `Engine.miss`."""
        return await self._link.run(MISS, [self._names.missed(bucket_of(app_id, channel), channel)], [seconds]) == 1

    async def _forget(self, app_id: str, channel: str, place: bytes) -> None:
        names, bucket = self._names, bucket_of(app_id, channel)
        command, topic = self._link.publishing(names.topic(bucket, channel))
        keys = [names.number(bucket), names.nodes(bucket, channel), names.kept(bucket, channel)]
        await self._link.run(FORGET, keys, [command, topic, place])
