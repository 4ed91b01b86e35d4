"""What webhooks ask of where they are kept, and the values that go both ways.

Knows: an event is written down before it counts as accepted, becomes part of one delivery, and is gone from the outbox
when that is made; a delivery's body, time and signature change only when it is renewed. Does not know the database.

Applications are named by the text of their id, for one may be declared by settings and have no row. Its endpoint has
the id DECLARED. Each question raises the refusal STORE_UNAVAILABLE while the store is away.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from enum import Enum
from typing import Final, Protocol

import msgspec

from hubbub.apps import KeyPair
from hubbub.messages import Member

ROLE: Final = "webhooks"
"""What one node at a time has, by the cluster's word: it makes deliveries and sends them."""

NEWS: Final = "webhooks"
"""What nodes announce to it: of an application's id, that events of it wait; of "", that nodes came or went."""

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
    """What is written down in one piece: an event for some endpoints, and what it begins, leaves or ends: one of them.

    `event` is the JSON object that receivers will see, by itself; `endpoints` are ids. Without a `version` it is
    written down whatever stands, for who is alone knows that. With one, which is not 0, what stands has a say: what
    begins gets the version, and there is an event only if it did not stand; what is left gets it, if it stands; what
    ends does so, and there is an event, only if it stands by this version. `trace` is the mark by which the event's
    delivery continues a trace, if it is traced.
    """

    app_id: str
    channel: str
    event: str
    endpoints: tuple[int, ...]
    begins: Standing | None = None
    ends: Standing | None = None
    leaves: Standing | None = None
    version: int | None = None
    trace: str = ""


class Waiting(msgspec.Struct, frozen=True):
    """An event in the outbox, not yet part of a delivery. Ids grow in the order of acceptance."""

    id: int
    app_id: str
    endpoint_id: int
    channel: str
    event: str
    trace: str = ""


class State(Enum):
    """How a delivery stands."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


class Delivery(msgspec.Struct, frozen=True):
    """One request to one endpoint: `time_ms` (in milliseconds since 1970), body, key and signature stay as they are.

    Only what was pending while nobody could try it, until receivers would refuse its time, is renewed. `channels` are
    those of its events; `attempts` is how often it was tried. `traces` are marks of its events; they are not kept, so
    that one that is taken up after a restart has none.
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
    traces: tuple[str, ...] = ()


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
    traces: tuple[str, ...] = ()


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


class Sending(Protocol):
    """One try of a delivery that is traced."""

    headers: Mapping[str, str]
    """What the request has besides, so that whoever takes it continues the trace."""

    def ended(self, status: int | None, problem: str) -> None:
        """Note what came of it."""


class Tracer(Protocol):
    """What traces deliveries."""

    def mark(self) -> str:
        """Give the mark of what happens at this moment; "" if that is not traced."""

    def sending(self, delivery: Delivery, endpoint_id: int, marks: Sequence[str]) -> AbstractContextManager[Sending]:
        """Try a delivery, at least one of whose events has a mark, inside of this."""


class SupersededError(Exception):
    """Another node makes deliveries by now."""


class Outbox(Protocol):
    """Where webhooks are kept. Each call is one transaction, and safe beside other processes."""

    async def hooked(self, app_id: str | None = None) -> Sequence[Hooked]:
        """Give the applications with endpoints, not archived, with an active key; or that one, if it is such."""

    async def accept(self, notes: Sequence[Note]) -> Mapping[Standing, int]:
        """Write down events, in this order, and what they begin, leave and end. To begin or end twice changes nothing.

        Gives what was to end by a version and stands by another, with that.
        """

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

    async def lead(self, token: int) -> None:
        """Let nobody make deliveries from now on, among several nodes, but who has this token."""

    async def make(self, deliveries: Sequence[NewDelivery], token: int | None = None) -> Sequence[int | None]:
        """Keep deliveries, take their events out of the outbox, and give the deliveries' ids, in this order.

        None for one of which an event is no longer there: somebody else has made a delivery of it, or discarded it.
        Raises SupersededError, having changed nothing, if somebody has led by another token since. A node that is alone
        has none.
        """

    async def renew(self, deliveries: Sequence[Delivery]) -> None:
        """Keep the time, body, key and signature that these deliveries have now. Those not pending stay as they are."""

    async def attempted(self, attempts: Sequence[Attempt]) -> None:
        """Keep attempts, and the state each left its delivery in; what is delivered stays so."""

    async def standing(self) -> Sequence[Standing]:
        """Give what endpoints were told has begun, and not that it ended."""

    async def versions(self, app_id: str) -> Mapping[Standing, int]:
        """Give what stands of an application, each with its version."""

    async def stood(self) -> Sequence[str]:
        """Give the ids of the applications of which anything stands."""

    async def forget(self, app_id: str) -> None:
        """Let nothing of an application stand."""

    async def discard(self, app_id: str, endpoint_id: int) -> int:
        """Forget the events and pending deliveries of an endpoint that is there no more, and give how many.

        Those of one that is only without a voice stay for its return: its application is archived or has no key, or
        settings declared it and may do so again.
        """

    async def prune(self, before: datetime) -> None:
        """Forget deliveries, delivered or failed, that were made before a time, with their attempts."""


class Gapped(Protocol):
    """Something that knows how often the cluster could not be reached."""

    @property
    def gaps(self) -> int:
        """How many gaps have ended."""


class Cluster(Protocol):
    """What webhooks of one node among several ask of the cluster: of `hubbub.engine.seam.Engine`, which says more.

    What waits raises STORE_UNAVAILABLE while the cluster cannot be reached.
    """

    is_alone: bool

    @property
    def away(self) -> float | None:
        """For how many seconds the cluster has not been reached; None while all is well."""

    @property
    def membership(self) -> Gapped:
        """How often it was not."""

    def leads(self, role: str) -> bool:
        """Tell whether this node has a role; False also when that cannot be known."""

    async def announce(self, news: str, subject: str = "") -> None:
        """Let all other nodes hear something."""

    async def occupied(self, app_id: str, channels: Sequence[str]) -> list[bool]:
        """Tell of each channel whether anyone in the cluster subscribes to it."""

    async def channels(self, app_id: str, prefix: str) -> list[str]:
        """Name the occupied channels whose names begin with `prefix`."""

    async def members(self, app_id: str, channel: str) -> dict[str, Member]:
        """Give the members of a channel by user id."""
