"""An event loop whose time stands still until it is told to pass: what takes seconds takes none."""

import asyncio
from collections.abc import Callable
from typing import Final

MOST_TURNS: Final = 20_000
"""Turns of the loop after which something that should rest is taken for never resting."""


class Clockwork(asyncio.SelectorEventLoop):
    """`time` is what was set; timers are due by it."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0

    def time(self) -> float:
        return self.now


async def rest(is_quiet: Callable[[], bool]) -> None:
    """Come back when it is quiet, and stays so for some turns."""
    quiet = 0
    for _ in range(MOST_TURNS):
        await asyncio.sleep(0)
        quiet = quiet + 1 if is_quiet() else 0
        if quiet == 4:
            return
    raise AssertionError("it does not come to rest")
