"""Who is there, as Redis knows it now: of any channel, and not as this node was told."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from hubbub.engine.redis import parcels
from hubbub.engine.redis.entries import Entries
from hubbub.engine.redis.keys import BUCKETS, Names, bucket_of
from hubbub.engine.redis.link import Link, Script
from hubbub.engine.redis.rosters import Rosters, members_of
from hubbub.engine.redis.scripts import CHANNELS, IS_MEMBER, MEMBERS, OCCUPIED, USER_COUNTS
from hubbub.errors import STORE_UNAVAILABLE
from hubbub.messages import Member


class Register:
    """Asked, never written. Every call may raise STORE_UNAVAILABLE."""

    def __init__(self, link: Link, names: Names, entries: Entries, rosters: Rosters) -> None:
        self._link = link
        self._names = names
        self._entries = entries
        self._rosters = rosters

    async def members(self, app_id: str, channel: str) -> dict[str, Member]:
        """See `Engine.members`."""
        found: Any = await self._link.run(MEMBERS, [self._names.members(bucket_of(app_id, channel), channel)], [])
        return members_of(found)

    async def is_present(self, app_id: str, channel: str, user_id: str) -> bool:
        """See `Engine.is_present`."""
        key = self._names.members(bucket_of(app_id, channel), channel)
        return self._certain(await self._link.run(IS_MEMBER, [key], [user_id]) == 1)

    async def user_counts(self, app_id: str, channels: Sequence[str]) -> list[int]:
        """See `Engine.user_counts`."""
        counts = await self._look(USER_COUNTS, self._names.members, app_id, channels)
        return [counts[channel] for channel in channels]

    async def occupied(self, app_id: str, channels: Sequence[str]) -> list[bool]:
        """See `Engine.occupied`. What this node holds, or was told of who is online, it need not ask."""
        known: dict[str, bool] = {}
        for channel in channels:
            roster = self._rosters.get(app_id, channel)
            if self._entries.holds(app_id, channel):
                known[channel] = True
            elif roster is not None and parcels.user_of(channel) is not None:
                known[channel] = roster.is_online
        asked = [channel for channel in channels if channel not in known]
        found = await self._look(OCCUPIED, self._names.nodes, app_id, asked)
        return [known[channel] if channel in known else self._certain(found[channel] == 1) for channel in channels]

    async def channels(self, app_id: str, prefix: str) -> list[str]:
        """See `Engine.channels`."""
        start = b"[" + prefix.encode() if prefix else b"-"
        end = b"(" + prefix.encode() + b"\xff" if prefix else b"+"
        found: Any = await asyncio.gather(
            *(
                self._link.run(CHANNELS, [self._names.occupied(f"{app_id}.{bucket}")], [start, end])
                for bucket in range(BUCKETS)
            )
        )
        return [name.decode() for names in found for name in names]

    def _certain(self, is_there: bool) -> bool:
        """Give an answer, unless others may not yet have entered again what Redis forgot: then who knows."""
        if not is_there and self._rosters.in_doubt:
            raise STORE_UNAVAILABLE()
        return is_there

    async def _look(
        self, script: Script, key_of: Callable[[str, str], str], app_id: str, channels: Sequence[str]
    ) -> dict[str, int]:
        """Run a script that looks at many channels in each bucket of theirs."""
        buckets: dict[str, list[str]] = {}
        for channel in dict.fromkeys(channels):
            buckets.setdefault(bucket_of(app_id, channel), []).append(channel)
        found: Any = await asyncio.gather(
            *(
                self._link.run(script, [key_of(bucket, channel) for channel in some], [])
                for bucket, some in buckets.items()
            )
        )
        return {
            channel: value
            for some, values in zip(buckets.values(), found, strict=True)
            for channel, value in zip(some, values, strict=True)
        }
