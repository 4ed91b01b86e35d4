"""A connection with both its ends here: a transport on one, a bare socket on the other. Every wait is bounded."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from types import ModuleType
from typing import Any, Final

LIMIT: Final = 15.0
"""Seconds that anything may take: only what has failed takes them."""

READ_AT_ONCE: Final = 65_536


class Near(asyncio.Protocol):
    """The end that writes, by an outlet that it shuts when the connection is lost."""

    def __init__(self, native: ModuleType) -> None:
        self._native = native
        self.transport: asyncio.Transport
        self.outlet: Any
        self.told: list[str] = []
        """What the transport has told, in its order."""
        self.lost = asyncio.get_running_loop().create_future()
        self.resumed = asyncio.Event()
        self.on_pause: Callable[[], object] = lambda: None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.transport = transport
        is_plain = transport.get_extra_info("sslcontext") is None
        self.outlet = self._native.Outlet(transport, transport.get_extra_info("socket").fileno() if is_plain else -1)

    def pause_writing(self) -> None:
        self.told.append("pause")
        self.on_pause()

    def resume_writing(self) -> None:
        self.told.append("resume")
        self.resumed.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self.told.append("lost")
        self.outlet.shut()
        self.lost.set_result(exc)


class Far:
    """The end that reads when it is told to."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock

    async def read(self, size: int) -> bytes:
        """Give exactly so many bytes, or fewer if the other side ends before."""
        heard = bytearray()
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(LIMIT):
            while len(heard) < size and (part := await loop.sock_recv(self.sock, min(size - len(heard), READ_AT_ONCE))):
                heard += part
        return bytes(heard)

    async def rest(self) -> bytes:
        """Give all until the other side ends."""
        return await self.read(2**40)

    def at_once(self) -> bytes:
        """Give what is there now."""
        try:
            return self.sock.recv(READ_AT_ONCE)
        except BlockingIOError:
            return b""


def sockets(family: int, buffer: int | None = None) -> tuple[socket.socket, socket.socket]:
    """Give both ends of a connection; `buffer` is how many bytes the system may keep to send, roughly."""
    if family == socket.AF_UNIX:
        near, far = socket.socketpair(socket.AF_UNIX)
    else:
        with closing(socket.socket()) as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen()
            far = socket.create_connection(listener.getsockname())
            near, _ = listener.accept()
    for sock in (near, far):
        sock.setblocking(False)
    if buffer is not None:
        # That of the reader stays: TCP with a small window is slow.
        near.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, buffer)
    return near, far


@asynccontextmanager
async def connected(
    native: ModuleType, family: int = socket.AF_INET, buffer: int | None = None
) -> AsyncIterator[tuple[Near, Far]]:
    """Give both ends, the near one as the side that accepted the connection; it is lost when this is over."""
    near, far = sockets(family, buffer)
    with closing(far):
        _, protocol = await asyncio.get_running_loop().connect_accepted_socket(lambda: Near(native), near)
        try:
            yield protocol, Far(far)
        finally:
            if not protocol.lost.done():
                protocol.transport.abort()
            async with asyncio.timeout(LIMIT):
                await protocol.lost
