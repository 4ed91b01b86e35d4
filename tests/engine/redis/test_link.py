"""What a link does while all is well, with one server, one that Sentinels watch, and a Cluster."""

import asyncio

import pytest

from engine.redis.ear import LIMIT, NEXT, TIMEOUT, Ear, following, linked, name, tell
from engine.redis.redisserver import SLOTS, Cluster, Server, version
from hubbub.engine.redis.link import Script, ScriptError
from hubbub.engine.redis.servers import link_to, slot_of
from hubbub.errors import STORE_UNAVAILABLE, Refusal

pytestmark = pytest.mark.needs("redis")


async def test_a_script_is_answered(url: str) -> None:
    async with linked(url) as (link, _):
        script = Script("return {ARGV[1], 7, false, {ARGV[2]}}")
        assert await link.run(script, [name()], [b"\x00\xff", 5]) == [b"\x00\xff", 7, None, [b"5"]]


async def test_scripts_of_one_tag_run_in_the_order_of_the_calls(url: str) -> None:
    key = name()
    others = [Script(f"return redis.call('INCR', KEYS[1]) -- {number}") for number in range(3)]
    async with linked(url) as (link, _):
        calls = [link.run([NEXT, *others][number % 4], [key], []) for number in range(1000)]
        assert await asyncio.gather(*calls) == list(range(1, 1001))


async def test_messages_are_heard_in_the_order_in_which_they_were_sent(url: str) -> None:
    topic = name()
    async with linked(url) as (link, ear), linked(url) as (other, _):
        await link.subscribe(topic)
        told = []
        for number in range(200):
            message = f"{number}"
            told.append(tell(other, topic, message) if number % 3 else other.publish(topic, message.encode()))
        await asyncio.gather(*told)
        await ear.until(lambda: len(ear.messages) == 200)
        assert ear.of(topic) == [b"%d" % number for number in range(200)]


async def test_a_subscription_is_there_when_subscribe_comes_back(url: str) -> None:
    async with linked(url) as (link, ear), linked(url) as (other, _):
        for number in range(1, 51):
            topic = name()
            await link.subscribe(topic)
            await other.publish(topic, b"first")
            await ear.until(lambda topic=topic: bool(ear.of(topic)))  # type: ignore[misc]
            assert len(ear.messages) == number


async def test_nothing_is_heard_of_a_topic_after_unsubscribe(url: str) -> None:
    topic, mark = name("a"), name("a")
    async with linked(url) as (link, ear):
        await asyncio.gather(link.subscribe(topic), link.subscribe(mark))
        await link.unsubscribe(topic)
        await link.publish(topic, b"unheard")
        await link.publish(mark, b"heard")
        await ear.until(lambda: bool(ear.messages))
        assert ear.messages == [(mark.encode(), b"heard")]


async def test_subscribing_and_unsubscribing_in_one_turn_ends_as_was_asked_last(url: str) -> None:
    comes, goes, mark = (name("a") for _ in range(3))
    async with linked(url) as (link, ear):
        await asyncio.gather(
            link.subscribe(goes), link.unsubscribe(comes), link.unsubscribe(goes), link.subscribe(comes),
            link.subscribe(goes), link.unsubscribe(goes), link.subscribe(mark),
        )  # fmt: skip
        for topic in (comes, goes, mark):
            await link.publish(topic, topic.encode())
        await ear.until(lambda: bool(ear.of(mark)))
        assert ear.messages == [(topic.encode(), topic.encode()) for topic in (comes, mark)]


async def test_many_subscriptions_and_messages_at_once_are_all_there(url: str) -> None:
    topics = [name() for _ in range(3000)]
    async with linked(url) as (link, ear):
        await asyncio.gather(*map(link.subscribe, topics))
        await asyncio.gather(*(link.publish(topic, topic.encode()) for topic in topics))
        await ear.until(lambda: len(ear.messages) == len(topics))
        assert {message for _, message in ear.messages} == {topic.encode() for topic in topics}


async def test_large_messages_arrive_whole(url: str) -> None:
    topic, large = name(), bytes(range(256)) * 40_000
    async with linked(url) as (link, ear):
        await link.subscribe(topic)
        await link.publish(topic, large)
        await link.publish(topic, b"")
        await ear.until(lambda: len(ear.messages) == 2)
        assert ear.of(topic) == [large, b""]


async def test_a_script_that_fails_tells_what_is_wrong_and_others_go_on(url: str) -> None:
    key = name()
    wrong, broken = Script("return redis.call('LPUSH', KEYS[1], 'x')"), Script("return nonsense(")
    async with linked(url) as (link, ear):
        first, second, third = await asyncio.gather(
            following(link, key), link.run(wrong, [key], []), following(link, key), return_exceptions=True
        )
        assert (first, third) == (1, 2)
        assert isinstance(second, ScriptError)
        assert "WRONGTYPE" in str(second)
        assert not ear.reasons
        with pytest.raises(ScriptError, match="compiling"):
            await link.run(broken, [key], [])


async def test_whoever_gives_up_waiting_does_not_disturb_others(url: str) -> None:
    key = name()
    async with linked(url) as (link, ear):
        calls = [asyncio.ensure_future(following(link, key)) for _ in range(10)]
        await asyncio.sleep(0)
        for call in calls[::2]:
            call.cancel()
        assert await asyncio.gather(*calls[1::2]) == [2, 4, 6, 8, 10]
        assert not ear.reasons


async def test_what_was_called_before_the_end_is_answered(url: str) -> None:
    key = name()
    async with linked(url) as (link, _):
        calls = [asyncio.ensure_future(following(link, key)) for _ in range(100)]
        await asyncio.sleep(0)
        await link.close()
        assert await asyncio.gather(*calls) == list(range(1, 101))
        with pytest.raises(Refusal) as refused:
            await following(link, key)
        assert refused.value.reason is STORE_UNAVAILABLE
        assert not link.is_open


async def test_an_idle_link_stays_open(single: Server) -> None:
    async with linked(single.url, TIMEOUT) as (link, ear):
        await link.subscribe(name())
        await asyncio.sleep(1.5 * TIMEOUT)
        assert link.is_open
        assert not ear.reasons


async def test_a_turn_of_calls_goes_out_in_one_write(single: Server) -> None:
    # Redis counts its reads: a hundred calls that were each written would be read one by one.
    async with linked(single.url) as (link, _):
        await following(link, key := name())
        before = single.ask("INFO", "stats")
        await asyncio.gather(*(following(link, key) for _ in range(100)))
        after = single.ask("INFO", "stats")

    def reads(stats: str) -> int:
        return int(next(line for line in stats.split() if line.startswith("total_reads_processed:")).partition(":")[2])

    assert reads(after) - reads(before) < 15


async def test_the_database_of_the_url_is_used(single: Server) -> None:
    key = name()
    async with linked(single.url + "/3") as (link, _), linked(single.url + "?db=4") as (other, _):
        assert [await following(link, key), await following(link, key), await following(other, key)] == [1, 2, 1]


async def test_nothing_is_heard_of_what_is_told_in_another_database(single: Server) -> None:
    async with linked(single.url + "/1") as (one, ear), linked(single.url + "/2") as (two, other_ear):
        topic = name()
        await one.subscribe(topic)
        await two.subscribe(topic)
        for link, message in ((one, b"one"), (two, b"two")):
            await link.publish(topic, message)
            await tell(link, topic, message.decode() + " again")
        await ear.until(lambda: ear.of(topic) == [b"one", b"one again"])
        await other_ear.until(lambda: other_ear.of(topic) == [b"two", b"two again"])


async def test_what_cannot_be_sent_leaves_answers_to_those_who_asked(single: Server) -> None:
    async with linked(single.url) as (link, _):
        answers = await asyncio.gather(
            *(link.run(Script("return ARGV[1]"), [name()], [text]) for text in ("one", "\ud800", "two")),
            return_exceptions=True,
        )
        assert answers[::2] == [b"one", b"two"]
        assert isinstance(answers[1], UnicodeEncodeError)


async def test_connections_have_a_name_for_whoever_looks_at_redis(single: Server) -> None:
    async with linked(single.url):
        clients = single.ask("CLIENT", "LIST").splitlines()
        assert sum(" name=hubbub " in client for client in clients) == 2


async def test_each_server_of_a_cluster_has_its_keys_and_topics(cluster: Cluster) -> None:
    names = {cluster.owner(found).port: found for found in map(name, map(str, range(100)))}
    assert len(names) == 3
    async with linked(cluster.url) as (link, ear):
        await asyncio.gather(*map(link.subscribe, names.values()))
        for server in cluster.servers:
            topic = names[server.port]
            assert cluster.topics(server) == [topic]
            assert link.publishing(topic) == ("SPUBLISH" if version() >= 7 else "PUBLISH", topic)
            assert await following(link, topic) == 1
            assert server.ask("GET", topic) == "1"
            await tell(link, topic, "by a script")
            await link.publish(topic, b"by itself")
        await ear.until(lambda: len(ear.messages) == 6)
        for topic in names.values():
            assert ear.of(topic) == [b"by a script", b"by itself"]


async def test_a_slot_is_computed_as_redis_does(cluster: Cluster) -> None:
    for key in ("", "a", "hubbub:{1.63}:x", "{}", "{}{a}", "{a", "}a{b}", "a{b}{c}", "{{a}}", "ä{ö}ü", "x" * 300):
        assert slot_of(key) == cluster.servers[0].ask("CLUSTER", "KEYSLOT", key) < SLOTS


async def test_a_link_waits_for_redis_to_be_there_at_the_beginning(caplog: pytest.LogCaptureFixture) -> None:
    with Server() as server:
        server.kill()
        link, ear = link_to(server.url, LIMIT), Ear()
        opening = asyncio.create_task(link.open(ear))
        await asyncio.sleep(0.3)
        assert not opening.done()
        assert not link.is_open
        assert "Redis is not there yet" in caplog.text
        server.start()
        await asyncio.wait_for(opening, LIMIT)
        assert await following(link, name()) == 1
        assert not ear.reasons
        await link.close()


async def test_whoever_gives_up_waiting_for_redis_leaves_nothing_behind() -> None:
    with Server() as server:
        server.freeze()
        link = link_to(server.url, LIMIT)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await link.open(Ear())
        server.thaw()
        await link.close()
        assert len(server.ask("CLIENT", "LIST").splitlines()) == 1
