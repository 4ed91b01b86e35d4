"""The limits of one application on three servers that share a Redis: exact, whichever they come to."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import aiohttp
import pytest
import pytest_asyncio
from websockets.exceptions import InvalidStatus

from cluster.nodes import Cluster, Node
from rest.driver import Backend
from seeded import ORGANIZATION
from sockets.client import PusherSocket, dial
from sockets.fallbacks.client import Fallback
from sockets.phoenix.client import knock

pytestmark = [
    pytest.mark.needs("redis"),
    pytest.mark.needs("postgresql"),
    pytest.mark.asyncio(loop_scope="module"),
]

PLACES = 30
EVENTS = 20
PATIENCE = 60.0  # seconds: only reached by what has failed


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def cluster() -> AsyncIterator[Cluster]:
    async with Cluster(is_direct=True, app_settings=[f"events_per_second={EVENTS}"]) as cluster:
        yield cluster


class Crowd:
    """Connections to all nodes, of an application of their own. They are closed in the end."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self.key = ""
        self._stack = AsyncExitStack()
        self.inside: dict[str, list[PusherSocket]] = {node.name: [] for node in cluster.nodes}

    async def __aenter__(self) -> "Crowd":
        limit = f"max_connections={PLACES}"
        create = self._cluster.nodes[-1].create_app
        self.key = await asyncio.to_thread(create, "--organization", ORGANIZATION, "--set", limit)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    @property
    def count(self) -> int:
        return sum(map(len, self.inside.values()))

    async def come(self, node: Node) -> bool:
        """Let one more come to a node; False when there is no place for it."""
        socket = await dial(node, f"/app/{self.key}?protocol=7")
        self._stack.push_async_callback(socket.close)
        frame = await socket.receive()
        if frame["event"] == "pusher:connection_established":
            self.inside[node.name].append(socket)
            return True
        assert frame["data"] == {"code": 4004, "message": f"Application is over its connection quota of {PLACES}"}
        await socket.expect_close(4004)
        return False

    async def fill(self, *nodes: Node, others: int = 0) -> None:
        """Let them come to these nodes until there is no place: all must have been given, and no more.

        `others` are there of other kinds.
        """
        async with asyncio.timeout(PATIENCE):
            while self.count + others < PLACES:
                await asyncio.gather(*map(self.come, nodes))
        assert not any(await asyncio.gather(*map(self.come, nodes)))
        assert self.count + others == PLACES

    async def leave(self, node: Node) -> None:
        await self.inside[node.name].pop().close()

    async def until_one_comes(self, node: Node) -> None:
        async with asyncio.timeout(PATIENCE):
            while not await self.come(node):  # noqa: ASYNC110  # servers know nothing of tests
                await asyncio.sleep(0.05)


async def test_connections_are_as_many_as_the_limit_and_no_more(cluster: Cluster) -> None:
    async with Crowd(cluster) as crowd:
        coming = (crowd.come(node) for _ in range(PLACES) for node in cluster.nodes)
        assert sum(await asyncio.gather(*coming)) == PLACES
        for _ in range(5):
            for leaving, coming_node in zip(cluster.nodes, [*cluster.nodes[1:], cluster.nodes[0]], strict=True):
                if not crowd.inside[leaving.name]:
                    continue
                await crowd.leave(leaving)
                await crowd.until_one_comes(coming_node)
                assert not any(await asyncio.gather(*map(crowd.come, cluster.nodes)))
                assert crowd.count == PLACES


async def test_places_are_not_lost_while_connections_come_and_go(cluster: Cluster) -> None:
    async with Crowd(cluster) as crowd:

        async def live(node: Node) -> None:
            for number in range(60):
                await crowd.come(node)
                if number % 3:
                    while len(crowd.inside[node.name]) > number % 7:
                        await crowd.leave(node)

        await asyncio.gather(*(live(node) for node in cluster.nodes for _ in range(3)))
        assert crowd.count <= PLACES
        for node in cluster.nodes:
            while crowd.inside[node.name]:
                await crowd.leave(node)
        for node in cluster.nodes:
            await crowd.fill(node)
            while crowd.inside[node.name]:
                await crowd.leave(node)


async def test_a_killed_server_s_places_are_free_again(cluster: Cluster) -> None:
    killed, *others = cluster.nodes
    async with Crowd(cluster) as crowd:
        async with asyncio.timeout(PATIENCE):
            while len(crowd.inside[killed.name]) < PLACES // 2:
                await crowd.come(killed)
        await crowd.fill(*others)
        killed.kill()
        began = time.monotonic()
        crowd.inside[killed.name] = []
        await crowd.until_one_comes(others[0])
        assert time.monotonic() - began < PATIENCE / 2
        await crowd.fill(*others)
    await asyncio.to_thread(killed.start_again)


async def test_a_stopped_server_s_places_are_free_at_once(cluster: Cluster) -> None:
    stopped, *others = cluster.nodes
    async with Crowd(cluster) as crowd:
        await crowd.fill(stopped)
        await asyncio.to_thread(stopped.stop)
        crowd.inside[stopped.name] = []
        await crowd.fill(*others)
    await asyncio.to_thread(stopped.start_again)


async def test_a_new_limit_counts_on_all_servers(cluster: Cluster) -> None:
    one, another, third = cluster.nodes

    async def until_welcome(node: Node, *, is_welcome: bool) -> None:
        async with asyncio.timeout(PATIENCE):
            while True:
                socket = await dial(node, f"/app/{crowd.key}?protocol=7")
                frame = await socket.receive()
                await socket.close()
                if (frame["event"] == "pusher:connection_established") is is_welcome:
                    return

    async with Crowd(cluster) as crowd:
        await crowd.until_one_comes(one)
        await asyncio.to_thread(one.command, "app", "set", crowd.key, "max_connections=1")
        for node in (another, third):
            await until_welcome(node, is_welcome=False)
        await asyncio.to_thread(one.command, "app", "set", crowd.key, f"max_connections={PLACES}")
        for node in (another, third):
            await until_welcome(node, is_welcome=True)


async def test_clients_of_all_kinds_have_the_same_places(cluster: Cluster) -> None:
    one, another, third = cluster.nodes
    jwt = await asyncio.to_thread(one.jwt)
    timeout = aiohttp.ClientTimeout(total=PATIENCE)
    async with Crowd(cluster) as crowd, aiohttp.ClientSession(timeout=timeout) as http, AsyncExitStack() as stack:
        for number in range(10):
            assert await crowd.come(one)
            phoenix = await knock(another, guardian_token=jwt, unique_identifier=f"user-{number}", app_key=crowd.key)
            stack.push_async_callback(phoenix.close)
        polls = [await Fallback(http, third, crowd.key).open() for _ in range(4)]
        await crowd.fill(another, others=14)
        with pytest.raises(InvalidStatus) as refused:
            await knock(one, guardian_token=jwt, unique_identifier="last", app_key=crowd.key)
        assert refused.value.response.status_code == 403
        assert not await crowd.come(third)
        for session in polls:
            await session.send({"event": "pusher:ping", "data": {}})


async def test_sessions_at_which_no_request_waits_keep_nobody_out_of_any_server(cluster: Cluster) -> None:
    *away, here = cluster.nodes
    timeout = aiohttp.ClientTimeout(total=PATIENCE)
    async with Crowd(cluster) as crowd, aiohttp.ClientSession(timeout=timeout) as http:
        for _ in range(PLACES):
            for node in away:
                lines = await Fallback(http, node, crowd.key).lines()
                assert lines[0] == "o"
        for _ in range(PLACES // 2):
            await crowd.until_one_comes(here)


async def test_events_are_as_many_as_the_limit_and_no_more(cluster: Cluster) -> None:
    """In one second, which begins with the first: more than one may be over before all are answered, on a busy day."""
    event = {"name": "n", "channel": "c", "data": "{}"}
    async with AsyncExitStack() as stack:
        backends = [await stack.enter_async_context(Backend(node)) for node in cluster.nodes for _ in range(EVENTS)]
        async with asyncio.timeout(PATIENCE):
            while True:
                await asyncio.sleep(1)  # the second before is over
                began = time.monotonic()
                answers = await asyncio.gather(*(api.post("/events", event) for api in backends))
                passed = [answer.status for answer in answers].count(200)
                refused = [answer.refusal for answer in answers if answer.status != 200]
                assert set(refused) <= {(429, f"Over the limit of {EVENTS} events per second for this application")}
                if time.monotonic() - began < 1:
                    assert passed == EVENTS
                    return


async def test_a_batch_to_one_server_uses_up_what_another_has(cluster: Cluster) -> None:
    def batch(size: int) -> dict[str, object]:
        return {"batch": [{"name": "n", "channel": "c", "data": "{}"}] * size}

    one, another, _ = cluster.nodes
    async with Backend(one) as first, Backend(another) as second, asyncio.timeout(PATIENCE):
        while True:
            await asyncio.sleep(1)
            began = time.monotonic()
            assert (await first.post("/batch_events", batch(9))).status == 200
            assert (await second.post("/batch_events", batch(9))).status == 200
            statuses = [
                (await api.post("/batch_events", batch(size))).status for api in (first, second) for size in (3, 1)
            ]
            if time.monotonic() - began < 1:
                assert statuses == [429, 200, 429, 200]
                return
