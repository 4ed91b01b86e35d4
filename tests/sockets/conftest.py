"""What the tests of the wire share: ways to connect and to publish, and the proof that a server still serves."""

import base64
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import pytest
from pusher import Pusher  # type: ignore[import-untyped]

from running import Running
from sockets.client import Dial, Place, PusherSocket, dial

Backend = Callable[..., Pusher]
Publish = Callable[..., None]
StillServes = Callable[[Running], Awaitable[None]]

_numbers = itertools.count()


@pytest.fixture(name="dial")
async def _dial() -> AsyncIterator[Dial]:
    """Give a way to open sockets and see their first frame. They are closed with the test."""
    async with AsyncExitStack() as sockets:

        async def opened(
            server: Place,
            path: str | None = None,
            *,
            headers: dict[str, str] | None = None,
            subprotocols: list[str] | None = None,
        ) -> PusherSocket:
            pusher = await dial(server, path, headers=headers, subprotocols=subprotocols)
            sockets.push_async_callback(pusher.close)
            return pusher

        yield opened


@pytest.fixture
def connect(dial: Dial) -> Dial:
    """Give a way to open sockets that have been welcomed."""

    async def welcomed(
        server: Place,
        path: str | None = None,
        *,
        headers: dict[str, str] | None = None,
        subprotocols: list[str] | None = None,
    ) -> PusherSocket:
        return await (await dial(server, path, headers=headers, subprotocols=subprotocols)).welcome()

    return welcomed


@pytest.fixture
def name() -> str:
    """Give part of a channel's name that no other test has."""
    return f"room-{next(_numbers)}"


@pytest.fixture
def publish(backend: Backend) -> Publish:
    """Give a way to publish as applications do: `publish(server, channels, event, text, socket_id)`."""
    clients: dict[str, Pusher] = {}

    def send(server: Running, channels: str | list[str], event: str, data: str, exclude: str | None = None) -> None:
        if server.url not in clients:
            clients[server.url] = backend(server, encryption_master_key_base64=base64.b64encode(bytes(32)).decode())
        assert clients[server.url].trigger(channels, event, data, exclude) == {}

    return send


@pytest.fixture
def still_serves(connect: Dial, publish: Publish) -> StillServes:
    """Give a way to see that a server admits, subscribes and publishes, and has not crashed."""

    async def look(server: Running) -> None:
        channel = f"still-{next(_numbers)}"
        client = await connect(server)
        assert await client.subscribe(channel) == {}
        publish(server, channel, "alive", "yes")
        await client.expect_frame({"event": "alive", "channel": channel, "data": "yes"})
        assert "Traceback" not in server.log, server.log

    return look
