"""Coroutines that mostly do not wait, run without the price of a task.

Knows only how to begin a coroutine at once and, should it come to wait, to let a task go on with it (Python 3.12 calls
this an eager task; Hubbub runs on 3.11). A signed publish on a single node never waits: beginning it here costs 0.3 µs,
a task and a turn of the loop several times that.
"""

import asyncio
from collections.abc import Awaitable, Coroutine, Generator
from types import coroutine
from typing import Any, Final, cast

from hubbub.logs.current import carried


class _Done:
    def __await__(self) -> Generator[Any, Any, None]:
        return _NOTHING


_NOTHING: Final = cast("Generator[Any, Any, None]", iter(()))

DONE: Final[Awaitable[None]] = _Done()
"""What is given where something might have to be awaited, and nothing has: a coroutine of its own costs 0.3 µs."""


def start(work: Coroutine[Any, Any, None]) -> asyncio.Task[None] | None:
    """Run `work` up to its first real wait; give the task that does the rest, or None when it is done.

    What `work` raises before it waits is raised here; later, in the task. The stretch before the first wait is not
    inside a task: what needs `asyncio.current_task` (timeouts, task groups) must be in a task of its own.
    """
    try:
        first = work.send(None)
    except StopIteration:
        return None
    with carried():
        return asyncio.ensure_future(_go_on(work, first))


@coroutine
def _go_on(work: Coroutine[Any, Any, None], waiting_for: Any) -> Generator[Any, Any, None]:
    while True:
        try:
            try:
                value = yield waiting_for
            except BaseException as error:  # noqa: BLE001 - passed into the coroutine, cancellation included
                waiting_for = work.throw(error)
            else:
                waiting_for = work.send(value)
        except StopIteration:
            return
