"""Many clients at once: at one node whose engine takes its time, and at several on one Redis, some of them lost."""

import asyncio
from collections.abc import Iterator
from typing import Any, ClassVar
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule, run_state_machine_as_test

from engine.redis.redisserver import Server
from fuzz.profile import examples
from fuzz.sessions.clock import Clockwork
from fuzz.sessions.house import House
from fuzz.sessions.storm import Storm, steps
from hubbub.engine.redis.engine import Redis
from hubbub.engine.redis.servers import link_to
from node.engines import Hesitant

LIMIT = 5.0
"""Seconds, which only a failure waits for."""


class Alone(Storm):
    """One node; each answer of its engine takes a while, and each time another."""

    def new_loop(self) -> asyncio.AbstractEventLoop:
        return Clockwork()

    async def build(self) -> None:
        self.houses = [House(self.land, Hesitant())]
        await self.houses[0].start()

    async def settle(self) -> None:
        house = self.houses[0]
        await house.rest_all()
        await self.mark()
        await house.rest_all()
        self.check_heard()
        self.check_events()
        await self.check_nodes()

    async def demolish(self) -> None:
        house = self.houses[0]
        assert house.left() == {}
        await house.stop()
        assert asyncio.all_tasks() == {asyncio.current_task()}


class Together(Storm):
    """Several nodes on one Redis. Nodes are lost without a word, and new ones come."""

    server: ClassVar[Server]

    def new_loop(self) -> asyncio.AbstractEventLoop:
        self.prefix = f"test-{uuid4().hex}"
        return asyncio.new_event_loop()

    async def build(self) -> None:
        for _ in range(3):
            await self.add()

    async def add(self) -> None:
        """Begin one more node, and wait until all know of each other."""
        house = House(self.land, Redis(link_to(self.server.url, 5), self.prefix, interval=0.25))
        await house.start()
        self.houses.append(house)
        async with asyncio.timeout(LIMIT):
            while any(one.engine.membership.nodes != len(self.houses) for one in self.houses):  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    @precondition(lambda self: len(self.houses) > 1)
    @rule(number=st.integers(0, 2), done=steps)
    def lose(self, number: int, done: Any) -> None:
        """A node is lost while all the others go on."""
        self.run(self._lose(self.houses[number % len(self.houses)], done))

    async def _lose(self, house: House, done: Any) -> None:
        self.has_faults = True
        await self._storm(done)
        self.houses.remove(house)
        await self._kill(house)
        self.guests = [guest for guest in self.guests if guest.house is not house]
        await self._storm(done)
        self.has_faults = False

    @staticmethod
    async def _kill(house: House) -> None:
        engine: Any = house.engine
        house.doors.quota.stop()
        house.node._counts.stop()
        await engine._tasks.stop()
        for shard in engine._link._shards.values():
            shard.drop()
        await engine._link.close()

    @precondition(lambda self: len(self.houses) < 3)
    @rule()
    def found(self) -> None:
        """A new node comes."""
        self.run(self.add())

    @rule(number=st.integers(0, 2), done=steps)
    def cut(self, number: int, done: Any) -> None:
        """The connections of a node to Redis break while something is done; it comes back."""
        self.run(self._cut(self.houses[number % len(self.houses)], done))

    async def _cut(self, house: House, done: Any) -> None:
        self.has_faults = True
        engine: Any = house.engine
        breaking = asyncio.get_running_loop().call_soon(
            lambda: [shard.lose("cut by a test") for shard in list(engine._link._shards.values())]
        )
        await self._storm(done)
        breaking.cancel()
        self.has_faults = False

    async def settle(self) -> None:
        loop = asyncio.get_running_loop()
        end = loop.time() + LIMIT
        await asyncio.sleep(0)  # a link that is to be cut has been cut then
        while any(house.node.away is not None for house in self.houses):
            assert loop.time() < end, "it does not come back"
            await asyncio.sleep(0.01)
        while not all(house.is_quiet() for house in self.houses):
            assert loop.time() < end, "it does not come to rest"
            await asyncio.sleep(0.002)
        await self.mark()
        while True:
            try:
                self.check_heard()
                await self.check_nodes()
                break
            except AssertionError:
                if loop.time() > end:
                    raise
            await asyncio.sleep(0.01)
        self.check_events()

    async def demolish(self) -> None:
        end = self.loop.time() + LIMIT
        while kept := [house.left() for house in self.houses if house.left()]:
            assert self.loop.time() < end, kept
            await asyncio.sleep(0.02)  # who counted without a lost node asks again a second later
        # What lost nodes have left is taken out in time; a node that lives may keep its empty boxes until it ends.
        alive = tuple(house.engine.name for house in self.houses)
        end = self.loop.time() + LIMIT
        while left := [key for key in self.keys() if not key.endswith(alive)]:
            assert self.loop.time() < end, left
            await asyncio.sleep(0.02)
        for house in self.houses:
            await house.stop()
        assert self.keys() == []

    def keys(self) -> list[str]:
        """Name what Redis keeps of nodes and their clients, but for the numbers of what was told."""
        found = self.server.ask("KEYS", f"{self.prefix}:*")
        return sorted(key for key in found if not key.endswith(("}:number", "}:beats", "}:roles", "}:gone")))


@pytest.fixture(scope="module")
def redis() -> Iterator[Server]:
    with Server() as server:
        yield server


everything = list(HealthCheck)


def test_at_one_node_whatever_many_do_at_once_adds_up() -> None:
    run_state_machine_as_test(
        Alone,
        settings=settings(examples(30), stateful_step_count=8, deadline=None, suppress_health_check=everything),
    )


@pytest.mark.needs("redis")
def test_at_several_nodes_of_which_some_are_lost_it_adds_up_too(redis: Server) -> None:
    Together.server = redis
    run_state_machine_as_test(
        Together,
        settings=settings(examples(4), stateful_step_count=5, deadline=None, suppress_health_check=everything),
    )
