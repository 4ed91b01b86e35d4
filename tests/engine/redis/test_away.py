"""What a node does while Redis is away, and how all is made good when it is back, empty or not."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterator

import pytest

from cluster.proxy import Proxy
from engine.hosts import LIMIT, until
from engine.redis.party import Guest, Party, named
from engine.redis.redisserver import Sentinels, Server
from hubbub.engine.redis.keys import bucket_of
from hubbub.engine.seam import Transition
from hubbub.errors import PRESENCE_FULL, STORE_UNAVAILABLE, Refusal
from hubbub.messages import (
    Envelope,
    Event,
    Fact,
    MemberAdded,
    MemberRemoved,
    Occupied,
    Vacated,
    WentOffline,
    WentOnline,
)

pytestmark = pytest.mark.needs("redis")


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        yield server


@pytest.fixture
async def party(server: Server) -> AsyncIterator[Party]:
    async with Party(server.url) as party:
        yield party


def removed(guest: Guest) -> list[str]:
    return [fact.member.user_id for fact in guest.told if isinstance(fact, MemberRemoved)]


async def back(*guests: Guest) -> None:
    for guest in guests:
        await until(lambda guest=guest: guest.engine.away is None)  # type: ignore[misc]


async def members(guest: Guest, channel: str, number: int) -> list[str]:
    """Name all that Redis knows, once they are so many."""
    async with asyncio.timeout(LIMIT):
        while len(found := await guest.engine.members("1", channel)) != number:  # noqa: ASYNC110  # others make it so
            await asyncio.sleep(0.01)
    return list(found)


async def test_a_redis_that_comes_back_empty_is_told_all_again(server: Server, party: Party) -> None:
    one, two, three = await party.many(3)
    topic = "#about-ann"
    await three.listen(topic)
    await one.join("presence-x", "ann", "bob", "cid")
    await two.join("presence-x", "cid", "dan", "eve")
    await two.join("room")
    await one.join(topic)
    await one.engine.hold("1", 70, 100)
    await until(lambda: len(one.users("presence-x")) == len(two.users("presence-x")) == 5)
    server.kill()
    await until(lambda: all(guest.engine.away is not None for guest in party.guests))
    # They go on, each for itself.
    assert await one.join("presence-x", "new") == [Transition()]
    assert one.users("presence-x")[-1] == "new"
    assert await two.quit("presence-x", "eve") == [Transition()]
    assert "eve" not in two.users("presence-x")
    assert await three.join("later", "zoe") == [Transition()]
    assert three.users("later") == ["zoe"]
    server.start()
    await back(one, two, three)
    there = await members(one, "presence-x", 5)
    assert set(there) == {"ann", "bob", "cid", "dan", "new"}
    await until(lambda: one.users("presence-x") == two.users("presence-x") == there)
    assert removed(one) == removed(two) == ["eve"], "who stayed was never told to be gone"
    assert [fact for fact in three.told if fact.channel == topic] == [WentOnline(topic, "ann")]
    assert sorted(await three.engine.channels("1", "")) == [topic, "later", "presence-x", "room"]
    everyone = [one, two, three]
    await until(lambda: named(everyone, MemberAdded) == {**{f"presence-x {user}": 1 for user in there}, "later zoe": 1})
    assert named(everyone, Occupied) == {"presence-x": 1, "room": 1, "later": 1}
    assert named(everyone, MemberRemoved) == named(everyone, Vacated) == {}
    await until(lambda: all(guest.engine.membership.nodes == 3 for guest in everyone))
    for guest in everyone:
        assert guest.engine.membership.gaps == 1
        assert guest.engine.membership.gap_seconds > 0
    assert await two.engine.hold("1", 100, 100) == 30
    assert all(guest.news == [("returned", "")] for guest in everyone)
    party.without_faults()
    assert await one.quit("presence-x", "ann") != [Transition()]


async def test_who_may_not_be_back_yet_is_not_said_to_be_gone(server: Server, party: Party) -> None:
    async with Proxy(server.port) as proxy:
        (one,) = await party.many(1)
        late = await party.guest(f"redis://127.0.0.1:{proxy.port}")
        await late.join("presence-x", "ann")
        await proxy.refuse()
        server.kill()
        await until(lambda: one.engine.away is not None)
        server.start()
        await back(one)
        for call in (one.engine.occupied("1", ["presence-x"]), one.engine.is_present("1", "presence-x", "ann")):
            with pytest.raises(Refusal) as refusal:
                await call
            assert refusal.value.reason is STORE_UNAVAILABLE
        await proxy.heal()
        await back(late)
        await members(one, "presence-x", 1)
        assert await one.engine.occupied("1", ["presence-x"]) == [True]
        assert await one.engine.is_present("1", "presence-x", "ann")
        await until(lambda: not one.engine._rosters.in_doubt)
        assert await one.engine.occupied("1", ["presence-y"]) == [False]


async def test_a_node_that_lost_its_connection_learns_what_it_has_missed(server: Server, party: Party) -> None:
    async with Proxy(server.port) as proxy:
        (other,) = await party.many(1)
        # So that it is not taken for lost meanwhile, it is away for a moment only.
        guest = await party.guest(f"redis://127.0.0.1:{proxy.port}")
        news, later = Event("cache-x", "n", "1"), Event("cache-x", "n", "2")
        for topic in ("presence-x", "cache-x", "#about-ann", "#about-bob", "presence-late"):
            await guest.listen(topic)
        await other.join("presence-x", "ann", "bob")
        await other.join("#about-ann")
        await other.engine.keep(Envelope("1", news), 60, 100)
        await guest.join("presence-x", "cid", "dan")
        await until(lambda: guest.online["1", "#about-ann"] and guest.engine.kept("1", "cache-x"))
        await proxy.refuse()
        await until(lambda: guest.engine.away is not None)
        guest.received.clear()
        await guest.quit("presence-x", "dan")
        await guest.join("presence-x", "fay")
        here = [*guest.told]
        await other.quit("presence-x", "ann")
        await other.join("presence-x", "eve")
        await other.quit("#about-ann")
        await other.join("#about-bob")
        await other.join("presence-late", "zoe")
        await other.engine.keep(Envelope("1", later, "1.1"), 60, 100)
        elsewhere = [fact for fact in other.told if getattr(fact, "member", None) in _members(other, "eve", "zoe")]
        elsewhere += [fact for fact in other.told if isinstance(fact, MemberRemoved)]
        await proxy.heal()
        await back(guest)
        missed = [WentOffline("#about-ann", "ann"), WentOnline("#about-bob", "bob"), later, *elsewhere]
        await until(lambda: len(guest.told) >= len(here) + len(missed), lambda: guest.told)
        assert [guest.told.count(fact) for fact in [*here, *missed]] == [1] * len(guest.told)
        assert [one.exclude for one in guest.received if one.fact == later] == ["1.1"]
        assert set(guest.users("presence-x")) == {"bob", "cid", "eve", "fay"}
        await until(lambda: other.users("presence-x") == guest.users("presence-x"))
        everyone = [other, guest]
        assert named(everyone, MemberAdded) == {"presence-x fay": 1}
        assert named(everyone, MemberRemoved) == {"presence-x dan": 1}
        assert named(everyone, Occupied) == named(everyone, Vacated) == {}
        party.without_faults()


def _members(guest: Guest, *users: str) -> list[object]:
    added: list[Fact] = guest.told
    return [fact.member for fact in added if isinstance(fact, MemberAdded) and fact.member.user_id in users]


async def test_while_redis_is_away_nothing_is_guessed(server: Server, party: Party) -> None:
    (guest,) = await party.many(1)
    await guest.join("presence-x", "ann")
    server.kill()
    await until(lambda: guest.engine.away is not None)
    engine = guest.engine
    calls = [
        engine.publish(Envelope("1", Event("room", "n", ""))),
        engine.announce("news"),
        engine.keep(Envelope("1", Event("cache-x", "n", "")), 60, 10),
        engine.members("1", "presence-y"),
        engine.members("1", "presence-x"),
        engine.is_present("1", "presence-x", "bob"),
        engine.user_counts("1", ["presence-x"]),
        engine.counts_elsewhere("1", ["presence-x"]),
        engine.occupied("1", ["presence-y"]),
        engine.channels("1", ""),
        engine.recall("1", "cache-x"),
        engine.miss("1", "cache-x", 10),
        engine.draw("1", "events", 1, 1, 1),
        engine.hold("1", 1, 1),
    ]
    for refused in await asyncio.gather(*calls, return_exceptions=True):
        assert isinstance(refused, Refusal)
        assert refused.reason is STORE_UNAVAILABLE
    with pytest.raises(Refusal) as refusal:
        await guest.join("presence-x", "bob", limit=1)
    assert refusal.value.reason is PRESENCE_FULL
    assert await engine.occupied("1", ["presence-x"]) == [True]
    assert guest.users("presence-x") == ["ann"]
    server.start()
    await back(guest)


async def test_who_left_here_by_a_call_that_was_refused_is_shown_where_they_still_are(
    server: Server, party: Party
) -> None:
    one, two = await party.many(2)
    await one.join("presence-x", "ann", "bob")
    await two.join("presence-x", "ann", "cid")
    server.ask("CONFIG", "SET", "min-replicas-to-write", 1)
    assert await two.quit("presence-x", "ann") == [Transition()]
    server.ask("CONFIG", "SET", "min-replicas-to-write", 0)
    await until(lambda: sorted(two.users("presence-x")) == ["ann", "bob", "cid"])
    await one.quit("presence-x", "ann")
    await until(lambda: two.users("presence-x") == ["bob", "cid"])
    party.without_faults()


async def test_who_could_not_leave_leaves_when_the_node_does(server: Server, party: Party) -> None:
    one, two = await party.many(2)
    await one.join("presence-x", "ann")
    await two.join("presence-x", "bob")
    server.ask("CONFIG", "SET", "min-replicas-to-write", 1)
    await one.quit("presence-x", "ann")
    server.ask("CONFIG", "SET", "min-replicas-to-write", 0)
    party.guests.remove(one)
    await one.engine.stop()
    assert list(await two.engine.members("1", "presence-x")) == ["bob"]
    await until(lambda: two.users("presence-x") == ["bob"])
    party.without_faults()


async def test_who_leaves_leaves_nothing_of_before_an_outage(server: Server, party: Party) -> None:
    one, _ = await party.many(2)
    await one.join("presence-x", "ann")
    await one.quit("presence-x", "ann")
    term = one.engine._lease.term
    for shard in list(one.engine._link._shards.values()):  # type: ignore[attr-defined]
        shard.lose("as if by a network")
    await until(lambda: one.engine._lease.is_held and one.engine._lease.term > term)
    party.guests.remove(one)
    await one.engine.stop()
    assert not server.ask("KEYS", f"*{one.node}*")


async def test_a_count_that_has_ended_delays_nobody(server: Server, party: Party) -> None:
    one, two = await party.many(2)
    await one.join("presence-x", "ann", "bob")
    assert server.ask("DEL", f"{party.prefix}:{{{bucket_of('1', 'presence-x')}}}:number") == 1
    await two.join("presence-x", "ann")
    assert two.users("presence-x") == ["ann", "bob"]
    await two.quit("presence-x", "ann")
    assert not two.engine._rosters.in_doubt  # as it would be if anything had not been heard


async def test_a_redis_that_forgot_all_without_a_word_is_told_all_again(server: Server, party: Party) -> None:
    one, two = await party.many(2)
    await one.join("presence-x", "ann")
    await two.join("presence-x", "bob")
    before = {one.node, two.node}
    server.ask("FLUSHALL")
    await until(lambda: not before & {one.node, two.node})
    await one.join("presence-x", "cid")
    there = await members(one, "presence-x", 3)
    assert set(there) == {"ann", "bob", "cid"}
    await until(lambda: one.users("presence-x") == two.users("presence-x") == there)
    assert removed(one) == removed(two) == []
    assert one.engine.membership.gaps == 0
    party.without_faults()


@pytest.mark.parametrize("has_run", [True, False])
async def test_what_nobody_knows_to_have_been_done_is_made_good(server: Server, party: Party, has_run: bool) -> None:
    """The connection is lost with the call, or with its answer."""
    async with Proxy(server.port) as proxy:
        (other,) = await party.many(1)
        guest = await party.guest(f"redis://127.0.0.1:{proxy.port}", timeout=2)
        await other.listen("presence-x")
        await guest.join("presence-x", "ann", "bob")
        if has_run:
            proxy.delay = 0.5
        else:
            proxy.drop()
        calls = [asyncio.ensure_future(guest.quit("presence-x", "ann"))]
        if has_run:
            await until(lambda: other.users("presence-x") == ["bob"])
        else:
            await asyncio.sleep(0.05)
        proxy.cut()
        await asyncio.gather(*calls)
        assert guest.answered.count(("presence-x", "ann went")) == 0
        await proxy.heal()
        await back(guest)
        await until(lambda: other.users("presence-x") == guest.users("presence-x") == ["bob"])
        await until(lambda: named([guest], MemberRemoved) == {"presence-x ann": 1})
        assert list(await other.engine.members("1", "presence-x")) == ["bob"]
        party.without_faults()


async def test_the_members_of_a_node_that_does_not_come_back_are_gone_after_a_while(
    server: Server, party: Party
) -> None:
    one, two = await party.many(2)
    await one.join("presence-x", "ann")
    await two.join("presence-x", "bob")
    await until(lambda: two.users("presence-x") == ["ann", "bob"])
    server.kill()
    await until(lambda: two.engine.away is not None)
    await party.kill(one)
    server.start()
    await back(two)
    await until(lambda: two.users("presence-x") == ["bob"])
    party.without_faults()


async def test_all_is_well_after_a_failover() -> None:
    with Sentinels() as service:
        async with Party(service.url) as party:
            one, two = await party.many(2)
            await one.join("presence-x", "ann", "bob")
            await two.join("presence-x", "cid")
            service.primary.kill()
            await until(lambda: all(guest.engine.away is not None for guest in party.guests))
            await one.join("presence-x", "dan")
            await one.quit("presence-x", "bob")
            await back(one, two)
            await until(lambda: set(two.users("presence-x")) == {"ann", "cid", "dan"})
            await until(lambda: one.users("presence-x") == two.users("presence-x"))
            assert "ann" not in removed(two)
            assert "cid" not in removed(one)
            party.without_faults()


@pytest.mark.parametrize("seed", range(3))
async def test_after_any_trouble_all_know_the_same(server: Server, party: Party, seed: int) -> None:
    """Three nodes at which users come and go while their networks fail, each by itself, and Redis is restarted."""
    lots = random.Random(seed)
    async with Proxy(server.port) as first, Proxy(server.port) as second, Proxy(server.port) as third:
        proxies = [first, second, third]
        guests = [await party.guest(f"redis://127.0.0.1:{proxy.port}", timeout=1) for proxy in proxies]
        watcher = await party.guest()
        channels = ["presence-a", "presence-b", "presence-c"]
        users = ["ann", "bob", "cid", "dan"]
        for channel in channels:
            await watcher.listen(channel)
        ends = asyncio.get_running_loop().time() + 6

        async def churn(guest: Guest) -> None:
            while asyncio.get_running_loop().time() < ends:
                channel, user = lots.choice(channels), lots.choice(users)
                await (guest.quit if guest.holds(channel, user) else guest.join)(channel, user)
                await asyncio.sleep(lots.random() / 50)

        async def trouble(proxy: Proxy) -> None:
            while asyncio.get_running_loop().time() < ends:
                await asyncio.sleep(lots.random())
                match lots.randrange(4):
                    case 0:
                        proxy.cut()
                    case 1:
                        proxy.drop()
                    case 2:
                        await proxy.refuse()
                    case 3:
                        proxy.delay = lots.random() / 5
                await asyncio.sleep(lots.random() * 2)
                await proxy.heal()

        async def restart() -> None:
            await asyncio.sleep(3)
            await asyncio.to_thread(server.kill)
            await asyncio.to_thread(server.start)

        doing = [churn(guest) for guest in guests for _ in range(2)] + [trouble(proxy) for proxy in proxies]
        await asyncio.gather(*doing, *([restart()] if seed % 2 else []))
        await back(*party.guests)
        for channel in channels:
            held = {user for guest in guests for user in users if guest.holds(channel, user)}
            showing = [watcher, *(guest for guest in guests if ("1", channel) in guest.seen)]
            for guest in showing:
                await until(
                    lambda guest=guest, channel=channel, held=held: set(guest.users(channel)) == held,  # type: ignore[misc]
                    lambda guest=guest, channel=channel, held=held: (channel, guest.users(channel), held),  # type: ignore[misc]
                )
            there = await members(watcher, channel, len(held))
            for guest in showing:
                await until(
                    lambda guest=guest, channel=channel, there=there: guest.users(channel) == there,  # type: ignore[misc]
                    lambda guest=guest, channel=channel, there=there: (channel, guest.users(channel), there),  # type: ignore[misc]
                )
        party.without_faults()
