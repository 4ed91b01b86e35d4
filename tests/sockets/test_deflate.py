"""permessage-deflate between a live server and clients: the `websockets` library's, and one that says what it likes."""

import asyncio
import json
import random
import zlib
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from typing import Any, Final

import pytest
from websockets.asyncio.client import connect
from websockets.extensions import Extension
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory, PerMessageDeflate
from websockets.frames import Frame
from websockets.typing import ExtensionParameter

from running import Running
from seeded import Seeded
from sockets.client import (
    BINARY,
    LIMIT,
    PING,
    PONG,
    TEXT,
    Dial,
    RawSocket,
    client_frame,
    command,
    request,
    resident_bytes,
    sign,
)
from sockets.client import PusherSocket as Pusher
from sockets.conftest import Publish, StillServes
from sockets.phoenix.client import PhoenixSocket, lobby, path_of

Start = Callable[..., Running]

CONTINUATION, FINAL, COMPRESSED = 0, 0x80, 0x40
OFFER: Final = "permessage-deflate; client_max_window_bits"
ANSWER: Final = "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover"
ORDERS: Final = json.dumps(
    [{"id": number * 7919, "state": "sent", "name": f"Order {number} 🎉"} for number in range(150)]
)


class Offer(ClientPerMessageDeflateFactory):
    """The library's offer, which keeps how large each frame was on its way, and whether it was compressed."""

    def __init__(self, **parameters: Any) -> None:
        super().__init__(**parameters)
        self.frames: list[tuple[int, bool]] = []

    def process_response_params(
        self, params: Sequence[ExtensionParameter], accepted_extensions: Sequence[Extension]
    ) -> PerMessageDeflate:
        extension = super().process_response_params(params, accepted_extensions)
        decode = extension.decode

        def note(frame: Frame, **options: Any) -> Frame:
            self.frames.append((len(frame.data), frame.rsv1))
            return decode(frame, **options)

        extension.decode = note  # type: ignore[method-assign]
        return extension


class Come:
    """Opens sockets that are closed with the test: `come(server)` is a welcomed Pusher client, which offers."""

    def __init__(self, sockets: AsyncExitStack) -> None:
        self._sockets = sockets

    async def __call__(self, server: Running, offer: Offer | None = None) -> Pusher:
        return await Pusher(await self.open(server, f"/app/{server.key}?protocol=7", offer), server).welcome()

    async def open(self, server: Running, path: str, offer: Offer | None = None) -> Any:
        connection = await connect(
            f"ws://{server.host}:{server.port}{path}",
            extensions=[Offer() if offer is None else offer],
            compression=None,
            open_timeout=LIMIT,
            close_timeout=2 * LIMIT,
            ping_interval=None,
            max_size=None,
            max_queue=None,
            proxy=None,
        )
        self._sockets.push_async_callback(connection.close)
        return connection


@pytest.fixture
async def come() -> AsyncIterator[Come]:
    async with AsyncExitStack() as sockets:
        yield Come(sockets)


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    """Give a server that compresses."""
    with Running(deflate=True, app_client_events_per_second=100) as running:
        yield running


def deflated(data: bytes) -> bytes:
    compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
    return (compressor.compress(data) + compressor.flush(zlib.Z_SYNC_FLUSH))[:-4]


def compressed_frame(data: bytes, opcode: int = TEXT) -> bytes:
    """Write a compressed message as a client's frame; `data` is compressed already."""
    return client_frame(data, first=FINAL | COMPRESSED | opcode)


async def agree(raw: RawSocket, server: Running, offer: str = OFFER) -> None:
    """Become a WebSocket that compresses, and take the welcome."""
    await raw.send(request(server, Sec_WebSocket_Extensions=offer))
    assert ANSWER in (await raw.head()).splitlines()
    await raw.expect_event("pusher:connection_established")


# What is agreed on


@pytest.mark.parametrize("settings", [{}, {"deflate": False, "deflate_threshold": 1}])
async def test_nothing_is_compressed_unless_it_is_switched_on(
    start_server: Start, come: Come, publish: Publish, settings: dict[str, object]
) -> None:
    server = start_server(**settings)
    offer = Offer()
    socket = await come(server, offer)
    assert not socket.connection.protocol.extensions
    await socket.subscribe("orders")
    publish(server, "orders", "updated", ORDERS)
    await socket.expect_frame({"event": "updated", "channel": "orders", "data": ORDERS})
    assert not offer.frames
    async with RawSocket.open(server) as raw:
        await raw.send(request(server, Sec_WebSocket_Extensions="; ; not even a list"))
        assert "Extensions" not in await raw.head()
        await raw.expect_event("pusher:connection_established")
        await raw.send(compressed_frame(deflated(b'{"event":"pusher:ping"}')))
        await raw.expect_close(1002)


async def test_who_offers_nothing_gets_nothing_compressed(server: Running, connect: Dial, publish: Publish) -> None:
    socket = await connect(server)
    await socket.subscribe("orders")
    publish(server, "orders", "updated", ORDERS)
    await socket.expect_frame({"event": "updated", "channel": "orders", "data": ORDERS})
    async with RawSocket.open(server) as raw:
        await raw.upgrade()
        await raw.expect_event("pusher:connection_established")
        await raw.send(compressed_frame(deflated(b'{"event":"pusher:ping"}')))
        await raw.expect_close(1002)


@pytest.mark.parametrize("header", ["Sec-WebSocket-Extensions", "sec-websocket-extensions", "SEC-WEBSOCKET-EXTENSIONS"])
async def test_an_offer_may_be_spread_over_headers(server: Running, header: str) -> None:
    async with RawSocket.open(server) as raw:
        await raw.send(
            request(server).removesuffix(b"\r\n")
            + f"{header}: x-other\r\n{header}: permessage-deflate; server_max_window_bits=10\r\n\r\n".encode()
        )
        assert f"{ANSWER}; server_max_window_bits=10" in (await raw.head()).splitlines()


@pytest.mark.parametrize("offer", ["permessage-deflate; what=1", "permessage-deflate; server_max_window_bits=8", "foo"])
async def test_an_offer_that_cannot_be_kept_is_passed_over(server: Running, offer: str) -> None:
    async with RawSocket.open(server) as raw:
        await raw.send(request(server, Sec_WebSocket_Extensions=offer))
        head = await raw.head()
        assert head.startswith("HTTP/1.1 101 ")
        assert "Extensions" not in head
        await raw.expect_event("pusher:connection_established")


@pytest.mark.parametrize("path", [None, "/socket/websocket?vsn=2.0.0"])
async def test_an_offer_that_is_none_is_a_bad_request(
    server: Running, still_serves: StillServes, path: str | None
) -> None:
    async with RawSocket.open(server) as raw:
        await raw.send(request(server, path, Sec_WebSocket_Extensions="permessage-deflate; ="))
        head = await raw.head()
        assert head.startswith("HTTP/1.1 400 "), head
        assert b"Sec-WebSocket-Extensions" in await raw.body(head)
    await still_serves(server)


# Out


async def test_a_large_event_arrives_as_it_was_and_took_a_fraction_of_its_bytes(
    server: Running, come: Come, publish: Publish, name: str
) -> None:
    offer = Offer()
    socket = await come(server, offer)
    await socket.subscribe(name)
    for _ in range(3):
        publish(server, name, "updated", ORDERS)
        await socket.expect_frame({"event": "updated", "channel": name, "data": ORDERS})
    for size, is_compressed in offer.frames[-3:]:
        assert is_compressed
        assert size < len(ORDERS.encode()) / 4


async def test_small_messages_are_not_compressed(start_server: Start, come: Come, publish: Publish) -> None:
    server = start_server(deflate=True, deflate_threshold=1000)
    offer = Offer()
    socket = await come(server, offer)
    await socket.subscribe("orders")
    empty = len(json.dumps({"event": "e", "channel": "orders", "data": ""}, separators=(",", ":")))
    for size in (999, 1000):
        publish(server, "orders", "e", "x" * (size - empty))
        await socket.expect_frame({"event": "e", "channel": "orders", "data": "x" * (size - empty)})
    assert [is_compressed for _, is_compressed in offer.frames] == [False, False, False, True]
    assert offer.frames[-2][0] == 999
    assert offer.frames[-1][0] < 100


async def test_what_would_grow_is_not_compressed(server: Running, come: Come, publish: Publish, name: str) -> None:
    offer = Offer()
    socket = await come(server, offer)
    await socket.subscribe(name)
    noise = "".join(chr(random.Random(1).randrange(0x4E00, 0x9FFF)) for _ in range(200))
    for data in (noise, "x" * 600):
        publish(server, name, "e", data)
        await socket.expect_frame({"event": "e", "channel": name, "data": data})
    assert offer.frames[-1][1]
    assert max(size for size, _ in offer.frames) <= 1000


@pytest.mark.parametrize("bits", range(9, 16))
async def test_the_window_of_the_client_is_respected(
    server: Running, come: Come, publish: Publish, name: str, bits: int
) -> None:
    offer = Offer(server_max_window_bits=bits, client_max_window_bits=bits)
    socket = await come(server, offer)
    await socket.subscribe(name)
    far = "".join(random.Random(bits).choices("abcdefghijklmnop", k=5000)) * 2
    publish(server, name, "far", far)
    await socket.expect_frame({"event": "far", "channel": name, "data": far})
    assert offer.frames[-1][1]


async def test_everyone_hears_the_same_in_the_same_order(
    server: Running, come: Come, connect: Dial, publish: Publish, name: str
) -> None:
    """Whether they offered or not, and whatever the window."""
    offers = [Offer(), Offer(server_max_window_bits=9), Offer(server_max_window_bits=12, client_max_window_bits=None)]
    sockets = [await connect(server), *[await come(server, offer) for offer in offers], await connect(server)]
    for socket in sockets:
        await socket.subscribe(name)
    sizes = [10, 5000, 100, 400, 10_000, 1, 2000]
    for number, size in enumerate(sizes):
        publish(server, name, f"e{number}", "x" * size)
    for socket in sockets:
        for number, size in enumerate(sizes):
            await socket.expect_frame({"event": f"e{number}", "channel": name, "data": "x" * size})
    assert all(len([size for size, is_compressed in offer.frames if is_compressed]) == 4 for offer in offers)


async def test_answers_to_one_client_are_compressed_too(server: Running, come: Come, name: str) -> None:
    offer = Offer()
    first, second = await come(server), await come(server, offer)
    info = {"name": "Ann", "about": "x" * 500}
    await first.subscribe(f"presence-{name}", json.dumps({"user_id": "ann", "user_info": info}))
    presence = await second.subscribe(f"presence-{name}", json.dumps({"user_id": "bob"}))
    assert presence["presence"]["hash"]["ann"] == info
    assert [is_compressed for _, is_compressed in offer.frames] == [False, True]


# In


@pytest.mark.parametrize("size", [1, 100, 2000])
async def test_what_a_client_compresses_is_understood(
    server: Running, come: Come, connect: Dial, name: str, size: int
) -> None:
    sender, hearer = await come(server), await connect(server)
    for socket in (sender, hearer):
        await socket.subscribe(f"private-{name}")
    for number in range(5):  # each by itself: nothing is taken over
        await sender.send("client-said", "🎉" * size + str(number), f"private-{name}")
        frame = {"event": "client-said", "channel": f"private-{name}", "data": "🎉" * size + str(number)}
        await hearer.expect_frame(frame)
    await sender.expect_nothing()


async def test_messages_may_be_compressed_or_not_from_one_to_the_next(server: Running) -> None:
    ping = b'{"event":"pusher:ping"}'
    async with RawSocket.open(server) as raw:
        await agree(raw, server)
        for _ in range(3):
            await raw.send(client_frame(ping) + compressed_frame(deflated(ping)))
            await raw.expect_event("pusher:pong")
            await raw.expect_event("pusher:pong")


async def test_a_compressed_message_may_come_in_fragments_with_a_ping_between(server: Running) -> None:
    data = deflated('{"event":"pusher:ping","data":"🎉"}'.encode())
    async with RawSocket.open(server) as raw:
        await agree(raw, server)
        await raw.send(client_frame(data[:5], first=COMPRESSED | TEXT))
        await raw.send(client_frame(b"between", PING))
        assert await raw.frame() == (PONG, b"between")
        for position in range(5, len(data)):
            await raw.send(client_frame(data[position : position + 1], first=CONTINUATION))
        await raw.send(client_frame(b"", first=FINAL))
        await raw.expect_event("pusher:pong")
        # The next message in fragments is a plain one again.
        await raw.send(client_frame(b'{"event":', first=TEXT) + client_frame(b'"pusher:ping"}', first=FINAL))
        await raw.expect_event("pusher:pong")


async def test_compressed_bytes_may_come_one_by_one(server: Running) -> None:
    async with RawSocket.open(server) as raw:
        await agree(raw, server)
        for byte in compressed_frame(deflated(b'{"event":"pusher:ping"}')):
            await raw.send(bytes([byte]))
        await raw.expect_event("pusher:pong")


async def test_compressed_frames_may_come_with_the_handshake(server: Running) -> None:
    async with RawSocket.open(server) as raw:
        ping = compressed_frame(deflated(b'{"event":"pusher:ping"}'))
        await raw.send(request(server, Sec_WebSocket_Extensions=OFFER) + ping)
        assert ANSWER in (await raw.head()).splitlines()
        await raw.expect_event("pusher:connection_established")
        await raw.expect_event("pusher:pong")


async def test_compressed_binary_is_told_and_the_socket_stays(server: Running) -> None:
    async with RawSocket.open(server) as raw:
        await agree(raw, server)
        await raw.send(compressed_frame(deflated(b"\x00\xff"), BINARY))
        await raw.expect_event("pusher:error")
        await raw.send(compressed_frame(deflated(b'{"event":"pusher:ping"}')))
        await raw.expect_event("pusher:pong")


async def test_a_message_may_be_as_long_as_the_setting_says_once_it_is_whole(server: Running) -> None:
    text = '{"event":"pusher:ping","data":""}'
    async with RawSocket.open(server) as raw:
        await agree(raw, server)
        longest = text.replace('""', f'"{"x" * (65_536 - len(text))}"')
        await raw.send(compressed_frame(deflated(longest.encode())))
        await raw.expect_event("pusher:pong")
        await raw.send(compressed_frame(deflated(longest.replace("xx", "xxx", 1).encode())))
        await raw.expect_close(1009)


PLAIN_PING = client_frame(b'{"event":"pusher:ping"}')
BOMB = deflated(bytes(50_000_000))

CLOSING_FRAMES = {
    "no DEFLATE": (1007, compressed_frame(b"\xff\xff")),
    "plain text that says it is compressed": (1007, compressed_frame(b'{"event":"pusher:ping"}')),
    "nothing": (1007, compressed_frame(b"")),
    "a message cut short": (1007, compressed_frame(deflated(ORDERS.encode())[:100])),
    "more after the last block": (1007, compressed_frame(b"\xf3\x48\xcd\xc9\xc9\x07\x00" * 2)),
    "invalid UTF-8": (1007, compressed_frame(deflated(b'{"event":"\xff"}'))),
    "half a character": (1007, compressed_frame(deflated("🎉".encode()[:2]))),
    "invalid in binary": (1007, compressed_frame(b"\xff\xff", BINARY)),
    "a bomb": (1009, compressed_frame(BOMB)),
    "a bomb in fragments": (
        1009,
        client_frame(BOMB[:100], first=COMPRESSED | TEXT) + client_frame(BOMB[100:], first=FINAL),
    ),
    "a binary bomb": (1009, compressed_frame(BOMB, BINARY)),
    "one byte too many": (1009, compressed_frame(deflated(bytes(65_537)))),
    "too long as it comes": (1009, compressed_frame(random.Random(1).randbytes(65_537))),
    "too long by its length alone": (1009, b"\xc1\xff" + (2**40).to_bytes(8) + bytes(4)),
    "a compressed ping": (1002, client_frame(deflated(b"ping"), first=FINAL | COMPRESSED | PING)),
    "a compressed close": (1002, client_frame(deflated(b"\x03\xe8"), first=FINAL | COMPRESSED | 8)),
    "a continuation that says it is compressed": (
        1002,
        client_frame(b"x", first=COMPRESSED | TEXT) + client_frame(b"x", first=FINAL | COMPRESSED),
    ),
    "a continuation of a plain message that says it is compressed": (
        1002,
        client_frame(b"x", first=TEXT) + client_frame(b"x", first=FINAL | COMPRESSED),
    ),
    "a continuation of nothing": (1002, client_frame(b"x", first=FINAL | COMPRESSED)),
    "reserved bit 2": (1002, client_frame(b"{}", first=0xE1)),
    "reserved bit 3": (1002, client_frame(b"{}", first=0xD1)),
    "unmasked": (1002, client_frame(b"x", first=0xC1, masked=False)),
    "a message within a compressed one": (1002, client_frame(b"x", first=COMPRESSED | TEXT) + PLAIN_PING),
}


@pytest.mark.parametrize(("code", "frames"), CLOSING_FRAMES.values(), ids=CLOSING_FRAMES)
async def test_what_breaks_the_rules_is_closed(
    server: Running, still_serves: StillServes, code: int, frames: bytes
) -> None:
    async with RawSocket.open(server) as raw:
        await agree(raw, server)
        # What comes behind it is not obeyed any more.
        await raw.send(frames + (PLAIN_PING if code != 1002 else b""))
        await raw.expect_close(code)
    await still_serves(server)


async def test_bombs_without_end_cost_bounded_memory(server: Running, still_serves: StillServes) -> None:
    async def throw(raw: RawSocket) -> None:
        await agree(raw, server)
        await raw.send(compressed_frame(BOMB))
        await raw.expect_close(1009)

    before = resident_bytes(server)
    for _ in range(5):
        async with AsyncExitStack() as stack:
            raws = [await stack.enter_async_context(RawSocket.open(server)) for _ in range(20)]
            await asyncio.gather(*map(throw, raws))
            assert resident_bytes(server) - before < 20_000_000
    await still_serves(server)


LARGE_PING: Final = compressed_frame(deflated(f'{{"event":"pusher:ping","data":"{"x" * 60_000}"}}'.encode()))


async def test_large_messages_that_are_small_on_their_way_hold_up_nobody(
    server: Running, connect: Dial, name: str
) -> None:
    """600 messages of 60 kB in 70 kB: others have their turn in between."""
    other = await connect(server)
    async with RawSocket.open(server) as raw:
        await agree(raw, server)
        await raw.send(LARGE_PING * 600 + command("pusher:subscribe", channel=name) + client_frame(b"end", PING))
        await other.expect_nothing()
        for _ in range(600):
            await raw.expect_event("pusher:pong")
        await raw.expect_event("pusher_internal:subscription_succeeded")
        await raw.expect_frame(PONG, b"end")


async def test_what_waits_for_a_command_waits_compressed(start_server: Start) -> None:
    """Leaving where others are told is slowed down, and what comes behind it waits: here 2000 messages of 60 kB."""
    server = start_server(deflate=True, app_leaves_per_second=1)
    async with RawSocket.open(server) as raw:
        await raw.send(request(server, Sec_WebSocket_Extensions=OFFER))
        assert ANSWER in (await raw.head()).splitlines()
        _, welcome = await raw.frame()
        member = '{"user_id":"raw"}'
        signed = f"{json.loads(json.loads(welcome)['data'])['socket_id']}:presence-room:{member}"
        come = command("pusher:subscribe", channel="presence-room", auth=sign(server, signed), channel_data=member)
        before = resident_bytes(server)
        # Ten leaves are free, the eleventh takes a second.
        await raw.send((come + command("pusher:unsubscribe", channel="presence-room")) * 11 + LARGE_PING * 2000)
        for _ in range(11):
            await raw.expect_event("pusher_internal:subscription_succeeded")
        for number in range(2000):
            await raw.expect_event("pusher:pong")
            if number % 100 == 0:
                assert resident_bytes(server) - before < 30_000_000


# Phoenix


@pytest.fixture(scope="module")
def seeded() -> Iterator[Seeded]:
    """Give a seeded server that compresses."""
    with Seeded(deflate=True) as running:
        yield running


@pytest.mark.parametrize("vsn", ["1.0.0", "2.0.0"])
async def test_phoenix_clients_hear_and_say_compressed_messages(seeded: Seeded, come: Come, vsn: str) -> None:
    async def arrive(uid: str, offer: Offer) -> PhoenixSocket:
        path = path_of(seeded, guardian_token=jwt, unique_identifier=uid, vsn=vsn)
        return PhoenixSocket(await come.open(seeded, path, offer), seeded.key, vsn)

    jwt, topic, offers = seeded.jwt(), lobby(seeded, f"orders-{vsn}"), [Offer(), Offer(server_max_window_bits=10)]
    speaker, hearer = await arrive("user-0", offers[0]), await arrive("user-1", offers[1])
    await hearer.join(topic)
    await speaker.join(topic)
    await hearer.expect_diff(topic, joins=["user-0"])
    orders = {"orders": json.loads(ORDERS)[:80]}
    ref = await speaker.send(topic, "updated", orders)
    assert await hearer.expect(topic, "updated") == orders
    await speaker.expect_reply(ref, topic)
    assert await speaker.expect(topic, "updated") == orders
    for offer in offers:
        size, is_compressed = offer.frames[-1]
        assert is_compressed
        assert size < len(json.dumps(orders)) / 4
    if vsn == "2.0.0":
        await speaker.send_bytes(topic, "picture", b"pixel" * 1000)
        assert await hearer.receive_bytes() == (topic, "picture", b"pixel" * 1000)
        assert offers[1].frames[-1][1]
        assert offers[1].frames[-1][0] < 200
