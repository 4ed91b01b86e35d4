"""What every engine must do, run over each: one node's view. What several do together: `redis/`."""

import asyncio
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from uuid import uuid4

import pytest
from msgspec import Raw

from engine.hosts import Noting, until
from engine.redis.redisserver import Cluster, Server
from hubbub.engine.memory import Memory
from hubbub.engine.redis.engine import Redis
from hubbub.engine.redis.servers import link_to
from hubbub.engine.seam import Cached, Engine, Transition
from hubbub.errors import PRESENCE_FULL, Refusal
from hubbub.messages import Envelope, Event, Member, MemberAdded, MemberRemoved, WentOffline, WentOnline

ANN, BOB = Member("ann", Raw(b'{"name":"Ann"}')), Member("bob")

Passing = Callable[[float], Awaitable[None]]


class Clock:
    """Seconds that pass when the test wants it."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    with Server() as server:
        yield server


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    with Cluster() as cluster:
        yield cluster


@pytest.fixture
def host() -> Noting:
    return Noting()


@pytest.fixture(
    params=[
        "memory",
        pytest.param("server", marks=pytest.mark.needs("redis")),
        pytest.param("cluster", marks=pytest.mark.needs("redis")),
    ]
)
async def engine(request: pytest.FixtureRequest, clock: Clock, host: Noting) -> AsyncIterator[Engine]:
    engine: Engine
    if request.param == "memory":
        engine = Memory(clock)
    else:
        url = request.getfixturevalue(request.param).url
        engine = Redis(link_to(url, 5), f"test-{uuid4().hex}")
    await engine.start(host)
    yield engine
    await engine.stop()


@pytest.fixture
def passing(engine: Engine, clock: Clock) -> Passing:
    """Give a way to let time pass for the engine."""

    async def passing(seconds: float) -> None:
        clock.now += seconds
        if not isinstance(engine, Memory):
            await asyncio.sleep(seconds + 0.1)

    return passing


async def enter(
    engine: Engine,
    channel: str,
    member: Member | None = None,
    *,
    occupies: bool = False,
    limit: int = 9,
    app: str = "1",
) -> Transition:
    return await engine.enter(app, channel, occupies=occupies, member=member, limit=limit)


async def leave(engine: Engine, channel: str, user_id: str | None = None, *, vacates: bool = False) -> Transition:
    return await engine.leave("1", channel, vacates=vacates, user_id=user_id)


async def test_the_first_to_enter_occupies_a_channel_and_the_last_to_leave_vacates_it(engine: Engine) -> None:
    assert await enter(engine, "room", occupies=True) == Transition(channel=True)
    assert (await engine.occupied("1", ["room"]))[0]
    assert await leave(engine, "room", vacates=True) == Transition(channel=True)
    assert await engine.occupied("1", ["room", "other"]) == [False, False]


async def test_members_appear_once_and_are_gone_once(engine: Engine) -> None:
    assert await enter(engine, "presence-x", ANN, occupies=True) == Transition(channel=True, member=ANN)
    assert await enter(engine, "presence-x", BOB) == Transition(member=BOB)
    assert await engine.members("1", "presence-x") == {"ann": ANN, "bob": BOB}
    assert await leave(engine, "presence-x", "ann") == Transition(member=ANN)
    assert await leave(engine, "presence-x", "bob", vacates=True) == Transition(channel=True, member=BOB)
    assert await engine.members("1", "presence-x") == {}


async def test_a_channel_has_subscribers_who_are_no_members_too(engine: Engine) -> None:
    await enter(engine, "room", ANN, occupies=True)
    assert await leave(engine, "room", "ann") == Transition(member=ANN)
    assert (await engine.occupied("1", ["room"]))[0]
    assert await enter(engine, "room", BOB) == Transition(member=BOB)
    assert await leave(engine, "room", "bob", vacates=True) == Transition(channel=True, member=BOB)
    assert not (await engine.occupied("1", ["room"]))[0]


async def test_who_leaves_is_told_as_who_came_first(engine: Engine) -> None:
    await enter(engine, "presence-x", ANN, occupies=True)
    assert await enter(engine, "presence-x", Member("ann", online_at=7, ref="later")) == Transition()
    assert await leave(engine, "presence-x", "ann", vacates=True) == Transition(channel=True, member=ANN)


async def test_a_full_channel_takes_nobody_new_and_is_left_as_it_was(engine: Engine) -> None:
    await enter(engine, "presence-x", ANN, occupies=True, limit=1)
    with pytest.raises(Refusal) as refusal:
        await enter(engine, "presence-x", BOB, limit=1)
    assert refusal.value.reason is PRESENCE_FULL
    assert list(await engine.members("1", "presence-x")) == ["ann"]
    assert await enter(engine, "presence-x", ANN, limit=1) == Transition()


async def test_users_are_counted_for_many_channels_at_once(engine: Engine) -> None:
    await enter(engine, "presence-x", ANN, occupies=True)
    await enter(engine, "presence-x", BOB)
    assert await engine.user_counts("1", ["presence-x", "presence-none"]) == [2, 0]


async def test_occupied_channels_are_named_by_prefix(engine: Engine) -> None:
    for channel in ("room-a", "room-b", "other"):
        await enter(engine, channel, occupies=True)
    assert sorted(await engine.channels("1", "room-")) == ["room-a", "room-b"]
    assert await engine.channels("1", "none") == []


async def test_applications_do_not_share_channels(engine: Engine) -> None:
    await enter(engine, "room", occupies=True)
    assert await engine.channels("2", "") == []
    assert not (await engine.occupied("2", ["room"]))[0]
    assert await enter(engine, "room", occupies=True, app="2") == Transition(channel=True)


async def test_many_who_enter_at_once_see_one_transition(engine: Engine) -> None:
    await enter(engine, "presence-x", occupies=True)
    seen = await asyncio.gather(*(enter(engine, "presence-x", ANN) for _ in range(20)))
    assert sum(one.member is not None for one in seen) == 1


async def test_many_channels_are_looked_at_at_once_in_the_order_asked(engine: Engine) -> None:
    for channel in ("b", "presence-c"):
        await enter(engine, channel, occupies=True)
    assert await engine.occupied("1", ["a", "b", "presence-c", "b"]) == [False, True, True, True]
    assert await engine.occupied("1", []) == []
    assert await engine.occupied("2", ["b"]) == [False]


async def test_members_are_given_in_the_order_they_came(engine: Engine) -> None:
    await engine.subscribe("1", "presence-x")
    names = [f"user-{number * 7 % 20}" for number in range(20)]
    for name in names:
        await enter(engine, "presence-x", Member(name), occupies=name == names[0], limit=99)
    await leave(engine, "presence-x", names[3])
    await enter(engine, "presence-x", Member(names[3]), limit=99)
    names.append(names.pop(3))
    assert list(await engine.members("1", "presence-x")) == names
    assert list(engine.present("1", "presence-x")) == names


async def test_who_is_there_is_known_of_any_channel(engine: Engine) -> None:
    await enter(engine, "presence-x", ANN, occupies=True)
    assert await engine.is_present("1", "presence-x", "ann")
    assert not await engine.is_present("1", "presence-x", "bob")
    assert not await engine.is_present("2", "presence-x", "ann")


async def test_members_are_told_before_the_call_comes_back_and_shown_as_told(engine: Engine, host: Noting) -> None:
    await engine.subscribe("1", "presence-x")
    assert engine.present("1", "presence-x") == {}
    await enter(engine, "presence-x", ANN, occupies=True)
    assert host.received == [Envelope("1", MemberAdded("presence-x", ANN))]
    assert engine.present("1", "presence-x") == {"ann": ANN}
    await enter(engine, "presence-x", BOB)
    await enter(engine, "presence-x", Member("ann", ref="again"))
    await leave(engine, "presence-x", "ann")
    assert host.told[1:] == [MemberAdded("presence-x", BOB), MemberRemoved("presence-x", ANN)]
    assert engine.present("1", "presence-x") == {"bob": BOB}
    await leave(engine, "presence-x", "bob", vacates=True)
    assert host.told[3:] == [MemberRemoved("presence-x", BOB)]
    assert engine.present("1", "presence-x") == {}


async def test_who_listens_is_told_that_a_channel_is_occupied_and_vacated(engine: Engine, host: Noting) -> None:
    topic = "#about-ann"
    online, offline = WentOnline(topic, "ann"), WentOffline(topic, "ann")
    await engine.subscribe("1", topic)
    await engine.enter("1", topic, occupies=True, member=None, limit=0, told=online)
    assert host.received == [Envelope("1", online)]
    await engine.leave("1", topic, vacates=True, user_id=None, told=offline)
    assert host.received[1:] == [Envelope("1", offline)]
    assert await engine.occupied("1", [topic]) == [False]


async def test_names_and_members_may_be_of_any_letters(engine: Engine, host: Noting) -> None:
    channel, other = "#about-ü: {x} \0\n*", "raum:1"
    member = Member("ü: ,{}\0\n ", Raw('{"ü":" \\u0000,"}'.encode()), 2**41, "r,e f")
    for name in (channel, other):
        await engine.subscribe("1", name)
        assert await enter(engine, name, member, occupies=True) == Transition(channel=True, member=member)
        assert engine.present("1", name) == await engine.members("1", name) == {member.user_id: member}
        assert await engine.channels("1", name[:8]) == [name]
        assert await leave(engine, name, member.user_id, vacates=True) == Transition(channel=True, member=member)
    assert host.told == [
        fact for name in (channel, other) for fact in (MemberAdded(name, member), MemberRemoved(name, member))
    ]


async def test_a_node_alone_has_every_role_and_all_room(engine: Engine) -> None:
    await until(lambda: engine.leads("webhooks"))
    assert await engine.counts_elsewhere("1", ["room", "other", "room"]) == [0, 0, 0]
    assert await engine.hold("1", 10, 100) == 10
    assert await engine.hold("1", 1000, 100) == 100
    assert await engine.hold("1", 0, 100) == 0
    assert engine.away is None
    assert engine.membership.nodes == 1
    assert engine.membership.gaps == 0
    drawn = await engine.draw("1", "events", 1, 10, 100)
    assert drawn.amount == 10
    assert 0 < drawn.seconds <= 1
    assert (await engine.draw("1", "batches", 11, 20, 10)).amount == 0


async def test_to_unsubscribe_from_what_is_not_heard_has_no_effect(engine: Engine) -> None:
    await engine.unsubscribe("1", "room")
    await engine.subscribe("1", "room")
    await engine.unsubscribe("1", "room")
    await engine.unsubscribe("1", "room")


# What cache channels keep

MOST = 1000
NEWS = Event("cache-news", "headline", '{ "t": "hi" }')


async def keep(
    engine: Engine, event: Event, seconds: int, most: int = MOST, *, app: str = "1", exclude: str | None = None
) -> None:
    await engine.keep(Envelope(app, event, exclude), seconds, most)


async def recalled(engine: Engine, channel: str, app: str = "1") -> Event | None:
    cached = await engine.recall(app, channel)
    return cached.event if cached is not None else None


async def test_the_last_event_of_a_channel_is_kept_for_its_time(engine: Engine, passing: Passing) -> None:
    assert await engine.recall("1", "cache-news") is None
    await keep(engine, NEWS, 60)
    cached = await engine.recall("1", "cache-news")
    assert cached is not None
    assert cached.event == NEWS
    assert 45 <= cached.seconds <= 60
    await keep(engine, NEWS, 1)
    assert await engine.recall("1", "cache-news") in (Cached(NEWS, 1), None)
    await passing(1)
    assert await engine.recall("1", "cache-news") is None


async def test_who_subscribes_is_told_what_is_kept_and_shown_it_as_told(
    engine: Engine, host: Noting, passing: Passing
) -> None:
    await engine.subscribe("1", "cache-news")
    assert engine.kept("1", "cache-news") is None
    await keep(engine, NEWS, 60, exclude="1.1")
    assert host.received == [Envelope("1", NEWS, "1.1")]
    cached = engine.kept("1", "cache-news")
    assert cached is not None
    assert cached.event == NEWS
    assert 45 <= cached.seconds <= 60
    later = Event("cache-news", "binary", "AAAA", "ann", is_binary=True)
    await keep(engine, later, 1)
    assert host.told[1:] == [later]
    await passing(1)
    assert engine.kept("1", "cache-news") is None


async def test_who_subscribes_later_is_shown_what_is_kept_and_not_told(engine: Engine, host: Noting) -> None:
    await keep(engine, NEWS, 60)
    host.received.clear()
    await engine.subscribe("1", "cache-news")
    cached = engine.kept("1", "cache-news")
    assert cached is not None
    assert cached.event == NEWS
    assert host.received == []


async def test_the_next_event_takes_its_place_and_begins_anew(engine: Engine, passing: Passing) -> None:
    await keep(engine, NEWS, 1)
    later = Event("cache-news", "other", "2")
    await keep(engine, later, 60)
    await passing(1)
    assert await recalled(engine, "cache-news") == later
    await keep(engine, NEWS, 1)
    await passing(1)
    assert await engine.recall("1", "cache-news") is None, "the one before is not there any more"


async def test_each_channel_of_each_application_keeps_its_own(engine: Engine) -> None:
    await keep(engine, NEWS, 60)
    await keep(engine, Event("cache-b", "n", "b"), 60)
    await keep(engine, Event("cache-news", "n", "of another"), 60, app="2")
    kept = [
        await recalled(engine, name, app)
        for app, name in (("1", "cache-news"), ("1", "cache-b"), ("2", "cache-news"), ("2", "cache-b"))
    ]
    assert [one and one.data for one in kept] == ['{ "t": "hi" }', "b", "of another", None]


async def test_what_is_kept_does_not_occupy_a_channel(engine: Engine) -> None:
    await keep(engine, NEWS, 60)
    assert await engine.occupied("1", ["cache-news"]) == [False]
    assert await engine.channels("1", "") == []
    await enter(engine, "cache-news", occupies=True)
    await leave(engine, "cache-news", vacates=True)
    assert await recalled(engine, "cache-news") == NEWS


async def test_many_who_find_nothing_are_one_for_some_time(engine: Engine, passing: Passing) -> None:
    assert [await engine.miss("1", "cache-news", 60) for _ in range(3)] == [True, False, False]
    assert await engine.miss("1", "cache-other", 1)
    assert await engine.miss("2", "cache-news", 60)
    await passing(1)
    assert not await engine.miss("1", "cache-news", 60)
    assert [await engine.miss("1", "cache-other", 60) for _ in range(2)] == [True, False]


async def test_what_is_missed_after_something_was_kept_is_missed_anew(engine: Engine, passing: Passing) -> None:
    assert await engine.miss("1", "cache-news", 60)
    await keep(engine, NEWS, 1)
    await passing(1)
    assert await engine.recall("1", "cache-news") is None
    assert await engine.miss("1", "cache-news", 60)


async def test_of_more_channels_than_may_keep_one_the_oldest_forgets(engine: Engine, host: Noting) -> None:
    for name in ("cache-a", "cache-b", "cache-c", "cache-news"):
        await engine.subscribe("1", name)
    for name in ("cache-a", "cache-b", "cache-a", "cache-c"):
        await keep(engine, Event(name, "n", "x"), 60, most=2)
    await keep(engine, NEWS, 60, most=2, app="2")
    kept = [name for name in ("cache-a", "cache-b", "cache-c") if await engine.recall("1", name) is not None]
    assert kept == ["cache-a", "cache-c"]
    await until(lambda: engine.kept("1", "cache-b") is None)
    assert engine.kept("1", "cache-a") is not None
    assert await engine.recall("2", "cache-news") is not None


async def test_whose_time_is_over_takes_no_room_from_others(engine: Engine, passing: Passing) -> None:
    await keep(engine, Event("cache-a", "n", "x"), 60, most=2)
    await keep(engine, Event("cache-b", "n", "x"), 1, most=2)
    await passing(1)
    await keep(engine, Event("cache-c", "n", "x"), 60, most=2)
    kept = [name for name in ("cache-a", "cache-b", "cache-c") if await engine.recall("1", name) is not None]
    assert kept == ["cache-a", "cache-c"]


# Of memory alone


async def remember(memory: Memory, app: str, event: Event, seconds: int) -> None:
    await memory.keep(Envelope(app, event), seconds, MOST)


async def alone(clock: Clock) -> Memory:
    memory = Memory(clock)
    await memory.start(Silent())
    return memory


class Silent(Noting):
    """A host that notes nothing."""

    def receive(self, envelope: Envelope) -> None:
        pass


async def test_memory_counts_the_seconds_that_are_left(clock: Clock) -> None:
    memory = await alone(clock)
    await remember(memory, "1", NEWS, 60)
    seconds = []
    for passed in (0, 0.5, 59, 0.5):
        clock.now += passed
        cached = await memory.recall("1", "cache-news")
        seconds.append(cached and cached.seconds)
    assert seconds == [60, 60, 1, None]


async def test_memory_does_not_grow_by_what_nobody_asks_for_again(clock: Clock) -> None:
    """A thousand a second for a minute leave no more behind than those whose time is not over."""
    memory, a_second = await alone(clock), 1000
    tracemalloc.start()
    sizes = []
    for second in range(60):
        for number in range(a_second):
            await remember(memory, "1", Event(f"cache-{second}-{number}", "n", "x" * 100), 5)
            await memory.miss("1", f"cache-missed-{second}-{number}", 5)
        clock.now += 1
        sizes.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    assert sizes[-1] < 2 * sizes[10], sizes


async def test_different_times_do_not_hold_each_other_up(clock: Clock) -> None:
    """What is kept long, of one application, comes before what is kept shortly, of another."""
    memory = await alone(clock)
    for number in range(10):
        await remember(memory, "long", Event(f"cache-{number}", "n", "x"), 1800)
    tracemalloc.start()
    sizes = []
    for second in range(60):
        for number in range(500):
            await remember(memory, "short", Event(f"cache-{second}-{number}", "n", "x" * 100), 5)
        clock.now += 1
        sizes.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    assert sizes[-1] < 2 * sizes[10], sizes
