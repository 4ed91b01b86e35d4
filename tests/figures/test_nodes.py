"""Two running servers, on one database and one Redis, add to the same figures."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from engine.redis.redisserver import Server as RedisServer
from figures.test_counting import EVERYTHING, total
from hubbub.statistics.seam import DAY, KEPT
from hubbub.store import Store
from running import Running
from sockets.client import Dial
from sockets.conftest import Backend, _dial, connect

__all__ = ["_dial", "connect"]  # fixtures

pytestmark = pytest.mark.needs("redis")


@pytest.fixture
def nodes(url: str) -> Iterator[list[Running]]:
    """Give two servers of one cluster."""
    with ExitStack() as stack:
        redis = stack.enter_context(RedisServer())
        given = {"app_secret": "secret-of-this-test", "database_url": url, "engine_url": redis.url}
        yield [stack.enter_context(Running(migrate=False, **given)) for _ in range(2)]


async def test_what_two_nodes_have_counted_is_one_sum(
    nodes: list[Running], url: str, connect: Dial, backend: Backend
) -> None:
    clients = [await connect(node) for node in nodes for _ in range(2)]
    for place, client in enumerate(clients):
        await client.subscribe("presence-room", f'{{"user_id": "{place}"}}')
    for node in nodes:
        for _ in range(5):
            backend(node).trigger("presence-room", "news", "x" * 10)
    for place, client in enumerate(clients):
        for _ in range(10 + 3 - place):
            await client.receive()
    for node in nodes:
        assert await asyncio.to_thread(node.stop) in (0, -15)
    figures = await total(url, "1")
    assert (figures.events, figures.bytes_in) == (10, 100)
    assert figures.presence == 8, "each came and went"
    # The others are told who comes; as the servers stop, those who are left are told who goes.
    assert 40 + 6 <= figures.deliveries <= 40 + 12
    assert figures.ws > 0
    store = Store.open(url)
    sums = [(await store.statistics.totals(["1"], resolution, *EVERYTHING))["1"] for resolution in KEPT]
    peaks = [one.peak for one in (await store.statistics.figures("1", DAY, *EVERYTHING)).values()]
    await store.close()
    assert {one.events for one in sums} == {10}
    assert 2 <= max(peaks) <= 4, "a sum of both, where both were full in the same ten seconds"
