"""pusher-js where no WebSocket gets through, but answers that go on: `xhr_streaming`."""

import asyncio
import json
import time

from pusher import Pusher  # type: ignore[import-untyped]

from conftest import Start
from running import Running
from sockets.client import Dial, PusherSocket, RawSocket, eventually, resident_bytes
from sockets.conftest import Backend, Publish
from sockets.fallbacks.client import LARGEST_STREAM, event
from sockets.fallbacks.conftest import Fall

MEGABYTE = 1_000_000


async def test_a_stream_brings_what_is_said_as_it_is_said(
    server: Running, fall: Fall, publish: Publish, name: str
) -> None:
    session = fall(server)
    async with session.stream() as stream:
        await stream.expect("o")
        session.greet((await stream.frames())[0])
        await session.send(session.subscription(name))
        assert (await stream.frames())[0]["event"] == "pusher_internal:subscription_succeeded"
        for number in range(3):
            await asyncio.to_thread(publish, server, name, "news", str(number))
            assert await stream.frames() == [event("news", name, str(number))]


async def test_a_stream_ends_once_it_is_larger_than_pusher_js_reads_and_goes_on_in_another(
    server: Running, fall: Fall, publish: Publish, name: str
) -> None:
    """Not before, or pusher-js takes it for a lost connection; not a line later, or that is lost."""
    session = fall(server)
    sent = [f"{number}: {'große Wörter, 大きい言葉 ' * 60}" for number in range(200)]
    arrived: list[str] = []
    streams = 0
    publishing: asyncio.Task[None] | None = None

    def publish_all() -> None:
        for text in sent:
            publish(server, name, "news", text)

    while len(arrived) < len(sent):
        async with session.stream() as stream:
            streams += 1
            size = 2049
            while len(arrived) < len(sent) and (line := await stream.line()):
                assert size <= LARGEST_STREAM, "the stream went on"
                size += len(line) + 1
                if line == "o":
                    assert streams == 1, "the session was opened anew"
                    continue
                [frame] = map(json.loads, json.loads(line[1:]))
                if frame["event"] == "pusher:connection_established":
                    session.greet(frame)
                    await session.send(session.subscription(name))
                elif frame["event"] == "news":
                    arrived.append(frame["data"])
                elif publishing is None:
                    publishing = asyncio.create_task(asyncio.to_thread(publish_all))
            assert size > LARGEST_STREAM or len(arrived) == len(sent), "the stream ended too early"
    assert arrived == sent
    assert streams > 2
    assert publishing is not None
    await publishing


async def test_a_stream_shows_signs_of_life(start_server: Start, fall: Fall) -> None:
    async with fall(start_server(fallback_heartbeat=0.5)).stream() as stream:
        await stream.expect("o")
        await stream.frames()
        began = time.monotonic()
        await stream.expect("h", "h")
        assert time.monotonic() - began >= 1


async def test_of_two_streams_at_once_the_second_is_sent_away(
    server: Running, fall: Fall, publish: Publish, name: str
) -> None:
    session = fall(server)
    async with session.stream() as stream:
        await stream.expect("o")
        session.greet((await stream.frames())[0])
        async with session.stream() as second:
            assert await second.expect_close(2010) == "Another connection still open"
        await session.send(session.subscription(name))
        await stream.frames()
        await asyncio.to_thread(publish, server, name, "news", "1")
        assert await stream.frames() == [event("news", name, "1")]


async def test_a_client_that_breaks_off_its_stream_is_gone(server: Running, fall: Fall, name: str) -> None:
    room = f"presence-{name}"
    ann, bob = await fall(server).open(), fall(server)
    await ann.subscribe(room, '{"user_id":"ann"}')
    async with bob.stream() as stream:
        await stream.expect("o")
        bob.greet((await stream.frames())[0])
        await bob.send(bob.subscription(room, '{"user_id":"bob"}'))
        assert [frame["event"] for frame in await ann.poll()] == ["pusher_internal:member_added"]
        stream.break_off()
    assert [frame["event"] for frame in await ann.poll()] == ["pusher_internal:member_removed"]


async def test_a_silent_client_is_asked_and_then_given_up(start_server: Start, fall: Fall) -> None:
    async with fall(start_server(ping_after=0.5, pong_timeout=0.5)).stream() as stream:
        await stream.expect("o")
        await stream.frames()
        assert await stream.frames() == [{"event": "pusher:ping", "data": "{}"}]
        assert await stream.expect_close(4201) == "Pong reply not received in time"


async def test_any_request_is_a_sign_of_life(start_server: Start, fall: Fall) -> None:
    session = fall(start_server(ping_after=0.5, pong_timeout=5))
    async with session.stream() as stream:
        await stream.expect("o")
        await stream.frames()
        for _ in range(2):
            # Without an answer it would not be asked again, but given up.
            assert await stream.frames() == [{"event": "pusher:ping", "data": "{}"}]
            await session.send()


async def test_a_client_without_pongs_is_there_as_long_as_its_stream(start_server: Start, fall: Fall) -> None:
    server = start_server(ping_after=0.5, pong_timeout=0.5, fallback_heartbeat=1)
    async with fall(server, query="protocol=4").stream() as stream:
        await stream.expect("o")
        await stream.frames()
        await stream.expect("h", "h", "h")


async def test_one_who_does_not_read_is_given_up_and_nobody_else_waits(
    start_server: Start, connect: Dial, backend: Backend, fall: Fall
) -> None:
    server = start_server(max_backlog_bytes=200_000, close_timeout=0.5)
    reader = await connect(server)
    await reader.subscribe("flood")
    session = fall(server)
    async with RawSocket.open(server, receive_buffer=65_536) as slow:
        path = session.url.removeprefix(server.url)
        head = f"POST {path}/xhr_streaming?protocol=7 HTTP/1.1\r\nHost: {server.host}\r\nContent-Length: 0\r\n\r\n"
        await slow.send(head.encode())
        await slow.head()
        await session.send(session.subscription("flood"))
        before = resident_bytes(server)
        await asyncio.gather(asyncio.to_thread(flood, backend(server)), drain(reader))
        assert resident_bytes(server) - before < 10 * MEGABYTE

        async def is_gone() -> bool:
            status, _ = await session.request("POST", "xhr_send", b"[]")
            return status == 404

        await eventually(is_gone, "the session is kept")
    await reader.expect_nothing()


def flood(publisher: Pusher) -> None:
    batch = [{"channel": "flood", "name": "event", "data": "x" * 10_000}] * 10
    for _ in range(200):
        publisher.trigger_batch(batch)


async def drain(reader: PusherSocket) -> None:
    for _ in range(2000):
        await reader.expect_frame(event("event", "flood", "x" * 10_000))


async def test_all_are_told_to_come_back_when_the_server_stops(start_server: Start, fall: Fall) -> None:
    server = start_server()
    streaming, polling = fall(server), await fall(server).open()
    async with streaming.stream() as stream:
        await stream.expect("o")
        await stream.frames()
        waiting = await polling.waiting()
        stopping = asyncio.create_task(asyncio.to_thread(server.stop))
        assert await stream.expect_close(4200) == "Server is restarting, please reconnect"
        assert await waiting == ['c[4200,"Server is restarting, please reconnect"]']
    assert await stopping in (0, -15)
