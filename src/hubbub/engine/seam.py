"""The seam between a node and what all nodes of a cluster know together.

An engine knows nodes, not connections: it hears of a channel when a node gets its first subscriber there or loses its
last, and of a presence member when a node sees the user's first connection or last. It is never asked per subscription
and never per delivery. Every transition is answered to exactly one node, the one whose call caused it; what follows of
it for those who listen (a member added or removed, a user online or offline) is told to every node that subscribes, in
one order for all, the order in which the transitions came to pass.
"""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from hubbub.durations import Durations
from hubbub.messages import Envelope, Event, Fact, Member, WentOffline, WentOnline


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


class Drawn(msgspec.Struct, frozen=True, gc=False):
    """What was taken from a purse, and for how many seconds it is good: what is not used by then is not to be used."""

    amount: int
    seconds: float


class Membership(msgspec.Struct, frozen=True, gc=False):
    """How this node stands with its cluster: the nodes it knows, itself among them, and the gaps that have ended."""

    nodes: int = 1
    gaps: int = 0
    gap_seconds: float = 0.0


class Host(Protocol):
    """What an engine asks of the node it works for. All of it is called in line, and neither waits nor raises."""

    def receive(self, envelope: Envelope) -> None:
        """Deliver a fact to the subscribers here."""

    def happened(self, app_id: str, facts: Sequence[Fact]) -> None:
        """Write down transitions that this node brought about without a call of its own.

        It took a dead node's entries out, or came back into a cluster that had forgotten it. Those who listen have been
        told already; what is left is whom else they concern: webhooks.
        """

    def count(self, app_id: str, channel: str) -> int:
        """Count the subscriptions that this node has in a channel."""

    def heard(self, news: str, subject: str) -> None:
        """Take what another node announced, or `returned`: this node was cut off, or forgotten, and is known again."""

    def handed(self, message: bytes) -> None:
        """Take what another node has handed to this one."""

    def lost(self, node: str) -> None:
        """Note that another node is gone, by itself or for good: who was there only is there no more."""


class Engine(Protocol):
    """What a node asks of the cluster.

    Any call that waits may raise STORE_UNAVAILABLE when the cluster cannot be reached; it has changed nothing then.
    `enter` and `leave` do not: while the cluster is away they hold for this node alone, and are made good when it is
    back. What is changed there meanwhile is told by `Host.receive` and `Host.happened`.
    """

    is_alone: bool
    """Whether there can be no other node, so that nothing need be published."""

    async def start(self, host: Host) -> None:
        """Join the cluster. Raises ConfigurationError, saying what to do, when it is not one that can be used."""

    async def stop(self) -> None:
        """End, leaving nothing of this node behind."""

    @property
    def away(self) -> float | None:
        """For how many seconds the cluster has not been reached; None while all is well."""

    @property
    def membership(self) -> Membership:
        """How this node stands with its cluster."""

    @property
    def round_trips(self) -> Durations:
        """How long a question to what the nodes share, and its answer, took; of some of them, asked for this."""

    # Telling

    async def publish(self, envelope: Envelope, *, echo: bool = False) -> None:
        """Send to all other nodes that subscribe to the envelope's channel. In the order of the calls.

        With `echo` this node hears it by `receive` too, if it subscribes: in the one order in which all hear what any
        node publishes so.
        """

    async def announce(self, news: str, subject: str = "") -> None:
        """Let all other nodes hear something that is no channel's; who is away at the moment does not."""

    async def subscribe(self, app_id: str, channel: str) -> None:
        """Let `receive` hear the channel from now on: this node has its first subscriber there."""

    async def unsubscribe(self, app_id: str, channel: str) -> None:
        """Let `receive` hear the channel no more. Without effect if it does not."""

    # Who is there

    async def enter(
        self,
        app_id: str,
        channel: str,
        *,
        occupies: bool,
        member: Member | None,
        limit: int,
        told: WentOnline | None = None,
    ) -> Transition:
        """Say that this node has its first subscriber in the channel, and with `member` its first of that user.

        `occupies` says the former; a user may also come where the node has subscribers, members or not. Of a new member
        all who subscribe are told by `receive`, this node before the call comes back; of a channel that this occupies
        they are told `told`. Raises PRESENCE_FULL, and changes nothing, when the channel has `limit` other members
        already.
        """

    async def leave(
        self, app_id: str, channel: str, *, vacates: bool, user_id: str | None, told: WentOffline | None = None
    ) -> Transition:
        """Take back what `enter` said: of the channel if it `vacates`, and of that user. Tells as `enter` does."""

    def present(self, app_id: str, channel: str) -> dict[str, Member]:
        """Give the members of a channel that this node subscribes to, in the order they came: as `receive` has told it.

        What is told after this call is what has changed since, no more and no less.
        """

    async def members(self, app_id: str, channel: str) -> dict[str, Member]:
        """Give the members of any channel by user id, in the order they came."""

    async def is_present(self, app_id: str, channel: str, user_id: str) -> bool:
        """Tell whether a user is a member of a channel, of any."""

    async def user_counts(self, app_id: str, channels: Sequence[str]) -> list[int]:
        """Count the members of each presence channel named."""

    async def counts_elsewhere(self, app_id: str, channels: Sequence[str]) -> list[int]:
        """Count the subscriptions that other nodes have in each channel: they are asked, those that have any.

        Who does not answer in time counts as having none, and in `unanswered`.
        """

    @property
    def unanswered(self) -> int:
        """How many questions another node has not answered in time, ever."""

    async def occupied(self, app_id: str, channels: Sequence[str]) -> list[bool]:
        """Tell of each channel whether anyone in the cluster subscribes to it."""

    async def channels(self, app_id: str, prefix: str) -> list[str]:
        """Name the occupied channels whose names begin with `prefix`."""

    # Cache channels

    async def keep(self, envelope: Envelope, seconds: int, most: int) -> None:
        """Keep an event as the last of its channel, in place of any other, and send it to all who subscribe.

        This node hears it by `receive` too, before the call comes back. Of an application's channels at most so many
        keep one: the one that was told longest ago forgets its own.
        """

    def kept(self, app_id: str, channel: str) -> Cached | None:
        """Give what is kept of a channel that this node subscribes to, as `receive` has told it."""

    async def recall(self, app_id: str, channel: str) -> Cached | None:
        """Give the event that is kept of any channel."""

    async def miss(self, app_id: str, channel: str, seconds: int) -> bool:
        """Note that somebody found nothing kept; True unless that was noted less than `seconds` ago."""

    # What is shared out

    def leads(self, role: str) -> bool:
        """Tell whether this node has a role that one node has at a time. Where nodes are lost it passes on in time.

        Who had it before may not know yet that it has lost it for no longer than it takes another to get it.
        """

    async def draw(self, app_id: str, purse: str, least: int, most: int, limit: int) -> Drawn:
        """Take `most` of the `limit` that a purse of the application holds for one second, or what is left but `least`.

        Nothing where fewer than `least` are left. A second begins with the first draw after the one before has ended.
        Gives how much that was, and for how many seconds more it may be used.
        """

    async def hold(self, app_id: str, amount: int, limit: int) -> int:
        """Say how many connections of an application this node wants to have room for, in place of what it said before.

        Gives how many it has room for now: `amount`, or fewer where all nodes together would hold more than `limit`;
        never fewer than before unless it asks for fewer. A lost node's room is free again; a node that was forgotten
        puts back what it had, whatever the limit. Calls of one application do not overlap.
        """

    # Between two nodes

    @property
    def name(self) -> str:
        """What this node is called by the others; another name after it was forgotten."""

    async def claim(self, name: str) -> str:
        """Say that this node has what is called so, unless a living node has it already; give the node that has it.

        Of printable ASCII without braces. A claim ends with `release`, with its node, or a day after the last call.
        """

    async def release(self, name: str) -> None:
        """Take back a claim of this node's. Without effect if another has it."""

    async def hand(self, node: str, message: bytes) -> None:
        """Send to one node, in the order of the calls. Lost if that node is gone."""
