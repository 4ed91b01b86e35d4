"""The way to Redis, as the engine sees it: scripts in their order, topics, and the news that it is away or back.

Knows: one server, Sentinels or a Cluster behind one URL; reconnecting. Does not know what scripts do, nor what is told
on a topic.
"""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from hubbub.durations import Durations


class Script(msgspec.Struct, frozen=True):
    """A Lua script. All its keys share a hash tag, so that it runs whole on one server of a Cluster."""

    text: str


Argument = bytes | str | int

Answer = bytes | int | None | list["Answer"]
"""What Redis answers, undecoded."""


class ScriptError(Exception):
    """A script failed, which is a bug of ours; the text is what Redis says of it."""


class Listening(Protocol):
    """Who is told of what comes. Called in line: must neither wait nor raise."""

    def hear(self, topic: bytes, message: bytes) -> None:
        """Take a message, in the order in which Redis sent those of its topic."""

    def lost(self, reason: str) -> None:
        """Note that Redis cannot be reached, or that messages may have been missed. Told once, until `found`."""

    def found(self, seconds: float) -> None:
        """Note that calls are answered and all topics are subscribed to again, after so many seconds."""


class Link(Protocol):
    """A way to Redis that mends itself: who reconnects waits a little longer each time, and never the same."""

    @property
    def round_trips(self) -> Durations:
        """How long it takes Redis to answer, asked each so often, and behind what was asked before."""

    async def open(self, listening: Listening) -> None:
        """Connect. Raises ConfigurationError when what answers cannot be used: no password, too old, read-only.

        Comes back when all is well, of which `found` is not told. Where nobody answers it keeps trying, and says so in
        the log, until it is cancelled.
        """

    async def close(self) -> None:
        """End. What was called before gets its answer, unless it takes longer than `engine_timeout`."""

    @property
    def is_open(self) -> bool:
        """Whether Redis can be reached, as far as is known: False between `lost` and `found`."""

    async def run(self, script: Script, keys: Sequence[str], arguments: Sequence[Argument]) -> Answer:
        """Run a script where its keys live, of which there is one at least, and give its answer.

        Scripts of one hash tag run in the order of the calls, published messages among them; what is called within one
        turn of the loop goes out together. Raises STORE_UNAVAILABLE when there was no answer in `engine_timeout`
        seconds, or the server is away: the script may have run or not. Raises ScriptError when it failed.

        Of a Cluster one server may be away, which `lost` has told: what is run on the others runs meanwhile.
        """

    async def publish(self, topic: str, message: bytes) -> None:
        """Send to all who subscribe to the topic, in the order of the calls. Raises STORE_UNAVAILABLE."""

    def publishing(self, topic: str) -> tuple[str, str]:
        """Give the command with which a script publishes on `topic`, PUBLISH or SPUBLISH, and the channel it names.

        A script's keys must share the topic's hash tag. What it gives may change with `found`, where a Cluster's
        servers were replaced by newer ones.
        """

    async def subscribe(self, topic: str) -> None:
        """Hear a topic; comes back when Redis has said so. While Redis is away: at once, and it is done later.

        Topics are subscribed to again before `found` is told, and may be heard from then on already.
        """

    async def unsubscribe(self, topic: str) -> None:
        """Hear it no more. Never raises: it is done later if need be."""
