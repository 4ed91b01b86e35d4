"""Webhooks of two running servers, on one database and one Redis, whatever happens to one of them."""

import asyncio
import json
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from engine.redis.redisserver import Server as RedisServer
from sockets.client import Dial
from webhooks.mortal import Mortal
from webhooks.receiver import Receiver
from webhooks.test_grace import ROOM, added, occupied, removed, vacated

pytestmark = pytest.mark.needs("redis")

StartServer = Callable[..., Mortal]

EVICTION_LIMIT = 60.0  # seconds: a node is taken for lost after some 10, and only a failure reaches this


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    """Give a Redis of this test's own."""
    with RedisServer() as redis:
        yield redis


@pytest.fixture
def start(url: str, redis: RedisServer, receiver: Receiver) -> Iterator[StartServer]:
    """Give a way to start servers of one cluster, whose webhooks go to `receiver`: `start(webhook_grace=1)`."""
    with ExitStack() as stack:

        def started(**settings: object) -> Mortal:
            given = {
                "app_secret": "secret-of-this-test",
                "database_url": url,
                "engine_url": redis.url,
                "webhook_grace": 0.5,
                "webhook_return": 5,
                "app_client_events_per_second": 100_000,
                **settings,
            }
            return stack.enter_context(Mortal(receiver.url, **given))

        yield started


def user(user_id: str) -> str:
    return json.dumps({"user_id": user_id})


class Told:
    """What an endpoint was told, each request once: what comes again is repeated byte for byte."""

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver
        self._bodies: set[bytes] = set()

    async def next(self) -> list[dict[str, str]]:
        """Give the events of the next request, however long it takes to notice a lost node."""
        async with asyncio.timeout(EVICTION_LIMIT):
            while (received := await self._receiver.next_ever()).body in self._bodies:
                pass
        self._bodies.add(received.body)
        return received.events

    async def events(self, count: int) -> list[dict[str, str]]:
        """Give so many events, and no more may have come with them."""
        found: list[dict[str, str]] = []
        while len(found) < count:
            found += await self.next()
        assert len(found) == count, found
        return found

    def rest(self) -> list[bytes]:
        """Give the requests that came and were not asked for yet."""
        return [received.body for received in self._receiver.rest() if received.body not in self._bodies]


@pytest.fixture
def told(receiver: Receiver) -> Told:
    """Give what `receiver` is told."""
    return Told(receiver)


async def test_one_user_on_two_servers_is_told_once(start: StartServer, connect: Dial, told: Told) -> None:
    first, second = start(), start()
    here, there = await connect(first), await connect(second)
    await here.subscribe(ROOM, user("ada"))
    assert await told.events(2) == [occupied(), added("ada")]
    await there.subscribe(ROOM, user("ada"))
    await here.close()
    again = await connect(first)
    await again.subscribe(ROOM, user("bob"))
    assert await told.events(1) == [added("bob")]
    await there.close()
    assert await told.events(1) == [removed("ada")]
    await again.close()
    assert await told.events(2) == [removed("bob"), vacated()]


async def test_who_goes_over_to_another_server_within_the_grace_never_left(
    start: StartServer, connect: Dial, told: Told
) -> None:
    first, second = start(webhook_grace=5), start(webhook_grace=5)
    client = await connect(first)
    await client.subscribe(ROOM, user("ada"))
    for server in (second, first, second):
        await client.close()
        client = await connect(server)
        await client.subscribe(ROOM, user("ada"))
    await client.send("client-last", {}, ROOM)
    found = await told.events(3)
    assert found[:2] == [occupied(), added("ada")]
    assert found[2]["name"] == "client_event"
    # Beyond the grace of the first leaving nobody was told gone.
    await asyncio.sleep(6)
    assert told.rest() == []


async def test_what_a_killed_server_leaves_is_told_once_and_its_deliveries_go_on(
    start: StartServer, connect: Dial, told: Told, receiver: Receiver
) -> None:
    first, second = start(), start()
    gone, stays = await connect(first), await connect(second)
    await gone.subscribe(ROOM, user("ada"))
    assert await told.events(2) == [occupied(), added("ada")]
    await stays.subscribe(ROOM, user("bob"))
    assert await told.events(1) == [added("bob")]
    receiver.always = 500
    await gone.send("client-said", {}, ROOM)
    await stays.receive()
    await receiver.next()
    first.kill()
    receiver.always = 200
    receiver.rest()
    found = await told.events(2)
    assert [event["name"] for event in found] == ["client_event", "member_removed"]
    assert found[1] == removed("ada")
    await stays.send("client-said", {}, ROOM)
    assert [event["name"] for event in await told.events(1)] == ["client_event"]


async def test_a_server_that_is_killed_during_a_grace_tells_by_the_other(
    start: StartServer, connect: Dial, told: Told
) -> None:
    first, second = start(webhook_grace=5), start(webhook_grace=5)
    client, stays = await connect(first), await connect(second)
    await client.subscribe(ROOM, user("ada"))
    assert await told.events(2) == [occupied(), added("ada")]
    await stays.subscribe("room")
    assert await told.events(1) == [occupied("room")]
    await client.close()
    await asyncio.sleep(1)
    first.kill()
    assert await told.events(2) == [removed("ada"), vacated()]


async def test_a_server_that_stops_hands_over_at_once_and_tells_nobody_gone_who_comes_back(
    start: StartServer, connect: Dial, told: Told
) -> None:
    first, second = start(), start()
    client, other = await connect(first), await connect(first)
    await client.subscribe(ROOM, user("ada"))
    await other.subscribe("room")
    assert len(await told.events(3)) == 3
    await asyncio.to_thread(first.stop)
    client = await connect(second)
    await client.subscribe(ROOM, user("ada"))
    await client.send("client-said", {}, ROOM)
    assert [event["name"] for event in await told.events(1)] == ["client_event"]
    assert await told.events(1) == [vacated("room")]


async def test_a_frozen_server_that_wakes_up_delivers_nothing_twice(
    start: StartServer, connect: Dial, told: Told
) -> None:
    first, second = start(), start()
    here, there = await connect(first), await connect(second)
    await there.subscribe(ROOM, user("bob"))
    assert await told.events(2) == [occupied(), added("bob")]
    await here.subscribe(ROOM, user("ada"))
    assert await told.events(1) == [added("ada")]
    os.kill(first.pid, signal.SIGSTOP)
    try:
        assert await told.events(1) == [removed("ada")]
    finally:
        os.kill(first.pid, signal.SIGCONT)
    # It was taken for lost, and comes back with whom it has.
    assert await told.events(1) == [added("ada")]
    for number in range(50):
        await there.send("client-said", number, ROOM)
    found = await told.events(50)
    assert [event["data"] for event in found] == [str(number) for number in range(50)]
    await here.close()
    assert await told.events(1) == [removed("ada")]


async def test_under_churn_a_killed_server_costs_no_event_and_brings_no_double(
    start: StartServer, connect: Dial, told: Told
) -> None:
    servers = [start(webhook_grace=0.3) for _ in range(2)]
    listener = await connect(servers[1])
    await listener.subscribe("private-talk")
    talker = await connect(servers[1])
    await talker.subscribe("private-talk")

    async def come_and_go(number: int, user_id: str) -> None:
        while True:
            client = await connect(servers[number])
            try:
                await client.subscribe(f"presence-{user_id}", user(user_id))
                await asyncio.sleep(0.2 + 0.1 * number)
            finally:
                client.cut()
            await asyncio.sleep(0.5 - 0.2 * number)

    wandering = [asyncio.create_task(come_and_go(number % 2, f"user-{number // 2}")) for number in range(8)]
    for number in range(200):
        await talker.send("client-said", number, "private-talk")
        await listener.receive()
        await asyncio.sleep(0.02)
        if number == 100:
            for one in wandering[::2]:
                one.cancel()
            await asyncio.gather(*wandering[::2], return_exceptions=True)
            servers[0].kill()
    for one in wandering:
        one.cancel()
    await asyncio.gather(*wandering, return_exceptions=True)
    heard: list[dict[str, str]] = []

    def names(channel: str) -> list[str]:
        return [event["name"] for event in heard if event["channel"] == channel]

    def said() -> list[str]:
        return [event["data"] for event in heard if event["name"] == "client_event"]

    def is_over() -> bool:
        # Now and then they are all away, and what has been told so far ends with that.
        return len(said()) >= 200 and all(
            names(f"presence-user-{number}")[-1:] == ["channel_vacated"] for number in range(4)
        )

    async with asyncio.timeout(2 * EVICTION_LIMIT):
        while not is_over():
            heard += await told.next()
    assert said() == [str(number) for number in range(200)]
    for number in range(4):
        turns = [name for name in names(f"presence-user-{number}") if name.startswith("channel")]
        assert turns == ["channel_occupied", "channel_vacated"] * (len(turns) // 2)
        members = [name for name in names(f"presence-user-{number}") if name.startswith("member")]
        assert members == ["member_added", "member_removed"] * (len(members) // 2)
