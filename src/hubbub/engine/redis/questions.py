"""What only another node knows, asked of it: how many subscriptions it has in a channel.

Exactly the nodes that have the channel are asked, each on its own topic. Who does not answer in a second, being frozen
or gone, has none.
"""

import asyncio
from collections.abc import Callable, Sequence
from itertools import count
from typing import Any, Final

from hubbub.engine.redis import parcels
from hubbub.engine.redis.keys import Names, bucket_of
from hubbub.engine.redis.lease import Lease
from hubbub.engine.redis.link import Link
from hubbub.engine.redis.scripts import NODES
from hubbub.engine.redis.tasks import Tasks

PATIENCE: Final = 1.0
"""Seconds in which a node must answer."""


class Questions:
    """Asked and answered; `count_here` tells how many subscriptions this node has in an application's channel."""

    def __init__(
        self, link: Link, names: Names, lease: Lease, tasks: Tasks, count_here: Callable[[str, str], int]
    ) -> None:
        self._link = link
        self._names = names
        self._lease = lease
        self._tasks = tasks
        self._count_here = count_here
        self._numbers = count()
        self._asked: dict[int, asyncio.Future[list[int]]] = {}
        self.unanswered = 0
        """How many were not answered in time."""

    async def counts_elsewhere(self, app_id: str, channels: Sequence[str]) -> list[int]:
        """See `Engine.counts_elsewhere`."""
        asked: dict[str, list[str]] = {}
        for channel, nodes in (await self._nodes(app_id, channels)).items():
            for node in nodes:
                asked.setdefault(node, []).append(channel)
        totals = dict.fromkeys(channels, 0)
        answers = await asyncio.gather(*(self._ask(node, app_id, some) for node, some in asked.items()))
        for some, counts in zip(asked.values(), answers, strict=True):
            for channel, number in zip(some, counts, strict=True):
                totals[channel] += number
        return [totals[channel] for channel in channels]

    def answer(self, packed: bytes) -> None:
        """Answer what another node asks."""
        node, number, app_id, channels = parcels.unpack_values(packed)
        counts = [self._count_here(app_id, channel) for channel in channels]
        message = parcels.ANSWERED + parcels.pack_values(number, counts)
        self._tasks.start(self._link.publish(self._names.post(node), message), "an answer to another node")

    def take(self, packed: bytes) -> None:
        """Take an answer. One that comes late is nobody's."""
        number, counts = parcels.unpack_values(packed)
        waiting = self._asked.get(number)
        if waiting is not None and not waiting.done():
            waiting.set_result(counts)

    async def _ask(self, node: str, app_id: str, channels: list[str]) -> list[int]:
        number = next(self._numbers)
        waiting: asyncio.Future[list[int]] = asyncio.get_running_loop().create_future()
        self._asked[number] = waiting
        try:
            question = parcels.pack_values(self._lease.node, number, app_id, channels)
            async with asyncio.timeout(PATIENCE):
                await self._link.publish(self._names.post(node), parcels.ASKED + question)
                return await waiting
        except TimeoutError:
            self.unanswered += 1
            return [0] * len(channels)
        finally:
            del self._asked[number]

    async def _nodes(self, app_id: str, channels: Sequence[str]) -> dict[str, list[str]]:
        """Name the other nodes that have subscribers in each channel."""
        buckets: dict[str, list[str]] = {}
        for channel in dict.fromkeys(channels):
            buckets.setdefault(bucket_of(app_id, channel), []).append(channel)
        keys = [[self._names.nodes(bucket, channel) for channel in some] for bucket, some in buckets.items()]
        found: Any = await asyncio.gather(*(self._link.run(NODES, some, []) for some in keys))
        not_asked = {self._lease.node, *self._lease.past, "#"}
        return {
            channel: [node for name in names if (node := name.decode()) not in not_asked]
            for some, answers in zip(buckets.values(), found, strict=True)
            for channel, names in zip(some, answers, strict=True)
        }
