"""Messages and clients that no Phoenix library makes. Whoever breaks the rules is closed, and nobody else is hurt."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack

import pytest
from pusher import Pusher  # type: ignore[import-untyped]
from websockets.exceptions import ConnectionClosed

from seeded import ORGANIZATION, Seeded
from sockets.client import (
    BINARY,
    CLOSE,
    LIMIT,
    PING,
    PONG,
    TEXT,
    RawSocket,
    client_frame,
    eventually,
    resident_bytes,
)
from sockets.conftest import Backend
from sockets.phoenix.client import V1, V2, PhoenixSocket, direct, lobby, message, path_of
from sockets.phoenix.conftest import Visit

MEGABYTE = 1_000_000
BACKLOG = 200_000
SENT = 20 * MEGABYTE  # far more than the system's own buffers take


@pytest.fixture(scope="module")
def server() -> Iterator[Seeded]:
    """Give a server for these alone, so that a crash is found here. It lets nobody go by giving up on them."""
    with Seeded(close_timeout=3 * LIMIT) as running:
        yield running


@pytest.fixture
async def bystander(server: Seeded, visit: Visit, name: str) -> AsyncIterator[PhoenixSocket]:
    """Give one who is in the same topic, hears nothing, and is there afterwards."""
    socket = await visit(server, "bystander")
    await socket.join(lobby(server, name))
    yield socket
    await socket.expect_nothing()
    ref = await socket.send(lobby(server, name), "hello")
    assert {(await socket.receive()).ref for _ in range(2)} == {ref, None}
    assert "Traceback" not in server.log, server.log


MALFORMED = [
    "",
    " ",
    "hello",
    "{",
    "[",
    "[]",
    "{}",
    "null",
    "1",
    '"phoenix"',
    "[null,null]",
    '[null,"1","phoenix","heartbeat"]',
    '[null,"1","phoenix","heartbeat",{}]]',
    '[null,"1","phoenix","heartbeat",{}] [null,"2","phoenix","heartbeat",{}]',
    '[null,"1","phoenix","heartbeat",{]',
    '[null,"1","phoenix","heartbeat",{"a":}]',
    '[null,"1","phoenix","heartbeat",{"a":"\\ud800"}]',
    '[null,"1","\\ud800","heartbeat",{}]',
    '[null,true,"phoenix","heartbeat",{}]',
    '[null,1.5,"phoenix","heartbeat",{}]',
    '[[],"1","phoenix","heartbeat",{}]',
    '[null,"1",null,"heartbeat",{}]',
    '[null,"1","phoenix",null,{}]',
    '{"topic":"phoenix","event":"heartbeat","ref":[]}',
    '{"topic":"phoenix","ref":"1"}',
    '{"event":"heartbeat"}',
    '{"topic":1,"event":"heartbeat"}',
    "\0" * 60_000,
    "[" * 60_000,
    '{"topic":' * 6_000,
    '[null,null,"phoenix","heartbeat",' + "[" * 30_000 + "]" * 30_000 + "]",
    '{"topic":"t","event":"e","payload":' + '{"a":' * 6_000 + "1" + "}" * 6_000 + "}",
    '[null,null,"t","e",{"a":1e999}]',
    '[null,null,"t","e",{"a":' + "1" * 5_000 + "}]",
    '[null,"' + "x" * 256 + '","phoenix","heartbeat",{}]',
]


@pytest.mark.parametrize("vsn", [V1, V2])
@pytest.mark.parametrize("text", MALFORMED, ids=lambda text: ascii(text[:60]))
async def test_a_malformed_message_closes_its_socket(
    server: Seeded, visit: Visit, bystander: PhoenixSocket, name: str, vsn: str, text: str
) -> None:
    socket = await visit(server, "ann", vsn=vsn)
    await socket.join(lobby(server, name))
    await bystander.expect_diff(lobby(server, name), joins=["ann"])
    await socket.send_text(text)
    assert (await socket.expect_close(1007)).startswith("Invalid message: ")
    await bystander.expect_diff(lobby(server, name), leaves=["ann"])


BYTES = {
    "nothing": b"",
    "a byte": b"\0",
    "a head that is cut": bytes(4),
    "texts that are cut": b"\0\xff\xff\xff\xffx",
    "a reply": b"\1\1\1\1\1aaaa",
    "a broadcast": b"\2\1\1aa",
    "another kind": b"\xff" + bytes(100),
    "no UTF-8": b"\0\0\0\1\1\xff\xff",
    "half a character": b"\0\0\0\1\1\xc3\xa9",
    "a surrogate": b"\0\0\0\3\0\xed\xa0\x80",
}


@pytest.mark.parametrize("content", BYTES.values(), ids=BYTES)
async def test_malformed_bytes_close_their_socket(
    server: Seeded, visit: Visit, bystander: PhoenixSocket, content: bytes
) -> None:
    socket = await visit(server, "ann")
    await socket.send_text(content)
    assert (await socket.expect_close(1007)).startswith("Invalid message: ")


async def test_any_bytes_close_a_socket_of_v1(server: Seeded, visit: Visit, bystander: PhoenixSocket) -> None:
    socket = await visit(server, "ann", vsn=V1)
    await socket.send_bytes("phoenix", "heartbeat", b"")
    assert "1.0.0 has no binary frames" in await socket.expect_close(1007)


async def test_a_message_of_the_other_version_closes_the_socket(
    server: Seeded, visit: Visit, bystander: PhoenixSocket
) -> None:
    for vsn in (V1, V2):
        socket = await visit(server, "ann", vsn=vsn)
        socket.is_v2 = not socket.is_v2
        await socket.send("phoenix", "heartbeat")
        await socket.expect_close(1007)


async def test_nothing_is_obeyed_after_a_malformed_message(
    server: Seeded, bystander: PhoenixSocket, path: str, name: str
) -> None:
    topic = lobby(server, name)
    async with RawSocket.open(server) as raw:
        await raw.upgrade(path)
        await raw.send(client_frame(b"nonsense") + message(topic, "phx_join") + message(topic, "hello"))
        await raw.expect_close(1007)


@pytest.fixture
def path(server: Seeded) -> str:
    return path_of(server, guardian_token=server.jwt(), unique_identifier="ann")


FRAMES = {
    "invalid UTF-8": (1007, client_frame(b'["\xff"]')),
    "too long": (1009, client_frame(b"x" * 65_537)),
    "too long and binary": (1009, client_frame(b"x" * 65_537, BINARY)),
    "unmasked": (1002, client_frame(b"[]", masked=False)),
    "opcode 3": (1002, client_frame(b"{}", 3)),
    "a continuation of nothing": (1002, client_frame(b"x", first=0x80)),
    "a close of one byte": (1002, client_frame(b"\x03", CLOSE)),
    "noise": (1002, b"\xde\xad\xbe\xef" * 1000),
}


@pytest.mark.parametrize("is_early", [False, True], ids=["later", "with the request"])
@pytest.mark.parametrize(("code", "frames"), FRAMES.values(), ids=FRAMES)
async def test_what_breaks_the_rules_of_websocket_is_closed(
    server: Seeded, bystander: PhoenixSocket, path: str, code: int, frames: bytes, is_early: bool
) -> None:
    async with RawSocket.open(server) as raw:
        await raw.upgrade(path, then=frames if is_early else b"")
        if not is_early:
            await raw.send(frames)
        await raw.expect_close(code)


async def test_fragments_and_pings_are_read_as_they_should(
    server: Seeded, bystander: PhoenixSocket, path: str, name: str
) -> None:
    said = json.dumps(["1", "1", f"{lobby(server, name)}-é", "phx_join", {}], ensure_ascii=False).encode()
    async with RawSocket.open(server) as raw:
        await raw.upgrade(path)
        await raw.send(client_frame(said[:5], first=TEXT))
        await raw.send(client_frame(b"between", PING))
        assert await raw.frame() == (PONG, b"between")
        for position in range(5, len(said)):
            await raw.send(client_frame(said[position : position + 1], first=0))
        await raw.send(client_frame(b"", first=0x80))
        opcode, payload = await raw.frame()
        assert (opcode, "Invalid channel name" in payload.decode()) == (TEXT, True)


async def test_nesting_to_any_depth_is_no_harm(server: Seeded, visit: Visit, name: str) -> None:
    """Passed on, or refused, or the end of the socket: never a fault of the server's, nor of who hears it."""
    key = server.create_app("--organization", ORGANIZATION, "--set", "client_events_per_second=100000")
    topic = f"lobby:{key}:{name}"
    listener = await visit(server, "bystander", key=key)
    await listener.join(topic)
    await listener.join(f"lobby:{key}/uid:bystander")
    answers = set()
    # A little deeper on the server's own stack, each of these is a little too deep.
    for depth in range(900, 1000):
        socket = await visit(server, "ann", key=key)
        nested = '{"a":' + "[" * depth + "]" * depth + "}"
        await socket.join(topic)
        directed = f'{{"uid":"bystander","event":"deep","payload":{nested}}}'
        pushes = [f'["1","2","{topic}","deep",{nested}]', f'["1","3","{topic}","direct",{directed}]']
        answers.add(await answer_to(socket, *pushes))
        await socket.close()
    assert answers == {None, 1007}
    assert await answer_to(listener) is None
    assert "Traceback" not in server.log, server.log


async def answer_to(socket: PhoenixSocket, *texts: str) -> int | None:
    """Say this and a heartbeat, and hear all until it is answered, or until a close; give the code of that.

    What is heard may be too deep to be read.
    """
    try:
        for text in texts:
            await socket.send_text(text)
        await socket.send("phoenix", "heartbeat", ref="last")
        while '"last","phoenix"' not in str(await asyncio.wait_for(socket.connection.recv(), LIMIT)):
            pass
    except ConnectionClosed as closed:
        return closed.rcvd.code if closed.rcvd is not None else 1006
    return None


async def test_an_error_says_back_no_more_than_was_said(server: Seeded, visit: Visit, name: str) -> None:
    socket, topic, long = await visit(server, "ann"), lobby(server, name), "x" * 50_000
    await socket.join(topic)
    await socket.send(topic, long)
    await socket.send(topic, "direct", {"uid": long, "event": "e"})
    await socket.send(topic, "direct", {"uid": "bob", "event": long})
    await socket.send(topic, "direct", {"uid": "bob", "event": "e", long: 1})
    for _ in range(3):
        assert len(json.dumps(await socket.receive())) < 2500
    await socket.receive()
    for refused in (long, f"lobby:{server.key}:{long}", f"lobby:{server.key}/uid:{long}", f"lobby:{long}"):
        await socket.send(refused, "phx_join")
        said = await socket.receive()
        assert len(said.payload["response"]["reason"]) < 2500  # the topic itself is how the client finds its join
    await socket.expect_nothing()


async def test_a_crowd_of_joins_holds_no_more_memory_than_its_topics(server: Seeded, name: str) -> None:
    key = server.create_app("--organization", ORGANIZATION, "--set", "leaves_per_second=1000000")
    before = resident_bytes(server)
    async with RawSocket.open(server) as raw:
        await raw.upgrade(path_of(server, app_key=key, guardian_token=server.jwt(), unique_identifier="ann"))
        joining = asyncio.create_task(swallow(raw))
        for number in range(3000):
            await raw.send(message(f"lobby:{key}:{name}-{number}", "phx_join", ref="x" * 255, join_ref="y" * 255))
        await raw.send(message("phoenix", "heartbeat", ref="done"))
        await joining
        assert resident_bytes(server) - before < 30 * MEGABYTE


async def swallow(raw: RawSocket) -> None:
    while b'"done"' not in (await raw.frame())[1]:
        pass


# Slow readers


def flood(publisher: Pusher, channel: str) -> None:
    """Publish SENT bytes, in batches."""
    batch = [{"channel": channel, "name": "event", "data": "x" * 10_000}] * 10
    for _ in range(SENT // 100_000):
        publisher.trigger_batch(batch)


async def test_one_who_does_not_read_is_closed_and_told_why(visit: Visit, backend: Backend) -> None:
    with Seeded(max_backlog_bytes=BACKLOG, close_timeout=3 * LIMIT) as server:
        reader, topic = await visit(server, "reader"), lobby(server, "flood")
        await reader.join(topic)
        async with RawSocket.open(server, receive_buffer=65_536) as slow:
            await slow.upgrade(path_of(server, guardian_token=server.jwt(), unique_identifier="slow"))
            await slow.send(message(topic, "phx_join"))
            await reader.expect_diff(topic, joins=["slow"])
            before = resident_bytes(server)
            publishing = asyncio.create_task(asyncio.to_thread(flood, backend(server), "flood"))
            for _ in range(SENT // 10_000):
                assert await reader.expect(topic, "event") == {"data": "x" * 10_000}
            await publishing
            assert resident_bytes(server) - before < 10 * MEGABYTE
            await slow.expect_close_in_the_end(4100)
        await reader.expect_diff(topic, leaves=["slow"])
        await reader.expect_nothing()
        await reader.close()  # or the server would wait for it at its end


async def test_many_who_never_read_are_cut_off(visit: Visit, backend: Backend) -> None:
    with Seeded(max_backlog_bytes=BACKLOG, close_timeout=0.5) as server:
        publisher, topic = backend(server), lobby(server, "flood")
        path = path_of(server, guardian_token=server.jwt(), unique_identifier="slow")
        async with AsyncExitStack() as stack:
            for _ in range(8):
                raw = await stack.enter_async_context(RawSocket.open(server, receive_buffer=65_536))
                await raw.upgrade(path, then=message(topic, "phx_join"))
                await raw.frame()
            before = resident_bytes(server)
            await asyncio.to_thread(flood, publisher, "flood")
            assert resident_bytes(server) - before < 20 * MEGABYTE

            async def are_gone() -> bool:
                return bool(publisher.channel_info("flood") == {"occupied": False})

            await eventually(are_gone, "slow readers are still there")
        watcher = await visit(server, "watcher")
        assert list(await watcher.join(topic)) == ["watcher"]
        await watcher.close()


async def test_messages_whose_answers_nobody_reads_are_no_harm(visit: Visit) -> None:
    with Seeded(max_backlog_bytes=BACKLOG) as server:
        path, topic = path_of(server, guardian_token=server.jwt(), unique_identifier="ann"), lobby(server, "room")
        async with RawSocket.open(server, receive_buffer=65_536) as raw:
            await raw.upgrade(path)
            before = resident_bytes(server)
            await raw.send(message(topic, "hello") * 20_000 + message("x" * 60_000, "phx_join") * 100)
            watcher = await visit(server, "watcher")
            await watcher.join(direct(server, "watcher"))
            assert resident_bytes(server) - before < 10 * MEGABYTE
            await watcher.close()


async def test_who_comes_and_goes_without_end_is_held_up_and_nobody_else(visit: Visit) -> None:
    """Every coming and going is told to all who listen: so many at once, then so many a second, and one at a time."""
    with Seeded() as server:
        path, topic = path_of(server, guardian_token=server.jwt(), unique_identifier="restless"), lobby(server, "room")
        listeners = [await visit(server, f"listener-{number}") for number in range(50)]
        for listener in listeners:
            await listener.join(topic)
        before = resident_bytes(server)
        async with RawSocket.open(server) as raw:
            await raw.upgrade(path)
            storm = message(topic, "phx_join") + message(topic, "phx_leave")
            sending = asyncio.create_task(raw.send(storm * 20_000))
            watcher = await visit(server, "watcher")
            await watcher.join(topic)
            assert resident_bytes(server) - before < 20 * MEGABYTE
            sending.cancel()
            raw.cut()
        await watcher.close()


async def test_a_client_that_is_gone_in_the_middle_of_many_messages_leaves_nothing(
    server: Seeded, visit: Visit, bystander: PhoenixSocket, path: str, name: str
) -> None:
    topic = lobby(server, f"{name}-2")
    for _ in range(20):
        async with RawSocket.open(server) as raw:
            await raw.upgrade(path)
            await raw.send((message(topic, "phx_join") + message(topic, "hello")) * 50)
            raw.cut()
    watcher = await visit(server, "watcher")

    async def is_alone() -> bool:
        alone = list(await watcher.join(topic)) == ["watcher"]
        if not alone:
            await asyncio.sleep(0.1)
            ref = await watcher.send(topic, "phx_leave")
            while (await watcher.receive()).ref != ref:
                pass
            await watcher.receive()
        return alone

    await eventually(is_alone, "somebody is still there")
