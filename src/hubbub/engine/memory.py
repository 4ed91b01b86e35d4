"""The engine of a single node: dictionaries. Nothing here ever waits."""

from collections.abc import Callable, Sequence

from msgspec import Raw

from hubbub.engine.seam import Transition
from hubbub.errors import PRESENCE_FULL
from hubbub.messages import Envelope, Member

Members = dict[str, Raw]


class Memory:
    """A cluster of one."""

    def __init__(self) -> None:
        self._channels: dict[str, dict[str, Members]] = {}

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

    async def enter(self, app_id: str, channel: str, member: Member | None, limit: int) -> Transition:
        """See `Engine.enter`."""
        members = self._channels.get(app_id, {}).get(channel)
        if member is None:
            if members is None:
                self._channels.setdefault(app_id, {})[channel] = {}
            return Transition(channel=members is None)
        if members is not None and member.user_id in members:
            return Transition()
        if members is not None and len(members) >= limit:
            raise PRESENCE_FULL(channel=channel, limit=limit)
        self._channels.setdefault(app_id, {}).setdefault(channel, {})[member.user_id] = member.info
        return Transition(channel=members is None, member=True)

    async def leave(self, app_id: str, channel: str, user_id: str | None) -> Transition:
        """See `Engine.leave`."""
        channels = self._channels[app_id]
        members = channels[channel]
        if user_id is not None:
            del members[user_id]
        if not members:
            del channels[channel]
            if not channels:
                del self._channels[app_id]
        return Transition(channel=not members, member=user_id is not None)

    async def members(self, app_id: str, channel: str) -> dict[str, Raw]:
        """See `Engine.members`."""
        return dict(self._channels.get(app_id, {}).get(channel, {}))

    async def user_counts(self, app_id: str, channels: Sequence[str]) -> list[int]:
        """See `Engine.user_counts`."""
        known = self._channels.get(app_id, {})
        return [len(known.get(channel, ())) for channel in channels]

    async def count_elsewhere(self, app_id: str, channel: str) -> int:
        """There is no elsewhere."""
        return 0

    async def is_occupied(self, app_id: str, channel: str) -> bool:
        """See `Engine.is_occupied`."""
        return channel in self._channels.get(app_id, ())

    async def channels(self, app_id: str, prefix: str) -> list[str]:
        """See `Engine.channels`."""
        return [name for name in self._channels.get(app_id, ()) if name.startswith(prefix)]
