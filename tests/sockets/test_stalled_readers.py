"""Many who stop reading, each with messages of its own: what the server holds for them is bounded, and given back."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack

from pusher import Pusher  # type: ignore[import-untyped]

from running import Running
from sockets.client import RawSocket, command, eventually, resident_bytes
from sockets.conftest import StillServes

Start = Callable[..., Running]
Backend = Callable[..., Pusher]

MEGABYTE = 1_000_000
BACKLOG = 200_000
STALLED = 20
CHANNELS = [f"flood-{number}" for number in range(STALLED)]
EVENTS = 800  # of 10 kB, to each: more than the system's own buffers take


async def subscribed(raw: RawSocket, channel: str) -> None:
    await raw.upgrade()
    await raw.send(command("pusher:subscribe", channel=channel))
    await raw.expect_event("pusher:connection_established")
    await raw.expect_event("pusher_internal:subscription_succeeded")


def flood(publisher: Pusher) -> None:
    """Publish to all channels at once, which makes other bytes for each reader: no two can share what waits."""
    for _ in range(EVENTS):
        publisher.trigger(CHANNELS, "event", "x" * 10_000)


async def test_stalled_readers_cost_their_backlog_each_and_it_is_given_back(
    start_server: Start, backend: Backend, still_serves: StillServes
) -> None:
    server = start_server(max_backlog_bytes=BACKLOG, close_timeout=0.5)
    publisher = backend(server)

    async def are_gone() -> bool:
        return bool(publisher.channels_info() == {"channels": {}})

    kept = []
    for _ in range(3):
        async with AsyncExitStack() as stack:
            for channel in CHANNELS:
                raw = await stack.enter_async_context(RawSocket.open(server, receive_buffer=65_536))
                await subscribed(raw, channel)
            before = most = resident_bytes(server)
            flooding = asyncio.create_task(asyncio.to_thread(flood, publisher))
            while not flooding.done():
                await asyncio.wait([flooding], timeout=0.02)
                most = max(most, resident_bytes(server))
            await flooding
            assert most - before < STALLED * BACKLOG + 10 * MEGABYTE
            await eventually(are_gone, "stalled readers are still subscribed")
        kept.append(resident_bytes(server))
    assert kept[-1] - kept[0] < 5 * MEGABYTE
    await still_serves(server)
