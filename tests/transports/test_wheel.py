"""The wheel calls what is due, once, not early, and not what was forgotten."""

import asyncio

import pytest

from hubbub.transports.wheel import TICK, Wheel


class Alarm:
    """Notes when it went off."""

    def __init__(self) -> None:
        self.slot = 0
        self.rang = asyncio.Event()
        self.times: list[float] = []

    def on_due(self) -> None:
        self.times.append(asyncio.get_running_loop().time())
        self.rang.set()


async def test_what_is_due_is_called_once_and_not_early() -> None:
    loop = asyncio.get_running_loop()
    wheel, alarm = Wheel(loop), Alarm()
    wheel.start()
    began = loop.time()
    wheel.watch(alarm, 0.3)
    await asyncio.wait_for(alarm.rang.wait(), 10)
    await asyncio.sleep(3 * TICK)
    wheel.stop()
    assert len(alarm.times) == 1
    assert alarm.times[0] - began >= 0.3


async def test_a_deadline_can_be_moved_and_taken_away() -> None:
    wheel, moved, forgotten, last = Wheel(asyncio.get_running_loop()), Alarm(), Alarm(), Alarm()
    wheel.start()
    wheel.watch(moved, 0)
    wheel.watch(moved, 3600)
    wheel.watch(forgotten, 0)
    wheel.forget(forgotten)
    wheel.forget(forgotten)
    wheel.watch(last, 2 * TICK)
    await asyncio.wait_for(last.rang.wait(), 10)
    wheel.stop()
    assert (moved.times, forgotten.times) == ([], [])


async def test_one_that_is_forgotten_by_another_in_the_same_turn_is_not_called() -> None:
    wheel, last = Wheel(asyncio.get_running_loop()), Alarm()
    called: list[str] = []

    class Rival:
        """Takes its rival's turn away."""

        def __init__(self, name: str) -> None:
            self.name = name
            self.slot = 0
            self.rival: Rival

        def on_due(self) -> None:
            called.append(self.name)
            wheel.forget(self.rival)

    one, two = Rival("one"), Rival("two")
    one.rival, two.rival = two, one
    wheel.start()
    wheel.watch(one, 0)
    wheel.watch(two, 0)
    wheel.watch(last, 2 * TICK)
    await asyncio.wait_for(last.rang.wait(), 10)
    wheel.stop()
    assert len(called) == 1


async def test_a_deadline_that_fails_does_not_keep_others_from_theirs(caplog: pytest.LogCaptureFixture) -> None:
    class Failing(Alarm):
        def on_due(self) -> None:
            raise RuntimeError("broken")

    wheel, last = Wheel(asyncio.get_running_loop()), Alarm()
    wheel.start()
    wheel.watch(Failing(), 0)
    wheel.watch(Failing(), 0)
    wheel.watch(last, 0)
    await asyncio.wait_for(last.rang.wait(), 10)
    wheel.stop()
    assert caplog.text.count("RuntimeError: broken") == 2
