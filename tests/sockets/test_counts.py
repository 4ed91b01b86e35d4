"""How many they are, told to those in a channel (pusher-protocol, "subscription_count")."""

import asyncio
import time
from collections.abc import Callable, Iterator

import pytest

from hubbub.node.counts import MANY, SECONDS
from running import Running
from sockets.client import COUNT, MEMBER_ADDED, Dial, PusherSocket

Start = Callable[..., Running]

COUNTED = ["", "private-", "private-encrypted-", "cache-"]


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with Running(app_subscription_counts=True) as running:
        yield running


async def join(socket: PusherSocket, channel: str) -> None:
    """Subscribe, and take the answer, but not the count."""
    await socket.subscribe(channel)
    if "cache-" in channel:
        await socket.expect("pusher:cache_miss")


async def expect_count(socket: PusherSocket, channel: str, count: int) -> None:
    data = f'{{"subscription_count":{count}}}'
    await socket.expect_frame({"event": COUNT, "channel": channel, "data": data})


@pytest.mark.parametrize("prefix", COUNTED)
async def test_each_who_comes_and_goes_is_told_to_all(server: Running, connect: Dial, name: str, prefix: str) -> None:
    channel = prefix + name
    sockets = []
    for count in (1, 2, 3):
        socket = await connect(server)
        await join(socket, channel)
        sockets.append(socket)
        for one in sockets:
            await expect_count(one, channel, count)
    await sockets[0].unsubscribe(channel)
    for one in sockets[1:]:
        await expect_count(one, channel, 2)
    sockets[1].cut()
    await expect_count(sockets[2], channel, 1)
    await sockets[2].expect_nothing()
    await sockets[2].unsubscribe(channel)
    await join(sockets[0], channel)
    await expect_count(sockets[0], channel, 1)


async def test_subscriptions_are_counted_not_users(server: Running, connect: Dial, name: str) -> None:
    one, two = await connect(server), await connect(server)
    for count, socket in enumerate((one, two), 1):
        await socket.sign_in("ada")
        await join(socket, name)
        await expect_count(socket, name, count)


async def test_each_channel_has_its_own_number(server: Running, connect: Dial, name: str) -> None:
    one, two = await connect(server), await connect(server)
    await join(one, name)
    await expect_count(one, name, 1)
    await join(two, f"{name}-2")
    await expect_count(two, f"{name}-2", 1)
    await one.expect_nothing()


async def test_a_refused_subscription_changes_no_number(server: Running, connect: Dial, name: str) -> None:
    one, two = await connect(server), await connect(server)
    await join(one, f"private-{name}")
    await expect_count(one, f"private-{name}", 1)
    await two.ask(f"private-{name}", auth="")
    await two.expect("pusher:error")
    await one.ask(f"private-{name}")
    await one.expect("pusher:error")
    await one.expect_nothing()


async def test_presence_channels_and_those_of_users_are_not_counted(server: Running, connect: Dial, name: str) -> None:
    one, two = await connect(server), await connect(server)
    await one.subscribe(f"presence-{name}", '{"user_id":"1"}')
    await two.subscribe(f"presence-{name}", '{"user_id":"2"}')
    await one.expect(MEMBER_ADDED)
    for socket in (one, two):
        await socket.sign_in(name)
        await socket.subscribe(f"#server-to-user-{name}")
        await socket.expect_nothing()


async def test_an_application_may_do_without(start_server: Start, connect: Dial, name: str) -> None:
    server = start_server()
    one, two = await connect(server), await connect(server)
    for socket in (one, two):
        await socket.subscribe(name)
    await one.unsubscribe(name)
    await two.expect_nothing()


async def test_many_are_told_now_and_then(server: Running, connect: Dial, name: str) -> None:
    """Up to a hundred each change is told; beyond, one number in five seconds, and in the end the right one."""
    ear = await connect(server)
    await join(ear, name)
    crowd = [await connect(server) for _ in range(MANY + 5)]
    for socket in crowd[: MANY - 1]:
        await socket.ask(name)
    for count in range(1, MANY + 1):
        await expect_count(ear, name, count)

    began = time.monotonic()
    for socket in crowd[MANY - 1 :]:
        await socket.ask(name)
        await socket.send("pusher:unsubscribe", {"channel": name})
        await socket.ask(name)
    heard: list[int] = []
    while not heard or heard[-1] != len(crowd) + 1:
        heard.append((await ear.expect(COUNT, name))["subscription_count"])
    periods = (time.monotonic() - began) // SECONDS + 1
    assert len(heard) <= periods, heard
    assert heard[0] == MANY + 1, "the first of many is told at once"

    # What was told last stands: there is nothing to add after a period in which nobody came or went.
    await asyncio.sleep(SECONDS * 1.2)
    await ear.expect_nothing()
    for socket in crowd:
        socket.cut()
    while (await ear.expect(COUNT, name))["subscription_count"] != 1:
        pass
    await ear.expect_nothing()
