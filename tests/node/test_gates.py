"""A gate lets one in at a time, in the order they came, and nothing is left of it when all are gone."""

import asyncio
import random

import pytest

from hubbub.node.gates import Gates


async def inside(gates: Gates, log: list[str], name: str, leave: asyncio.Event, channel: str = "room") -> None:
    async with gates.of("1", channel):
        log.append(name)
        await leave.wait()


async def turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_who_comes_first_is_in_first() -> None:
    gates, log = Gates(), list[str]()
    events = [asyncio.Event() for _ in range(4)]
    tasks = [asyncio.create_task(inside(gates, log, str(number), leave)) for number, leave in enumerate(events)]
    for number, leave in enumerate(events):
        await turns()
        assert log == [str(one) for one in range(number + 1)]
        leave.set()
    await asyncio.gather(*tasks)


async def test_a_newcomer_does_not_overtake_whose_turn_it_is() -> None:
    gates, log = Gates(), list[str]()
    leave = asyncio.Event()
    leave.set()
    async with gates.of("1", "room"):
        waiting = asyncio.create_task(inside(gates, log, "waiting", leave))
        await turns()
    await inside(gates, log, "new", leave)  # the gate was given to the other, who has not run since
    await waiting
    assert log == ["waiting", "new"]


async def test_gates_of_other_channels_are_open() -> None:
    gates, log = Gates(), list[str]()
    leave = asyncio.Event()
    async with gates.of("1", "room"):
        task = asyncio.create_task(inside(gates, log, "elsewhere", leave, "other"))
        await turns()
        assert log == ["elsewhere"]
        leave.set()
        await task


@pytest.mark.parametrize("is_its_turn", [False, True])
async def test_who_gives_up_holds_up_nobody(*, is_its_turn: bool) -> None:
    gates, log = Gates(), list[str]()
    leave = asyncio.Event()
    leave.set()
    async with gates.of("1", "room"):
        impatient = asyncio.create_task(inside(gates, log, "impatient", leave))
        patient = asyncio.create_task(inside(gates, log, "patient", leave))
        await turns()
        if not is_its_turn:
            impatient.cancel()
            await turns()
    impatient.cancel()  # by now it would be its turn, but it has not run since
    async with asyncio.timeout(15):
        await patient
        await inside(gates, log, "later", leave)
    assert log == ["patient", "later"]
    assert impatient.cancelled()


async def test_who_fails_inside_leaves_the_gate_open() -> None:
    gates = Gates()
    with pytest.raises(KeyError):
        async with gates.of("1", "room"):
            raise KeyError
    async with asyncio.timeout(15), gates.of("1", "room"):
        pass


async def test_many_who_come_and_give_up_are_alone_inside() -> None:
    gates, dice = Gates(), random.Random(5)
    within = {"a": 0, "b": 0}

    async def come(channel: str) -> None:
        async with gates.of("1", channel):
            within[channel] += 1
            try:
                assert within[channel] == 1
                for _ in range(dice.randrange(3)):
                    await asyncio.sleep(0)
            finally:
                within[channel] -= 1

    async def come_and_perhaps_give_up() -> None:
        task = asyncio.create_task(come(dice.choice("ab")))
        for _ in range(dice.randrange(300)):
            await asyncio.sleep(0)
        if dice.random() < 0.3:
            task.cancel()
        await asyncio.wait({task})
        assert task.cancelled() or task.exception() is None

    await asyncio.wait_for(asyncio.gather(*(come_and_perhaps_give_up() for _ in range(300))), 15)
    for channel in within:
        async with asyncio.timeout(15), gates.of("1", channel):
            pass
