"""What every engine must do, run over each."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from msgspec import Raw

from hubbub.engine.memory import Memory
from hubbub.engine.seam import Engine, Transition
from hubbub.errors import PRESENCE_FULL, Refusal
from hubbub.messages import Member

ANN, BOB = Member("ann", Raw(b'{"name":"Ann"}')), Member("bob")


@pytest.fixture(params=[Memory])
async def engine(request: pytest.FixtureRequest) -> AsyncIterator[Engine]:
    engine: Engine = request.param()
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
