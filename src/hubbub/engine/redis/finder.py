"""Which servers are the primaries now, and which slots each has.

What all ways of finding out share, and the one for a server that was named. Does not connect to what is found.
"""

import asyncio
from collections.abc import Callable
from typing import Final, Protocol

from hubbub.engine.redis.connection import Connection
from hubbub.engine.redis.greeting import Away
from hubbub.engine.redis.link import Answer
from hubbub.engine.redis.location import Address, Location

SLOTS: Final = 16_384

Layout = dict[Address, tuple[range, ...]]
"""The primaries, with the slots of each. All slots have one."""

EVERYTHING: Final = (range(SLOTS),)


class Finder(Protocol):
    """Who knows where the primaries are."""

    async def find(self) -> Layout:
        """Give them. Raises Away, or Unusable where asking again will not help."""

    def follow(self, changed: Callable[[], None]) -> None:
        """Call `changed`, in line, whenever there may be another primary that nobody else would tell us of."""

    async def close(self) -> None:
        """Follow no more."""


class Named:
    """One server, and that is it."""

    def __init__(self, location: Location) -> None:
        self._layout: Layout = {location.addresses[0]: EVERYTHING}

    async def find(self) -> Layout:
        """See `Finder.find`."""
        return self._layout

    def follow(self, changed: Callable[[], None]) -> None:
        """There is no other."""

    async def close(self) -> None:
        """Nothing was begun."""


async def answers(
    connection: Connection, asked: list[asyncio.Future[Answer]], seconds: float
) -> list[Answer | BaseException]:
    """Wait for the answers to what was asked. Raises Away, and has given the connection up, if they do not come."""
    try:
        async with asyncio.timeout(seconds):
            answered = await asyncio.gather(*asked, return_exceptions=True)
    except TimeoutError:
        connection.lose("late")
        raise Away(f"{connection.address} does not answer") from None
    if connection.reason is not None:
        raise Away(connection.reason)
    return answered
