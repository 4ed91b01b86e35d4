"""Whatever happens to nodes and to Redis: what was promised holds, and afterwards all is as if nothing had happened."""

import asyncio
import json
import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from cluster.nodes import Cluster
from cluster.scene import Scene, started
from sockets.client import COUNT, WATCHLIST, dial
from webhooks.receiver import Receiver

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.needs("node", "redis", "postgresql programs"),
]

GONE = 15.0
"""Seconds in which a killed node's members must be gone."""

CHURN = (0.05, 1.5)
"""Seconds between coming and going, shorter and longer than the grace of webhooks here."""

Stage = tuple[Cluster, Receiver]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage() -> AsyncIterator[Stage]:
    async with started(webhook_grace=1, webhook_return=5) as stage:
        yield stage


@pytest_asyncio.fixture(loop_scope="module")
async def scene(stage: Stage) -> AsyncIterator[Scene]:
    """Give a scene at full life: everybody publishes, and two clients of each node come and go."""
    async with Scene(*stage) as scene:
        scene.live(pause=0.03, churn=CHURN)
        yield scene


async def test_nothing_goes_wrong_while_nothing_happens(scene: Scene) -> None:
    await asyncio.sleep(5)
    verdict = await scene.expect_good()
    assert verdict.required > 1000
    assert verdict.required == verdict.deliveries
    assert verdict.webhooks > 20


async def test_a_frozen_node_is_taken_out_and_comes_back(scene: Scene) -> None:
    node = scene.cluster["b"]
    async with scene.cluster.trouble("b"):
        await asyncio.to_thread(node.freeze)
        await until_gone(scene, "b")
        await asyncio.to_thread(node.thaw)
    await scene.expect_good()


async def test_without_redis_clients_of_a_node_go_on_and_publishers_are_told_to_come_back(scene: Scene) -> None:
    """And when it comes back, empty, it is filled again."""
    node, channel = scene.cluster["a"], scene.channel("private", "talk")
    speaker, listener = [await (await dial(node)).welcome() for _ in range(2)]
    await speaker.subscribe(channel)
    # Told when webhooks have it written down, which the listener would otherwise be in time to hear too.
    assert await speaker.expect(COUNT, channel) == {"subscription_count": 1}
    async with scene.cluster.trouble(is_link=True):
        await asyncio.to_thread(scene.cluster.server.kill)
        try:
            await until_degraded(scene, *scene.names)
            assert await scene.publishers[0].publish(channel) == 503
            await listener.subscribe(channel)
            await speaker.send("client-hi", "hi", channel)
            await listener.expect_frame({"event": "client-hi", "channel": channel, "data": "hi"})
        finally:
            await asyncio.to_thread(scene.cluster.server.start)
    for socket in (speaker, listener):
        await socket.close()
    await scene.expect_good()


async def test_a_node_that_is_stopped_leaves_nothing_behind(scene: Scene) -> None:
    async with scene.cluster.trouble("c"):
        assert await asyncio.to_thread(scene.cluster["c"].stop) == 0
        began = time.monotonic()
        await until_gone(scene, "c")
        assert time.monotonic() - began < GONE / 3, "its entries were left to be found"
        await asyncio.to_thread(scene.cluster["c"].start_again)
    await scene.expect_good()


async def test_a_node_that_alone_lost_redis_comes_back(scene: Scene) -> None:
    async with scene.cluster.trouble("b", is_link=True):
        scene.cluster.proxies["b"].drop()
        await until_degraded(scene, "b")
        assert (await scene.cluster.health(scene.cluster["a"]))["status"] == "ok"
        await scene.cluster.proxies["b"].heal()
    async with scene.cluster.trouble("c", is_link=True):
        await scene.cluster.proxies["c"].refuse()
        await until_degraded(scene, "c")
        await scene.cluster.proxies["c"].heal()
    await scene.expect_good()


async def test_what_a_killed_node_had_is_gone_and_each_leave_is_told_once(scene: Scene) -> None:
    """The last one: the node stays away."""
    user, room = f"user-{scene.token}", scene.channel("room", "counted")
    watcher, watched, counted = [await (await dial(scene.cluster[name])).welcome() for name in ("a", "c", "c")]
    await watched.sign_in(user)
    await watcher.sign_in("watcher", watchlist=[user])
    assert await watcher.expect(WATCHLIST) == {"events": [{"name": "online", "user_ids": [user]}]}
    for number, socket in enumerate((watcher, counted), 1):
        await socket.subscribe(room)
        assert await watcher.expect(COUNT, room) == {"subscription_count": number}
    async with scene.cluster.trouble("c"):
        began = time.monotonic()
        await asyncio.to_thread(scene.cluster["c"].kill)
        await until_gone(scene, "c")
        assert time.monotonic() - began < GONE
        told = [await watcher.receive() for _ in range(2)]
        assert {frame["event"]: json.loads(frame["data"]) for frame in told} == {
            WATCHLIST: {"events": [{"name": "offline", "user_ids": [user]}]},
            COUNT: {"subscription_count": 1},
        }
    for socket in (watcher, watched, counted):
        await socket.close()
    await scene.expect_good()


async def until_gone(scene: Scene, name: str) -> None:
    """Wait until the other nodes have no member of this one any more."""
    others = [other for other in scene.names if other != name]
    until = time.monotonic() + 3 * GONE
    while any([scene.own_users(name) & await scene.members(other) for other in others]):
        assert time.monotonic() < until, f"node {name} is a ghost\n{scene.cluster.log}"
        await asyncio.sleep(0.1)


async def until_degraded(scene: Scene, *names: str) -> None:
    """Wait until these nodes say that Redis is away."""
    until = time.monotonic() + GONE
    for name in names:
        while (await scene.cluster.health(scene.cluster[name]))["status"] != "degraded":
            assert time.monotonic() < until, f"node {name} misses nothing\n{scene.cluster.log}"
            await asyncio.sleep(0.1)
