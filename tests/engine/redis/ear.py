"""Who listens to a link in a test, and waits for what it hears."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import count

from hubbub.engine.redis.link import Answer, Link, Script
from hubbub.engine.redis.servers import link_to

LIMIT = 15.0  # seconds that only a failure takes

TIMEOUT = 2.0
"""Seconds after which a silent server is away, where that is what the test is of: a busy machine may silence any."""

NEXT = Script("return redis.call('INCR', KEYS[1])")
TELL = Script("return redis.call(ARGV[1], ARGV[2], ARGV[3])")

_names = count()


class Ear:
    """What a link has told: `messages` by topic, `news` of being lost and found."""

    def __init__(self) -> None:
        self.messages: list[tuple[bytes, bytes]] = []
        self.reasons: list[str] = []
        self.gaps: list[float] = []
        self._told = asyncio.Event()

    def hear(self, topic: bytes, message: bytes) -> None:
        assert type(topic) is type(message) is bytes
        self.messages.append((topic, message))
        self._told.set()

    def lost(self, reason: str) -> None:
        assert len(self.reasons) == len(self.gaps), "lost twice"
        self.reasons.append(reason)
        self._told.set()

    def found(self, seconds: float) -> None:
        assert len(self.reasons) == len(self.gaps) + 1, "found, but not lost"
        self.gaps.append(seconds)
        self._told.set()

    def of(self, topic: str) -> list[bytes]:
        """Give what was heard of a topic."""
        return [message for heard, message in self.messages if heard == topic.encode()]

    async def until(self, is_so: Callable[[], bool], limit: float = LIMIT) -> None:
        """Wait until something is so that changes with what is told."""
        async with asyncio.timeout(limit):
            while not is_so():
                self._told.clear()
                await self._told.wait()

    async def until_lost(self, times: int = 1) -> None:
        await self.until(lambda: len(self.reasons) >= times)

    async def until_found(self, times: int = 1) -> None:
        await self.until(lambda: len(self.gaps) >= times)


@asynccontextmanager
async def linked(url: str, seconds: float = LIMIT) -> AsyncIterator[tuple[Link, Ear]]:
    """Open a link, and close it in the end. `seconds` is its timeout."""
    link, ear = link_to(url, seconds), Ear()
    async with asyncio.timeout(LIMIT):
        await link.open(ear)
    try:
        yield link, ear
    finally:
        await link.close()


def name(tag: str = "") -> str:
    """Give a name for a key or a topic that no other test has, with a hash tag that spreads names over a Cluster."""
    number = next(_names)
    return f"test:{{{tag or number}}}:{number}"


async def following(link: Link, key: str) -> Answer:
    """Count a key up, and give its number."""
    return await link.run(NEXT, [key], [])


async def tell(link: Link, topic: str, message: str) -> Answer:
    """Have a script publish a message."""
    command, channel = link.publishing(topic)
    return await link.run(TELL, [topic], [command, channel, message])
