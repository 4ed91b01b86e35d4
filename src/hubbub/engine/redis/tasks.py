"""Work that nobody waits for, and work of which there is much."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, Final, TypeVar

from hubbub.errors import Refusal

Thing = TypeVar("Thing")

logger = logging.getLogger("hubbub.engine")


AT_ONCE: Final = 16
"""Buckets that are seen to side by side, each by one script after the other."""


async def for_all(things: Iterable[Thing], work: Callable[[Thing], Coroutine[Any, Any, object]]) -> None:
    """Do something for each, some side by side. Raises what the first to fail raises; others may be done by then."""
    left = deque(things)

    async def do_some() -> None:
        while left:
            await work(left.popleft())

    done = await asyncio.gather(*(do_some() for _ in range(min(AT_ONCE, len(left)))), return_exceptions=True)
    for failed in done:
        if failed is not None:
            raise failed


class Tasks:
    """What is under way. A Redis that is away ends a task without a word: whoever began it begins it again."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[None]] = set()

    def start(self, work: Coroutine[Any, Any, object], name: str) -> None:
        """Let something be done meanwhile; `name` says what, should it fail."""
        task = asyncio.ensure_future(self._run(work, name))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def stop(self) -> None:
        """End all of them, and come back when they have ended."""
        running = list(self._running)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    async def _run(self, work: Coroutine[Any, Any, object], name: str) -> None:
        try:
            await work
        except Refusal:
            pass
        except Exception:
            logger.exception("%s failed", name)
