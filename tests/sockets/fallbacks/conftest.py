"""Ways to be a client of the HTTP fallbacks."""

from collections.abc import AsyncIterator, Callable

import aiohttp
import pytest

from sockets.client import LIMIT, Place
from sockets.fallbacks.client import Fallback

Fall = Callable[..., Fallback]


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    connector = aiohttp.TCPConnector(limit=0)
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=LIMIT, sock_read=LIMIT)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout, read_bufsize=2**20) as session:
        yield session


@pytest.fixture
def fall(http: aiohttp.ClientSession) -> Fall:
    """Give a way to make sessions: `fall(server)` as pusher-js does, `fall(server, key=None)` as SockJS."""

    def make(server: Place, key: str | None = "", query: str = "protocol=7&client=js&version=8.6.0") -> Fallback:
        return Fallback(http, server, server.key if key == "" else key, query)

    return make
