"""The engine of a single node: dictionaries. Nothing here ever waits."""

import heapq
import math
import time
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from hubbub.engine.seam import Cached, Transition
from hubbub.errors import PRESENCE_FULL
from hubbub.messages import Envelope, Event, Member

Members = dict[str, Member]
Place = tuple[str, str]

_encode = msgspec.msgpack.Encoder().encode
_decoder = msgspec.msgpack.Decoder(Event)

SWEPT: Final = 100
"""Cached events that are over and are taken away in one go: half a million would take a second."""


class Memory:
    """A cluster of one. `clock` gives seconds that never go back."""

    is_alone = True

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._channels: dict[str, dict[str, Members]] = {}
        # By application and channel, with the time at which each ends; the one noted longest ago comes first.
        # As bytes: a text with one emoji in it takes four times its letters.
        self._cached: dict[str, dict[str, tuple[bytes, float]]] = {}
        self._missed: dict[Place, float] = {}
        # When to look whether a place has ended: what is noted anew meanwhile is looked at again.
        self._cached_ends: list[tuple[float, Place]] = []
        self._missed_ends: list[tuple[float, Place]] = []

    async def start(self, receive: Callable[[Envelope], None]) -> None:
        """Nothing will be received: there is no other node."""

    async def stop(self) -> None:
        """Nothing to leave behind."""

    async def publish(self, envelope: Envelope) -> None:
        """There is nobody else to tell."""

    async def subscribe(self, app_id: str, channel: str) -> None:
        """There is nobody else to hear."""

    async def unsubscribe(self, app_id: str, channel: str) -> None:
        """There is nobody else to hear."""

    async def enter(
        self, app_id: str, channel: str, *, occupies: bool, member: Member | None, limit: int
    ) -> Transition:
        """See `Engine.enter`."""
        members = self._channels.get(app_id, {}).get(channel, {})
        is_new = member is not None and member.user_id not in members
        if is_new and len(members) >= limit:
            raise PRESENCE_FULL(channel=channel, limit=limit)
        if occupies:
            self._channels.setdefault(app_id, {})[channel] = members
        if member is None or not is_new:
            return Transition(channel=occupies)
        members[member.user_id] = member
        return Transition(channel=occupies, member=member)

    async def leave(self, app_id: str, channel: str, *, vacates: bool, user_id: str | None) -> Transition:
        """See `Engine.leave`."""
        channels = self._channels[app_id]
        member = channels[channel].pop(user_id) if user_id is not None else None
        if vacates:
            del channels[channel]
            if not channels:
                del self._channels[app_id]
        return Transition(channel=vacates, member=member)

    async def members(self, app_id: str, channel: str) -> dict[str, Member]:
        """See `Engine.members`."""
        return dict(self._channels.get(app_id, {}).get(channel, {}))

    async def user_counts(self, app_id: str, channels: Sequence[str]) -> list[int]:
        """See `Engine.user_counts`."""
        known = self._channels.get(app_id, {})
        return [len(known.get(channel, ())) for channel in channels]

    async def count_elsewhere(self, app_id: str, channel: str) -> int:
        """There is no elsewhere."""
        return 0

    async def occupied(self, app_id: str, channels: Sequence[str]) -> list[bool]:
        """See `Engine.occupied`."""
        known = self._channels.get(app_id, {})
        return [channel in known for channel in channels]

    async def channels(self, app_id: str, prefix: str) -> list[str]:
        """See `Engine.channels`."""
        return [name for name in self._channels.get(app_id, ()) if name.startswith(prefix)]

    async def remember(self, app_id: str, event: Event, seconds: int, most: int) -> None:
        """See `Engine.remember`."""
        now = self._clock()
        self._sweep(now)
        self._missed.pop((app_id, event.channel), None)
        cached = self._cached.setdefault(app_id, {})
        if cached.pop(event.channel, None) is None:
            heapq.heappush(self._cached_ends, (now + seconds, (app_id, event.channel)))
        cached[event.channel] = (_encode(event), now + seconds)
        while len(cached) > most:
            del cached[next(iter(cached))]

    async def recall(self, app_id: str, channel: str) -> Cached | None:
        """See `Engine.recall`."""
        packed, ends = self._cached.get(app_id, {}).get(channel, (b"", 0.0))
        left = ends - self._clock()
        return Cached(_decoder.decode(packed), math.ceil(left)) if left > 0 else None

    def _sweep(self, now: float) -> None:
        """Take away some of what is over."""
        for _ in range(SWEPT):
            if not self._cached_ends or self._cached_ends[0][0] > now:
                break
            _, (app_id, channel) = heapq.heappop(self._cached_ends)
            cached = self._cached.get(app_id, {})
            if channel not in cached:
                continue  # it made room for another
            ends = cached[channel][1]
            if ends > now:
                heapq.heappush(self._cached_ends, (ends, (app_id, channel)))
                continue
            del cached[channel]
            if not cached:
                del self._cached[app_id]

    async def miss(self, app_id: str, channel: str, seconds: int) -> bool:
        """See `Engine.miss`."""
        place, now = (app_id, channel), self._clock()
        for _ in range(SWEPT):
            if not self._missed_ends or self._missed_ends[0][0] > now:
                break
            _, due = heapq.heappop(self._missed_ends)
            if self._missed.get(due, math.inf) <= now:
                del self._missed[due]
        if self._missed.get(place, now) > now:
            return False
        self._missed[place] = now + seconds
        heapq.heappush(self._missed_ends, (now + seconds, place))
        return True
