"""The one vocabulary of the system: commands in, facts and replies out, as frozen values.

Pure. A command is what a client asks for; a fact is something that happened in a channel and is told to all who listen
there; a reply is told to one client. No value here knows a protocol, a socket or a clock.
"""

from typing import Final

import msgspec
from msgspec import Raw

NO_INFO: Final = Raw(b"null")


class Member(msgspec.Struct, frozen=True, gc=False):
    """A user present in a channel: a non-empty id, and what the application says of the user as raw JSON.

    `online_at`, in milliseconds since 1970, and `ref` tell one stay of a user from the next; both are of the user's
    first connection in the channel.
    """

    user_id: str
    info: Raw = NO_INFO
    online_at: int = 0
    ref: str = ""


# Commands


class Subscribe(msgspec.Struct, frozen=True, gc=False):
    """Let me hear `channel`. `auth` is `KEY:SIGNATURE`, empty for public channels."""

    channel: str
    auth: str = ""
    channel_data: str | None = None


class Unsubscribe(msgspec.Struct, frozen=True, gc=False):
    """Let me no longer hear `channel`."""

    channel: str


class ClientEvent(msgspec.Struct, frozen=True, gc=False):
    """Tell the others in `channel` of event `name`. `data` is text, passed on as it is."""

    name: str
    channel: str
    data: str


class SignIn(msgspec.Struct, frozen=True, gc=False):
    """I am the user that `user_data`, JSON text, tells of. `auth` is `KEY:SIGNATURE`."""

    auth: str
    user_data: str


class Ping(msgspec.Struct, frozen=True, gc=False):
    """Are you there? From either side."""


class Pong(msgspec.Struct, frozen=True, gc=False):
    """I am here. From either side."""


Command = Subscribe | Unsubscribe | ClientEvent | SignIn | Ping | Pong


# Facts


class Event(msgspec.Struct, frozen=True, gc=False):
    """Something was published. `data` is the publisher's text, byte for byte; the base64 of bytes if `is_binary`.

    `user_id` is set for client events in presence channels, from the sender's subscription.
    """

    channel: str
    name: str
    data: str
    user_id: str | None = None
    is_binary: bool = False


class MemberAdded(msgspec.Struct, frozen=True, gc=False):
    """A user's first connection entered a channel as a member."""

    channel: str
    member: Member


class MemberRemoved(msgspec.Struct, frozen=True, gc=False):
    """A user's last connection left a channel. `member` is as the channel knew it."""

    channel: str
    member: Member


class Occupied(msgspec.Struct, frozen=True, gc=False):
    """A channel got its first subscriber in the cluster."""

    channel: str


class Vacated(msgspec.Struct, frozen=True, gc=False):
    """A channel lost its last subscriber in the cluster."""

    channel: str


class CacheMissed(msgspec.Struct, frozen=True, gc=False):
    """Somebody subscribed to a cache channel that has nothing to show them."""

    channel: str


class Counted(msgspec.Struct, frozen=True, gc=False):
    """A channel has another number of subscriptions in the cluster than before."""

    channel: str
    count: int


class WentOnline(msgspec.Struct, frozen=True, gc=False):
    """A user signed in, by the first of their connections in the cluster. `channel` is where that is told."""

    channel: str
    user_id: str


class WentOffline(msgspec.Struct, frozen=True, gc=False):
    """The last of a user's signed-in connections is gone. `channel` is where that is told."""

    channel: str
    user_id: str


class Terminated(msgspec.Struct, frozen=True, gc=False):
    """All signed-in connections of a user are to be closed. `channel` is where that is told."""

    channel: str
    user_id: str


Fact = (
    Event
    | MemberAdded
    | MemberRemoved
    | Occupied
    | Vacated
    | CacheMissed
    | Counted
    | WentOnline
    | WentOffline
    | Terminated
)


# Replies


class Welcome(msgspec.Struct, frozen=True, gc=False):
    """The connection stands. `activity_timeout` is in seconds."""

    socket_id: str
    activity_timeout: int


class Subscribed(msgspec.Struct, frozen=True, gc=False):
    """A subscription stands. `members` are those of the channel by user id; None for one that is not told of them."""

    channel: str
    members: dict[str, Member] | None = None


class SignInSucceeded(msgspec.Struct, frozen=True, gc=False):
    """The connection is the user's. `user_data` is the text that was signed, as it came."""

    user_data: str


class Watched(msgspec.Struct, frozen=True, gc=False):
    """How the users on a watchlist are at this moment."""

    online: tuple[str, ...]
    offline: tuple[str, ...]


class Refused(msgspec.Struct, frozen=True, gc=False):
    """A command was refused and the connection stays open."""

    code: int | None
    message: str


class SubscriptionRefused(msgspec.Struct, frozen=True, gc=False):
    """A subscription was refused; unlike `Refused` this tells the client which. `status` as in HTTP."""

    channel: str
    kind: str
    message: str
    status: int


Reply = Welcome | Subscribed | SignInSucceeded | Watched | Refused | SubscriptionRefused | Ping | Pong


# Between nodes


class Envelope(msgspec.Struct, frozen=True, gc=False):
    """A fact on its way to the subscribers of its channel on other nodes, all but the socket `exclude`.

    `trace` is the W3C traceparent that its delivery there continues, if it is traced.
    """

    app_id: str
    fact: Fact
    exclude: str | None = None
    trace: str = ""
