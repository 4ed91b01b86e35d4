"""What applications publish, as their clients hear it."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from pusher import Pusher  # type: ignore[import-untyped]

from running import Running
from sockets.client import SUCCEEDED, Dial, PusherSocket
from sockets.conftest import Publish

Start = Callable[..., Running]
Backend = Callable[..., Pusher]


@pytest.mark.parametrize(
    "data",
    [
        "",
        "123",
        "null",
        '"quoted"',
        'a"b\\c\\"',
        '{"a" : 1, "a":[ ]}',
        "not JSON at all {",
        "\0",
        "\x01\x1f\x7f\t\r\n",
        "🎉 é 漢字",
        "\u2028\u2029\ufeff\uffff",
        "</script><!--",
        "\\u0041\\ud83c",
        "x" * 10_240,
        "🎉" * 2_560,
        "\0" * 10_240,
    ],
    ids=ascii,
)
async def test_data_arrives_as_it_was_given(
    server: Running, connect: Dial, publish: Publish, name: str, data: str
) -> None:
    socket = await connect(server)
    await socket.subscribe(name)
    publish(server, name, "event", data)
    await socket.expect_frame({"event": "event", "channel": name, "data": data})


@pytest.mark.parametrize(
    "event", ["App\\Events\\OrderShipped", ".order.shipped", 'a"b', "🎉", " ", "client-x", "é" * 200]
)
async def test_the_name_of_an_event_may_be_anything(
    server: Running, connect: Dial, publish: Publish, name: str, event: str
) -> None:
    socket = await connect(server)
    await socket.subscribe(name)
    publish(server, name, event, "{}")
    await socket.expect_frame({"event": event, "channel": name, "data": "{}"})


@pytest.mark.parametrize("prefix", ["", "private-", "presence-"])
async def test_every_kind_of_channel_is_published_to(
    server: Running, connect: Dial, publish: Publish, name: str, prefix: str
) -> None:
    socket, outside = await connect(server), await connect(server)
    await socket.subscribe(prefix + name, '{"user_id":"1"}' if prefix == "presence-" else None)
    publish(server, prefix + name, "event", "x")
    await socket.expect_frame({"event": "event", "channel": prefix + name, "data": "x"})
    await outside.expect_nothing()


async def test_an_encrypted_event_arrives_as_it_was_sealed(
    server: Running, connect: Dial, publish: Publish, name: str
) -> None:
    socket, outside = await connect(server), await connect(server)
    await socket.subscribe(f"private-encrypted-{name}")
    publish(server, f"private-encrypted-{name}", "event", "plain")
    assert (await socket.expect("event", f"private-encrypted-{name}")).keys() == {"nonce", "ciphertext"}
    await outside.expect_nothing()


async def test_a_socket_that_is_left_out_hears_nothing_of_it_anywhere(
    server: Running, connect: Dial, publish: Publish, name: str
) -> None:
    author, reader = await connect(server), await connect(server)
    channels = [name, f"private-{name}", f"{name}-3"]
    for channel in channels:
        await author.subscribe(channel)
        await reader.subscribe(channel)
    publish(server, channels, "edit", "1", author.socket_id)
    publish(server, name, "seen", "2")
    assert {(await reader.receive())["channel"] for _ in channels} == set(channels)
    await author.expect_frame({"event": "seen", "channel": name, "data": "2"})
    await author.expect_nothing()
    await reader.expect_frame({"event": "seen", "channel": name, "data": "2"})


async def test_left_out_of_some_of_many_the_others_keep_their_order(
    server: Running, connect: Dial, backend: Backend, name: str
) -> None:
    sockets = [await connect(server) for _ in range(3)]
    for socket in sockets:
        await socket.subscribe(name)
    events = [
        {"channel": name, "name": "event", "data": str(number), "socket_id": sockets[number % 4].socket_id}
        if number % 4 < 3
        else {"channel": name, "name": "event", "data": str(number)}
        for number in range(10)
    ]
    for _ in range(10):
        backend(server).trigger_batch(events)
    for position, socket in enumerate(sockets):
        heard = [str(number) for number in range(10) if number % 4 != position] * 10
        assert [(await socket.receive())["data"] for _ in heard] == heard
        await socket.expect_nothing()


async def test_leaving_out_a_socket_that_is_not_there_does_no_harm(
    server: Running, connect: Dial, publish: Publish, name: str
) -> None:
    socket, gone = await connect(server), await connect(server)
    await socket.subscribe(name)
    await gone.close()
    for stranger in (gone.socket_id, "1.1"):
        publish(server, name, "event", "x", stranger)
        await socket.expect_frame({"event": "event", "channel": name, "data": "x"})


async def test_a_thousand_events_keep_their_order(server: Running, connect: Dial, backend: Backend, name: str) -> None:
    sockets = [await connect(server) for _ in range(3)]
    for socket in sockets:
        await socket.subscribe(name)
    publisher = backend(server)
    for start in range(0, 1000, 10):
        numbers = range(start, start + 10)
        publisher.trigger_batch([{"channel": name, "name": "event", "data": str(number)} for number in numbers])
    for socket in sockets:
        assert [await socket.expect("event", name) for _ in range(1000)] == list(range(1000))
        await socket.expect_nothing()


async def test_one_who_comes_late_hears_nothing_old(
    server: Running, connect: Dial, publish: Publish, name: str
) -> None:
    early, late = await connect(server), await connect(server)
    await early.subscribe(name)
    for number in range(20):
        publish(server, name, "event", str(number))
    await late.subscribe(name)
    await late.expect_nothing()
    publish(server, name, "event", "new")
    await late.expect_frame({"event": "event", "channel": name, "data": "new"})


async def test_a_channel_hears_only_its_own(server: Running, connect: Dial, publish: Publish, name: str) -> None:
    one, two = await connect(server), await connect(server)
    await one.subscribe(name)
    await two.subscribe(f"{name}-2")
    publish(server, f"{name}-2", "event", "x")
    assert (await two.receive())["channel"] == f"{name}-2"
    await one.expect_nothing()


async def test_a_large_crowd_hears_everything_in_order_while_others_come_and_go(
    start_server: Start, connect: Dial, backend: Backend
) -> None:
    """Fan-out goes in slices of 50 here: 600 who stay, 60 who leave and come back while the slices are written."""
    server = start_server(fanout_slice=50)
    crowd = await asyncio.gather(*(connect(server) for _ in range(660)))
    for socket in crowd:
        await socket.ask("crowd")
    for socket in crowd:
        await socket.expect(SUCCEEDED, "crowd")
    stayers, guests = crowd[:600], crowd[600:]
    publisher, events = backend(server), 100

    def publish() -> None:
        for start in range(0, events, 5):
            numbers = range(start, start + 5)
            publisher.trigger_batch([{"channel": "crowd", "name": "event", "data": str(one)} for one in numbers])

    publishing = asyncio.create_task(asyncio.to_thread(publish))
    comings = asyncio.gather(*map(_come_and_go, guests))
    for socket in stayers:
        assert [await socket.expect("event", "crowd") for _ in range(events)] == list(range(events))
        await socket.expect_nothing()
    await publishing
    for visits in await comings:
        for heard in visits:
            assert heard == list(range(heard[0], heard[0] + len(heard))) if heard else not heard, (
                "an event was left out"
            )
        everything = [number for heard in visits for number in heard]
        assert everything == sorted(set(everything)), "an event was heard twice, or out of order"


async def _come_and_go(socket: PusherSocket) -> list[list[int]]:
    """Leave and come back ten times; give the numbers of the events heard in each visit."""
    visits: list[list[int]] = [[]]
    for _ in range(10):
        await socket.send("pusher:unsubscribe", {"channel": "crowd"})
        await socket.send("pusher:ping")
        visits[-1] += await _numbers_until(socket, "pusher:pong")
        await socket.ask("crowd")
        assert await _numbers_until(socket, SUCCEEDED) == [], "heard an event of a channel that had been left"
        visits.append([])
    await socket.send("pusher:ping")
    visits[-1] += await _numbers_until(socket, "pusher:pong")
    return visits


async def _numbers_until(socket: PusherSocket, event: str) -> list[int]:
    numbers = []
    frame: dict[str, Any]
    while (frame := await socket.receive())["event"] != event:
        assert frame["event"] == "event", frame
        numbers.append(json.loads(frame["data"]))
    return numbers


async def test_a_small_channel_is_not_held_up_by_a_large_one(
    start_server: Start, connect: Dial, backend: Backend
) -> None:
    """What is published to a small channel after a large one is written between the slices of the large one."""
    server = start_server(fanout_slice=1)
    large = await asyncio.gather(*(connect(server) for _ in range(100)))
    small = await connect(server)
    for socket in large:
        await socket.subscribe("large")
    await small.subscribe("small")
    for number in range(20):
        backend(server).trigger(["large", "small"], "event", str(number))
    assert [await small.expect("event", "small") for _ in range(20)] == list(range(20))
    for socket in large:
        assert [await socket.expect("event", "large") for _ in range(20)] == list(range(20))
