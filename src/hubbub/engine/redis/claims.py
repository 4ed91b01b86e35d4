"""Which node has what one node has at a time, by name: the sessions of clients that come by several requests."""

from typing import Any, Final

from hubbub.engine.redis.keys import Names
from hubbub.engine.redis.lease import Lease
from hubbub.engine.redis.link import Link
from hubbub.engine.redis.node_scripts import CLAIM, RELEASE
from hubbub.engine.redis.scripts import IS_MEMBER

KEPT_SECONDS: Final = 86_400
"""A claim is forgotten after so long: one whose node died, and after which nobody asked."""


class Claims:
    """Every call may raise STORE_UNAVAILABLE."""

    def __init__(self, link: Link, names: Names, lease: Lease) -> None:
        self._link = link
        self._names = names
        self._lease = lease

    async def claim(self, name: str) -> str:
        """See `Engine.claim`."""
        holder = await self._claim(name, "")
        if holder == self._lease.node or await self._is_alive(holder):
            return holder
        return await self._claim(name, holder)

    async def release(self, name: str) -> None:
        """See `Engine.release`."""
        await self._link.run(RELEASE, [self._names.claim(name)], [self._lease.node, *self._lease.past])

    async def _claim(self, name: str, dead: str) -> str:
        answer: Any = await self._link.run(CLAIM, [self._names.claim(name)], [self._lease.node, KEPT_SECONDS, dead])
        return str(answer, "ascii")

    async def _is_alive(self, node: str) -> bool:
        return await self._link.run(IS_MEMBER, [self._names.beats], [node]) == 1
