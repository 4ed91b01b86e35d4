"""What several nodes know together while all is well."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator

import pytest

from engine.hosts import until
from engine.redis.party import Guest, Party
from engine.redis.redisserver import Cluster, Server
from hubbub.engine.seam import Cached, Transition
from hubbub.errors import PRESENCE_FULL, Refusal
from hubbub.messages import Counted, Envelope, Event, Member, Terminated, WentOffline, WentOnline

pytestmark = pytest.mark.needs("redis")

HELLO = Event("room", "greeting", "hello")


@pytest.fixture(params=["single", "cluster"])
async def party(request: pytest.FixtureRequest) -> AsyncIterator[Party]:
    server: Server | Cluster = request.getfixturevalue(request.param)
    async with Party(server.url) as party:
        yield party


async def test_what_one_publishes_the_others_hear_and_not_itself(party: Party) -> None:
    one, other, deaf = await party.many(3)
    await one.listen("room")
    await other.listen("room")
    published = [
        Envelope("1", HELLO, "1.1"),
        Envelope("1", Counted("room", 7)),
        Envelope("1", Terminated("room", "ann")),
    ]
    for envelope in published:
        await one.engine.publish(envelope)
    await until(lambda: len(other.received) == 3)
    assert other.received == published
    await other.engine.publish(Envelope("1", HELLO))
    await until(lambda: one.received)
    assert one.received == [Envelope("1", HELLO)]
    assert deaf.received == []


async def test_what_one_publishes_is_heard_in_its_order(party: Party) -> None:
    one, other = await party.many(2)
    await other.listen("room")
    events = [Event("room", "n", str(number)) for number in range(500)]
    await asyncio.gather(*(one.engine.publish(Envelope("1", event)) for event in events))
    await until(lambda: len(other.received) == 500)
    assert other.told == events


async def test_who_unsubscribed_hears_nothing_and_who_comes_back_hears_again(party: Party) -> None:
    one, other = await party.many(2)
    await one.join("room")
    await one.quit("room")
    await other.engine.publish(Envelope("1", HELLO))
    await one.join("room")
    await other.engine.publish(Envelope("1", Event("room", "again", "")))
    await until(lambda: one.received)
    assert one.told == [Event("room", "again", "")]


async def test_news_is_heard_by_all_others(party: Party) -> None:
    one, two, three = await party.many(3)
    await one.engine.announce("changes")
    await one.engine.announce("webhooks", "17")
    for other in (two, three):
        await until(lambda other=other: len(other.news) == 2)  # type: ignore[misc]
        assert other.news == [("changes", ""), ("webhooks", "17")]
    assert one.news == []


async def test_a_user_on_two_nodes_is_one_member(party: Party) -> None:
    one, other, watcher = await party.many(3)
    await watcher.listen("presence-x")
    (first,) = await one.join("presence-x", "ann")
    (second,) = await other.join("presence-x", "ann")
    assert first.channel
    assert first.member == Member("ann", ref=one.node)
    assert second == Transition()
    assert other.users("presence-x") == ["ann"]
    assert await one.quit("presence-x", "ann") == [Transition()]
    assert await other.quit("presence-x", "ann") == [Transition(channel=True, member=Member("ann", ref=one.node))]
    await until(lambda: len(watcher.received) == 2)
    assert watcher.users("presence-x") == []
    party.without_faults()


async def test_who_joins_sees_all_and_is_seen_by_all(party: Party) -> None:
    one, other = await party.many(2)
    await one.join("presence-x", "ann", "bob")
    await other.join("presence-x", "cid")
    assert other.users("presence-x") == ["ann", "bob", "cid"]
    await until(lambda: one.users("presence-x") == ["ann", "bob", "cid"])
    assert await other.engine.user_counts("1", ["presence-x"]) == [3]
    party.without_faults()


async def test_a_channel_has_room_for_so_many_in_the_whole_cluster(party: Party) -> None:
    one, other = await party.many(2)
    await one.join("presence-x", "ann", limit=2)
    await other.join("presence-x", "bob", limit=2)
    with pytest.raises(Refusal) as refusal:
        await one.join("presence-x", "cid", limit=2)
    assert refusal.value.reason is PRESENCE_FULL
    await other.join("presence-x", "ann", limit=2)
    assert await one.engine.user_counts("1", ["presence-x"]) == [2]
    party.without_faults()


async def test_who_comes_at_once_to_many_nodes_comes_once(party: Party) -> None:
    guests = await party.many(4)
    for round_ in range(10):
        channel = f"presence-{round_}"
        came = await asyncio.gather(*(guest.join(channel, "ann") for guest in guests))
        assert sum(one.channel for (one,) in came) == 1
        assert sum(one.member is not None for (one,) in came) == 1
        went = await asyncio.gather(*(guest.quit(channel, "ann") for guest in guests))
        assert sum(one.channel for (one,) in went) == 1
        assert sum(one.member is not None for (one,) in went) == 1
        assert await guests[0].engine.occupied("1", [channel]) == [False]
    party.without_faults()


@pytest.mark.parametrize("seed", range(4))
async def test_transitions_come_once_and_in_one_order_for_all(party: Party, seed: int) -> None:
    """Three nodes at which users come and go as chance will have it, and one that listens from first to last."""
    lots = random.Random(seed)
    guests = await party.many(3)
    watcher = await party.guest()
    channels = ["presence-a", "presence-b", "room", "#about-eve"]
    for channel in channels:
        await watcher.listen(channel)
    users = ["ann", "bob", "cid", "dan"]

    async def churn(guest: Guest) -> None:
        for _ in range(150):
            channel = lots.choice(channels)
            user = lots.choice(users) if channel.startswith("presence") else ""
            await (guest.quit if guest.holds(channel, user) else guest.join)(channel, *([user] if user else []))
            if lots.random() < 0.2:
                await asyncio.sleep(lots.random() / 200)

    await asyncio.gather(*(churn(guest) for guest in guests for _ in range(3)))
    answered = Counter(one for guest in guests for one in guest.answered)
    for channel in channels:
        holders = [guest for guest in guests if guest._held.get(("1", channel))]
        assert answered[channel, "occupied"] - answered[channel, "vacated"] == bool(holders)
        assert await watcher.engine.occupied("1", [channel]) == [bool(holders)]
        there = await watcher.engine.members("1", channel)
        for user in users:
            is_there = any(guest.holds(channel, user) for guest in guests)
            assert answered[channel, f"{user} came"] - answered[channel, f"{user} went"] == is_there
            assert (user in there) is is_there
        told = Counter(type(fact).__name__ for fact in watcher.told if fact.channel == channel)
        await until(lambda channel=channel, there=there: watcher.users(channel) == list(there))  # type: ignore[misc]
        assert told["WentOnline"] == (answered[channel, "occupied"] if channel[0] == "#" else 0)
        for guest in holders:
            await until(
                lambda guest=guest, channel=channel, there=there: guest.users(channel) == list(there)  # type: ignore[misc]
            )
    assert sum(answered.values()) > 100
    party.without_faults()


async def test_who_watches_hears_when_a_user_comes_online_and_goes_offline(party: Party) -> None:
    one, other, watcher = await party.many(3)
    topic = "#about-ann"
    await watcher.listen(topic)
    assert await watcher.engine.occupied("1", [topic]) == [False]
    await one.join(topic)
    await other.join(topic)
    await one.quit(topic)
    await until(lambda: watcher.told)
    assert await watcher.engine.occupied("1", [topic]) == [True]
    await other.quit(topic)
    await until(lambda: len(watcher.told) == 2)
    assert watcher.told == [WentOnline(topic, "ann"), WentOffline(topic, "ann")]
    party.without_faults()


async def test_occupied_channels_are_those_of_all_nodes(party: Party) -> None:
    one, other = await party.many(2)
    await one.join("room-a")
    await other.join("room-a")
    await other.join("room-b")
    await other.join("other")
    assert sorted(await one.engine.channels("1", "room-")) == ["room-a", "room-b"]
    assert sorted(await one.engine.channels("1", "")) == ["other", "room-a", "room-b"]
    assert await one.engine.occupied("1", ["other", "none", "room-a"]) == [True, False, True]
    await other.quit("room-a")
    await other.quit("room-b")
    assert await one.engine.channels("1", "room-") == ["room-a"]


async def test_subscriptions_are_counted_by_those_who_have_any(party: Party) -> None:
    one, two, three = await party.many(3)
    for guest, number in ((one, 100), (two, 20), (three, 3)):
        guest.counts = {("1", "room"): number, ("1", "none"): 1000}
        await guest.join("room")
    await three.join("other")
    three.counts["1", "other"] = 4
    assert await one.engine.counts_elsewhere("1", ["room", "other", "none", "room"]) == [23, 4, 0, 23]
    assert await two.engine.counts_elsewhere("1", ["room"]) == [103]


async def test_a_kept_event_is_heard_and_shown_by_all_who_subscribe(party: Party) -> None:
    one, other, later = await party.many(3)
    news = Event("cache-news", "headline", "hi")
    await one.listen("cache-news")
    await other.listen("cache-news")
    await one.engine.keep(Envelope("1", news, "1.1"), 60, 100)
    assert one.received == [Envelope("1", news, "1.1")]
    await until(lambda: other.received)
    assert other.received == [Envelope("1", news, "1.1")]
    await later.listen("cache-news")
    for guest in (one, other, later):
        cached = guest.engine.kept("1", "cache-news")
        assert cached is not None
        assert cached.event == news
    assert later.received == []


async def test_who_subscribes_while_events_are_kept_gets_each_once(party: Party) -> None:
    """Shown as the last one, or told: what comes after what is shown is told, and nothing else."""
    one, other = await party.many(2)

    async def publish() -> None:
        for number in range(100):
            await one.engine.keep(Envelope("1", Event("cache-news", "n", str(number))), 60, 100)

    publishing = asyncio.ensure_future(publish())
    for _ in range(20):
        await other.engine.subscribe("1", "cache-news")
        shown: Cached | None = other.engine.kept("1", "cache-news")
        other.received.clear()
        await asyncio.sleep(0.005)
        first = int(shown.event.data) + 1 if shown is not None else 0
        told = [int(fact.data) for fact in other.told if isinstance(fact, Event)]
        assert told == list(range(first, first + len(told)))
        await other.engine.unsubscribe("1", "cache-news")
    await publishing


async def test_one_is_missed_by_one_node(party: Party) -> None:
    guests = await party.many(3)
    missed = await asyncio.gather(*(guest.engine.miss("1", "cache-news", 60) for guest in guests))
    assert sorted(missed) == [False, False, True]


async def test_one_node_has_a_role_and_another_when_it_leaves(party: Party) -> None:
    guests = await party.many(3)

    def leaders() -> list[Guest]:
        return [guest for guest in guests if guest.engine.leads("webhooks")]

    await until(leaders)
    (leader,) = leaders()
    guests.remove(leader)
    party.guests.remove(leader)
    await leader.engine.stop()
    assert not leader.engine.leads("webhooks")
    await until(leaders)
    assert len(leaders()) == 1


async def test_who_leaves_leaves_nothing_and_is_told_to_be_lost(party: Party) -> None:
    one, other, third = await party.many(3)
    await one.join("presence-x", "ann", "bob")
    await other.join("presence-x", "ann")
    await one.join("room")
    await one.engine.hold("1", 50, 100)
    node = one.node
    party.guests.remove(one)
    await one.engine.stop()
    assert await other.engine.channels("1", "") == ["presence-x"]
    await until(lambda: other.users("presence-x") == ["ann"])
    assert await other.engine.hold("1", 100, 100) == 100
    for guest in (other, third):
        await until(lambda guest=guest: guest.gone)  # type: ignore[misc]
        assert guest.gone == [node]
        await until(lambda guest=guest: guest.engine.membership.nodes == 2)  # type: ignore[misc]
    party.without_faults()


async def test_nothing_is_left_in_redis_when_all_have_left(single: Server) -> None:
    async with Party(single.url) as party:
        guests = await party.many(3)
        for guest in guests:
            await guest.join("presence-x", "ann", guest.node)
            await guest.join("room")
            await guest.join("#about-ann")
            guest.engine.leads("webhooks")
            await guest.engine.hold("1", 5, 100)
            await guest.engine.draw("1", "events", 1, 5, 100)
            await guest.engine.keep(Envelope("1", Event("cache-x", "n", "")), 1, 100)
    left = {key.rpartition("}:")[2]: single.ask("TTL", key) for key in single.ask("KEYS", f"{party.prefix}*")}
    for_good = {key for key, seconds in left.items() if seconds == -1}
    assert for_good <= {"order", "kept", "ends"}, left


# What is shared out


async def test_a_purse_is_one_for_all_nodes(party: Party) -> None:
    guests = await party.many(3)
    drawn = await asyncio.gather(*(guest.engine.draw("1", "events", 1, 40, 100) for guest in guests))
    assert sorted(one.amount for one in drawn) == [20, 40, 40]
    nothing = await guests[0].engine.draw("1", "events", 1, 40, 100)
    assert nothing.amount == 0
    await asyncio.sleep(nothing.seconds + 0.05)
    assert (await guests[0].engine.draw("1", "events", 1, 40, 100)).amount == 40


async def test_a_purse_gives_all_that_is_left_but_no_less_than_is_needed(party: Party) -> None:
    (guest,) = await party.many(1)
    assert (await guest.engine.draw("1", "events", 1, 95, 100)).amount == 95
    assert (await guest.engine.draw("1", "events", 6, 10, 100)).amount == 0
    assert (await guest.engine.draw("1", "events", 5, 10, 100)).amount == 5
    assert (await guest.engine.draw("2", "events", 1, 10, 100)).amount == 10


async def test_room_is_one_for_all_nodes(party: Party) -> None:
    one, other = await party.many(2)
    assert await one.engine.hold("1", 60, 100) == 60
    assert await other.engine.hold("1", 60, 100) == 40
    assert await one.engine.hold("1", 70, 100) == 60, "no fewer than before"
    assert await one.engine.hold("1", 10, 100) == 10
    assert await other.engine.hold("1", 95, 100) == 90
    assert await other.engine.hold("1", 95, 50) == 90, "what it has it keeps"
    assert await one.engine.hold("1", 20, 2**31 - 1) == 20, "a fact"
    assert await one.engine.hold("1", 0, 100) == 0
    assert await one.engine.hold("1", 20, 100) == 10
    assert await one.engine.hold("2", 100, 100) == 100
