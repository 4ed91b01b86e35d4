"""Nodes of one process that share purses and places, as by a network: each answer takes a while, each time another."""

import asyncio
import random
from uuid import uuid4

from engine.redis.redisserver import Server
from hubbub.durations import Durations
from hubbub.engine.memory import Memory
from hubbub.engine.redis.engine import Redis
from hubbub.engine.redis.keys import Names
from hubbub.engine.redis.servers import link_to
from hubbub.engine.seam import Drawn, Host, Membership
from hubbub.errors import STORE_UNAVAILABLE
from hubbub.hub.hub import Hub
from hubbub.node.node import Node


class Town:
    """What all nodes share. `seconds` are those of an application's purse: when each began, and how much was drawn.

    `now` is the town's own time in seconds, which stands still. Nothing is answered while `answers` is not set.
    """

    def __init__(self, seed: int = 7) -> None:
        self.dice = random.Random(seed)
        self.now = 1000.0
        self.answers = asyncio.Event()
        self.answers.set()
        self.drawn = asyncio.Event()
        self.engines: list[Sharing] = []
        self.seconds: dict[str, list[tuple[float, int]]] = {}
        self.places: dict[str, dict[Sharing, int]] = {}
        self.calls = 0
        """How often anybody asked."""

    def node(self) -> Node:
        """Make one."""
        engine = Sharing(self)
        self.engines.append(engine)
        return Node(Hub(asyncio.get_running_loop().call_soon), engine)

    async def nodes(self, count: int) -> list[Node]:
        """Make several, started."""
        made = [self.node() for _ in range(count)]
        for node in made:
            await node.start()
        return made

    def cut(self, *, is_away: bool = True) -> None:
        """Let nobody reach it, or all again."""
        for engine in self.engines:
            engine.is_away = is_away

    def held(self, app_id: str = "1") -> int:
        """Count the places that all nodes hold."""
        return sum(self.places.get(app_id, {}).values())

    def clock(self) -> float:
        """Tell the time."""
        return self.now

    async def wait(self) -> None:
        """Take a while."""
        for _ in range(self.dice.randrange(8)):
            await asyncio.sleep(0)

    async def answer(self) -> None:
        """Take a while, and until `answers` is set."""
        await self.wait()
        await self.answers.wait()


class Redistown:
    """The same, of real engines on a real Redis, where it is about places."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._prefix = f"test-{uuid4().hex}"
        self._nodes: list[Node] = []

    async def nodes(self, count: int) -> list[Node]:
        """Make several, started."""
        loop = asyncio.get_running_loop()
        for _ in range(count):
            node = Node(Hub(loop.call_soon), Redis(link_to(self._url, 5), self._prefix))
            await node.start()
            self._nodes.append(node)
        return self._nodes

    def held(self, server: Server) -> int:
        """Count the places that all nodes hold."""
        return sum(map(int, server.ask("HVALS", Names(self._prefix).rooms("1"))))

    async def stop(self) -> None:
        """End all nodes."""
        for node in self._nodes:
            await node.stop()


class Sharing(Memory):
    """The engine of a node of many, where it is about what is shared out."""

    is_alone = False

    def __init__(self, town: Town) -> None:
        super().__init__()
        self._town = town
        self._tasks: set[asyncio.Task[None]] = set()
        self.host: Host
        self.is_away = False

    async def start(self, host: Host) -> None:
        await super().start(host)
        self.host = host

    @property
    def away(self) -> float | None:
        return 1.0 if self.is_away else None

    @property
    def round_trips(self) -> Durations:
        return Durations()

    @property
    def membership(self) -> Membership:
        return Membership(nodes=len(self._town.engines))

    async def announce(self, news: str, subject: str = "") -> None:
        await self._reach()
        for engine in self._town.engines:
            if engine is not self:
                task = asyncio.create_task(engine.hear(news, subject))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    async def hear(self, news: str, subject: str) -> None:
        await self._town.wait()
        self.host.heard(news, subject)

    async def draw(self, app_id: str, purse: str, least: int, most: int, limit: int) -> Drawn:
        await self._reach()
        seconds, now = self._town.seconds.setdefault(app_id, []), self._town.now
        if not seconds or now >= seconds[-1][0] + 1:
            seconds.append((now, 0))
        began, used = seconds[-1]
        taken = min(most, limit - used)
        if taken < least:
            taken = 0
        seconds[-1] = (began, used + taken)
        left = began + 1 - now
        self._town.drawn.set()
        await self._town.answer()
        return Drawn(taken, left)

    async def hold(self, app_id: str, amount: int, limit: int) -> int:
        await self._reach()
        places = self._town.places.setdefault(app_id, {})
        before = places.get(self, 0)
        places[self] = 0
        free = max(limit - sum(places.values()), 0)
        held = places[self] = amount if amount <= before else max(before, min(amount, free))
        if not held:
            del places[self]
        await self._town.answer()
        return held

    async def _reach(self) -> None:
        self._town.calls += 1
        await self._town.wait()
        if self.is_away:
            raise STORE_UNAVAILABLE()
