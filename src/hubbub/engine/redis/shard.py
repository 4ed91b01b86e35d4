"""One primary, by two connections: one for calls, one for topics. Lost together.

Knows which errors mean that it cannot be used any more. Does not know whether there are others.
"""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from hashlib import sha1
from typing import Final, Self

from hubbub.engine.redis.connection import Complaint, Connection
from hubbub.engine.redis.greeting import Greeting, dial, greet, read
from hubbub.engine.redis.link import Answer, Argument, Script, ScriptError
from hubbub.engine.redis.location import Address, Location
from hubbub.errors import STORE_UNAVAILABLE

_logger = logging.getLogger("hubbub.engine")

LOST: Final = {
    "CLUSTERDOWN": "says that its Cluster is down",
    "LOADING": "is loading its data",
    "MASTERDOWN": "is a replica that has lost its primary",
    "MOVED": "no longer has all of its slots",
    "NOAUTH": "asks for a password anew",
    "NOPERM": "does not let its user do what is needed",
    "NOSCRIPT": "has forgotten its scripts",
    "READONLY": "is a replica now",
}
"""Errors after which a server is to be looked for anew, and what they mean.

NOSCRIPT too: a call that was sent again would come after those that were called after it. A connection tells its
scripts before it first runs them, so this is only somebody's SCRIPT FLUSH.
"""

REFUSED: Final = {"ASK", "BUSY", "MISCONF", "NOREPLICAS", "OOM", "TRYAGAIN"}
"""Errors that refuse one call, which has changed nothing: memory is full, a slot is on its way to another server."""

MESSAGES: Final = (b"message", b"smessage")

QUIET: Final = 10.0
"""Seconds between two lines in the log about calls refused for one reason."""

Hear = Callable[[bytes, bytes], None]
Lost = Callable[["Shard", str], None]


class Shard:
    """A primary that is connected to."""

    def __init__(self, address: Address, greeting: Greeting, calls: Connection, ear: Connection) -> None:
        self.address = address
        self.greeting = greeting
        self._calls = calls
        self._ear = ear
        self._is_lost = False
        self._digests: dict[str, str] = {}  # of the texts of the scripts that this connection has told
        self._broken = ""  # why a script cannot be compiled, if one cannot
        self._leaving: Counter[bytes] = Counter()  # topics whose end was asked for, and is not confirmed
        self._refusals: dict[str, float] = {}  # when a call was last refused, by code

    @classmethod
    async def open(cls, address: Address, location: Location) -> Self:
        """Connect twice. Raises Away or Unusable."""
        calls = await dial(address, location)
        greeting = await greet(calls, location)
        try:
            ear = await dial(address, location)
            await greet(ear, location)
        except BaseException:
            calls.lose("alone")
            raise
        return cls(address, greeting, calls, ear)

    def begin(self, hear: Hear, lost: Lost, answered: Callable[[float], object], *, is_sharded: bool) -> None:
        """Hand messages to `hear`, and tell `lost` once, in line, when it is, unless it was closed.

        `answered` is told, each time that it is asked whether it is well, how many seconds its answer took.
        `is_sharded`: its topics are its own, and told by SPUBLISH, not to the whole Cluster.
        """
        self.is_sharded = is_sharded
        self._hear, self._tell_lost, self._answered = hear, lost, answered
        self._publish = "SPUBLISH" if is_sharded else "PUBLISH"
        self._subscribe = "SSUBSCRIBE" if is_sharded else "SUBSCRIBE"
        self._unsubscribe = "SUNSUBSCRIBE" if is_sharded else "UNSUBSCRIBE"
        self._calls.watch(self.lose, self._judge, self._look)
        if not self._is_lost:
            self._ear.watch(self.lose, self._judge_ear, lambda: self._ear.tell("PING"), self._push)

    @property
    def is_lost(self) -> bool:
        """Whether it is of no more use."""
        return self._is_lost

    def run(self, script: Script, keys: Sequence[str], arguments: Sequence[Argument]) -> asyncio.Future[Answer]:
        """Run a script; see `Link.run`."""
        digest = self._digests.get(script.text)
        if digest is None:
            digest = self._digests[script.text] = sha1(script.text.encode(), usedforsecurity=False).hexdigest()
            self._calls.tell("SCRIPT", "LOAD", script.text)
        return self._calls.ask("EVALSHA", digest, len(keys), *keys, *arguments)

    def publish(self, topic: str, message: bytes) -> asyncio.Future[Answer]:
        """Send a message; see `Link.publish`."""
        return self._calls.ask(self._publish, topic, message)

    async def subscribe(self, topics: Sequence[str]) -> None:
        """Hear topics. Comes back when all are confirmed, or the server is lost."""
        asked = [self._ear.ask(self._subscribe, topic) for topic in topics]
        await asyncio.gather(*asked, return_exceptions=True)

    async def unsubscribe(self, topic: str) -> None:
        """Hear a topic no more. Comes back when that is confirmed, or the server is lost."""
        self._leaving[topic.encode()] += 1
        await asyncio.gather(self._ear.ask(self._unsubscribe, topic), return_exceptions=True)

    async def close(self) -> None:
        """End. What was asked gets its answer first, if that comes in time."""
        self._is_lost = True
        await asyncio.gather(self._calls.close(), self._ear.close())

    def drop(self) -> None:
        """End at once, without telling."""
        self._is_lost = True
        self._calls.lose("dropped")
        self._ear.lose("dropped")

    def lose(self, reason: str) -> None:
        """Give it up, and tell. Without effect if it is lost."""
        if not self._is_lost:
            self.drop()
            self._tell_lost(self, reason)

    def _push(self, answer: list[Answer]) -> bool:
        kind = answer[0]
        if kind in MESSAGES:
            self._hear(answer[1], answer[2])  # type: ignore[arg-type]  # bytes, both
            return True
        if kind in (b"sunsubscribe", b"unsubscribe"):
            topic = answer[1]
            assert isinstance(topic, bytes)
            if topic not in self._leaving:
                # A slot's new owner hears nothing of our topics there (Redis: "removeChannelsInSlot").
                self.lose(f"{self.address} {LOST['MOVED']}")
                return True
            self._leaving[topic] -= 1
            if not self._leaving[topic]:
                del self._leaving[topic]
        return False

    def _judge(self, complaint: Complaint) -> Exception:
        """Give what a call is to raise that was answered with an error."""
        code = complaint.code
        if code == "NOSCRIPT" and self._broken:
            return ScriptError(self._broken)
        if code in LOST:
            self.lose(f"{self.address} {LOST[code]}")
            return STORE_UNAVAILABLE()
        if code in REFUSED:
            now = asyncio.get_running_loop().time()
            if now - self._refusals.get(code, -QUIET) >= QUIET:
                self._refusals[code] = now
                _logger.warning("Redis at %s refuses calls: %s", self.address, code)
            return STORE_UNAVAILABLE()
        text = str(complaint)
        if text.startswith("ERR Error compiling script"):
            self._broken = text  # what its SCRIPT LOAD is answered with: the call itself finds no script
        return ScriptError(text)

    def _judge_ear(self, complaint: Complaint) -> Exception:
        """Give it up: who is refused a topic would hear nothing of it."""
        code = complaint.code
        self.lose(f"{self.address} {LOST.get(code, f'refuses topics ({code})')}")
        return STORE_UNAVAILABLE()

    def _look(self) -> None:
        """Ask whether it is still the primary."""
        self._calls.ask("HELLO", 2).add_done_callback(partial(self._looked, time.perf_counter()))

    def _looked(self, asked_at: float, future: asyncio.Future[Answer]) -> None:
        if future.exception() is None:
            self._answered(time.perf_counter() - asked_at)
            greeting = read(future.result())
            if greeting is not None and not greeting.is_primary:
                self.lose(f"{self.address} {LOST['READONLY']}")
