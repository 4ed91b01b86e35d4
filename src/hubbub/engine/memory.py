"""The engine of a single node: dictionaries. Nothing here ever waits."""

from collections.abc import Callable, Sequence

from hubbub.engine.seam import Transition
from hubbub.errors import PRESENCE_FULL
from hubbub.messages import Envelope, Member

Members = dict[str, Member]


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

    async def is_occupied(self, app_id: str, channel: str) -> bool:
        """See `Engine.is_occupied`."""
        return channel in self._channels.get(app_id, ())

    async def channels(self, app_id: str, prefix: str) -> list[str]:
        """See `Engine.channels`."""
        return [name for name in self._channels.get(app_id, ()) if name.startswith(prefix)]
