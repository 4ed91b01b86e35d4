"""What becomes of a node's entries when it is killed, frozen or cut off, and of itself when it comes back."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from cluster.proxy import Proxy
from engine.hosts import LIMIT, until
from engine.redis.party import INTERVAL, Guest, Party, named
from engine.redis.redisserver import Cluster, Server
from hubbub.engine.redis.lease import BROKEN, MISSED, Watch
from hubbub.messages import Fact, MemberAdded, MemberRemoved, Occupied, Vacated, WentOffline, WentOnline

pytestmark = pytest.mark.needs("redis")


@pytest.fixture(params=["single", "cluster"])
async def party(request: pytest.FixtureRequest) -> AsyncIterator[Party]:
    server: Server | Cluster = request.getfixturevalue(request.param)
    async with Party(server.url) as party:
        yield party


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    with Server() as server:
        yield server


async def test_what_a_killed_node_had_is_taken_out_once(party: Party) -> None:
    one, two, three, watcher = await party.many(4)
    users = [f"user-{number}" for number in range(120)]
    await watcher.listen("presence-x")
    await watcher.listen("#about-ann")
    await one.join("presence-x", *users, limit=9999)
    await two.join("presence-x", "user-7", "bob")
    await one.join("room")
    await one.join("#about-ann")
    await asyncio.gather(*(one.join(f"room-{number}") for number in range(70)))
    node = one.node
    await party.kill(one)
    await until(lambda: watcher.gone)
    assert watcher.gone == [node]
    left = ["user-7", "bob"]
    assert list(await two.engine.members("1", "presence-x")) == left
    await until(lambda: watcher.users("presence-x") == two.users("presence-x") == left)
    assert await two.engine.channels("1", "") == ["presence-x"]
    rest = [two, three, watcher]
    assert named(rest, MemberRemoved) == {f"presence-x {user}": 1 for user in users if user != "user-7"}
    assert named(rest, Vacated) == {"room": 1, **{f"room-{number}": 1 for number in range(70)}}
    assert named(rest, MemberAdded) == named(rest, Occupied) == {}
    assert [fact for fact in watcher.told if fact.channel == "#about-ann"] == [
        WentOnline("#about-ann", "ann"),
        WentOffline("#about-ann", "ann"),
    ]
    for guest in rest:
        await until(lambda guest=guest: guest.gone == [node])  # type: ignore[misc]
        assert guest.engine.membership.nodes == 3
    party.without_faults()


async def test_two_that_are_killed_at_once_leave_nothing(party: Party) -> None:
    one, two, three, four = await party.many(4)
    await three.listen("presence-x")
    await one.join("presence-x", "ann", "bob")
    await two.join("presence-x", "bob", "cid")
    await one.engine.hold("1", 60, 100)
    await two.engine.hold("1", 40, 100)
    await party.kill(one)
    await party.kill(two)
    await until(lambda: len(three.gone) == len(four.gone) == 2)
    assert await three.engine.members("1", "presence-x") == {}
    assert named([three, four], MemberRemoved) == {f"presence-x {user}": 1 for user in ("ann", "bob", "cid")}
    assert named([three, four], Vacated) == {"presence-x": 1}
    assert await three.engine.hold("1", 100, 100) == 100
    party.without_faults()


class Mortal(Guest):
    """It dies while it is told what has happened, before it could write it down."""

    def happened(self, app_id: str, facts: Sequence[Fact]) -> None:
        for shard in self.engine._link._shards.values():  # type: ignore[attr-defined]
            shard.drop()
        self.dying = asyncio.ensure_future(self.kill())


async def test_what_a_survivor_owes_when_it_dies_is_paid_by_the_next(party: Party) -> None:
    one, three = await party.many(2)
    await one.join("presence-x", "ann", "bob")
    mortal = Mortal(party.url, party.prefix, 5)
    await mortal.engine.start(mortal)
    await until(lambda: three.engine.membership.nodes == 3)
    # It is the only one to look.
    await three.engine._tasks.stop()
    await party.kill(one)
    await until(lambda: hasattr(mortal, "dying"))
    await mortal.dying
    assert await three.engine.members("1", "presence-x") == {}, "taken out by the one that died"
    assert three.facts == []
    three.engine._tasks.start(three.engine._lease.keep(), "to beat")
    three.engine._tasks.start(three.engine._mend_when_wanted(), "to mend")
    await until(lambda: {one.node, mortal.node} <= {*three.gone}, lambda: three.gone)
    assert named([three], MemberRemoved) == {"presence-x ann": 1, "presence-x bob": 1}
    assert named([three], Vacated) == {"presence-x": 1}


async def test_what_a_survivor_owes_when_it_leaves_is_paid_by_the_next(party: Party) -> None:
    one, two, three = await party.many(3)
    await one.join("presence-x", "ann", "bob")
    # Who takes out is cut short, and leaves in peace.
    await three.engine._tasks.stop()
    taken_out = asyncio.Event()

    async def keep(_bucket: str, _owed: str, facts: list[Fact], _names: object) -> None:
        if facts:
            taken_out.set()
            await asyncio.Event().wait()

    two.engine._estates._hand_over = keep  # type: ignore[method-assign,assignment]
    await party.kill(one)
    async with asyncio.timeout(LIMIT):
        await taken_out.wait()
    assert await three.engine.members("1", "presence-x") == {}
    assert three.facts == []
    party.guests.remove(two)
    await two.engine.stop()
    three.engine._tasks.start(three.engine._lease.keep(), "to beat")
    three.engine._tasks.start(three.engine._mend_when_wanted(), "to mend")
    await until(lambda: {one.node, two.node} <= {*three.gone}, lambda: three.gone)
    assert named([three], MemberRemoved) == {"presence-x ann": 1, "presence-x bob": 1}
    assert named([three], Vacated) == {"presence-x": 1}


async def test_a_role_passes_on_when_who_has_it_is_lost(party: Party) -> None:
    guests = await party.many(3)
    await until(lambda: any(guest.engine.leads("webhooks") for guest in guests))
    leader = next(guest for guest in guests if guest.engine.leads("webhooks"))
    guests.remove(leader)
    for guest in guests:
        assert not guest.engine.leads("webhooks")
    await leader.engine._tasks.stop()  # it stands still
    await until(lambda: not leader.engine.leads("webhooks"))
    assert not any(guest.engine.leads("webhooks") for guest in guests), "it knew before another got it"
    await until(lambda: any(guest.engine.leads("webhooks") for guest in guests))
    assert sum(guest.engine.leads("webhooks") for guest in guests) == 1


async def test_a_node_that_was_cut_off_finds_itself_lost_and_comes_back(server: Server) -> None:
    async with Party(server.url) as party, Proxy(server.port) as proxy:
        one, two = await party.many(2)
        # So patient that it does not find out by itself.
        frozen = await party.guest(f"redis://127.0.0.1:{proxy.port}", timeout=120)
        await two.listen("presence-x")
        await frozen.join("presence-x", "ann", "bob")
        await frozen.join("room")
        assert await frozen.engine.hold("1", 70, 100) == 70
        await one.join("presence-x", "bob")
        before = frozen.node
        proxy.drop()
        late = asyncio.ensure_future(frozen.join("presence-x", "zoe"))
        await until(lambda: two.gone)
        assert two.gone == [before]
        assert list(await two.engine.members("1", "presence-x")) == ["bob"]
        assert await one.engine.hold("1", 60, 100) == 60
        await proxy.heal()
        await until(lambda: frozen.node != before)
        await late
        await until(lambda: sorted(two.users("presence-x")) == ["ann", "bob", "zoe"], lambda: two.users("presence-x"))
        await until(lambda: frozen.users("presence-x") == two.users("presence-x"))
        assert await one.engine.channels("1", "room") == ["room"]
        everyone = [one, two, frozen]
        assert named(everyone, MemberRemoved) == {"presence-x ann": 1}
        assert named(everyone, MemberAdded) == {"presence-x ann": 1, "presence-x zoe": 1}
        assert named(everyone, Vacated) == named(everyone, Occupied) == {"room": 1}
        # What it has it keeps, whatever the limit, and nobody gets more.
        assert await one.engine.hold("1", 100, 100) == 60
        assert await frozen.engine.hold("1", 70, 100) == 70
        await frozen.quit("presence-x", "ann", "bob", "zoe")
        assert list(await two.engine.members("1", "presence-x")) == ["bob"]
        party.without_faults()


async def test_what_a_lost_node_had_said_and_comes_late_is_refused(server: Server) -> None:
    """Its last words wait in the network while it dies and is taken out: nobody would take out what they enter."""
    async with Party(server.url) as party, Proxy(server.port) as proxy:
        one, two = await party.many(2)
        dying = await party.guest(f"redis://127.0.0.1:{proxy.port}", timeout=120)
        await dying.join("presence-x", "ann")
        await dying.engine.hold("1", 10, 100)
        proxy.drop()
        words = [dying.join("presence-x", "zoe"), dying.engine.hold("1", 90, 100), dying.join("presence-y", "zoe")]
        said = [asyncio.ensure_future(word) for word in words]
        await asyncio.sleep(INTERVAL)
        await party.kill(dying)
        await until(lambda: one.gone)
        await proxy.heal()
        await asyncio.gather(*said, return_exceptions=True)
        for guest in (one, two):
            await guest.join("presence-z", "eve")  # asked after what came late
        assert await one.engine.channels("1", "") == ["presence-z"]
        assert await one.engine.members("1", "presence-x") == {}
        assert await one.engine.hold("1", 100, 100) == 100
        await until(lambda: one.engine.membership.nodes == 2)


def test_a_watcher_that_stood_still_itself_begins_to_count_anew() -> None:
    now = [0.0]
    watch = Watch(1.0, lambda: now[0])
    for _ in range(MISSED):
        assert watch.see({"a": b"1"}) == []
        now[0] += 1
    now[0] += BROKEN
    for _ in range(MISSED):
        assert watch.see({"a": b"1"}) == []
        now[0] += 1
    assert watch.see({"a": b"1", "b": b"1"}) == [("a", b"1")]
    assert watch.see({"a": b"2", "b": b"1"}) == []
