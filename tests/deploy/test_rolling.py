"""Two nodes on one Redis, behind HAProxy, are one server to those in front, while each is restarted too."""

import asyncio
import json
import secrets
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from pusher import Pusher  # type: ignore[import-untyped]
from websockets.exceptions import ConnectionClosed

from conftest import Start
from deploy.proxies import Place, Proxy, haproxy
from engine.redis.redisserver import Server
from sockets.client import LIMIT, PusherSocket, dial, eventually

pytestmark = [pytest.mark.needs("haproxy"), pytest.mark.needs("redis")]

Backend = Callable[..., Pusher]

SECRET = f"app-secret-{secrets.token_hex(8)}"
CLIENTS = 20
PAUSE = 0.05
"""Seconds between two publishes."""

BACK = 5.0
"""Seconds in which a client that was sent away must hear again."""


@pytest.fixture
def engine_url() -> Iterator[str]:
    with Server() as redis:
        yield redis.url


class Client:
    """Listens to what is published, and comes back when it is told to, as pusher-js does after a 4200."""

    def __init__(self, where: Place) -> None:
        self._where = where
        self._listening = asyncio.Event()
        self.heard: list[list[int]] = []
        """The numbers of events, anew from each connection on."""
        self.nodes: list[int] = []
        self.codes: list[int | None] = []
        self.gaps: list[float] = []

    async def run(self) -> None:
        """Listen until cancelled."""
        while True:
            gone = time.monotonic()
            socket = await dial(self._where)
            told = await socket.expect("pusher:connection_established")
            self.nodes.append(told["activity_timeout"])
            await socket.subscribe("news")
            if self.heard:
                self.gaps.append(time.monotonic() - gone)
            self.heard.append([])
            self._listening.set()
            try:
                await self._listen(socket)
            except ConnectionClosed:
                self.codes.append(socket.connection.close_code)
            finally:
                await socket.close()

    async def _listen(self, socket: PusherSocket) -> None:
        while True:
            frame = await asyncio.wait_for(socket.connection.recv(), LIMIT)
            told = json.loads(frame)
            assert told["event"] == "number", told
            self.heard[-1].append(int(told["data"]))

    async def listening(self) -> None:
        """Come back when it listens for the first time."""
        await asyncio.wait_for(self._listening.wait(), LIMIT)


class Publisher:
    """Publishes one number after the other, through the proxy."""

    def __init__(self, publisher: Pusher) -> None:
        self._publisher = publisher
        self.count = 0

    async def run(self) -> None:
        """Publish until cancelled. Raises if one is refused."""
        while True:
            sending = asyncio.to_thread(self._publisher.trigger, "news", "number", str(self.count))
            assert await asyncio.shield(asyncio.ensure_future(sending)) == {}
            self.count += 1
            await asyncio.sleep(PAUSE)


@asynccontextmanager
async def going_on(*tasks: asyncio.Task[None]) -> AsyncIterator[None]:
    """Run beside tasks that must not fail, and end them."""
    try:
        yield
        for task in tasks:
            if task.done():
                await task
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_it_does_not_matter_at_which_node_one_is(
    start_server: Start, engine_url: str, tmp_path: Path, backend: Backend
) -> None:
    first = start_server(engine_url=engine_url, activity_timeout=101, app_secret=SECRET)
    second = start_server(engine_url=engine_url, activity_timeout=102, app_secret=SECRET)
    with Proxy(haproxy, [(node.host, node.port) for node in (first, second)], tmp_path) as proxy:
        where = Place("localhost", proxy.port, first.key, SECRET)
        sockets = [await dial(where) for _ in range(4)]
        nodes = set()
        for index, socket in enumerate(sockets):
            told = await socket.expect("pusher:connection_established")
            socket.socket_id = told["socket_id"]
            nodes.add(told["activity_timeout"])
            present = await socket.subscribe("presence-room", f'{{"user_id":"{index}"}}')
            assert present["presence"]["count"] == index + 1
            for other in sockets[:index]:
                await other.expect("pusher_internal:member_added", "presence-room")
        assert nodes == {101, 102}
        publisher = backend(first, host="localhost", port=proxy.port)
        for number in range(4):  # of which each node takes some
            assert await asyncio.to_thread(publisher.trigger, "presence-room", "number", str(number)) == {}
            for socket in sockets:
                assert await socket.expect("number", "presence-room") == number
            users = await asyncio.to_thread(publisher.users_info, "presence-room")
            assert sorted(user["id"] for user in users["users"]) == ["0", "1", "2", "3"]
        for socket in sockets:
            await socket.close()


async def test_nodes_are_restarted_one_by_one_and_nothing_is_refused(
    start_server: Start, engine_url: str, tmp_path: Path, backend: Backend
) -> None:
    settings = {"engine_url": engine_url, "app_secret": SECRET, "drain_delay": 3}
    nodes = [start_server(activity_timeout=number, **settings) for number in (101, 102)]
    with Proxy(haproxy, [(node.host, node.port) for node in nodes], tmp_path) as proxy:
        where = Place("localhost", proxy.port, nodes[0].key, SECRET)
        clients = [Client(where) for _ in range(CLIENTS)]
        publisher = Publisher(backend(nodes[0], host="localhost", port=proxy.port))
        tasks = [asyncio.create_task(client.run()) for client in clients]
        async with going_on(*tasks, asyncio.create_task(publisher.run())):
            for client in clients:
                await client.listening()
            assert {client.nodes[0] for client in clients} == {101, 102}
            for node, number in zip(nodes, (103, 104), strict=True):
                await asyncio.to_thread(node.stop)
                await asyncio.to_thread(start_server, port=node.port, activity_timeout=number, **settings)
                await until_used(where, number)
            await asyncio.sleep(10 * PAUSE)
        assert publisher.count > 20
        for client in clients:
            assert set(client.nodes[-1:]) <= {103, 104}
            assert set(client.codes) == {4200}
            assert max(client.gaps) < BACK, client.gaps
            for numbers in filter(None, client.heard):
                assert numbers == list(range(numbers[0], numbers[-1] + 1)), "one was lost, or came twice"


async def until_used(where: Place, number: int) -> None:
    """Wait until new sockets come to a node that has just been started."""

    async def is_used() -> bool:
        socket = await dial(where)
        told = await socket.expect("pusher:connection_established")
        await socket.close()
        return bool(told["activity_timeout"] == number)

    await eventually(is_used, "nobody comes to the node that is back")
