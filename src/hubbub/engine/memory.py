"""The engine of a single node: dictionaries. Nothing here ever waits."""

import math
import time
from collections.abc import Callable, Sequence

from hubbub.engine.seam import Cached, Transition
from hubbub.errors import PRESENCE_FULL
from hubbub.messages import Envelope, Event, Member

Members = dict[str, Member]


class Memory:
    """A cluster of one. `clock` gives seconds that never go back."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._channels: dict[str, dict[str, Members]] = {}
        # By application and channel, with the time at which each ends; the one noted longest ago comes first.
        self._cached: dict[tuple[str, str], tuple[Event, float]] = {}
        self._missed: dict[tuple[str, str], float] = {}

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

    async def remember(self, app_id: str, event: Event, seconds: int) -> None:
        """See `Engine.remember`."""
        place, now = (app_id, event.channel), self._clock()
        # Each that is noted takes away two that are over, so that what nobody recalls does not stay.
        for _ in range(2):
            if (oldest := next(iter(self._cached), None)) is not None and self._cached[oldest][1] <= now:
                del self._cached[oldest]
        self._cached.pop(place, None)
        self._missed.pop(place, None)
        self._cached[place] = (event, now + seconds)

    async def recall(self, app_id: str, channel: str) -> Cached | None:
        """See `Engine.recall`."""
        kept = self._cached.get((app_id, channel))
        if kept is None:
            return None
        event, ends = kept
        left = ends - self._clock()
        if left <= 0:
            del self._cached[app_id, channel]
            return None
        return Cached(event, math.ceil(left))

    async def miss(self, app_id: str, channel: str, seconds: int) -> bool:
        """See `Engine.miss`."""
        place, now = (app_id, channel), self._clock()
        for _ in range(2):
            if (oldest := next(iter(self._missed), None)) is not None and self._missed[oldest] <= now:
                del self._missed[oldest]
        if self._missed.get(place, 0.0) > now:
            return False
        self._missed.pop(place, None)
        self._missed[place] = now + seconds
        return True
