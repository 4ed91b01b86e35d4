"""The order of events that come through several nodes, as behind a balancer that sends each request elsewhere."""

import asyncio
from collections.abc import Iterator

import pytest

from cluster.proxy import Proxy
from conftest import Start
from engine.redis.redisserver import Server
from rest.driver import Backend
from sockets.client import dial

pytestmark = pytest.mark.needs("redis")

EVENTS = 50


@pytest.fixture
def redis() -> Iterator[Server]:
    with Server() as server:
        yield server


async def test_who_publishes_through_one_node_after_the_other_is_heard_in_that_order_everywhere(
    start_server: Start, redis: Server
) -> None:
    async with Proxy(redis.port) as proxy:
        near = start_server(engine_url=redis.url)
        url = f"redis://127.0.0.1:{proxy.port}"
        far = await asyncio.to_thread(start_server, engine_url=url, app_secret=near.secret)
        sockets = [await (await dial(node)).welcome() for node in (near, far)]
        for socket in sockets:
            await socket.subscribe("room")
        proxy.delay = 0.05  # what is published near is known there when what is published far afterwards comes
        async with asyncio.timeout(60), Backend(near) as one, Backend(far) as other:
            for number in range(0, EVENTS, 2):
                await one.publish("room", "n", str(number))
                await other.publish("room", "n", str(number + 1))
        for socket in sockets:
            assert [await socket.expect("n", "room") for _ in range(EVENTS)] == list(range(EVENTS))
            await socket.close()
