"""The processes that make the load, seen from the program that started them.

Knows pipes. Does not know what is ordered.
"""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process
from pathlib import Path
from typing import Final, Self, TypeVar

from hubbub.bench import orders
from hubbub.bench.orders import News, Order, Tick
from hubbub.bench.worker import LINE

ENDING: Final = 15.0
"""Seconds that a process has to close its connections and end."""

_SOURCE: Final = Path(__file__).parents[2]

_N = TypeVar("_N", bound=News)


class Lost(Exception):
    """A process has ended that should not have."""


class Crew:
    """All processes. What they answer is given in their order; `ticks` is the last that each has told."""

    def __init__(self, processes: list[Process]) -> None:
        self.ticks = [Tick(0, 0) for _ in processes]
        self.ticked = asyncio.Event()
        """Set by every tick; who waits for the next one clears it."""
        self._processes = processes
        self._news: list[asyncio.Queue[News | Lost]] = [asyncio.Queue() for _ in processes]
        self._readers = [asyncio.create_task(self._read(number)) for number in range(len(processes))]

    @classmethod
    async def start(cls, count: int) -> Self:
        """Start `count` processes. Ctrl-C does not reach them: it is for the program to tell them."""
        path = os.pathsep.join(filter(None, [str(_SOURCE), os.environ.get("PYTHONPATH")]))
        return cls(
            [
                await asyncio.create_subprocess_exec(
                    *(sys.executable, "-P", "-m", "hubbub.bench.worker"),
                    stdin=PIPE,
                    stdout=PIPE,
                    env={**os.environ, "PYTHONPATH": path},
                    start_new_session=True,
                    limit=LINE,
                )
                for _ in range(count)
            ]
        )

    def __len__(self) -> int:
        return len(self._processes)

    @property
    def units(self) -> int:
        """What the case has counted so far."""
        return sum(tick.units for tick in self.ticks)

    @property
    def received(self) -> int:
        """Messages that have arrived so far."""
        return sum(tick.received for tick in self.ticks)

    def tell(self, *each: Order) -> None:
        """Give an order to all processes, or one to each."""
        self.ticks = [Tick(0, 0) for _ in self._processes] if isinstance(each[0], orders.Open) else self.ticks
        for process, order in zip(self._processes, each * len(self) if len(each) == 1 else each, strict=True):
            assert process.stdin is not None
            if process.returncode is None:
                process.stdin.write(orders.line(order))

    async def hear(self, kind: type[_N]) -> list[_N]:
        """Wait for the answer of each. Raises Lost when one has ended instead."""
        waiting = [asyncio.create_task(self._next(number, kind)) for number in range(len(self))]
        try:
            return await asyncio.gather(*waiting)
        finally:
            for task in waiting:
                task.cancel()

    async def end(self) -> None:
        """Let all processes end; they close what they have open. Kills those that do not."""
        for process in self._processes:
            assert process.stdin is not None
            process.stdin.close()
        try:
            async with asyncio.timeout(ENDING):
                await asyncio.gather(*(process.wait() for process in self._processes))
        except TimeoutError:
            for process in self._processes:
                if process.returncode is None:
                    process.kill()
        await asyncio.gather(*(process.wait() for process in self._processes), *self._readers)

    async def _next(self, number: int, kind: type[_N]) -> _N:
        news = await self._news[number].get()
        if isinstance(news, Lost):
            self._news[number].put_nowait(news)
            raise news
        assert isinstance(news, kind), news
        return news

    async def _read(self, number: int) -> None:
        process = self._processes[number]
        assert process.stdout is not None
        while text := await process.stdout.readline():
            news = orders.news(text)
            if isinstance(news, Tick):
                self.ticks[number] = news
                self.ticked.set()
            else:
                self._news[number].put_nowait(news)
        status = await process.wait()
        self._news[number].put_nowait(Lost(f"process {number + 1} of the benchmark ended by itself, status {status}"))
        self.ticked.set()
