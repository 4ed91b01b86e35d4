"""What every engine must do, run over each."""

import asyncio
import tracemalloc
from collections.abc import AsyncIterator

import pytest
from msgspec import Raw

from hubbub.engine.memory import Memory
from hubbub.engine.seam import Cached, Engine, Transition
from hubbub.errors import PRESENCE_FULL, Refusal
from hubbub.messages import Event, Member

ANN, BOB = Member("ann", Raw(b'{"name":"Ann"}')), Member("bob")


class Clock:
    """Seconds that pass when the test wants it."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=[Memory])
async def engine(request: pytest.FixtureRequest, clock: Clock) -> AsyncIterator[Engine]:
    engine: Engine = request.param(clock)
    await engine.start(lambda _: None)
    yield engine
    await engine.stop()


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


# What cache channels keep

MOST = 1000
NEWS = Event("cache-news", "headline", '{ "t": "hi" }')


async def test_the_last_event_of_a_channel_is_kept_for_its_time(engine: Engine, clock: Clock) -> None:
    assert await engine.recall("1", "cache-news") is None
    await engine.remember("1", NEWS, 60, most=MOST)
    assert await engine.recall("1", "cache-news") == Cached(NEWS, 60)
    clock.now += 0.5
    assert await engine.recall("1", "cache-news") == Cached(NEWS, 60)
    clock.now += 59
    assert await engine.recall("1", "cache-news") == Cached(NEWS, 1)
    clock.now += 0.5
    assert await engine.recall("1", "cache-news") is None


async def test_the_next_event_takes_its_place_and_begins_anew(engine: Engine, clock: Clock) -> None:
    await engine.remember("1", NEWS, 60, most=MOST)
    clock.now += 50
    later = Event("cache-news", "other", "2")
    await engine.remember("1", later, 20, most=MOST)
    assert await engine.recall("1", "cache-news") == Cached(later, 20)
    clock.now += 19
    assert await engine.recall("1", "cache-news") == Cached(later, 1)
    clock.now += 1
    assert await engine.recall("1", "cache-news") is None, "the one before is not there any more"


async def test_each_channel_of_each_application_keeps_its_own(engine: Engine) -> None:
    await engine.remember("1", NEWS, 60, most=MOST)
    await engine.remember("1", Event("cache-b", "n", "b"), 60, most=MOST)
    await engine.remember("2", Event("cache-news", "n", "of another"), 60, most=MOST)
    kept = [
        await engine.recall(app, name)
        for app, name in (("1", "cache-news"), ("1", "cache-b"), ("2", "cache-news"), ("2", "cache-b"))
    ]
    assert [one and one.event.data for one in kept] == ['{ "t": "hi" }', "b", "of another", None]


async def test_what_is_kept_does_not_occupy_a_channel(engine: Engine) -> None:
    await engine.remember("1", NEWS, 60, most=MOST)
    assert await engine.occupied("1", ["cache-news"]) == [False]
    assert await engine.channels("1", "") == []
    await enter(engine, "cache-news", occupies=True)
    await leave(engine, "cache-news", vacates=True)
    assert await engine.recall("1", "cache-news") == Cached(NEWS, 60)


async def test_many_who_find_nothing_are_one_for_some_time(engine: Engine, clock: Clock) -> None:
    assert [await engine.miss("1", "cache-news", 10) for _ in range(3)] == [True, False, False]
    assert await engine.miss("1", "cache-other", 10)
    assert await engine.miss("2", "cache-news", 10)
    clock.now += 9.9
    assert not await engine.miss("1", "cache-news", 10)
    clock.now += 0.1
    assert [await engine.miss("1", "cache-news", 10) for _ in range(2)] == [True, False]


async def test_what_is_missed_after_something_was_kept_is_missed_anew(engine: Engine, clock: Clock) -> None:
    assert await engine.miss("1", "cache-news", 10)
    await engine.remember("1", NEWS, 1, most=MOST)
    clock.now += 1
    assert await engine.recall("1", "cache-news") is None
    assert await engine.miss("1", "cache-news", 10)


async def test_memory_does_not_grow_by_what_nobody_asks_for_again(clock: Clock) -> None:
    """A thousand a second for a minute leave no more behind than those whose time is not over."""
    engine, a_second = Memory(clock), 1000
    tracemalloc.start()
    sizes = []
    for second in range(60):
        for number in range(a_second):
            await engine.remember("1", Event(f"cache-{second}-{number}", "n", "x" * 100), 5, most=MOST)
            await engine.miss("1", f"cache-missed-{second}-{number}", 5)
        clock.now += 1
        sizes.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    assert sizes[-1] < 2 * sizes[10], sizes


async def test_different_times_do_not_hold_each_other_up(clock: Clock) -> None:
    """What is kept long, of one application, comes before what is kept shortly, of another."""
    engine = Memory(clock)
    for number in range(10):
        await engine.remember("long", Event(f"cache-{number}", "n", "x"), 1800, most=MOST)
    tracemalloc.start()
    sizes = []
    for second in range(60):
        for number in range(500):
            await engine.remember("short", Event(f"cache-{second}-{number}", "n", "x" * 100), 5, most=MOST)
        clock.now += 1
        sizes.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    assert sizes[-1] < 2 * sizes[10], sizes


async def test_of_more_channels_than_may_keep_one_the_oldest_forgets(engine: Engine) -> None:
    for name in ("cache-a", "cache-b", "cache-a", "cache-c"):
        await engine.remember("1", Event(name, "n", "x"), 60, most=2)
    await engine.remember("2", NEWS, 60, most=2)
    kept = [name for name in ("cache-a", "cache-b", "cache-c") if await engine.recall("1", name) is not None]
    assert kept == ["cache-a", "cache-c"]
    assert await engine.recall("2", "cache-news") is not None
