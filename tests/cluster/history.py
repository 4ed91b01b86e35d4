"""What was seen of a cluster, as records; all that may be seen of it. Judging them is `checker.py`'s.

Knows no process and no socket. Times are microseconds of the system's monotonic clock, which Python and Node read
alike.
"""

import time
from collections.abc import Sequence

import msgspec


def now() -> int:
    """Give the time in microseconds."""
    return time.monotonic_ns() // 1000


class Record(msgspec.Struct, frozen=True, kw_only=True, gc=False, tag=True, tag_field="kind"):
    """Something that was seen, at a time."""

    at: int = msgspec.field(default_factory=now)


class Published(Record, frozen=True):
    """A publisher sent a numbered event to a node, began at `at`, and was answered with a status at `ended`.

    A publisher sends to a channel one event after the other, its numbers count up. `excluded` is a client whose socket
    was not to hear it. Status 0: no answer came, and the event may still arrive at any time.
    """

    publisher: str
    node: str
    channel: str
    number: int
    ended: int
    status: int = 200
    excluded: str = ""


class Joined(Record, frozen=True):
    """A client was told that it is subscribed, as which user if the channel has members."""

    client: str
    node: str
    channel: str
    user: str = ""


class Left(Record, frozen=True):
    """A client asked to leave a channel, or saw that its connection is gone."""

    client: str
    channel: str


class State(Record, frozen=True):
    """A client was told of all members of a channel, after it joined."""

    client: str
    channel: str
    users: Sequence[str]


class Came(Record, frozen=True):
    """A client was told that a member came."""

    client: str
    channel: str
    user: str


class Went(Record, frozen=True):
    """A client was told that a member went."""

    client: str
    channel: str
    user: str


class Heard(Record, frozen=True):
    """A published event reached a client."""

    client: str
    channel: str
    publisher: str
    number: int


class Hooked(Record, frozen=True):
    """An event of a webhook was taken. `request` is the same when it is repeated byte for byte."""

    request: str
    name: str
    channel: str
    user: str = ""


class Trouble(Record, frozen=True):
    """From `at` to `ended`, None if it never did, some nodes did not work, or not their links to the others."""

    nodes: Sequence[str]
    is_link: bool = False
    ended: int | None = None


class Present(Record, frozen=True):
    """What a source, such as a node's API or a client's own list, says in the end of a presence channel's members."""

    source: str
    channel: str
    users: Sequence[str]


class Counted(Record, frozen=True):
    """How many `user_count` or `subscription_count` a source says in the end that a channel has."""

    source: str
    channel: str
    what: str
    count: int


class Listed(Record, frozen=True):
    """Which channels with `part` in their names a source says in the end to be occupied."""

    source: str
    part: str
    channels: Sequence[str]


class Kept(Record, frozen=True):
    """What a source says in the end that a cache channel keeps; number 0 for nothing."""

    source: str
    channel: str
    publisher: str
    number: int
