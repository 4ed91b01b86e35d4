"""Coming into channels and going out of them (pusher-protocol, "Subscribe / unsubscribe", "Errors …")."""

from collections.abc import Callable

import pytest
from pusher import Pusher  # type: ignore[import-untyped]

from running import Running
from sockets.client import SUCCEEDED, Dial
from sockets.conftest import Publish

Start = Callable[..., Running]

FORMAT = "Invalid format: auth must have the format key:signature"
GUARDED = ["private-", "presence-", "private-encrypted-"]


@pytest.mark.parametrize(
    "data",
    [
        '{"channel":"c"}',
        '{"auth":"","channel":"c"}',
        '{"auth":null,"channel":"c","channel_data":null,"more":[1]}',
        '{"auth":"nonsense","channel":"c","channel_data":"{}"}',
        '"{\\"auth\\":\\"\\",\\"channel\\":\\"c\\"}"',
    ],
)
async def test_a_public_channel_is_open_to_all(server: Running, connect: Dial, data: str) -> None:
    socket = await connect(server)
    await socket.send_text(f'{{"event":"pusher:subscribe","data":{data}}}')
    await socket.expect_frame({"event": SUCCEEDED, "channel": "c", "data": "{}"})
    await socket.expect_nothing()


@pytest.mark.parametrize(
    "channel",
    [
        "a",
        "-_=@,.;09azAZ",
        "c" * 200,
        "not-private-at-all",
        "Private-room",
        "client-room",
        "pusher-room",
        "presence",
        "cache-room",
    ],
)
async def test_these_are_names_of_public_channels(server: Running, connect: Dial, channel: str) -> None:
    assert await (await connect(server)).subscribe(channel) == {}


@pytest.mark.parametrize(
    "channel", ["", "a b", "a/b", "a#b", "#a", "a:b", "café", "a\n", "\na", "a\0", "a%20", "#", "🎉", "\x7f"]
)
async def test_these_are_no_names(server: Running, connect: Dial, channel: str) -> None:
    socket = await connect(server)
    await socket.ask(channel, auth="")
    await socket.expect_refusal(channel, f"Invalid channel name '{channel}'", 400)
    await socket.expect_nothing()


async def test_a_name_may_be_as_long_as_the_setting_says(start_server: Start, connect: Dial, server: Running) -> None:
    for limit, one in ((200, server), (164, start_server(app_max_channel_name_length=164))):
        socket = await connect(one)
        assert await socket.subscribe("private-".ljust(limit, "x")) == {}
        await socket.ask("x" * (limit + 1))
        text = f"Channel name of {limit + 1} characters exceeds the allowed maximum ({limit})"
        await socket.expect_refusal("x" * (limit + 1), text, 400, "LimitReached")


async def test_a_name_of_many_thousand_characters_is_not_told_back_whole(server: Running, connect: Dial) -> None:
    socket = await connect(server)
    await socket.ask("x" * 50_000, auth="")
    await socket.expect_error("Channel name of 50000 characters exceeds the allowed maximum (200)")
    assert len((await socket.receive())["channel"]) < 1000


@pytest.mark.parametrize("channel", ["#server-to-user-1", "#server-to-user-"])
async def test_the_channel_of_a_user_is_closed_to_strangers(server: Running, connect: Dial, channel: str) -> None:
    socket = await connect(server)
    await socket.ask(channel)
    assert (await socket.expect("pusher:error"))["code"] is None
    assert (await socket.expect("pusher:subscription_error", channel))["type"] == "AuthError"
    await socket.expect_nothing()


@pytest.mark.parametrize("channel", ["private-x", "private-encrypted-x", "private-", "private-cache-x"])
async def test_a_good_signature_opens_a_channel(server: Running, connect: Dial, channel: str) -> None:
    socket = await connect(server)
    await socket.ask(channel)
    await socket.expect_frame({"event": SUCCEEDED, "channel": channel, "data": "{}"})


async def test_the_sdk_signs_alike(server: Running, connect: Dial, backend: Callable[..., Pusher], name: str) -> None:
    socket = await connect(server)
    auth = backend(server).authenticate(f"private-{name}", socket.socket_id)["auth"]
    assert auth == socket.sign(f"private-{name}")


async def test_channel_data_of_a_private_channel_is_signed_too(server: Running, connect: Dial, name: str) -> None:
    channel = f"private-{name}"
    socket = await connect(server)
    await socket.ask(channel, "any text", socket.sign(channel))
    assert "Invalid signature" in (await socket.expect("pusher:error"))["message"]
    await socket.expect("pusher:subscription_error", channel)
    assert await socket.subscribe(channel, "any text") == {}


@pytest.mark.parametrize("prefix", GUARDED)
@pytest.mark.parametrize(
    ("auth", "message"),
    [
        ("", FORMAT),
        ("no colon", FORMAT),
        ("0123abcd", FORMAT),
        ("stranger:0123", "Invalid key in subscription auth data: 'stranger'"),
        (":0123", "Invalid key in subscription auth data: ''"),
        ("{key}:", "Invalid signature: Expected HMAC SHA256 hex digest of {signed}, but got "),
        ("{key}:0123", "Invalid signature: Expected HMAC SHA256 hex digest of {signed}, but got 0123"),
        ("{key}:a:b", "Invalid signature: Expected HMAC SHA256 hex digest of {signed}, but got a:b"),
        ("{key}:🎉{{}}", "Invalid signature: Expected HMAC SHA256 hex digest of {signed}, but got 🎉{{}}"),
        ("{SIGNATURE}", "Invalid signature: Expected HMAC SHA256 hex digest of {signed}, but got {UPPER}"),
    ],
)
async def test_a_bad_signature_is_told_and_gives_nothing(
    server: Running, connect: Dial, publish: Publish, name: str, prefix: str, auth: str, message: str
) -> None:
    socket = await connect(server)
    channel, data = prefix + name, '{"user_id":"1"}' if prefix == "presence-" else None
    upper = socket.sign(channel, data).partition(":")[2].upper()
    facts = {
        "key": server.key,
        "signed": f"{socket.socket_id}:{channel}" + (f":{data}" if data else ""),
        "UPPER": upper,
        "SIGNATURE": f"{server.key}:{upper}",
    }
    await socket.ask(channel, data, auth.format(**facts))
    await socket.expect_refusal(channel, message.format(**facts), 401)
    publish(server, channel, "secret", "for members")
    await socket.expect_nothing()


@pytest.mark.parametrize("prefix", GUARDED)
async def test_the_signature_for_another_socket_or_channel_does_not_fit(
    server: Running, connect: Dial, name: str, prefix: str
) -> None:
    earlier, socket = await connect(server), await connect(server)
    channel, data = prefix + name, '{"user_id":"1"}'
    for stale in (earlier.sign(channel, data), socket.sign(channel + "x", data), socket.sign(channel, "{}")):
        await socket.ask(channel, data, stale)
        signed, signature = f"{socket.socket_id}:{channel}:{data}", stale.partition(":")[2]
        text = f"Invalid signature: Expected HMAC SHA256 hex digest of {signed}, but got {signature}"
        await socket.expect_refusal(channel, text, 401)
    await socket.subscribe(channel, data)


async def test_a_refusal_may_be_told_as_pusher_does_alone(start_server: Start, connect: Dial) -> None:
    socket = await connect(start_server(app_subscription_error_frames=False))
    await socket.ask("private-x", auth="")
    await socket.expect_error(FORMAT)
    await socket.expect_nothing()


@pytest.mark.parametrize(("channel", "data"), [("c", None), ("private-c", None), ("presence-c", '{"user_id":"1"}')])
async def test_a_second_subscription_is_refused_and_the_first_stays(
    server: Running, connect: Dial, publish: Publish, channel: str, data: str | None
) -> None:
    socket = await connect(server)
    await socket.subscribe(channel, data)
    await socket.ask(channel, data)
    await socket.expect_error(f"Existing subscription to channel {channel}")
    publish(server, channel, "once", "only")
    await socket.expect_frame({"event": "once", "channel": channel, "data": "only"})
    await socket.expect_nothing()


@pytest.mark.parametrize("channel", ["never", "private-never", "presence-never", "", "no name at all", "#x"])
async def test_leaving_where_one_is_not_is_told(server: Running, connect: Dial, channel: str) -> None:
    socket = await connect(server)
    await socket.send("pusher:unsubscribe", {"channel": channel})
    await socket.expect_error(f"No current subscription to channel {channel}, or subscription in progress")
    await socket.expect_nothing()


async def test_leaving_twice_is_told(server: Running, connect: Dial, name: str) -> None:
    socket = await connect(server)
    await socket.subscribe(name)
    await socket.unsubscribe(name)
    await socket.send("pusher:unsubscribe", {"channel": name})
    await socket.expect_error(f"No current subscription to channel {name}, or subscription in progress")


@pytest.mark.parametrize("data", ['{"channel":"c"}', '"{\\"channel\\":\\"c\\"}"', '{"channel":"c","auth":1}'])
async def test_leaving_is_not_answered_and_ends_delivery(
    server: Running, connect: Dial, publish: Publish, data: str
) -> None:
    socket = await connect(server)
    await socket.subscribe("c")
    await socket.send_text(f'{{"event":"pusher:unsubscribe","data":{data}}}')
    await socket.expect_nothing()
    publish(server, "c", "late", "too late")
    await socket.expect_nothing()


async def test_one_may_come_back(server: Running, connect: Dial, publish: Publish, name: str) -> None:
    socket = await connect(server)
    for turn in range(3):
        await socket.subscribe(name)
        publish(server, name, "turn", str(turn))
        assert await socket.expect("turn", name) == turn
        await socket.unsubscribe(name)


async def test_leaving_one_channel_leaves_the_others(
    server: Running, connect: Dial, publish: Publish, name: str
) -> None:
    socket = await connect(server)
    for channel in (name, f"{name}-2", f"private-{name}"):
        await socket.subscribe(channel)
    await socket.unsubscribe(name)
    publish(server, [name, f"{name}-2", f"private-{name}"], "event", "{}")
    assert await socket.expect("event", f"{name}-2") == {}
    assert await socket.expect("event", f"private-{name}") == {}
    await socket.expect_nothing()


async def test_the_number_of_subscriptions_has_a_limit(start_server: Start, connect: Dial) -> None:
    socket = await connect(start_server(app_max_subscriptions=2))
    await socket.subscribe("one")
    await socket.subscribe("two")
    await socket.ask("three")
    await socket.expect_refusal("three", "This connection is at its limit of 2 subscriptions", 403, "LimitReached")
    await socket.unsubscribe("one")
    await socket.subscribe("three")


async def test_commands_sent_in_one_go_are_answered_in_their_order(server: Running, connect: Dial, name: str) -> None:
    socket = await connect(server)
    for number in range(100):
        await socket.ask(f"{name}-{number}")
        await socket.send("pusher:unsubscribe", {"channel": f"{name}-{number - 1}"})
    await socket.expect(SUCCEEDED, f"{name}-0")
    await socket.expect_error(f"No current subscription to channel {name}--1, or subscription in progress")
    for number in range(1, 100):
        await socket.expect(SUCCEEDED, f"{name}-{number}")
    await socket.expect_nothing()


async def test_a_channel_is_occupied_while_someone_is_in_it(
    server: Running, connect: Dial, backend: Callable[..., Pusher], name: str
) -> None:
    first, second = await connect(server), await connect(server)
    for socket in (first, second):
        await socket.subscribe(name)
    await first.unsubscribe(name)
    assert backend(server).channel_info(name) == {"occupied": True}
    await second.unsubscribe(name)
    assert backend(server).channel_info(name) == {"occupied": False}
