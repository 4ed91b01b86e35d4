"""Messages and frames that no client library sends. Each is answered or closed, and the server serves on."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator

import pytest

from running import Running
from sockets.client import BINARY, CLOSE, LIMIT, PING, PONG, TEXT, Dial, RawSocket, client_frame, command, request
from sockets.conftest import StillServes

INVALID_JSON = "Received invalid JSON"
CONTINUATION, FINAL = 0, 0x80


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    """Give a server for these alone, so that a crash is found here. It lets nobody go by giving up on them."""
    with Running(close_timeout=3 * LIMIT) as running:
        yield running


@pytest.fixture(scope="module")
def roomy() -> Iterator[Running]:
    """Give a server that takes messages which elsewhere are too long to do harm."""
    with Running(
        max_message_bytes=4_000_000, app_max_presence_member_bytes=4_000_000, app_max_event_bytes=4_000_000
    ) as running:
        yield running


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "hello",
        "{",
        "{]",
        '{"event":"pusher:ping"}}',
        '{"event":"pusher:ping"} {"event":"pusher:ping"}',
        "{'event':'pusher:ping'}",
        '{"event":pusher:ping}',
        '\ufeff{"event":"pusher:ping"}',
        '{"event":"pusher:ping",}',
        '{"event":"\\ud800"}',
        '{"event":"\\udc00\\ud800"}',
        '{"event":"client-x","channel":"private-\\ud800","data":1}',
        '{"event":"client-x","channel":"private-c","data":"\\ud800"}',
        '{"event":"client-x","channel":"private-c","data":{"a":"\\ud800"}}',
        '{"event":"\n"}',
        '{"event":"\0"}',
        '{"event":"pusher:subscribe","data":"{"}',
        '{"event":"pusher:subscribe","data":""}',
        '{"event":"pusher:subscribe","data":"\\ud800"}',
        "\0" * 60_000,
        '{"a":' * 10_000,
        '{"event":"pusher:ping","data":' + "[" * 30_000 + "]" * 30_000 + "}",
    ],
    ids=lambda text: ascii(text[:60]),
)
async def test_what_is_no_json_is_told_and_the_socket_stays(
    server: Running, connect: Dial, still_serves: StillServes, text: str
) -> None:
    socket = await connect(server)
    await socket.send_text(text)
    await socket.expect_error(INVALID_JSON)
    await socket.expect_nothing()
    await still_serves(server)


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "null",
        "1",
        "true",
        '"pusher:ping"',
        "{}",
        "[" * 30_000 + "]" * 30_000,
        "[" * 60_000,
        '[{"event":"pusher:ping"}]',
        '{"Event":"pusher:ping"}',
        '{"event":null}',
        '{"event":1}',
        '{"event":["pusher:ping"]}',
        '{"event":{"pusher:ping":1}}',
        '{"event":"client-x","channel":1,"data":1}',
        '{"event":"client-x","channel":["private-c"],"data":1}',
        '{"event":"pusher:subscribe","data":null}',
        '{"event":"pusher:subscribe","data":[]}',
        '{"event":"pusher:subscribe","data":1}',
        '{"event":"pusher:subscribe","data":{}}',
        '{"event":"pusher:subscribe","data":{"channel":null}}',
        '{"event":"pusher:subscribe","data":{"channel":1}}',
        '{"event":"pusher:subscribe","data":{"channel":["a"]}}',
        '{"event":"pusher:subscribe","data":{"channel":"a","auth":1}}',
        '{"event":"pusher:subscribe","data":{"channel":"a","auth":{}}}',
        '{"event":"pusher:subscribe","data":"[]"}',
        '{"event":"pusher:subscribe","data":"\\"\\""}',
        '{"event":"pusher:unsubscribe","data":{}}',
        '{"event":"pusher:unsubscribe","data":[]}',
        '{"event":"pusher:unsubscribe","data":{"channel":{}}}',
    ],
    ids=lambda text: ascii(text[:60]),
)
async def test_what_has_another_shape_is_told_and_the_socket_stays(
    server: Running, connect: Dial, still_serves: StillServes, text: str
) -> None:
    socket = await connect(server)
    await socket.send_text(text)
    error = await socket.expect("pusher:error")
    assert error["code"] is None
    assert error["message"].startswith("Invalid message: ")
    await socket.expect_nothing()
    await still_serves(server)


@pytest.mark.parametrize("event", ["pusher:subscribe", "pusher:unsubscribe"])
async def test_a_command_without_its_data_is_told(server: Running, connect: Dial, event: str) -> None:
    socket = await connect(server)
    await socket.send(event)
    assert (await socket.expect("pusher:error"))["code"] is None
    await socket.expect_nothing()


LONG = "x" * 60_000


@pytest.mark.parametrize(
    "frame",
    [
        {"event": LONG},
        {"event": f"pusher:{LONG}"},
        {"event": f"client-{LONG}", "channel": "private-c", "data": 1},
        {"event": "client-x", "channel": f"private-{LONG}", "data": 1},
        {"event": "pusher:subscribe", "data": {"channel": LONG}},
        {"event": "pusher:subscribe", "data": {"channel": f"/{LONG}"}},
        {"event": "pusher:subscribe", "data": {"channel": f"#server-to-user-{LONG}"}},
        {"event": "pusher:subscribe", "data": {"channel": f"private-{LONG}", "auth": "a:b"}},
        {"event": "pusher:subscribe", "data": {"channel": "private-c", "auth": LONG}},
        {"event": "pusher:subscribe", "data": {"channel": "private-c", "auth": f"{LONG}:b"}},
        {"event": "pusher:subscribe", "data": {"channel": "private-c", "auth": f"app-key:{LONG}"}},
        {"event": "pusher:subscribe", "data": {"channel": "private-c", "auth": "app-key:x", "channel_data": LONG}},
        {"event": "pusher:unsubscribe", "data": {"channel": LONG}},
    ],
    ids=lambda frame: str(frame)[:60],
)
async def test_an_error_never_says_back_all_that_was_said(
    server: Running, connect: Dial, frame: dict[str, object]
) -> None:
    socket = await connect(server)
    await socket.send_text(json.dumps(frame))
    while "error" in (told := await socket.receive())["event"]:
        assert len(json.dumps(told)) < 2500
        await socket.send("pusher:ping")
    assert told["event"] == "pusher:pong"


async def test_a_message_may_be_as_long_as_the_setting_says(server: Running, connect: Dial) -> None:
    socket = await connect(server)
    text = '{"event":"pusher:ping","data":""}'
    await socket.send_text(text.replace('""', f'"{"x" * (65_536 - len(text))}"'))
    await socket.expect_frame({"event": "pusher:pong", "data": "{}"})
    await socket.send_text(text.replace('""', f'"{"x" * (65_537 - len(text))}"'))
    await socket.expect_close(1009)


NUMBERS = ["1" * 5_000, "-" + "9" * 50_000, "1e999", "1" + "0" * 50_000 + "e5", "0." + "1" * 50_000, "1e-99999999"]


@pytest.mark.parametrize("number", NUMBERS, ids=lambda number: number[:12])
@pytest.mark.parametrize(
    "text",
    [
        '{"event":"client-x","channel":"private-c","data":NUMBER}',
        '{"event":"client-x","channel":"private-c","data":{"a":NUMBER}}',
        '{"event":"client-x","channel":NUMBER,"data":1}',
        '{"event":"pusher:subscribe","data":{"channel":NUMBER}}',
        '{"event":"pusher:subscribe","data":NUMBER}',
        '{"event":"pusher:ping","data":NUMBER}',
        '{"event":NUMBER}',
        "NUMBER",
    ],
)
async def test_huge_numbers_are_no_harm(
    roomy: Running, connect: Dial, still_serves: StillServes, text: str, number: str
) -> None:
    """Whether they are told, passed on or ignored: the socket stays, and so does the server."""
    socket = await connect(roomy)
    await socket.subscribe("private-c")
    await socket.send_text(text.replace("NUMBER", number))
    await socket.send("pusher:unsubscribe", {"channel": "private-c"})
    await socket.send("pusher:ping")
    while (frame := await socket.receive())["event"] != "pusher:pong":
        assert frame["event"] == "pusher:error"
    await still_serves(roomy)


@pytest.mark.parametrize("user_id", ["1" * 5_000, "-" + "9" * 50_000, "1e999"], ids=lambda number: number[:12])
async def test_a_huge_number_is_no_user(roomy: Running, connect: Dial, still_serves: StillServes, user_id: str) -> None:
    socket = await connect(roomy)
    await socket.ask("presence-c", f'{{"user_id":{user_id}}}')
    assert (await socket.expect("pusher:error"))["message"].startswith("Invalid channel_data: ")
    await socket.expect("pusher:subscription_error")
    await socket.expect_nothing()
    await still_serves(roomy)


@pytest.mark.parametrize(("opening", "end"), [("[", "]"), ('{"a":', "}")], ids=["arrays", "objects"])
@pytest.mark.parametrize("is_closed", [True, False])
@pytest.mark.parametrize(
    "text",
    [
        "DEEP",
        '{"event":DEEP}',
        '{"event":"pusher:ping","data":DEEP}',
        '{"event":"pusher:subscribe","data":DEEP}',
        '{"event":"pusher:subscribe","data":{"channel":DEEP}}',
        '{"event":"pusher:subscribe","data":{"channel":"c","more":DEEP}}',
        '{"event":"client-x","channel":"private-c","data":DEEP}',
        '{"event":"client-x","channel":"private-c","data":1,"more":DEEP}',
    ],
)
async def test_nesting_is_no_harm(
    roomy: Running, connect: Dial, still_serves: StillServes, text: str, opening: str, end: str, is_closed: bool
) -> None:
    deep = opening * 100_000 + ("1" + end * 100_000 if is_closed else "")
    socket = await connect(roomy)
    await socket.subscribe("private-c")
    await socket.send_text(text.replace("DEEP", deep))
    # It may be of a wrong type before it is too deep.
    assert (await socket.expect("pusher:error"))["message"].startswith((INVALID_JSON, "Invalid message: "))
    await socket.expect_nothing()
    await still_serves(roomy)


@pytest.mark.parametrize("field", ["user_id", "user_info", "more"])
async def test_nesting_in_channel_data_is_no_harm(
    roomy: Running, connect: Dial, still_serves: StillServes, field: str
) -> None:
    socket = await connect(roomy)
    nested = '{"a":' * 100_000 + "1" + "}" * 100_000
    fields = {"user_id": '"1"', "user_info": "{}", field: nested}
    await socket.ask("presence-c", "{" + ",".join(f'"{name}":{value}' for name, value in fields.items()) + "}")
    assert (await socket.expect("pusher:error"))["message"].startswith("Invalid channel_data: ")
    await socket.expect("pusher:subscription_error")
    await socket.expect_nothing()
    await still_serves(roomy)


@pytest.mark.parametrize("payload", [b"", b"\0\xff", b'{"event":"pusher:ping"}'])
async def test_binary_is_told_and_the_socket_stays(server: Running, connect: Dial, payload: bytes) -> None:
    socket = await connect(server)
    await socket.connection.send(payload)
    await socket.expect_error("Binary messages are not supported, send text")
    await socket.connection.send([payload, payload])
    await socket.expect_error("Binary messages are not supported, send text")
    await socket.expect_nothing()


async def test_a_message_may_come_in_fragments_with_a_ping_between(server: Running) -> None:
    text = '{"event":"pusher:ping","data":"🎉"}'.encode()
    async with RawSocket.open(server) as raw:
        await raw.upgrade()
        await raw.expect_event("pusher:connection_established")
        await raw.send(client_frame(text[:30], first=TEXT))
        await raw.send(client_frame(b"between", PING))
        assert await raw.frame() == (PONG, b"between")
        for position in range(30, len(text)):
            await raw.send(client_frame(text[position : position + 1], first=CONTINUATION))
        await raw.send(client_frame(b"", first=FINAL))
        await raw.expect_event("pusher:pong")


async def test_bytes_may_come_one_by_one(server: Running) -> None:
    async with RawSocket.open(server) as raw:
        for byte in request(server):
            await raw.send(bytes([byte]))
        assert (await raw.head()).startswith("HTTP/1.1 101 ")
        await raw.expect_event("pusher:connection_established")
        for byte in command("pusher:subscribe", channel="c"):
            await raw.send(bytes([byte]))
        await raw.expect_event("pusher_internal:subscription_succeeded")


PART = client_frame(b"x" * 10_000, first=CONTINUATION)

CLOSING_FRAMES = {
    "invalid UTF-8": (1007, client_frame(b'{"event":"\xff"}')),
    "half a character": (1007, client_frame("🎉".encode()[:2])),
    "a surrogate in UTF-8": (1007, client_frame(b"\xed\xa0\x80")),
    "an overlong slash": (1007, client_frame(b"\xc0\xaf")),
    "invalid UTF-8 in fragments": (1007, client_frame(b"\xf0", first=TEXT) + client_frame(b"\x9f", first=FINAL)),
    "too long": (1009, client_frame(b"x" * 65_537)),
    "too long by its length alone": (1009, b"\x81\xff" + (2**40).to_bytes(8) + bytes(4)),
    "longer than any length": (1009, b"\x81\xff" + (2**64 - 1).to_bytes(8) + bytes(4)),
    "too long in fragments": (1009, client_frame(b"x" * 10_000, first=TEXT) + PART * 6),
    "unmasked": (1002, client_frame(b'{"event":"pusher:ping"}', masked=False)),
    "reserved bit 1": (1002, client_frame(b"{}", first=0xC1)),
    "reserved bit 2": (1002, client_frame(b"{}", first=0xA1)),
    "reserved bit 3": (1002, client_frame(b"{}", first=0x91)),
    "opcode 3": (1002, client_frame(b"{}", 3)),
    "opcode 7": (1002, client_frame(b"{}", 7)),
    "opcode 11": (1002, client_frame(b"", 11)),
    "opcode 15": (1002, client_frame(b"", 15)),
    "a ping of 126 bytes": (1002, client_frame(bytes(126), PING)),
    "a pong of 126 bytes": (1002, client_frame(bytes(126), PONG)),
    "a close of 126 bytes": (1002, client_frame(b"\x03\xe8" + b"x" * 124, CLOSE)),
    "a fragmented ping": (1002, client_frame(b"", first=PING)),
    "a fragmented close": (1002, client_frame(b"\x03\xe8", first=CLOSE)),
    "a continuation of nothing": (1002, client_frame(b"x", first=FINAL)),
    "a message within a message": (1002, client_frame(b"x", first=TEXT) + client_frame(b"x")),
    "a close of one byte": (1002, client_frame(b"\x03", CLOSE)),
    "a close without a known code": (1002, client_frame(b"\x00\x01", CLOSE)),
    "a close with a code that is not for the wire": (1002, client_frame((1006).to_bytes(2), CLOSE)),
    "a close whose reason is no UTF-8": (1007, client_frame(b"\x03\xe8\xff", CLOSE)),
    "a close within a message": (1002, client_frame(b"x", first=TEXT) + client_frame(b"\x03\xe8", CLOSE)),
    "noise": (1002, b"\xde\xad\xbe\xef" * 1000),
    "another request": (1002, b"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n"),
}


@pytest.mark.parametrize(("code", "frames"), CLOSING_FRAMES.values(), ids=CLOSING_FRAMES)
async def test_what_breaks_the_rules_of_websocket_is_closed(
    server: Running, still_serves: StillServes, code: int, frames: bytes
) -> None:
    async with RawSocket.open(server) as raw:
        await raw.upgrade()
        await raw.expect_event("pusher:connection_established")
        await raw.send(frames)
        await raw.expect_close(code)
    await still_serves(server)


@pytest.mark.parametrize("frames", CLOSING_FRAMES.values(), ids=CLOSING_FRAMES)
async def test_it_makes_no_difference_when_it_comes_with_the_handshake(
    server: Running, still_serves: StillServes, frames: tuple[int, bytes]
) -> None:
    async with RawSocket.open(server) as raw:
        await raw.send(request(server) + frames[1])
        assert (await raw.expect_hang_up()).startswith(b"HTTP/1.1 ")
    await still_serves(server)


async def test_what_is_said_right_before_a_close_is_heard(server: Running, connect: Dial, name: str) -> None:
    """As by a page that tells the others that it goes, and goes: often in one packet."""
    channel = f"presence-{name}"
    other = await connect(server)
    await other.subscribe(channel, '{"user_id":"other"}')
    async with RawSocket.open(server) as raw:
        await raw.upgrade()
        await raw.join(channel, '{"user_id":"raw"}')
        await other.expect("pusher_internal:member_added")
        last_words = f'{{"event":"client-bye","channel":"{channel}","data":"x"}}'
        await raw.send(client_frame(last_words.encode()) + client_frame(b"\x03\xe8", CLOSE))
        await other.expect_frame({"event": "client-bye", "channel": channel, "data": "x", "user_id": "raw"})
        raw.end()
        assert await other.expect("pusher_internal:member_removed") == {"user_id": "raw"}


@pytest.mark.parametrize("closing", [b"", b"\x03\xe8", b"\x03\xe9going away", (4999).to_bytes(2)])
async def test_a_close_is_answered_with_the_same(server: Running, closing: bytes) -> None:
    async with RawSocket.open(server) as raw:
        await raw.upgrade()
        await raw.expect_event("pusher:connection_established")
        await raw.send(client_frame(closing, CLOSE))
        assert await raw.frame() == (CLOSE, closing)
        raw.end()
        assert await raw.expect_hang_up() == b""


EARLY: dict[str, tuple[bytes, Callable[[RawSocket], Awaitable[object]]]] = {
    "command": (
        command("pusher:subscribe", channel="c"),
        lambda raw: raw.expect_event("pusher_internal:subscription_succeeded"),
    ),
    "websocket's ping": (client_frame(b"early", PING), lambda raw: raw.expect_frame(PONG, b"early")),
    "close": (client_frame(b"\x03\xe8", CLOSE), lambda raw: raw.expect_frame(CLOSE, b"\x03\xe8")),
}


@pytest.mark.parametrize("kind", EARLY)
async def test_frames_may_come_with_the_handshake(server: Running, still_serves: StillServes, kind: str) -> None:
    """RFC 6455, 4.1 lets no client do this; a server that reads on after the request finds them all the same."""
    frames, then = EARLY[kind]
    async with RawSocket.open(server) as raw:
        await raw.upgrade(then=frames)
        await raw.expect_event("pusher:connection_established")
        await then(raw)
    await still_serves(server)


@pytest.mark.parametrize("frames", [b"\x01\x80\0\0\0\0", b"\x01\x80\0\0\0\0" + b"\x00\x80\0\0\0\0" * 15_000])
async def test_endless_empty_fragments_are_no_harm(server: Running, still_serves: StillServes, frames: bytes) -> None:
    """As many as may come in a second; of more it is closed, see `limits.edges`."""
    async with RawSocket.open(server) as raw:
        await raw.upgrade()
        await raw.expect_event("pusher:connection_established")
        await raw.send(frames)
        await still_serves(server)
        await raw.send(client_frame(b'{"event":"pusher:ping"}', first=FINAL))
        await raw.expect_event("pusher:pong")


@pytest.mark.parametrize("how", ["cut", "end"])
@pytest.mark.parametrize("last", [b"", b"\x81", client_frame(b"x", first=TEXT), b"\x81\xff" + (60_000).to_bytes(8)])
async def test_one_may_go_without_a_word(
    server: Running, connect: Dial, still_serves: StillServes, name: str, how: str, last: bytes
) -> None:
    watcher = await connect(server)
    await watcher.subscribe(f"presence-{name}", '{"user_id":"watcher"}')
    async with RawSocket.open(server) as raw:
        await raw.upgrade()
        await raw.join(f"presence-{name}", '{"user_id":"raw"}')
        await watcher.expect("pusher_internal:member_added")
        await raw.send(last)
        raw.cut() if how == "cut" else raw.end()
        assert await watcher.expect("pusher_internal:member_removed") == {"user_id": "raw"}
    await still_serves(server)


async def test_one_may_go_amid_a_thousand_commands(server: Running, still_serves: StillServes) -> None:
    async def burst(number: int) -> None:
        async with RawSocket.open(server) as raw:
            commands = [command("pusher:subscribe", channel=f"c{one}") for one in range(1000)]
            await raw.upgrade(then=b"".join(commands))
            raw.cut() if number % 2 else raw.end()

    await asyncio.gather(*map(burst, range(20)))
    await still_serves(server)


async def test_a_binary_message_in_fragments_is_binary_to_its_end(server: Running) -> None:
    async with RawSocket.open(server) as raw:
        await raw.upgrade()
        await raw.expect_event("pusher:connection_established")
        await raw.send(client_frame(b'{"event":', first=BINARY) + client_frame(b'"pusher:ping"}', first=FINAL))
        await raw.expect_event("pusher:error")
        await raw.send(client_frame(b'{"event":"pusher:ping"}'))
        await raw.expect_event("pusher:pong")
