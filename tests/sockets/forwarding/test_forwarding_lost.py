"""What becomes of sessions between two nodes when one of them dies or stops, or when Redis is away."""

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest

from engine.redis.redisserver import Server
from sockets.client import SUCCEEDED, Dial, eventually
from sockets.fallbacks.client import Fallback
from sockets.fallbacks.conftest import Fall
from sockets.forwarding.conftest import StartNodes, at
from sockets.forwarding.nodes import Nodes

pytestmark = pytest.mark.needs("redis")

PATIENCE = 45.0
"""Seconds in which a node is found to be dead, which takes 15, on a machine that is busy."""


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    timeout = aiohttp.ClientTimeout(total=None, sock_read=PATIENCE)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=timeout) as session:
        yield session


async def test_the_death_of_the_node_that_has_a_session_breaks_its_stream_off(
    start_nodes: StartNodes, fall: Fall
) -> None:
    """For pusher-js and SockJS the connection is lost, and they begin another."""
    nodes = start_nodes()
    session = await fall(nodes[0]).open()
    there = at(session, nodes[1])
    async with there.stream() as stream:
        nodes[0].kill()
        with pytest.raises(aiohttp.ClientError):
            await asyncio.wait_for(stream.response.content.read(), PATIENCE)
    assert (await fall(nodes[1]).lines())[0] == "o"


async def test_a_poll_of_a_session_whose_node_dies_finds_a_new_session(start_nodes: StartNodes, fall: Fall) -> None:
    """An `o` where none is expected: "Server lost session" to pusher-js and SockJS, as after a restart."""
    nodes = start_nodes(3)
    session = await fall(nodes[0]).open()
    waiting = await at(session, nodes[1]).waiting()
    nodes[0].kill()
    assert (await asyncio.wait_for(waiting, PATIENCE))[0] == "o"
    assert (await at(session, nodes[2]).request("POST", "xhr_send", b"[]"))[0] == 204


async def test_a_message_to_a_session_whose_node_has_died_is_refused(start_nodes: StartNodes, fall: Fall) -> None:
    nodes = start_nodes()
    session = await fall(nodes[0]).open()
    nodes[0].kill()
    assert (await at(session, nodes[1]).request("POST", "xhr_send", b"[]"))[0] == 404


async def test_clients_that_came_through_a_node_that_dies_are_gone(
    start_nodes: StartNodes, fall: Fall, connect: Dial
) -> None:
    nodes = start_nodes()
    ann = await connect(nodes[0])
    await ann.subscribe("presence-room", '{"user_id":"ann"}')
    bob = await fall(nodes[0]).open()
    there = at(bob, nodes[1])
    async with there.stream() as stream:
        await bob.send(bob.subscription("presence-room", '{"user_id":"bob"}'))
        assert (await stream.frames())[0]["event"] == SUCCEEDED
        await ann.expect("pusher_internal:member_added")
        nodes[1].kill()

        async def is_gone() -> bool:
            status, _ = await bob.request("POST", "xhr_send", b"[]")
            return status == 404

        deadline = asyncio.get_running_loop().time() + PATIENCE
        while not await is_gone():
            assert asyncio.get_running_loop().time() < deadline
            await asyncio.sleep(0.2)
        await ann.expect("pusher_internal:member_removed")


@pytest.mark.parametrize("stopping", [0, 1])
async def test_clients_are_told_to_come_back_whichever_node_stops(
    start_nodes: StartNodes, fall: Fall, stopping: int
) -> None:
    nodes = start_nodes()
    session = await fall(nodes[0]).open()
    async with at(session, nodes[1]).stream() as stream:
        stop = asyncio.create_task(asyncio.to_thread(nodes[stopping].stop))
        assert await stream.expect_close(4200) == "Server is restarting, please reconnect"
    assert await stop in (0, -15)
    assert (await fall(nodes[1 - stopping]).lines())[0] == "o"


async def test_what_is_here_is_served_while_redis_is_away_and_what_is_not_is_told_to_come_back(
    start_nodes: StartNodes, fall: Fall
) -> None:
    with Server() as redis:
        nodes = start_nodes(redis=redis)
        session = await fall(nodes[0]).open()
        async with at(session, nodes[1]).stream() as stream:
            redis.stop()
            await eventually(lambda: _is_degraded(session.http, nodes), "nobody misses Redis")
            assert (await at(session, nodes[1]).request("POST", "xhr_send", b"[]"))[0] == 503
            assert (await session.request("POST", "xhr_send", b"[]"))[0] == 204
            assert (await fall(nodes[1]).request("POST", "xhr"))[0] == 503
            redis.start()
            # What was on its way between the nodes may be lost.
            with pytest.raises(aiohttp.ClientError):
                await asyncio.wait_for(stream.response.content.read(), PATIENCE)
        await eventually(lambda: _is_gone(session), "the session is kept that lost its stream")

        async def is_served() -> bool:
            return (await fall(nodes[1]).request("POST", "xhr"))[0] == 200

        await eventually(is_served, "nobody is let in")


async def _is_degraded(http: aiohttp.ClientSession, nodes: Nodes) -> bool:
    told = []
    for node in nodes.all:
        async with http.get(f"{node.url}/health") as answer:
            told.append((await answer.json())["status"])
    return told == ["degraded"] * len(told)


async def _is_gone(session: Fallback) -> bool:
    return (await session.request("POST", "xhr_send", b"[]"))[0] == 404
