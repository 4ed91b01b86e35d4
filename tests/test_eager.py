"""Coroutines begin at once, and only those that wait become tasks."""

import asyncio

import pytest

from hubbub import eager


async def test_work_that_does_not_wait_is_done_at_once() -> None:
    done: list[int] = []

    async def work() -> None:
        done.append(1)

    assert eager.start(work()) is None
    assert done == [1]


async def test_work_that_waits_goes_on_in_a_task() -> None:
    event, done = asyncio.Event(), list[str]()

    async def work() -> None:
        done.append("before")
        await event.wait()
        await asyncio.sleep(0)
        done.append("after")

    task = eager.start(work())
    assert task is not None
    assert done == ["before"]
    event.set()
    await task
    assert done == ["before", "after"]


async def test_what_goes_wrong_before_the_first_wait_is_raised_at_once() -> None:
    async def work() -> None:
        raise ValueError("early")

    with pytest.raises(ValueError, match="early"):
        eager.start(work())


async def test_what_goes_wrong_later_is_raised_by_the_task() -> None:
    async def work() -> None:
        await asyncio.sleep(0)
        raise ValueError("late")

    task = eager.start(work())
    assert task is not None
    with pytest.raises(ValueError, match="late"):
        await task


async def test_work_can_catch_what_it_waits_for() -> None:
    caught: list[str] = []

    async def fail() -> None:
        await asyncio.sleep(0)
        raise KeyError("inner")

    async def work() -> None:
        try:
            await asyncio.ensure_future(fail())
        except KeyError:
            caught.append("inner")

    task = eager.start(work())
    assert task is not None
    await task
    assert caught == ["inner"]


async def test_a_cancelled_task_cancels_the_work() -> None:
    ended: list[str] = []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("cleaned up")

    task = eager.start(work())
    assert task is not None
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended == ["cleaned up"]
