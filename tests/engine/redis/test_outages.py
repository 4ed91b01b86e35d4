"""Redis lost and found: killed, frozen, cut off, emptied, failed over, moved. A link mends itself each time."""

import asyncio
import logging
from collections.abc import AsyncIterator

import pytest

from cluster.proxy import Proxy
from engine.redis.ear import LIMIT, TIMEOUT, Ear, following, linked, name, tell
from engine.redis.redisserver import Cluster, Sentinels, Server, version
from hubbub.engine.redis import connection
from hubbub.engine.redis.link import Link
from hubbub.engine.redis.servers import slot_of
from hubbub.errors import STORE_UNAVAILABLE, Refusal

pytestmark = pytest.mark.needs("redis")


async def refused(call: object) -> None:
    """Wait for a call to be refused as it is while Redis is away."""
    assert asyncio.iscoroutine(call)
    with pytest.raises(Refusal) as refusal:
        async with asyncio.timeout(LIMIT):
            await call
    assert refusal.value.reason is STORE_UNAVAILABLE


async def check(link: Link, ear: Ear, *topics: str) -> None:
    """See that scripts run and messages of the topics, all of them subscribed to, are heard once each."""
    assert link.is_open
    before = len(ear.messages)
    for topic in topics:
        assert isinstance(await following(link, topic), int)
        await link.publish(topic, b"by itself")
        await tell(link, topic, "by a script")
    await ear.until(lambda: len(ear.messages) >= before + 2 * len(topics))
    assert sorted(ear.messages[before:]) == sorted(
        (topic.encode(), told) for topic in topics for told in (b"by itself", b"by a script")
    )


@pytest.fixture
async def server() -> AsyncIterator[Server]:  # of Redis
    with Server() as server:
        yield server


async def test_a_server_that_is_killed_and_started_empty_is_found_again(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    topics = [name() for _ in range(3)]
    async with linked(server.url) as (link, ear):
        await asyncio.gather(*map(link.subscribe, topics))
        await check(link, ear, *topics)
        server.kill()
        await ear.until_lost()
        assert not link.is_open
        await refused(following(link, topics[0]))
        await refused(link.publish(topics[0], b""))
        server.start()
        await ear.until_found()
        await check(link, ear, *topics)
        assert await following(link, topics[0]) == 2, "it is empty, but for the check"
        assert ear.reasons == [f"127.0.0.1:{server.port} has closed the connection"]
    told = [record.message for record in caplog.records if record.levelno >= logging.WARNING]
    assert told[0] == f"Redis is away: {ear.reasons[0]}"
    assert told[-1] == f"Redis is back after {ear.gaps[0]:.1f} s"


async def test_it_is_lost_and_found_as_often_as_it_is_away(server: Server) -> None:
    topic = name()
    async with linked(server.url) as (link, ear):
        await link.subscribe(topic)
        for times in range(1, 5):
            server.stop()
            await ear.until_lost(times)
            server.start()
            await ear.until_found(times)
            await check(link, ear, topic)


async def test_what_is_subscribed_to_and_not_while_redis_is_away_is_made_good(server: Server) -> None:
    stays, goes, comes, both = (name() for _ in range(4))
    async with linked(server.url) as (link, ear):
        await asyncio.gather(link.subscribe(stays), link.subscribe(goes))
        server.kill()
        await ear.until_lost()
        async with asyncio.timeout(LIMIT):
            await asyncio.gather(link.unsubscribe(goes), link.subscribe(comes), link.subscribe(both))
            await link.unsubscribe(both)
        server.start()
        await ear.until_found()
        for topic in (goes, both):
            await link.publish(topic, b"nobody hears it")
        await check(link, ear, stays, comes)


async def test_thousands_of_topics_are_subscribed_to_again_before_it_is_found(server: Server) -> None:
    topics = [name() for _ in range(5000)]
    async with linked(server.url) as (link, ear):
        await asyncio.gather(*map(link.subscribe, topics))
        server.kill()
        await ear.until_lost()
        server.start()
        await ear.until_found()
        assert len(server.ask("PUBSUB", "CHANNELS")) == len(topics)
        await check(link, ear, topics[0], topics[-1])


async def test_a_subscription_under_way_when_redis_dies_is_made_good(server: Server) -> None:
    topic = name()
    async with linked(server.url) as (link, ear):
        server.freeze()
        subscribing = asyncio.ensure_future(link.subscribe(topic))
        await asyncio.sleep(0.1)
        assert not subscribing.done()
        server.kill()
        await asyncio.wait_for(subscribing, LIMIT)
        server.start()
        await ear.until_found()
        await check(link, ear, topic)


async def test_a_server_that_is_frozen_is_away_and_comes_back(server: Server) -> None:
    topic = name()
    async with linked(server.url, TIMEOUT) as (link, ear):
        await link.subscribe(topic)
        server.freeze()
        await refused(following(link, topic))  # it may run once the server goes on
        await ear.until_lost()
        assert "has not answered for 2 s" in ear.reasons[0]
        await asyncio.sleep(TIMEOUT)
        assert not ear.gaps
        server.thaw()
        await ear.until_found()
        await check(link, ear, topic)


async def test_a_server_frozen_for_less_than_the_timeout_is_waited_for(server: Server) -> None:
    topic = name()
    async with linked(server.url, LIMIT) as (link, ear):
        await link.subscribe(topic)
        server.freeze()
        call = asyncio.ensure_future(following(link, topic))
        await asyncio.sleep(0.5)
        server.thaw()
        assert await call == 1
        assert not ear.reasons
        await check(link, ear, topic)


async def test_an_idle_link_notices_that_a_server_is_frozen(server: Server) -> None:
    async with linked(server.url, TIMEOUT) as (_, ear):
        server.freeze()
        await ear.until_lost()
        server.thaw()
        await ear.until_found()


async def test_a_node_that_was_frozen_itself_blames_nobody(server: Server) -> None:
    topic = name()
    async with linked(server.url, 1) as (link, ear):
        call = asyncio.ensure_future(following(link, topic))
        await asyncio.sleep(0)
        server.ask("DEBUG", "SLEEP", "2.5")  # nothing of ours runs meanwhile
        assert await call == 1
        assert not ear.reasons


async def test_a_network_that_drops_everything_is_noticed_without_a_reset(server: Server) -> None:
    topic = name()
    async with Proxy(server.port) as proxy, linked(f"redis://127.0.0.1:{proxy.port}", TIMEOUT) as (link, ear):
        await link.subscribe(topic)
        proxy.drop()
        await ear.until_lost()
        await asyncio.sleep(0.5)
        assert not ear.gaps
        await proxy.heal()
        await ear.until_found()
        await check(link, ear, topic)


async def test_connections_that_are_reset_are_made_anew(server: Server) -> None:
    topic = name()
    async with Proxy(server.port) as proxy, linked(f"redis://127.0.0.1:{proxy.port}") as (link, ear):
        await link.subscribe(topic)
        proxy.cut()
        await ear.until_found()
        await check(link, ear, topic)


async def test_either_connection_lost_is_both_lost(server: Server) -> None:
    topic = name()
    async with linked(server.url) as (link, ear):
        await link.subscribe(topic)
        for times, kind in enumerate(("pubsub", "normal"), 1):
            server.ask("CLIENT", "KILL", "TYPE", kind)
            await ear.until_found(times)
            await check(link, ear, topic)
        assert server.ask("CLIENT", "LIST").count(" name=hubbub ") == 2


async def test_many_calls_under_way_when_redis_dies_are_all_answered(server: Server) -> None:
    key = name()
    async with linked(server.url) as (link, ear):
        calls = [asyncio.ensure_future(following(link, key)) for _ in range(500)]
        await calls[0]
        calls += [asyncio.ensure_future(following(link, key)) for _ in range(500)]
        server.kill()
        async with asyncio.timeout(LIMIT):
            answers = await asyncio.gather(*calls, return_exceptions=True)
        ran = [answer for answer in answers if isinstance(answer, int)]
        assert ran == list(range(1, len(ran) + 1))
        assert all(isinstance(answer, int | Refusal) for answer in answers)
        await ear.until_lost()


async def test_scripts_that_somebody_flushed_are_told_again(server: Server) -> None:
    key = name()
    async with linked(server.url) as (link, ear):
        assert await following(link, key) == 1
        server.ask("SCRIPT", "FLUSH")
        await refused(following(link, key))
        assert "has forgotten its scripts" in ear.reasons[0]
        await ear.until_found()
        assert await following(link, key) == 2


async def test_a_full_memory_refuses_calls_and_nothing_else(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    topic = name()
    async with linked(server.url) as (link, ear):
        await link.subscribe(topic)
        server.ask("CONFIG", "SET", "maxmemory", "1")
        for _ in range(3):
            await refused(following(link, topic))
        server.ask("CONFIG", "SET", "maxmemory", "0")
        await check(link, ear, topic)
        assert not ear.reasons
    assert [record.message for record in caplog.records if "refuses" in record.message] == [
        f"Redis at 127.0.0.1:{server.port} refuses calls: OOM"
    ]


@pytest.mark.parametrize("is_called", [True, False])
async def test_a_server_that_is_made_a_replica_is_written_to_no_more(server: Server, *, is_called: bool) -> None:
    key = name()
    with Server() as other:
        async with linked(server.url, TIMEOUT) as (link, ear):
            server.ask("REPLICAOF", other.host, other.port)
            if is_called:
                await refused(following(link, key))
            await ear.until_lost()
            await asyncio.sleep(0.5)
            assert not ear.gaps
            server.ask("REPLICAOF", "NO", "ONE")
            await ear.until_found()
            assert await following(link, key) == 1


@pytest.mark.parametrize("fault", ["kill", "freeze", "fail_over"])
async def test_the_primary_that_sentinels_choose_is_followed(fault: str) -> None:
    topic = name()
    with Sentinels(password="secret") as service:
        before = service.primary
        async with linked(service.url, TIMEOUT) as (link, ear):
            await link.subscribe(topic)
            await check(link, ear, topic)
            match fault:
                case "kill":
                    before.kill()
                case "freeze":
                    before.freeze()
                case _:
                    await asyncio.to_thread(service.fail_over)
            await ear.until_lost()
            await ear.until(lambda: bool(ear.gaps), 2 * LIMIT)
            assert ("is the primary no more" in ear.reasons[0]) == (fault == "fail_over")
            await check(link, ear, topic)
            assert next(server for server in service.servers if server is not before).ask("GET", topic)
            if fault == "freeze":
                before.thaw()
                await check(link, ear, topic)
                assert len(ear.reasons) == 1


async def test_a_sentinel_that_is_dead_or_frozen_is_not_waited_for() -> None:
    topic = name()
    with Sentinels() as service:
        service.sentinels[0].kill()
        async with linked(service.url) as (link, ear):
            await link.subscribe(topic)
            service.sentinels[0].start()
            service.sentinels[1].freeze()
            service.primary.ask("CLIENT", "KILL", "TYPE", "pubsub")
            await ear.until_found()
            await check(link, ear, topic)


async def test_of_a_cluster_the_servers_that_are_left_answer_meanwhile() -> None:
    with Cluster(patience=LIMIT) as cluster:
        topics = {cluster.owner(found).port: found for found in map(name, map(str, range(100)))}
        lost = cluster.servers[1]
        async with linked(cluster.url) as (link, ear):
            await asyncio.gather(*map(link.subscribe, topics.values()))
            lost.kill()
            await ear.until_lost()
            for port, topic in topics.items():
                if port == lost.port:
                    await refused(following(link, topic))
                else:
                    assert await following(link, topic) == 1
                    await link.publish(topic, b"meanwhile")
            await ear.until(lambda: len(ear.messages) == 2)
            lost.start()
            await ear.until_found()
            await check(link, ear, *topics.values())


async def test_of_a_cluster_the_replica_that_takes_over_is_followed() -> None:
    with Cluster(replicas=1) as cluster:
        topics = {cluster.owner(found).port: found for found in map(name, map(str, range(100)))}
        async with linked(cluster.url) as (link, ear):
            await asyncio.gather(*map(link.subscribe, topics.values()))
            await check(link, ear, *topics.values())
            cluster.servers[2].kill()
            await ear.until_lost()
            await ear.until(lambda: bool(ear.gaps), 2 * LIMIT)
            await check(link, ear, *topics.values())
            # And as an operator does it, with all servers well.
            replica = cluster.servers[3]
            replica.ask("CLUSTER", "FAILOVER")
            await ear.until_lost(2)
            await ear.until(lambda: len(ear.gaps) == 2, 2 * LIMIT)
            await check(link, ear, *topics.values())
            assert cluster.owner(topics[cluster.servers[0].port]) is replica


async def test_slots_that_move_are_followed_by_calls_and_by_topics() -> None:
    with Cluster(patience=LIMIT) as cluster:
        # Of topics that are the whole Cluster's nothing is missed: nobody tells of a slot that moves.
        for is_called in (True, False) if version() >= 7 else (True,):
            topic = next(
                found for found in map(name, map(str, range(100))) if cluster.owner(found) is cluster.servers[0]
            )
            async with linked(cluster.url) as (link, ear):
                await link.subscribe(topic)
                cluster.move(slot_of(topic), cluster.servers[1])
                if is_called:
                    await refused(following(link, topic))
                await ear.until_found()
                await check(link, ear, topic)
                assert cluster.topics(cluster.servers[1]) == [topic]


async def test_what_may_wait_for_a_server_that_does_not_answer_is_limited(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "MOST_WAITING", 100)
    monkeypatch.setattr(connection, "MOST_BYTES", 50_000)
    key = name()
    async with linked(server.url) as (link, ear):
        for size, most in ((1, 100), (1_000_000, 50)):  # more than the system's own buffers take
            server.freeze()
            calls = [asyncio.ensure_future(link.publish(key, bytes(size)))]
            for _ in range(120):
                await asyncio.sleep(0)
                calls.append(asyncio.ensure_future(link.publish(key, bytes(size))))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            waiting = [call for call in calls if not call.done()]
            assert len(waiting) <= most
            for call in calls:
                if call.done():
                    assert isinstance(call.exception(), Refusal)
            server.thaw()
            await asyncio.gather(*waiting)
        assert not ear.reasons
