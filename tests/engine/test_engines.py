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


async def test_the_first_to_enter_occupies_a_channel_and_the_last_to_leave_vacates_it(engine: Engine) -> None:
    assert await engine.enter("1", "room", None, 0) == Transition(channel=True)
    assert await engine.is_occupied("1", "room")
    assert await engine.leave("1", "room", None) == Transition(channel=True)
    assert not await engine.is_occupied("1", "room")


async def test_members_appear_once_and_are_gone_once(engine: Engine) -> None:
    assert await engine.enter("1", "presence-x", ANN, 2) == Transition(channel=True, member=True)
    assert await engine.enter("1", "presence-x", BOB, 2) == Transition(member=True)
    assert await engine.members("1", "presence-x") == {"ann": Raw(b'{"name":"Ann"}'), "bob": Raw(b"null")}
    assert await engine.leave("1", "presence-x", "ann") == Transition(member=True)
    assert await engine.leave("1", "presence-x", "bob") == Transition(channel=True, member=True)
    assert await engine.members("1", "presence-x") == {}


async def test_a_full_channel_takes_nobody_new_and_is_left_as_it_was(engine: Engine) -> None:
    await engine.enter("1", "presence-x", ANN, 1)
    with pytest.raises(Refusal) as refusal:
        await engine.enter("1", "presence-x", BOB, 1)
    assert refusal.value.reason is PRESENCE_FULL
    assert list(await engine.members("1", "presence-x")) == ["ann"]
    assert await engine.enter("1", "presence-x", ANN, 1) == Transition()


async def test_users_are_counted_for_many_channels_at_once(engine: Engine) -> None:
    await engine.enter("1", "presence-x", ANN, 9)
    await engine.enter("1", "presence-x", BOB, 9)
    assert await engine.user_counts("1", ["presence-x", "presence-none"]) == [2, 0]


async def test_occupied_channels_are_named_by_prefix(engine: Engine) -> None:
    for channel in ("room-a", "room-b", "other"):
        await engine.enter("1", channel, None, 0)
    assert sorted(await engine.channels("1", "room-")) == ["room-a", "room-b"]
    assert await engine.channels("1", "none") == []


async def test_applications_do_not_share_channels(engine: Engine) -> None:
    await engine.enter("1", "room", None, 0)
    assert await engine.channels("2", "") == []
    assert not await engine.is_occupied("2", "room")
    assert await engine.enter("2", "room", None, 0) == Transition(channel=True)


async def test_many_who_enter_at_once_see_one_transition(engine: Engine) -> None:
    seen = await asyncio.gather(*(engine.enter("1", "presence-x", ANN, 9) for _ in range(20)))
    assert sum(one.member for one in seen) == 1
