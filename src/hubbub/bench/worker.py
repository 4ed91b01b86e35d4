"""A process that makes its part of the load: `python -m hubbub.bench.worker`, orders on stdin, news on stdout.

Knows orders. Does not know what the others of its kind do. It ends when its stdin does, so it never outlives the
program that started it.
"""

import asyncio
import os
import sys

import uvloop

from hubbub.bench import files, orders
from hubbub.bench.loads import Load, load_of
from hubbub.bench.orders import Finish, Go, News, Open, Order, Stop, Tick

TICK = 0.1
LINE = 2**22
"""Bytes of the longest line: histograms are sent in one."""


class Worker:
    """Obeys one order after the other; `Stop` alone is heard while another is being obeyed."""

    def __init__(self) -> None:
        self._stop = asyncio.Event()
        self._load: Load | None = None
        self._out = os.fdopen(os.dup(sys.stdout.fileno()), "wb", buffering=0)

    async def run(self) -> None:
        """Obey until there are no more orders."""
        reader = asyncio.StreamReader(limit=LINE)
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        queue: asyncio.Queue[Order] = asyncio.Queue()
        tasks = [asyncio.create_task(part) for part in (self._hear(reader, queue), self._work(queue), self._tick())]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            if task.done():
                task.result()
            task.cancel()
        if self._load is not None:
            await self._load.close()

    async def _hear(self, reader: asyncio.StreamReader, queue: "asyncio.Queue[Order]") -> None:
        while text := await reader.readline():
            order = orders.order(text)
            if isinstance(order, Stop):
                self._stop.set()
            else:
                queue.put_nowait(order)

    async def _work(self, queue: "asyncio.Queue[Order]") -> None:
        while True:
            self._tell(await self._obey(await queue.get()))

    async def _obey(self, order: Order) -> News:
        match order:
            case Open(target=target, plan=plan, part=part):
                files.allow(files.needed(plan, part))
                self._load = load_of(target, plan, part)
                return await self._load.open(self._stop)
            case Go() if self._load is not None:
                return await self._load.run(order, self._stop)
            case Finish() if self._load is not None:
                load, self._load = self._load, None
                await load.close()
                return load.figures()
        raise ValueError(f"{type(order).__name__} comes too early")

    async def _tick(self) -> None:
        """Tell how far it is, also after `Done`: what is on its way to the subscribers still arrives."""
        while True:
            await asyncio.sleep(TICK)
            if self._load is not None:
                self._tell(Tick(self._load.units, self._load.received))

    def _tell(self, news: News) -> None:
        rest = orders.line(news)
        while rest:
            rest = rest[self._out.write(rest) :]


def main() -> None:
    """Run the process."""
    try:
        uvloop.run(Worker().run())
    except BrokenPipeError:  # the program is gone
        sys.exit(1)


if __name__ == "__main__":
    main()
