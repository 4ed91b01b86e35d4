"""What a server does for its own clients while its engine is away, by `engine_away`."""

import asyncio
from collections.abc import Callable, Iterator

import pytest
from pusher import Pusher  # type: ignore[import-untyped]
from pusher.errors import PusherBadStatus  # type: ignore[import-untyped]

from conftest import Start
from engine.redis.redisserver import Server
from sockets.client import PusherSocket, dial, eventually
from test_health import health

pytestmark = pytest.mark.needs("redis")

Backend = Callable[..., Pusher]


@pytest.fixture
def redis() -> Iterator[Server]:
    with Server() as server:
        yield server


async def until_degraded(server: object) -> None:
    async def is_degraded() -> bool:
        return bool((await health(server))[1]["status"] == "degraded")  # type: ignore[arg-type]

    await eventually(is_degraded, "the server did not notice")


@pytest.mark.parametrize("channel", ["room", "cache-room"])
async def test_with_deliver_publishes_reach_those_who_are_here(
    start_server: Start, backend: Backend, redis: Server, channel: str
) -> None:
    server = start_server(engine_url=redis.url, engine_away="deliver")
    early, left_out = [await (await dial(server)).welcome() for _ in range(2)]
    publisher = backend(server)

    async def come(socket: PusherSocket) -> None:
        await socket.subscribe(channel)
        if channel.startswith("cache-"):
            await socket.expect("pusher:cache_miss", channel)

    await come(early)
    await come(left_out)
    redis.stop()
    await until_degraded(server)
    late = await (await dial(server)).welcome()
    await come(late)
    for number in range(3):
        await asyncio.to_thread(publisher.trigger, channel, "n", str(number), left_out.socket_id)
    for socket in (early, late):
        for number in range(3):
            assert await socket.expect("n", channel) == number
    await left_out.expect_nothing()
    for socket in (early, left_out, late):
        await socket.close()


async def test_with_refuse_publishes_are_answered_503_and_nobody_hears_them(
    start_server: Start, backend: Backend, redis: Server
) -> None:
    server = start_server(engine_url=redis.url)
    socket = await (await dial(server)).welcome()
    for channel in ("room", "cache-room"):
        await socket.subscribe(channel)
    await socket.expect("pusher:cache_miss", "cache-room")
    redis.stop()
    await until_degraded(server)
    for channel in ("room", "cache-room"):
        with pytest.raises(PusherBadStatus, match="503"):
            await asyncio.to_thread(backend(server).trigger, channel, "n", "1")
    await socket.expect_nothing()
    await socket.close()
