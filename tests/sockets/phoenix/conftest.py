"""What the tests of Phoenix sockets share: a way to come in."""

from collections.abc import AsyncIterator, Awaitable
from contextlib import AsyncExitStack
from typing import Protocol

import pytest

from seeded import Seeded
from sockets.phoenix.client import V2, PhoenixSocket, knock


class Visit(Protocol):
    """Opens sockets as a user of a seeded server; they are closed with the test. `jwt` is the admin's unless told."""

    def __call__(
        self, server: Seeded, uid: str, *, jwt: str | None = None, vsn: str | None = V2, key: str | None = None
    ) -> Awaitable[PhoenixSocket]: ...


@pytest.fixture
async def visit() -> AsyncIterator[Visit]:
    """Give a way to come in."""
    jwts: dict[str, str] = {}
    async with AsyncExitStack() as sockets:

        async def come(
            server: Seeded, uid: str, *, jwt: str | None = None, vsn: str | None = V2, key: str | None = None
        ) -> PhoenixSocket:
            if jwt is None:
                jwt = jwts.get(server.url) or jwts.setdefault(server.url, server.jwt())
            socket = await knock(server, app_key=key or server.key, guardian_token=jwt, unique_identifier=uid, vsn=vsn)
            sockets.push_async_callback(socket.close)
            return socket

        yield come
