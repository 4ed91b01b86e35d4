"""What webhooks ask of where they are kept, and the values that go both ways.

Knows: an event is written down before it counts as accepted, becomes part of one delivery, and is gone from the outbox
when that is made; a delivery's body, time and signature change only when it is renewed. Does not know the database.

Applications are named by the text of their id, for one may be declared by settings and have no row. Its endpoint has
the id DECLARED. Each question raises the refusal STORE_UNAVAILABLE while the store is away.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import Enum
from typing import Final, Protocol

import msgspec

from hubbub.apps import KeyPair

KINDS: Final = (
    "channel_occupied",
    "channel_vacated",
    "member_added",
    "member_removed",
    "client_event",
    "cache_miss",
    "subscription_count",
)
"""What an endpoint may ask to hear of, in Pusher's words."""

DECLARED: Final = 0
"""The id of the endpoint that settings declare."""


class Endpoint(msgspec.Struct, frozen=True):
    """Where an application wants to hear of some kinds of events, in channels that begin with `channel_prefix`.

    `headers` go with every request, besides Pusher's own; they may hold secrets, so they are never logged.
    """

    id: int
    url: str
    kinds: frozenset[str]
    channel_prefix: str = ""
    headers: Mapping[str, str] = msgspec.field(default_factory=dict)

    def wants(self, kind: str, channel: str) -> bool:
        """Tell whether it is to hear of an event of this kind in this channel."""
        return kind in self.kinds and channel.startswith(self.channel_prefix)

    def __repr__(self) -> str:
        return f"Endpoint(id={self.id})"


class Hooked(msgspec.Struct, frozen=True):
    """An application with endpoints. `pair` is its oldest active key pair, which signs.

    With `is_batched` several events may go in one request, otherwise each goes alone.
    """

    app_id: str
    pair: KeyPair
    is_batched: bool
    endpoints: tuple[Endpoint, ...]


class Standing(msgspec.Struct, frozen=True):
    """What endpoints were last told of: a channel that is occupied, or with `user_id` a member that is in it.

    Kept so that a server which was killed can tell that it is over.
    """

    app_id: str
    channel: str
    user_id: str = ""


class Note(msgspec.Struct, frozen=True):
    """What is written down in one piece: an event for some endpoints, and what it begins or ends.

    `event` is the JSON object that receivers will see, by itself; `endpoints` are ids.
    """

    app_id: str
    channel: str
    event: str
    endpoints: tuple[int, ...]
    begins: Standing | None = None
    ends: Standing | None = None


class Waiting(msgspec.Struct, frozen=True):
    """An event in the outbox, not yet part of a delivery. Ids grow in the order of acceptance."""

    id: int
    app_id: str
    endpoint_id: int
    channel: str
    event: str


class State(Enum):
    """How a delivery stands."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


class Delivery(msgspec.Struct, frozen=True):
    """One request to one endpoint: `time_ms` (in milliseconds since 1970), body, key and signature stay as they are.

    Only what was pending while nobody could try it, until receivers would refuse its time, is renewed. `channels` are
    those of its events; `attempts` is how often it was tried.
    """

    id: int
    app_id: str
    endpoint_id: int
    time_ms: int
    channels: tuple[str, ...]
    body: str
    key: str
    signature: str
    attempts: int = 0


class NewDelivery(msgspec.Struct, frozen=True):
    """A delivery to be kept, made of the waiting events with the ids `event_ids`."""

    app_id: str
    endpoint_id: int
    time_ms: int
    channels: tuple[str, ...]
    body: str
    key: str
    signature: str
    event_ids: tuple[int, ...]


class Attempt(msgspec.Struct, frozen=True):
    """One try of a delivery, and the state it left the delivery in.

    `status` is the answer's, None if there was none, and then `problem` says why; `answer` is what it began with.
    """

    delivery_id: int
    at: datetime
    duration_ms: int
    state: State
    status: int | None = None
    problem: str = ""
    answer: str = ""


class Outbox(Protocol):
    """Where webhooks are kept. Each call is one transaction, and safe beside other processes."""

    async def hooked(self, app_id: str | None = None) -> Sequence[Hooked]:
        """Give the applications with endpoints, not archived, with an active key; or that one, if it is such."""

    async def accept(self, notes: Sequence[Note]) -> None:
        """Write down events, in this order, and what they begin and end. To begin or end twice changes nothing."""

    async def waiting(
        self, after: int, limit: int, app_id: str | None = None, endpoint_id: int | None = None
    ) -> Sequence[Waiting]:
        """Give the events in the outbox with ids over `after`, by id, `limit` at most.

        With an application and an endpoint those for it alone: a backlog of one is not to stand before all others.
        """

    async def backlog(self) -> Mapping[tuple[str, int], int]:
        """Give how many events are in the outbox for each application's id and endpoint."""

    async def pending(self) -> Sequence[Delivery]:
        """Give all deliveries that are neither delivered nor failed, by id."""

    async def make(self, deliveries: Sequence[NewDelivery]) -> Sequence[int]:
        """Keep deliveries, take their events out of the outbox, and give the deliveries' ids, in this order."""

    async def renew(self, deliveries: Sequence[Delivery]) -> None:
        """Keep the time, body, key and signature that these deliveries have now. Those not pending stay as they are."""

    async def attempted(self, attempts: Sequence[Attempt]) -> None:
        """Keep attempts, and the state each left its delivery in."""

    async def standing(self) -> Sequence[Standing]:
        """Give what endpoints were told has begun, and not that it ended."""

    async def discard(self, app_id: str, endpoint_id: int) -> int:
        """Forget the events and pending deliveries of an endpoint that is there no more, and give how many.

        Those of one that is only without a voice stay for its return: its application is archived or has no key, or
        settings declared it and may do so again.
        """

    async def prune(self, before: datetime) -> None:
        """Forget deliveries, delivered or failed, that were made before a time, with their attempts."""
