"""A running server counts exactly what it does."""

import asyncio
from collections.abc import Iterator

import pytest
from pusher import Pusher  # type: ignore[import-untyped]
from pusher.errors import PusherBadAuth  # type: ignore[import-untyped]

from hubbub.statistics.figures import Figures
from hubbub.statistics.seam import DAY, INTERVAL
from hubbub.store import Store
from running import Running
from sockets.client import Dial
from sockets.conftest import Backend, _dial, connect
from webhooks.mortal import Mortal

__all__ = ["_dial", "connect"]  # fixtures

LIMIT = 30.0  # seconds
EVERYTHING = (0, 4_000_000_000)


async def total(url: str, app_id: str, resolution: int = DAY) -> Figures:
    """Give the figures of all that is written down."""
    store = Store.open(url)
    try:
        return (await store.statistics.totals([app_id], resolution, *EVERYTHING))[app_id]
    finally:
        await store.close()


async def refused(url: str, app_id: str) -> dict[str, int]:
    """Give the refusals that are written down."""
    store = Store.open(url)
    try:
        found = (await store.statistics.refusals(app_id, DAY, *EVERYTHING)).values()
        return {reason: count for one in found for reason, count in one.items()}
    finally:
        await store.close()


@pytest.fixture
def counted(url: str) -> Iterator[Running]:
    """Give a server of this test's own."""
    with Running(database_url=url, app_client_events=True) as server:
        yield server


async def test_what_was_said_and_delivered_is_written_down_to_the_last_message(
    counted: Running, url: str, connect: Dial, backend: Backend
) -> None:
    api: Pusher = backend(counted)
    clients = [await connect(counted) for _ in range(3)]
    for client in clients:
        await client.subscribe("private-room")
    for number in range(7):
        api.trigger("private-room", "news", "x" * 100, clients[0].socket_id if number == 6 else None)
    api.trigger(["quiet", "private-room"], "news", "é" * 100)
    api.trigger_batch([{"channel": "quiet", "name": "one", "data": "x"}] * 5)
    for _ in range(2):
        await clients[0].send("client-typing", {}, "private-room")
    api.channels_info()
    for client, count in zip(clients, (7, 10, 10), strict=True):
        for _ in range(count):
            await client.receive()
    for client in clients:
        await client.close()
    with pytest.raises(PusherBadAuth):
        backend(counted, secret="another").trigger("quiet", "news", "x")
    assert await asyncio.to_thread(counted.stop) in (0, -15)
    figures = await total(url, counted.app_id)
    assert (figures.events, figures.client_events, figures.queries) == (7 + 2 + 5, 2, 1)
    assert figures.deliveries == 7 * 3 - 1 + 3 + 2 * 2
    assert figures.bytes_in == 700 + 400 + 5 + 4
    assert figures.largest == 200
    assert sum(figures.sizes) == figures.messages == 16
    assert figures.peak == 3
    assert (figures.refusals, await refused(url, counted.app_id)) == (1, {"request_signature": 1})
    assert figures.ws > 0
    assert (figures.wss, figures.http, figures.phoenix) == (0, 0, 0)
    assert sum(figures.latencies) >= 1
    assert figures.bytes_out > figures.deliveries * 50


async def test_a_killed_server_loses_what_it_had_not_written_and_nothing_else(
    url: str, connect: Dial, backend: Backend
) -> None:
    with Mortal("", app_webhook_url=None, webhook_private=None, database_url=url, app_client_events=True) as server:
        await connect(server)
        backend(server).trigger("room", "news", "kept")
        async with asyncio.timeout(LIMIT):
            while True:
                try:
                    figures = await total(url, server.app_id, INTERVAL)
                except KeyError:
                    await asyncio.sleep(0.2)
                else:
                    break
        server.kill()
        assert (figures.events, figures.peak) == (1, 1)
        server.start_again()
        backend(server).trigger("room", "news", "kept too")
        assert await asyncio.to_thread(server.stop) in (0, -15)
        assert (await total(url, server.app_id)).events == 2
