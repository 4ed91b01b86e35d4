"""What one case hears by webhooks.

Knows the names of events, Pusher's times, and how to tell that nothing more is to come. Does not know which events are
right. An event counts once an answer has taken it.
"""

from collections.abc import Iterable
from typing import Any, Final

from hubbub.conformance.checks import Failed
from hubbub.conformance.receiver import Delivery
from hubbub.conformance.scene import Scene

OCCUPIED: Final = "channel_occupied"
VACATED: Final = "channel_vacated"
ADDED: Final = "member_added"
REMOVED: Final = "member_removed"
CLIENT_EVENT: Final = "client_event"
CACHE_MISS: Final = "cache_miss"
COUNT: Final = "subscription_count"

GRACE: Final = 3.0
"""Seconds after a disconnection for which Pusher waits for the client to come back."""

AGAIN: Final = 20.0
"""Seconds in which the first retry of a refused webhook must have come: Pusher tries for 300 in all."""


class Ear:
    """`ear = Ear(scene)`, which raises Skipped when webhooks cannot be heard."""

    def __init__(self, scene: Scene) -> None:
        self.receiver = scene.receiver
        self._scene = scene
        self._limit = scene.target.patience + GRACE

    async def heard(self, channel: str, name: str, *, count: int = 1) -> list[dict[str, Any]]:
        """Wait for so many events `name` about a channel, and give all of that name. Raises Failed without them."""
        expected = f"a webhook with {name}" if count == 1 else f"{count} webhooks with {name}"
        await self.receiver.wait(
            channel, lambda events: len(named(events, name)) >= count, self._limit, f"{expected} of {channel}"
        )
        return named(self.receiver.about(channel), name)

    def names(self, channel: str, *wanted: str) -> list[str]:
        """Give the names, of those wanted, of the events about a channel so far, in their order."""
        return [str(event["name"]) for event in named(self.receiver.about(channel), *wanted)]

    async def delivery(self, channel: str, name: str) -> Delivery:
        """Wait for an event about a channel, and give the request that brought it first."""
        return (await self.tries(channel, name, 1, self._limit))[0]

    async def tries(self, channel: str, name: str, count: int, limit: float) -> list[Delivery]:
        """Wait for so many requests with an event about a channel, refused ones too, and give all.

        Raises Failed when they have not come after `limit` seconds.
        """

        def found() -> list[Delivery]:
            return [one for one in self.receiver.deliveries_about(channel) if named(one.about(channel), name)]

        expected = f"{count} requests with {name} of {channel}, refused ones too"
        try:
            await self.receiver.wait(channel, lambda _: len(found()) >= count, limit, expected)
        except Failed:
            raise Failed(expected, f"{len(found())} in {limit:g} s") from None
        return found()

    async def settled(self) -> None:
        """Wait until what has happened so far has been told: leave a channel, and wait for that to be told."""
        channel = self._scene.channel()
        client = await self._scene.subscribed(channel)
        await self.heard(channel, OCCUPIED)
        await client.close()
        await self.heard(channel, VACATED)


def named(events: Iterable[dict[str, Any]], *names: str) -> list[dict[str, Any]]:
    """Give the events with one of these names."""
    return [event for event in events if event.get("name") in names]
