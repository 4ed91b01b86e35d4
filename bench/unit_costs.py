"""What each thing a node asks of Redis costs: Redis' CPU time, its traffic and its memory, and the node's own CPU time.

A Redis server of its own, and a few nodes' engines in this one process, without sockets of clients: what is counted is
what a cluster adds. docs/scaling.md multiplies these figures.

    python bench/unit_costs.py --json bench/results/unit_costs.json
"""

import argparse
import asyncio
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import redis
import uvloop
from msgspec import Raw, Struct, to_builtins

from hubbub.engine.redis.engine import Redis
from hubbub.engine.redis.keys import Names
from hubbub.engine.redis.node_scripts import BEAT
from hubbub.engine.redis.servers import link_to
from hubbub.messages import Envelope, Event, Fact, Member

REDIS_CORE = 0
NODES_CORE = 1
APP = "1"
DATA = "x" * 100


class Cost(Struct, frozen=True):
    """Of one thing: microseconds of CPU of Redis and of all nodes together, bytes that Redis read and wrote."""

    what: str
    times: int
    redis_us: float
    nodes_us: float
    bytes_in: float
    bytes_out: float


class Deaf:
    """A host that drops what it is told: what it would do with it is not what is counted."""

    def receive(self, envelope: Envelope) -> None:
        """Drop it."""

    def happened(self, app_id: str, facts: Sequence[Fact]) -> None:
        """Drop them."""

    def count(self, app_id: str, channel: str) -> int:
        """Have one subscription everywhere."""
        return 1

    def heard(self, news: str, subject: str) -> None:
        """Drop it."""

    def handed(self, message: bytes) -> None:
        """Drop it."""

    def lost(self, node: str) -> None:
        """Drop it."""


class Silence:
    """Who subscribes to nothing, and is told nothing."""

    def hear(self, topic: bytes, message: bytes) -> None:
        """Drop it."""

    def lost(self, reason: str) -> None:
        """Fail by what fails."""

    def found(self, seconds: float) -> None:
        """Go on."""


class Server:
    """A Redis of its own on a free port, without persistence, stopped by its pid."""

    def __init__(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self._folder = tempfile.TemporaryDirectory()
        program = shutil.which("redis-server") or sys.exit("redis-server is not installed")
        self._process = subprocess.Popen(
            ["taskset", "-c", str(REDIS_CORE), program, "--port", str(self.port), "--save", "", "--appendonly", "no"],
            cwd=self._folder.name,
            stdout=subprocess.DEVNULL,
        )
        self.client = redis.Redis(port=self.port)
        end = time.monotonic() + 10
        while True:
            try:
                self.client.ping()
            except redis.ConnectionError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.05)
            else:
                return

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"redis://127.0.0.1:{self.port}"

    def cpu_seconds(self) -> float:
        """CPU time of its main thread, which does all that is asked of it."""
        return int(Path(f"/proc/{self._process.pid}/schedstat").read_text().split()[0]) / 1e9

    def traffic(self) -> tuple[int, int]:
        """Bytes it has read and written."""
        stats = self.client.info("stats")
        return int(stats["total_net_input_bytes"]), int(stats["total_net_output_bytes"])

    def memory(self) -> int:
        """Bytes it uses, for what it keeps and for who subscribes."""
        return int(self.client.info("memory")["used_memory"])

    def stop(self) -> None:
        """End it."""
        self.client.close()
        self._process.terminate()
        self._process.wait(10)
        self._folder.cleanup()


class Lab:
    """Engines on one Redis, and what is done with them."""

    def __init__(self, server: Server, engines: list[Redis], times: int) -> None:
        self._server = server
        self.engines = engines
        self._times = times

    async def cost(
        self, what: str, do: Callable[[int], Awaitable[object]], *, at_once: int = 50, each: int = 1
    ) -> Cost:
        """Do a thing so many times, so many at once; `each` is how many things of its kind one call does."""
        server, times = self._server, self._times
        await asyncio.gather(*(do(-1 - number) for number in range(at_once)))
        bytes_in, bytes_out = server.traffic()
        of_redis, of_nodes = server.cpu_seconds(), time.process_time()
        for start in range(0, times, at_once):
            await asyncio.gather(*(do(number) for number in range(start, start + at_once)))
        await asyncio.sleep(0.05)
        of_redis, of_nodes = server.cpu_seconds() - of_redis, time.process_time() - of_nodes
        now_in, now_out = server.traffic()
        count = times
        return Cost(
            what,
            count,
            round(of_redis / count * 1e6, 2),
            round(of_nodes / count * 1e6, 2),
            round((now_in - bytes_in) / count, 1),
            round((now_out - bytes_out) / count, 1),
        )

    async def costs(self) -> AsyncIterator[Cost]:
        """Measure everything, one after the other."""
        first, *others = self.engines
        channels = [f"heard-by-{count}" for count in range(len(others) + 1)]
        for count, channel in enumerate(channels):
            for engine in others[:count]:
                await engine.subscribe(APP, channel)
                await engine.enter(APP, channel, occupies=True, member=None, limit=0)

            async def publish(_: int, channel: str = channel) -> None:
                await first.publish(Envelope(APP, Event(channel, "message", DATA)))

            yield await self.cost(f"publish 100 B to a channel that {count} other nodes listen to", publish)

        async def occupy(number: int) -> None:
            channel = f"room-{number}"
            await first.subscribe(APP, channel)
            await first.enter(APP, channel, occupies=True, member=None, limit=0)
            await first.leave(APP, channel, vacates=True, user_id=None)
            await first.unsubscribe(APP, channel)

        yield await self.cost("first subscriber of a channel on a node, and its last", occupy)
        for count in range(len(others) + 1):
            hall = f"presence-hall-{count}"
            for engine in (first, *others[:count]):
                await engine.subscribe(APP, hall)
                await engine.enter(APP, hall, occupies=True, member=None, limit=0)

            async def visit(number: int, hall: str = hall) -> None:
                member = Member(f"user-{number}", Raw(b'{"name":"Ann Example"}'), 1_700_000_000_000, "abcdefgh")
                await first.enter(APP, hall, occupies=False, member=member, limit=10_000)
                await first.leave(APP, hall, vacates=False, user_id=member.user_id)

            yield await self.cost(f"a member comes and goes, {count} other nodes listen", visit)
        await first.subscribe(APP, "cache-x")
        await first.enter(APP, "cache-x", occupies=True, member=None, limit=0)

        async def keep(number: int) -> None:
            await first.keep(Envelope(APP, Event("cache-x", "message", DATA)), 1800, 10_000)

        yield await self.cost("publish 100 B to a cache channel", keep)

        async def ask(_: int) -> None:
            await first.counts_elsewhere(APP, channels[-1:])

        yield await self.cost(f"number of subscriptions of a channel that {len(others)} other nodes have", ask)

        async def draw(_: int) -> None:
            await first.draw(APP, "events", 1, 10, 2**31)

        yield await self.cost("a share of an application's rate", draw)
        beating = link_to(self._server.url, 5.0)
        await beating.open(Silence())
        for count in (10, 100, 1000):
            names = Names(f"bench-{count}")
            self._server.client.hset(names.beats, mapping={f"node-{number:08}": 1 for number in range(count)})

            async def beat(_: int, names: Names = names) -> None:
                await beating.run(BEAT, [names.beats, names.gone, names.roles], ["node-00000000", "", "", "webhooks"])

            yield await self.cost(f"a heartbeat among {count} nodes", beat)
        await beating.close()

    async def memory(self) -> dict[str, float]:
        """Give the bytes in Redis of an occupied channel on one node, of the same on one more, and of a member."""
        first, second, count = self.engines[0], self.engines[1], 5000
        found = {}

        async def grow(name: str, do: Callable[[int], Awaitable[object]]) -> None:
            before = self._server.memory()
            for start in range(0, count, 50):
                await asyncio.gather(*(do(number) for number in range(start, start + 50)))
            found[name] = round((self._server.memory() - before) / count, 1)

        async def occupy(engine: Redis, number: int) -> None:
            await engine.subscribe(APP, f"kept-{number}")
            await engine.enter(APP, f"kept-{number}", occupies=True, member=None, limit=0)

        await grow("channel on one node", lambda number: occupy(first, number))
        await grow("channel on one node more", lambda number: occupy(second, number))
        await first.subscribe(APP, "presence-many")
        await first.enter(APP, "presence-many", occupies=True, member=None, limit=0)

        async def come(number: int) -> None:
            member = Member(f"user-{number}", Raw(b'{"name":"Ann Example"}'), 1_700_000_000_000, "abcdefgh")
            await first.enter(APP, "presence-many", occupies=False, member=member, limit=10_000)

        await grow("member of a presence channel", come)
        return found


@asynccontextmanager
async def laboratory(nodes: int, times: int) -> AsyncIterator[Lab]:
    """Give so many engines on a Redis of their own."""
    async with AsyncExitStack() as stack:
        server = Server()
        stack.callback(server.stop)
        engines = []
        for _ in range(nodes):
            engine = Redis(link_to(server.url, 5.0), "bench")
            await engine.start(Deaf())
            stack.push_async_callback(engine.stop)
            engines.append(engine)
        yield Lab(server, engines, times)


async def main(arguments: argparse.Namespace) -> None:
    """Measure, print, and keep."""
    async with laboratory(arguments.nodes, arguments.times) as lab:
        costs = []
        print(f"{'':62} {'redis us':>9} {'nodes us':>9} {'B in':>7} {'B out':>7}")
        async for cost in lab.costs():
            costs.append(cost)
            figures = f"{cost.redis_us:9.1f} {cost.nodes_us:9.1f} {cost.bytes_in:7.0f} {cost.bytes_out:7.0f}"
            print(f"{cost.what:62} {figures}", flush=True)
        memory = await lab.memory()
        for name, size in memory.items():
            print(f"memory in Redis of a {name}: {size:.0f} B")
    if arguments.json:
        arguments.json.write_text(json.dumps({"costs": to_builtins(costs), "memory": memory}, indent=1) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", type=int, default=4)
    parser.add_argument("--times", type=int, default=5000)
    parser.add_argument("--json", type=Path)
    os.sched_setaffinity(0, {NODES_CORE})
    uvloop.run(main(parser.parse_args()))
