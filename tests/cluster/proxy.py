"""A TCP proxy between a node and Redis, which fails in each of the ways in which networks do when it is told to."""

import asyncio
import socket
import struct
from types import TracebackType
from typing import Self

from engine.redis.redisserver import free_port

CHUNK = 65_536


class Proxy:
    """`async with Proxy(port) as proxy:` passes on what comes to `proxy.port`, on the loopback, to `port`.

    It works in the loop that it was opened in, and does nothing unless told to but pass on bytes.
    """

    def __init__(self, target: int) -> None:
        self.port = free_port()
        self.delay = 0.0
        """Seconds that each way takes, for bytes that come from now on."""
        self.accepted = 0
        """Connections so far;"""
        self.received = 0
        """and bytes that came from Redis."""
        self._target = target
        self._server: asyncio.Server | None = None
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        await self.heal()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self._shut()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def cut(self) -> None:
        """Reset all connections; new ones are as before."""
        for writer in list(self._writers):
            # Without this the system would send what is left, and then a polite end.
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()

    async def refuse(self) -> None:
        """Reset all connections, and have nobody listen for others."""
        await self._shut()
        self.cut()

    def drop(self) -> None:
        """Pass on nothing from now on and tell nobody, as a network whose cable was pulled. New connections open.

        As there, what was said meanwhile arrives when it heals, also from connections that were given up.
        """
        self._flowing.clear()

    async def heal(self) -> None:
        """Be a good network again."""
        self.delay = 0.0
        self._flowing.set()
        if self._server is None:
            self._server = await asyncio.start_server(self._take, "127.0.0.1", self.port)

    async def _shut(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._writers.add(writer)
        self.accepted += 1
        far: asyncio.StreamWriter | None = None
        try:
            await self._flowing.wait()
            back, far = await asyncio.open_connection("127.0.0.1", self._target)
            self._writers.add(far)
            await asyncio.gather(self._pass(reader, far), self._pass(back, writer, is_back=True))
        except OSError:
            pass  # either side is gone: so is the other
        finally:
            self._tasks.discard(task)
            for one in (writer, far):
                if one is not None:
                    self._writers.discard(one)
                    one.transport.abort()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_back: bool = False) -> None:
        while data := await reader.read(CHUNK):
            self.received += len(data) * is_back
            if self.delay:
                await asyncio.sleep(self.delay)
            await self._flowing.wait()
            writer.write(data)
            await writer.drain()
        await self._flowing.wait()
        writer.write_eof()
