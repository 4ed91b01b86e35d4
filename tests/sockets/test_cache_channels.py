"""What a cache channel shows to who comes later (pusher-protocol, "Cache channels")."""

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
from pusher import Pusher  # type: ignore[import-untyped]

from running import Running
from seeded import Seeded
from sockets.client import COUNT, MEMBER_ADDED, SUCCEEDED, Dial, PusherSocket, eventually
from sockets.conftest import Publish
from sockets.phoenix.client import knock, lobby

Start = Callable[..., Running]
Backend = Callable[..., Pusher]

KINDS = ["cache-", "private-cache-", "private-encrypted-cache-", "presence-cache-"]


def missed(channel: str) -> dict[str, Any]:
    return {"event": "pusher:cache_miss", "channel": channel, "data": "{}"}


async def come(socket: PusherSocket, channel: str, user_id: str = "1") -> None:
    """Subscribe, and take the answer but not what is kept."""
    await socket.subscribe(channel, json.dumps({"user_id": user_id}) if channel.startswith("presence-") else None)


async def is_empty(server: Running, connect: Dial, channel: str) -> bool:
    """Tell whether a newcomer is told that nothing is kept."""
    socket = await connect(server)
    await come(socket, channel)
    is_missed: bool = (await socket.receive())["event"] == "pusher:cache_miss"
    await socket.close()
    return is_missed


@pytest.mark.parametrize("prefix", KINDS)
async def test_who_comes_to_an_empty_one_is_told_so(server: Running, connect: Dial, name: str, prefix: str) -> None:
    for user_id in ("1", "2", "3"):
        socket = await connect(server)
        await come(socket, prefix + name, user_id)
        await socket.expect_frame(missed(prefix + name))
        await socket.expect_nothing()


@pytest.mark.parametrize("prefix", KINDS)
async def test_who_comes_later_gets_the_last_event(
    server: Running, connect: Dial, publish: Publish, name: str, prefix: str
) -> None:
    channel = prefix + name
    first = await connect(server)
    await come(first, channel)
    await first.expect_frame(missed(channel))
    publish(server, channel, "one", "1")
    publish(server, channel, "two", "2")
    heard = [await first.receive() for _ in range(2)]
    assert [frame["event"] for frame in heard] == ["one", "two"]
    for user_id in ("2", "3"):
        late = await connect(server)
        await come(late, channel, user_id)
        await late.expect_frame(heard[-1])
        await late.expect_nothing()
    if prefix == "presence-cache-":
        assert [(await first.expect(MEMBER_ADDED))["user_id"] for _ in range(2)] == ["2", "3"]
    await first.expect_nothing()


@pytest.mark.parametrize("prefix", KINDS[:2])
@pytest.mark.parametrize("data", ["", "{}", '{ "a" : 1 }', "no JSON", "123", "\0é🎉\u2028", "x" * 10_240], ids=ascii)
async def test_it_is_kept_byte_for_byte_also_where_nobody_is(
    server: Running, connect: Dial, publish: Publish, name: str, prefix: str, data: str
) -> None:
    publish(server, prefix + name, "App\\Events\\Shipped", data)
    socket = await connect(server)
    await come(socket, prefix + name)
    await socket.expect_frame({"event": "App\\Events\\Shipped", "channel": prefix + name, "data": data})


async def test_it_is_kept_when_all_have_left(server: Running, connect: Dial, publish: Publish, name: str) -> None:
    channel = f"cache-{name}"
    socket = await connect(server)
    await socket.subscribe(channel)
    await socket.expect_frame(missed(channel))
    publish(server, channel, "n", "kept")
    frame = await socket.receive()
    for _ in range(2):
        await socket.unsubscribe(channel)
        await socket.subscribe(channel)
        await socket.expect_frame(frame)


async def test_the_socket_that_was_left_out_gets_it_when_it_comes_again(
    server: Running, connect: Dial, publish: Publish, name: str
) -> None:
    channel = f"cache-{name}"
    socket = await connect(server)
    await socket.subscribe(channel)
    await socket.expect_frame(missed(channel))
    publish(server, channel, "n", "mine", socket.socket_id)
    await socket.expect_nothing()
    await socket.unsubscribe(channel)
    await socket.subscribe(channel)
    await socket.expect_frame({"event": "n", "channel": channel, "data": "mine"})


@pytest.mark.parametrize("prefix", ["private-cache-", "presence-cache-"])
async def test_client_events_are_not_kept(
    server: Running, connect: Dial, publish: Publish, name: str, prefix: str
) -> None:
    channel = prefix + name
    sender, other = await connect(server), await connect(server)
    for socket in (sender, other):
        await come(socket, channel)
        await socket.expect_frame(missed(channel))
    await sender.send("client-x", "passing", channel)
    assert (await other.receive())["event"] == "client-x"
    late = await connect(server)
    await come(late, channel)
    await late.expect_frame(missed(channel))
    publish(server, channel, "n", "kept")
    assert (await other.receive())["event"] == "n"
    await sender.receive()
    await sender.send("client-x", "passing", channel)
    assert (await other.receive())["event"] == "client-x"
    latest = await connect(server)
    await come(latest, channel)
    await latest.expect_frame({"event": "n", "channel": channel, "data": "kept"})


@pytest.mark.parametrize("prefix", ["x-cache-", "cache", "Cache-", "private-", "private-xcache-", "presence-"])
async def test_a_name_that_only_looks_like_one_keeps_nothing(
    server: Running, connect: Dial, publish: Publish, backend: Backend, name: str, prefix: str
) -> None:
    publish(server, prefix + name, "n", "gone")
    socket = await connect(server)
    await come(socket, prefix + name)
    await socket.expect_nothing()


async def test_events_of_a_batch_are_kept_too_the_last_of_each_channel(
    server: Running, connect: Dial, backend: Backend, name: str
) -> None:
    one, two = f"cache-{name}-1", f"cache-{name}-2"
    texts = [(one, "first"), (two, "second"), (one, "third")]
    backend(server).trigger_batch([{"channel": channel, "name": "n", "data": text} for channel, text in texts])
    socket = await connect(server)
    for channel, text in ((one, "third"), (two, "second")):
        await socket.subscribe(channel)
        await socket.expect_frame({"event": "n", "channel": channel, "data": text})


async def test_it_is_kept_for_as_long_as_the_setting_says(
    start_server: Start, connect: Dial, backend: Backend, name: str
) -> None:
    server, channel = start_server(app_cache_ttl=1), f"cache-{name}"
    api = backend(server)
    api.trigger(channel, "n", "short-lived")
    await eventually(lambda: is_empty(server, connect, channel), "it was kept for longer than its time")
    assert api.channel_info(channel, ["cache"])["cache"] is None


async def test_the_api_tells_what_is_kept_and_for_how_long(
    server: Running, connect: Dial, backend: Backend, name: str
) -> None:
    channel, api = f"presence-cache-{name}", backend(server)
    assert api.channel_info(channel, ["cache"]) == {"occupied": False, "cache": None}
    api.trigger(channel, "n", '{ "x":1}')
    told = api.channel_info(channel, ["cache", "user_count"])
    assert 1700 < told["cache"].pop("ttl") <= 1800
    assert told == {"occupied": False, "user_count": 0, "cache": {"data": '{ "x":1}'}}


@pytest.fixture(scope="module")
def counting() -> Iterator[Running]:
    with Running(app_subscription_counts=True) as running:
        yield running


async def test_the_kept_event_comes_before_the_count(
    counting: Running, connect: Dial, publish: Publish, name: str
) -> None:
    channel = f"cache-{name}"
    first, second = await connect(counting), await connect(counting)
    await first.ask(channel)
    assert [(await first.receive())["event"] for _ in range(3)] == [SUCCEEDED, "pusher:cache_miss", COUNT]
    publish(counting, channel, "n", "kept")
    await second.ask(channel)
    assert [(await second.receive())["event"] for _ in range(3)] == [SUCCEEDED, "n", COUNT]
    assert [(await first.receive())["event"] for _ in range(2)] == ["n", COUNT]


async def test_who_joins_while_it_is_published_misses_nothing_and_hears_nothing_twice(
    server: Running, connect: Dial, publish: Publish, name: str
) -> None:
    """Ten come and go while a hundred numbers are published: each stay hears one run of them, without a gap."""
    channel, last = f"cache-{name}", 99

    async def listen(socket: PusherSocket) -> int:
        stays = 0
        while True:
            await socket.subscribe(channel)
            stays += 1
            frame = await socket.receive()
            expected = 0 if frame == missed(channel) else int(frame["data"])
            if frame != missed(channel):
                expected += 1
            while expected <= last and (stays == 20 or expected % 7):
                assert (await socket.receive())["data"] == str(expected)
                expected += 1
            if expected > last:
                return stays
            await socket.send("pusher:unsubscribe", {"channel": channel})
            await socket.send("pusher:ping")
            while (await socket.receive())["event"] != "pusher:pong":
                pass

    async def speak() -> None:
        for number in range(last + 1):
            await asyncio.to_thread(publish, server, channel, "n", str(number))

    listeners = [asyncio.ensure_future(listen(await connect(server))) for _ in range(10)]
    await speak()
    assert sum(await asyncio.gather(*listeners)) > 10


async def test_phoenix_clients_get_it_too_and_are_told_of_no_miss(seeded: Seeded, backend: Backend, name: str) -> None:
    topic, jwt = lobby(seeded, f"cache-{name}"), await asyncio.to_thread(seeded.jwt)
    async with AsyncExitStack() as end:
        for user_id in ("early", "late"):
            socket = await knock(seeded, guardian_token=jwt, unique_identifier=user_id)
            end.push_async_callback(socket.close)
            await socket.join(topic)
            if user_id == "early":
                await socket.expect_nothing()
                await asyncio.to_thread(backend(seeded).trigger, f"cache-{name}", "n", {"kept": True})
            assert await socket.expect(topic, "n") == {"kept": True}
