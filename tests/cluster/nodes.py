"""Nodes as processes, on a PostgreSQL and a Redis of their own, each behind a proxy: what can be done to them.

Knows how a cluster is started, and how each part of it fails and comes back. Does not know what it is used for.
"""

import asyncio
import json
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager
from types import TracebackType
from typing import Any, Final, Self

import aiohttp

import postgres
from cluster.history import Record, Trouble, now
from cluster.proxy import Proxy
from engine.redis import redisserver
from hubbub.store import migrate
from running import START_LIMIT, Running
from seeded import Seeded

NAMES: Final = "abcdefghi"

ANSWER_LIMIT: Final = 5.0  # seconds

SILENCE: Final = 4.0
"""Seconds after which a node says at the latest that Redis does not answer."""

LIMIT: Final = 45.0
"""Seconds in which a cluster must be well again, after whatever happened to it."""

SETTINGS: Final = ("watchlists=true", "subscription_counts=true", "client_events=true")
"""Those of the application."""


Redis = redisserver.Server | redisserver.Sentinels | redisserver.Cluster


class Node(Seeded):
    """One of the cluster's processes, called `name`. It listens on the same port whenever it is started."""

    def __init__(self, name: str, **settings: object) -> None:
        self.name = name
        self.is_up = False
        self.is_frozen = False
        super().__init__(port=redisserver.free_port(), **settings)

    def __enter__(self) -> Self:
        # Not as `Seeded`: who seeds is one of them.
        Running.__enter__(self)
        self.is_up = True
        return self

    def become(self, app_id: str, key: str, secret: str, token: str) -> None:
        """Note the application that the first node was seeded with."""
        self.app_id, self.key, self.secret, self.token = app_id, key, secret, token

    def kill(self) -> None:
        """End it as a power cut does."""
        self._process.kill()
        self._process.wait(START_LIMIT)
        self._reader.join(START_LIMIT)
        self.is_up = False

    def freeze(self) -> None:
        """Let it do nothing, with all its connections open."""
        os.kill(self.pid, signal.SIGSTOP)
        self.is_frozen = True

    def thaw(self) -> None:
        """Let it go on."""
        os.kill(self.pid, signal.SIGCONT)
        self.is_frozen = False

    def start_again(self) -> None:
        """Start it after `kill` or `stop`, and wait until it listens."""
        while not self._lines.empty():
            self._lines.get()
        self._start()
        self._wait_until_listening()
        self.is_up = True

    def stop(self) -> int:
        """Stop it as an operator does, to start it again."""
        status = super().stop()
        self._reader.join(START_LIMIT)
        self.is_up = False
        return status

    def _end(self, *, expect_life: bool) -> str | None:
        if self.is_frozen:
            self.thaw()
        return super()._end(expect_life=expect_life and self.is_up)


class Cluster:
    """`async with Cluster() as cluster:` starts so many nodes, seeded, with an application that has all features on.

    `settings` are those of all nodes, `app_settings` those of the application. What is done to nodes is told to
    `record`, as troubles with their times. Without `has_engine` there is one node, which all names stand for.
    Redis is one server unless another kind is given. `is_direct`: there are no proxies between nodes and Redis.
    """

    def __init__(
        self,
        *,
        count: int = 3,
        has_engine: bool = True,
        is_direct: bool = False,
        redis: Redis | None = None,
        hook_url: str | None = None,
        app_settings: Sequence[str] = SETTINGS,
        **settings: object,
    ) -> None:
        self.record: Callable[[Record], None] = lambda _: None
        self._count = count
        self._has_engine = has_engine
        self._is_direct = is_direct
        self.redis: Redis = redis or redisserver.Server()
        self._hook_url = hook_url
        self._app_settings = app_settings
        self.grace = float(str(settings.get("webhook_grace", 3)))
        self._settings = settings
        self.nodes: list[Node] = []
        self.surprises = 0
        """Troubles that nobody made."""
        self._troubled: Counter[str] = Counter()
        self.proxies: dict[str, Proxy] = {}

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            timeout = aiohttp.ClientTimeout(total=ANSWER_LIMIT)
            self._http = await stack.enter_async_context(aiohttp.ClientSession(timeout=timeout))
            database = postgres.Cluster()
            await _all(_enter(stack, database), _enter(stack, self.redis))
            for name in NAMES[: self._count if self._has_engine else 1]:
                engine_url = await self._way(stack, name) if self._has_engine else None
                settings = {"database_url": database.url, "engine_url": engine_url, "webhook_private": True}
                self.nodes.append(Node(name, **settings, **self._settings))
            first, *others = self.nodes
            await asyncio.to_thread(migrate, database.url)
            await _enter(stack, first)
            await _all(asyncio.to_thread(self._seed), *(_enter(stack, node) for node in others))
            for node in others:
                node.become(first.app_id, first.key, first.secret, first.token)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        for proxy in self.proxies.values():
            await proxy.heal()
        await self._stack.__aexit__(kind, error, at)

    async def _way(self, stack: AsyncExitStack, name: str) -> str:
        """Give the URL by which a node finds Redis."""
        if self._is_direct or not isinstance(self.redis, redisserver.Server):
            return self.redis.url
        self.proxies[name] = await stack.enter_async_context(Proxy(self.redis.port))
        return f"redis://127.0.0.1:{self.proxies[name].port}"

    def _seed(self) -> None:
        first = self.nodes[0]
        printed = dict(line.split(": ", 1) for line in first.command("seed").splitlines() if ": " in line)
        first.become(*(printed[name].strip() for name in ("Id", "Key", "Secret", "Token")))
        first.command("app", "set", first.key, *self._app_settings)
        if self._hook_url is not None:
            first.command("webhook", "add", first.key, self._hook_url)

    def __getitem__(self, name: str) -> Node:
        return next((node for node in self.nodes if node.name == name), self.nodes[0])

    @property
    def server(self) -> redisserver.Server:
        """Redis, where it is one server."""
        assert isinstance(self.redis, redisserver.Server)
        return self.redis

    @property
    def log(self) -> str:
        """All that the nodes have printed."""
        return "\n".join(f"--- node {node.name}\n{node.log}" for node in self.nodes)

    # Asking

    async def is_well(self) -> bool:
        """Tell whether all nodes that are up say so."""
        try:
            answers = await asyncio.gather(*(self.health(node) for node in self.nodes if node.is_up))
        except (OSError, TimeoutError, aiohttp.ClientError):
            return False
        return all(answer["status"] == "ok" for answer in answers)

    async def health(self, node: Node) -> dict[str, Any]:
        """Give what a node says of its health. Raises what aiohttp raises."""
        async with self._http.get(f"{node.url}/health") as answer:
            return dict(json.loads(await answer.read()))

    async def until_well(self) -> None:
        """Wait until all nodes that are up say so, twice: one that lost Redis just now may not know it yet."""
        times = 0
        try:
            async with asyncio.timeout(LIMIT):
                while times < 2:
                    times = times + 1 if await self.is_well() else 0
                    await asyncio.sleep(0.2)
        except TimeoutError:
            raise AssertionError(f"not well within {LIMIT:.0f} s\n{self.log}") from None

    @asynccontextmanager
    async def trouble(self, *names: str, is_link: bool = False) -> AsyncIterator[None]:
        """Record that these nodes, or all, are in trouble inside this, and until all that are up are well again."""
        began = now()
        nodes = names or tuple(node.name for node in self.nodes)
        self._troubled.update(nodes)
        try:
            yield
            await self.until_well()
        finally:
            self._troubled.subtract(nodes)
            self.record(Trouble(at=began, nodes=nodes, is_link=is_link, ended=now()))

    async def watch(self) -> None:
        """Record troubles that nobody made, as on a machine that is too busy, until cancelled."""
        began: dict[str, int] = {}
        while True:
            for node in self.nodes:
                if self._troubled[node.name]:
                    continue
                away = await self._away(node)
                if away is not None and node.name not in began:
                    self.surprises += 1
                    began[node.name] = now() - int((away + SILENCE) * 1e6)
                elif away is None and node.name in began:
                    self.record(Trouble(at=began.pop(node.name), nodes=(node.name,), is_link=True, ended=now()))
            await asyncio.sleep(0.2)

    async def _away(self, node: Node) -> float | None:
        """Give for how many seconds a node has said that it misses Redis."""
        try:
            told = await self.health(node)
        except (OSError, TimeoutError, aiohttp.ClientError):
            return ANSWER_LIMIT
        return None if told["status"] == "ok" else float(told.get("engine", {}).get("away", 0.0))


async def _all(*parts: Coroutine[Any, Any, None]) -> None:
    """Do all at once, and to the end, also when one fails."""
    for error in await asyncio.gather(*parts, return_exceptions=True):
        if error is not None:
            raise error


async def _enter(stack: AsyncExitStack, part: AbstractContextManager[Any]) -> None:
    """Enter in a thread, and have it exit in one: what starts or stops may need what this loop does."""
    await asyncio.to_thread(part.__enter__)

    async def leave(*given: Any) -> None:
        await asyncio.to_thread(part.__exit__, *given)

    stack.push_async_exit(leave)
