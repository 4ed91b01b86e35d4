"""Phoenix's long-polls, whose requests come to three nodes in turn: as if they were one."""

import asyncio
from collections.abc import Iterator
from typing import Any, cast

import pytest

from engine.redis.redisserver import Server
from seeded import Seeded
from sockets.client import LIMIT, eventually
from sockets.forwarding.nodes import Nodes
from sockets.phoenix.client import V1, V2, lobby
from sockets.phoenix.test_phoenix_longpoll import Poller

pytestmark = pytest.mark.needs("redis")

EVENTS = 8
"""Fewer than a client may push in a second."""

both = pytest.mark.parametrize("vsn", [V1, V2])


@pytest.fixture(scope="module")
def nodes(redis: Server) -> Iterator[Nodes]:
    with Nodes(redis, is_seeded=True, poll_timeout=5) as nodes:
        yield nodes


@pytest.fixture(scope="module")
def jwt(nodes: Nodes) -> str:
    return nodes.jwt()


def poller(server: object, jwt: str, uid: str, vsn: str = V2) -> Poller:
    """Give a client of a node, or of all."""
    return Poller(cast("Seeded", server), jwt, uid, vsn)


@both
async def test_clients_of_all_nodes_meet(nodes: Nodes, jwt: str, name: str, vsn: str) -> None:
    before = list(nodes.balancer.counts)
    topic = lobby(poller(nodes, jwt, "ann").server, name)
    ann = await poller(nodes, jwt, "ann", vsn).open()
    assert list(await ann.join(topic)) == ["ann"]
    bob = await poller(nodes, jwt, "bob", vsn).open()
    assert list(await bob.join(topic)) == ["ann", "bob"]
    assert [message[3] for message in await ann.poll()] == ["presence_diff"]
    for number in range(EVENTS):
        await bob.send(topic, "said", {"number": number}, ref=str(number))
    heard: list[Any] = []
    async with asyncio.timeout(2 * LIMIT):
        while len(heard) < EVENTS:
            heard += [message[4] for message in await ann.poll() if message[3] == "said"]
    assert heard == [{"number": number} for number in range(EVENTS)]
    assert all(after > count for after, count in zip(nodes.balancer.counts, before, strict=True))


async def test_a_poll_waits_at_one_node_and_is_answered_by_another(nodes: Nodes, jwt: str, name: str) -> None:
    ann = await poller(nodes[0], jwt, "ann").open()
    ann.server = cast("Seeded", nodes[1])
    polling = asyncio.create_task(ann.poll())
    posting = poller(nodes[2], jwt, "ann")
    posting.token = ann.token
    await posting.send("phoenix", "heartbeat", ref="7")
    heard = await polling or await ann.poll()
    assert [message[1] for message in heard] == ["7"]


async def test_an_empty_poll_comes_to_its_end(nodes: Nodes, jwt: str) -> None:
    ann = await poller(nodes[0], jwt, "ann").open()
    ann.server = cast("Seeded", nodes[1])
    assert await ann.poll() == []
    assert await ann.poll() == []


async def test_an_unknown_token_is_unknown_everywhere(nodes: Nodes, jwt: str) -> None:
    for node in nodes.all:
        ann = poller(node, jwt, "ann")
        ann.token = "unknown-{}-🎉"
        assert await ann.is_over()
        assert (await ann.request("POST", b"[]"))["status"] == 410


async def test_a_session_without_polls_is_over_everywhere(redis: Server) -> None:
    with Nodes(redis, 2, is_seeded=True, poll_timeout=0.5) as nodes:
        ann = await poller(nodes[0], nodes.jwt(), "ann").open()
        assert nodes.claims() == 1

        async def is_over() -> bool:
            return nodes.claims() == 0

        await eventually(is_over, "the session is kept")
        ann.server = cast("Seeded", nodes[1])
        assert await ann.is_over()


async def test_the_death_of_its_node_ends_a_session(redis: Server) -> None:
    with Nodes(redis, 2, is_seeded=True, poll_window=2, poll_timeout=60) as nodes:
        ann = await poller(nodes[0], nodes.jwt(), "ann").open()
        nodes[0].kill()
        ann.server = cast("Seeded", nodes[1])
        until = asyncio.get_running_loop().time() + 45
        while (await ann.request("GET"))["status"] != 500:
            assert asyncio.get_running_loop().time() < until
