"""What clients say to each other (pusher-protocol, "Client events")."""

import asyncio
import json
from collections.abc import Callable

import pytest

from running import Running
from sockets.client import Dial, PusherSocket, eventually
from sockets.conftest import Publish

Start = Callable[..., Running]

PREFIX = "Client event rejected - client events must be prefixed by 'client-'"
ELSEWHERE = "Client event rejected - only supported on private and presence channels"
FIELDS = "Invalid client event (must contain channel and data)"
OFF = "To send client events, you must enable this feature in the Settings page of your dashboard."


def reserved(event: str) -> str:
    return f"Event '{event}' cannot be sent by clients: names starting with pusher are reserved"


async def pair(connect: Dial, server: Running, channel: str) -> tuple[PusherSocket, PusherSocket]:
    """Give two sockets in a channel, of users "1" and "2" if it is a presence channel."""
    sockets = await connect(server), await connect(server)
    for number, socket in enumerate(sockets, 1):
        await socket.subscribe(channel, f'{{"user_id":"{number}"}}' if channel.startswith("presence-") else None)
    if channel.startswith("presence-"):
        await sockets[0].expect("pusher_internal:member_added")
    return sockets


async def test_the_others_in_a_private_channel_hear_it(server: Running, connect: Dial, name: str) -> None:
    sender, other = await pair(connect, server, f"private-{name}")
    await sender.send("client-typing", {"who": "A"}, f"private-{name}")
    await other.expect_frame({"event": "client-typing", "channel": f"private-{name}", "data": '{"who": "A"}'})
    await sender.expect_nothing()


async def test_in_a_presence_channel_they_hear_from_whom(server: Running, connect: Dial, name: str) -> None:
    sender, other = await pair(connect, server, f"presence-{name}")
    await sender.send("client-typing", "x", f"presence-{name}")
    await other.expect_frame({"event": "client-typing", "channel": f"presence-{name}", "data": "x", "user_id": "1"})
    await sender.expect_nothing()


async def test_a_numeric_user_is_told_as_text(server: Running, connect: Dial, name: str) -> None:
    channel = f"presence-{name}"
    sender, other = await connect(server), await connect(server)
    await sender.subscribe(channel, '{"user_id":10}')
    await other.subscribe(channel, '{"user_id":"2"}')
    await sender.expect("pusher_internal:member_added")
    await sender.send("client-x", "x", channel)
    assert (await other.receive())["user_id"] == "10"


@pytest.mark.parametrize("prefix", ["presence-", "private-"])
async def test_a_forged_user_id_is_not_passed_on(server: Running, connect: Dial, name: str, prefix: str) -> None:
    sender, other = await pair(connect, server, prefix + name)
    await sender.send("client-x", "x", prefix + name, user_id="admin", socket_id="1.1", more={"user_id": "admin"})
    frame = await other.receive()
    assert frame.pop("user_id", None) == ("1" if prefix == "presence-" else None)
    assert frame == {"event": "client-x", "channel": prefix + name, "data": "x"}


@pytest.mark.parametrize(
    ("data", "heard"),
    [
        ('"text"', "text"),
        ('""', ""),
        ('"{\\"a\\": 1}"', '{"a": 1}'),
        ('"\\u0000\\ud83c\\udf89\\u2028\\/"', "\0🎉\u2028/"),
        ('{"a" : 1, "a":[ ]}', '{"a" : 1, "a":[ ]}'),
        ("[1,  2]", "[1,  2]"),
        ("1.50", "1.50"),
        ("12345678901234567890", "12345678901234567890"),
        ("null", "null"),
        ("true", "true"),
        ("{}", "{}"),
    ],
)
async def test_text_is_passed_on_as_it_is_and_the_rest_as_json(
    server: Running, connect: Dial, name: str, data: str, heard: str
) -> None:
    sender, other = await pair(connect, server, f"private-{name}")
    await sender.send_text(f'{{"event":"client-x","channel":"private-{name}","data": {data} }}')
    await other.expect_frame({"event": "client-x", "channel": f"private-{name}", "data": heard})


async def test_they_are_heard_in_their_order(server: Running, connect: Dial, name: str) -> None:
    sender, other = await pair(connect, server, f"private-{name}")
    for number in range(10):
        await sender.send(f"client-{number}", number, f"private-{name}")
    assert [(await other.receive())["data"] for _ in range(10)] == [str(number) for number in range(10)]
    await sender.expect_nothing()


async def test_another_connection_of_the_same_user_hears_it(server: Running, connect: Dial, name: str) -> None:
    channel = f"presence-{name}"
    tab, phone = await connect(server), await connect(server)
    for socket in (tab, phone):
        await socket.subscribe(channel, '{"user_id":"ada"}')
    await tab.send("client-x", "x", channel)
    await phone.expect_frame({"event": "client-x", "channel": channel, "data": "x", "user_id": "ada"})
    await tab.expect_nothing()


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        ({"event": "client-x", "channel": "c", "data": "x"}, ELSEWHERE),
        ({"event": "client-x", "channel": "private-encrypted-c", "data": "x"}, ELSEWHERE),
        ({"event": "client-x", "channel": "", "data": "x"}, ELSEWHERE),
        ({"event": "client-x", "channel": "#server-to-user-1", "data": "x"}, ELSEWHERE),
        ({"event": "typing", "channel": "private-c", "data": "x"}, PREFIX),
        ({"event": "", "channel": "private-c", "data": "x"}, PREFIX),
        ({"event": "Client-x", "channel": "private-c", "data": "x"}, PREFIX),
        ({"event": "client", "channel": "private-c", "data": "x"}, PREFIX),
        ({"event": "client-x", "data": "x"}, FIELDS),
        ({"event": "client-x", "channel": None, "data": "x"}, FIELDS),
        ({"event": "client-x", "channel": "private-c"}, FIELDS),
        ({"event": "client-x"}, FIELDS),
        ({"event": "pusher:x", "channel": "private-c", "data": "x"}, reserved("pusher:x")),
        ({"event": "pusher:error", "channel": "private-c", "data": {}}, reserved("pusher:error")),
        (
            {"event": "pusher_internal:member_added", "channel": "presence-c", "data": '{"user_id":"9"}'},
            reserved("pusher_internal:member_added"),
        ),
        (
            {"event": "pusher_internal:subscription_succeeded", "channel": "private-c", "data": "{}"},
            reserved("pusher_internal:subscription_succeeded"),
        ),
        (
            {"event": "client-" + "x" * 194, "channel": "private-c", "data": "x"},
            "Event name of 201 characters exceeds the allowed maximum (200)",
        ),
        (
            {"event": "client-x", "channel": "private-elsewhere", "data": "x"},
            "Client event rejected - this connection is not subscribed to channel private-elsewhere",
        ),
    ],
)
async def test_these_are_refused_and_nobody_hears_them(
    server: Running, connect: Dial, frame: dict[str, object], message: str
) -> None:
    sender, other = await connect(server), await connect(server)
    for socket in (other, sender):
        for channel in ("c", "private-c", "private-encrypted-c"):
            await socket.subscribe(channel)
    await other.subscribe("private-elsewhere")
    await sender.send_text(json.dumps(frame))
    await sender.expect_error(message)
    await sender.expect_nothing()
    await other.expect_nothing()


async def test_one_who_has_left_is_refused(server: Running, connect: Dial, name: str) -> None:
    channel = f"private-{name}"
    sender, other = await pair(connect, server, channel)
    await sender.unsubscribe(channel)
    await sender.send("client-x", "x", channel)
    await sender.expect_error(f"Client event rejected - this connection is not subscribed to channel {channel}")
    await other.expect_nothing()


async def test_an_application_may_do_without(start_server: Start, connect: Dial) -> None:
    server = start_server(app_client_events=False)
    sender, other = await pair(connect, server, "private-c")
    await sender.send("client-x", "x", "private-c")
    await sender.expect_error(OFF)
    await other.expect_nothing()


async def test_the_eleventh_in_a_second_is_refused_and_later_ones_are_not(
    server: Running, connect: Dial, name: str
) -> None:
    channel = f"private-{name}"
    sender, other = await pair(connect, server, channel)
    # In one go, so that they are one second's even on a slow machine.
    event = json.dumps({"event": "client-x", "channel": channel, "data": "x"})
    await asyncio.gather(*(sender.send_text(event) for _ in range(11)))
    refused = "Client event rejected - more than 10 client events per second from one connection"
    await sender.expect_error(refused, 4301)
    for _ in range(10):
        await other.expect_frame({"event": "client-x", "channel": channel, "data": "x"})
    await other.expect_nothing()

    async def is_let_through() -> bool:
        await sender.send("client-later", "x", channel)
        await sender.send("pusher:ping")
        if (await sender.receive())["event"] == "pusher:pong":
            return True
        await sender.expect("pusher:pong")
        return False

    await eventually(is_let_through, "the next second did not come")
    await other.expect_frame({"event": "client-later", "channel": channel, "data": "x"})
    await other.expect_nothing()


async def test_each_connection_has_a_rate_of_its_own(start_server: Start, connect: Dial, name: str) -> None:
    server, channel = start_server(app_client_events_per_second=1), f"private-{name}"
    first, second = await pair(connect, server, channel)
    await first.send("client-1", "x", channel)
    await second.expect_frame({"event": "client-1", "channel": channel, "data": "x"})
    await second.send("client-2", "x", channel)
    await first.expect_frame({"event": "client-2", "channel": channel, "data": "x"})


async def test_refused_events_do_not_count_against_the_rate(start_server: Start, connect: Dial, name: str) -> None:
    server, channel = start_server(app_client_events_per_second=1), f"private-{name}"
    sender, other = await pair(connect, server, channel)
    for _ in range(5):
        await sender.send("client-x", "x", "public")
        await sender.expect_error(ELSEWHERE)
    await sender.send("client-x", "x", channel)
    assert (await other.receive())["event"] == "client-x"


@pytest.mark.parametrize("data", ["x" * 10_241, "é" * 5_121, {"a": "x" * 10_240}], ids=["ascii", "bytes", "object"])
async def test_too_much_data_is_refused(server: Running, connect: Dial, name: str, data: object) -> None:
    channel = f"private-{name}"
    sender, other = await pair(connect, server, channel)
    await sender.send("client-x", data, channel)
    message = (await sender.expect("pusher:error"))["message"]
    assert message.startswith("The data content of this event exceeds the allowed maximum (10240 bytes)")
    await other.expect_nothing()
    await sender.send("client-x", "é" * 5_120, channel)
    assert (await other.receive())["data"] == "é" * 5_120


async def test_they_come_between_published_events_in_their_order(
    server: Running, connect: Dial, publish: Publish, name: str
) -> None:
    channel = f"private-{name}"
    sender, other = await pair(connect, server, channel)
    for number in range(5):
        await sender.send("client-x", f"client {number}", channel)
        await sender.expect_nothing()
        publish(server, channel, "x", f"server {number}")
        await sender.expect_frame({"event": "x", "channel": channel, "data": f"server {number}"})
    heard = [(await other.receive())["data"] for _ in range(10)]
    assert heard == [f"{who} {number}" for number in range(5) for who in ("client", "server")]
