"""Nodes of one cluster as processes, and a balancer before them that sends each request to the next one.

Knows how they are started, killed and stopped, and how HTTP requests are told apart. Does not know what they ask.
"""

import asyncio
import itertools
import re
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any, Final, Self

import redis as redis_py

from engine.redis.redisserver import Server
from running import START_LIMIT, Running
from seeded import Seeded

HEAD_END: Final = b"\r\n\r\n"
CHUNK: Final = 65_536

_prefixes = itertools.count()


class Node(Running):
    """One of the processes, which a test may kill."""

    is_killed = False

    def kill(self) -> None:
        """End it as a power cut does."""
        self.is_killed = True
        self._process.kill()
        self._process.wait(START_LIMIT)

    def _end(self, *, expect_life: bool) -> str | None:
        return super()._end(expect_life=expect_life and not self.is_killed)


class FirstNode(Node, Seeded):
    """The one that is seeded."""


class Nodes:
    """`with Nodes(redis) as nodes:` starts so many, with one declared application, or `is_seeded`, on one database.

    To clients it is a server: the balancer before all nodes. Each of the nodes is there by its number.
    """

    def __init__(self, redis: Server, count: int = 3, *, is_seeded: bool = False, **settings: object) -> None:
        self.redis = redis
        self.prefix = f"forwarding-{next(_prefixes)}"
        self._count = count
        self._is_seeded = is_seeded
        self._settings: dict[str, Any] = {"engine_url": redis.url, "engine_prefix": self.prefix, **settings}
        self.all: list[Node] = []

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            first = self._first()
            self.all.append(stack.enter_context(first))
            database = f"sqlite:///{first._directory.name}/hubbub.db"
            for _ in range(self._count - 1):
                application: dict[str, Any] = {"app_secret": first.secret}
                if self._is_seeded:
                    application = {"app_id": None, "app_key": None, "app_secret": None}
                    application |= {"poll_window": 1, "poll_timeout": 2}
                settings: dict[str, Any] = {"database_url": database, **application, **self._settings}
                node = Node(**settings)
                self.all.append(stack.enter_context(node))
            self.balancer = stack.enter_context(Balancer([(node.host, node.port) for node in self.all]))
            self.host, self.port, self.url = self.balancer.host, self.balancer.port, self.balancer.url
            self.app_id, self.key, self.secret = first.app_id, first.key, first.secret
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error: Any) -> None:
        self._stack.__exit__(*error)

    def __getitem__(self, number: int) -> Node:
        return self.all[number]

    @property
    def pid(self) -> int:
        """The process that the first node is."""
        return self.all[0].pid

    def jwt(self) -> str:
        """Sign in, where it is seeded."""
        first = self.all[0]
        assert isinstance(first, Seeded)
        return first.jwt()

    def claims(self) -> int:
        """Count the sessions that nodes have, as Redis knows it."""
        with redis_py.Redis(host=self.redis.host, port=self.redis.port) as client:
            return sum(1 for _ in client.scan_iter(f"{self.prefix}:{{claim.*", count=1000))

    def _first(self) -> Node:
        return FirstNode(**self._settings) if self._is_seeded else Node(**self._settings)


class Balancer:
    """`with Balancer(targets) as balancer:` passes each request on to the next target, by a connection of its own.

    What is upgraded to a WebSocket stays where it is. It works in a thread of its own.
    """

    host = "127.0.0.1"

    def __init__(self, targets: Sequence[tuple[str, int]]) -> None:
        self._targets = list(targets)
        self._turn = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._tasks: set[asyncio.Task[None]] = set()
        self.counts = [0] * len(targets)
        """Requests that each target has got."""

    @property
    def url(self) -> str:
        """Its origin."""
        return f"http://{self.host}:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        starting = asyncio.start_server(self._take, self.host, 0, limit=2**20)
        self._server = asyncio.run_coroutine_threadsafe(starting, self._loop).result(START_LIMIT)
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(START_LIMIT)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(START_LIMIT)
        self._loop.close()

    async def _close(self) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        far: asyncio.StreamWriter | None = None
        try:
            head = await reader.readuntil(HEAD_END)
            if not re.search(rb"(?i)\r\nupgrade: *websocket\r\n", head):
                head = re.sub(rb"(?i)\r\nconnection:[^\r]*", b"", head)
                head = head.removesuffix(b"\r\n") + b"Connection: close\r\n\r\n"
            number = self._turn = (self._turn + 1) % len(self._targets)
            self.counts[number] += 1
            back, far = await asyncio.open_connection(*self._targets[number])
            far.write(head)
            ways = [asyncio.ensure_future(_pass(reader, far)), asyncio.ensure_future(_pass(back, writer))]
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
                await asyncio.gather(*ways, return_exceptions=True)
        except (OSError, asyncio.IncompleteReadError):
            pass  # either side is gone: so is the other
        finally:
            self._tasks.discard(task)
            for one in (writer, far):
                if one is not None:
                    one.close()


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(CHUNK):
        writer.write(data)
        await writer.drain()
