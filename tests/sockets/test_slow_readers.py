"""Clients that do not read what they are sent: given up at a byte limit, and nobody else is hurt."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack

from pusher import Pusher  # type: ignore[import-untyped]

from running import Running
from sockets.client import LIMIT, PING, Dial, RawSocket, client_frame, command, eventually, resident_bytes
from sockets.conftest import StillServes

Start = Callable[..., Running]
Backend = Callable[..., Pusher]

MEGABYTE = 1_000_000
BACKLOG = 200_000
SENT = 40 * MEGABYTE  # far more than the system's own buffers take


async def subscribed(raw: RawSocket, channel: str) -> None:
    await raw.upgrade()
    await raw.send(command("pusher:subscribe", channel=channel))
    await raw.expect_event("pusher:connection_established")
    await raw.expect_event("pusher_internal:subscription_succeeded")


def flood(publisher: Pusher, channel: str) -> int:
    """Publish SENT bytes, in batches; give the number of events."""
    batch = [{"channel": channel, "name": "event", "data": "x" * 10_000}] * 10
    for _ in range(SENT // 100_000):
        publisher.trigger_batch(batch)
    return SENT // 10_000


async def test_one_who_does_not_read_is_closed_and_told_why(
    start_server: Start, connect: Dial, backend: Backend, still_serves: StillServes
) -> None:
    server = start_server(max_backlog_bytes=BACKLOG, close_timeout=3 * LIMIT)
    reader = await connect(server)
    await reader.subscribe("flood")
    async with RawSocket.open(server, receive_buffer=65_536) as slow:
        await subscribed(slow, "flood")
        before = resident_bytes(server)
        publishing = asyncio.create_task(asyncio.to_thread(flood, backend(server), "flood"))
        for _ in range(SENT // 10_000):
            await reader.expect_frame({"event": "event", "channel": "flood", "data": "x" * 10_000})
        await publishing
        assert resident_bytes(server) - before < 10 * MEGABYTE
        await slow.expect_close_in_the_end(4100)
    await reader.expect_nothing()
    await still_serves(server)


async def test_many_who_never_read_are_cut_off(
    start_server: Start, connect: Dial, backend: Backend, still_serves: StillServes
) -> None:
    server = start_server(max_backlog_bytes=BACKLOG, close_timeout=0.5)
    publisher = backend(server)
    async with AsyncExitStack() as stack:
        for _ in range(10):
            raw = await stack.enter_async_context(RawSocket.open(server, receive_buffer=65_536))
            await subscribed(raw, "flood")
        before = resident_bytes(server)
        await asyncio.to_thread(flood, publisher, "flood")
        assert resident_bytes(server) - before < 20 * MEGABYTE

        async def are_gone() -> bool:
            return bool(publisher.channel_info("flood") == {"occupied": False})

        await eventually(are_gone, "slow readers are still subscribed")
    await still_serves(server)


async def test_a_flood_of_pings_whose_pongs_nobody_reads_is_cut_off(
    start_server: Start, still_serves: StillServes
) -> None:
    server = start_server(max_backlog_bytes=BACKLOG, close_timeout=2)
    before = resident_bytes(server)
    async with RawSocket.open(server, receive_buffer=65_536) as raw:
        await raw.upgrade()
        most = 0
        for _ in range(SENT // 131_000):
            await raw.send(client_frame(bytes(125), PING) * 1000)
            most = max(most, resident_bytes(server) - before)
        assert most < 10 * MEGABYTE
    await still_serves(server)


async def test_commands_whose_answers_nobody_reads_are_no_harm(start_server: Start, still_serves: StillServes) -> None:
    server = start_server(max_backlog_bytes=BACKLOG)
    async with RawSocket.open(server, receive_buffer=65_536) as raw:
        await raw.upgrade()
        before = resident_bytes(server)
        coming_and_going = command("pusher:subscribe", channel="c") + command("pusher:unsubscribe", channel="c")
        await raw.send(coming_and_going * 10_000 + command("pusher:subscribe", channel="x" * 60_000) * 100)
        await still_serves(server)
        assert resident_bytes(server) - before < 10 * MEGABYTE
    await still_serves(server)
