"""The proxy fails as it is told to."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest

from cluster.proxy import Proxy

LIMIT = 15.0


@pytest.fixture
async def echo() -> AsyncIterator[int]:
    """Give the port of a server that says what it hears."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65_536):
                writer.write(data)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()


class Line:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def open(cls, proxy: Proxy) -> "Line":
        return cls(*await asyncio.open_connection("127.0.0.1", proxy.port))

    def say(self, text: bytes) -> None:
        self.writer.write(text)

    async def hear(self, text: bytes, limit: float = LIMIT) -> None:
        assert await asyncio.wait_for(self.reader.readexactly(len(text)), limit) == text

    async def end(self) -> None:
        self.writer.transport.abort()


async def test_it_passes_on_and_passes_on_the_end(echo: int) -> None:
    async with Proxy(echo) as proxy:
        line = await Line.open(proxy)
        line.say(b"one")
        await line.hear(b"one")
        line.writer.write_eof()
        assert await asyncio.wait_for(line.reader.read(), LIMIT) == b""
        await line.end()
        assert proxy.accepted == 1


async def test_who_is_cut_is_reset_and_may_come_again(echo: int) -> None:
    async with Proxy(echo) as proxy:
        line = await Line.open(proxy)
        line.say(b"one")
        await line.hear(b"one")
        proxy.cut()
        with pytest.raises(ConnectionResetError):
            await asyncio.wait_for(line.reader.read(), LIMIT)
        again = await Line.open(proxy)
        again.say(b"two")
        await again.hear(b"two")
        await again.end()
        await line.end()


async def test_who_is_refused_finds_nobody_until_it_heals(echo: int) -> None:
    async with Proxy(echo) as proxy:
        line = await Line.open(proxy)
        line.say(b"one")
        await line.hear(b"one")
        await proxy.refuse()
        with pytest.raises(ConnectionResetError):
            await asyncio.wait_for(line.reader.read(), LIMIT)
        with pytest.raises(ConnectionRefusedError):
            await Line.open(proxy)
        await proxy.heal()
        again = await Line.open(proxy)
        again.say(b"two")
        await again.hear(b"two")
        await again.end()
        await line.end()


async def test_what_is_dropped_arrives_when_it_heals_even_of_those_who_gave_up(echo: int) -> None:
    async with Proxy(echo) as proxy:
        line = await Line.open(proxy)
        line.say(b"one")
        await line.hear(b"one")
        proxy.drop()
        line.say(b"two")
        late = await Line.open(proxy)
        late.say(b"three")
        with pytest.raises(TimeoutError):
            await line.hear(b"two", 0.2)
        await proxy.heal()
        await line.hear(b"two")
        await late.hear(b"three")
        await line.end()
        await late.end()


async def test_each_way_takes_the_delay(echo: int) -> None:
    async with Proxy(echo) as proxy:
        line = await Line.open(proxy)
        proxy.delay = 0.1
        began = time.monotonic()
        line.say(b"one")
        await line.hear(b"one")
        assert time.monotonic() - began >= 0.2
        await line.end()


async def test_where_nobody_listens_it_hangs_up() -> None:
    async with Proxy(1) as proxy:
        line = await Line.open(proxy)
        with suppress(ConnectionResetError):
            assert await asyncio.wait_for(line.reader.read(), LIMIT) == b""
        await line.end()
