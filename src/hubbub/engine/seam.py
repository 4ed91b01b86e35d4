"""The seam between a node and what all nodes of a cluster know together.

An engine knows nodes, not connections: it hears of a channel when a node gets its first subscriber there or loses its
last, and of a presence member when a node sees the user's first connection or last. It is never asked per subscription
and never per delivery. Every transition is told to exactly one node, the one whose call caused it.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from hubbub.messages import Envelope, Event, Member


class Transition(msgspec.Struct, frozen=True, gc=False):
    """What a node's `enter` or `leave` changed in the cluster.

    `channel`: it became occupied, or vacated. `member`: who appeared, or is gone, as the cluster knew it.
    """

    channel: bool = False
    member: Member | None = None


class Cached(msgspec.Struct, frozen=True, gc=False):
    """What a cache channel shows to who comes later, and for how many seconds more, at least 1."""

    event: Event
    seconds: int


class Engine(Protocol):
    """What a node asks of the cluster. Any call may raise STORE_UNAVAILABLE when the cluster cannot be reached."""

    is_alone: bool
    """Whether there can be no other node, so that nothing need be published."""

    async def start(self, receive: Callable[[Envelope], None]) -> None:
        """Begin; `receive` gets what other nodes publish on the topics this node subscribes to."""

    async def stop(self) -> None:
        """End, leaving nothing of this node behind."""

    async def publish(self, envelope: Envelope) -> None:
        """Send to all other nodes that subscribe to the envelope's channel."""

    async def subscribe(self, app_id: str, channel: str) -> None:
        """Let `receive` hear the channel: this node has its first subscriber there."""

    async def unsubscribe(self, app_id: str, channel: str) -> None:
        """Let `receive` hear the channel no more."""

    async def enter(
        self, app_id: str, channel: str, *, occupies: bool, member: Member | None, limit: int
    ) -> Transition:
        """Say that this node has its first subscriber in the channel, and with `member` its first of that user.

        `occupies` says the former; a user may also come where the node has subscribers, members or not. Raises
        PRESENCE_FULL, and changes nothing, when the channel has `limit` other members already.
        """

    async def leave(self, app_id: str, channel: str, *, vacates: bool, user_id: str | None) -> Transition:
        """Take back what `enter` said: of the channel if it `vacates`, and of that user."""

    async def members(self, app_id: str, channel: str) -> dict[str, Member]:
        """Give the members of a channel by user id, in the order they came."""

    async def user_counts(self, app_id: str, channels: Sequence[str]) -> list[int]:
        """Count the members of each presence channel named."""

    async def count_elsewhere(self, app_id: str, channel: str) -> int:
        """Count the subscriptions that other nodes have in the channel."""

    async def occupied(self, app_id: str, channels: Sequence[str]) -> list[bool]:
        """Tell of each channel whether anyone in the cluster subscribes to it."""

    async def channels(self, app_id: str, prefix: str) -> list[str]:
        """Name the occupied channels whose names begin with `prefix`."""

    async def remember(self, app_id: str, event: Event, seconds: int, most: int) -> None:
        """Keep an event as the last of its channel, in place of any other, for so long.

        Of an application's channels at most so many keep one: the one that was told longest ago forgets its own.
        """

    async def recall(self, app_id: str, channel: str) -> Cached | None:
        """Give the event that is kept of a channel."""

    async def miss(self, app_id: str, channel: str, seconds: int) -> bool:
        """Note that somebody found nothing kept; True unless that was noted less than `seconds` ago."""
