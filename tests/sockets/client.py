"""Two clients for tests: one that speaks Pusher and hides nothing of it, one that may say anything over TCP.

Every wait is bounded by LIMIT. "Nothing was sent" is shown by a ping whose pong comes next, never by waiting.
"""

import asyncio
import base64
import hashlib
import hmac
import json
import os
import resource
import socket
import struct
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, Protocol, Self

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from running import Running

LIMIT: Final = 15.0  # seconds: generous, for it is only reached by what has failed
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10  # opcodes of RFC 6455
SUCCEEDED: Final = "pusher_internal:subscription_succeeded"
MEMBER_ADDED: Final = "pusher_internal:member_added"
MEMBER_REMOVED: Final = "pusher_internal:member_removed"
COUNT: Final = "pusher_internal:subscription_count"
WATCHLIST: Final = "pusher_internal:watchlist_events"

_ABSENT: Final = object()


class Place(Protocol):
    """Where a server listens, and a key pair of one of its applications."""

    @property
    def host(self) -> str: ...
    @property
    def port(self) -> int: ...
    @property
    def key(self) -> str: ...
    @property
    def secret(self) -> str: ...


class PusherSocket:
    """A WebSocket to a Hubbub server. Frames are dictionaries, as they came."""

    def __init__(self, connection: ClientConnection, server: Place) -> None:
        self.connection = connection
        self.server = server
        self.socket_id = ""

    # Saying

    async def send(self, event: str, data: object = _ABSENT, channel: str | None = None, **others: object) -> None:
        """Send one frame, without `data` or `channel` unless they are given."""
        frame = {"event": event, **others}
        if data is not _ABSENT:
            frame["data"] = data
        if channel is not None:
            frame["channel"] = channel
        await self.send_text(json.dumps(frame))

    async def send_text(self, text: str) -> None:
        """Send one text message, whatever it holds."""
        await asyncio.wait_for(self.connection.send(text), LIMIT)

    async def ask(self, channel: str, channel_data: str | None = None, auth: str | None = None) -> None:
        """Ask to be subscribed, with a good signature unless `auth` is another, and wait for nothing."""
        data = {"channel": channel, "auth": self.sign(channel, channel_data) if auth is None else auth}
        if channel_data is not None:
            data["channel_data"] = channel_data
        await self.send("pusher:subscribe", data)

    def sign(self, channel: str, channel_data: str | None = None) -> str:
        """Give the `auth` that admits this socket to a channel."""
        signed = f"{self.socket_id}:{channel}" + ("" if channel_data is None else f":{channel_data}")
        return sign(self.server, signed)

    async def claim(self, user_data: str, auth: str | None = None) -> None:
        """Ask to be signed in, with a good signature unless `auth` is another, and wait for nothing."""
        given = sign(self.server, f"{self.socket_id}::user::{user_data}") if auth is None else auth
        await self.send("pusher:signin", {"auth": given, "user_data": user_data})

    # Hearing

    async def receive(self) -> dict[str, Any]:
        """Give the next frame."""
        text = await asyncio.wait_for(self.connection.recv(), LIMIT)
        frame = json.loads(text)
        assert isinstance(text, str)
        assert isinstance(frame, dict)
        assert isinstance(frame["data"], dict if frame["event"] == "pusher:error" else str), frame
        return frame

    async def welcome(self) -> Self:
        """Take the first frame, which must be the welcome."""
        self.socket_id = (await self.expect("pusher:connection_established"))["socket_id"]
        return self

    async def expect(self, event: str, channel: str | None = None) -> Any:
        """Give what the `data` of the next frame holds, which must be of this event and, if told, this channel."""
        frame = await self.receive()
        assert frame["event"] == event, frame
        assert channel is None or frame["channel"] == channel, frame
        return json.loads(frame["data"]) if isinstance(frame["data"], str) else frame["data"]

    async def expect_frame(self, frame: dict[str, Any]) -> None:
        """The next frame is exactly this one."""
        assert await self.receive() == frame

    async def expect_error(self, message: str, code: int | None = None) -> None:
        """The next frame is a `pusher:error` that says this and leaves the connection open."""
        await self.expect_frame({"event": "pusher:error", "data": {"code": code, "message": message}})

    async def expect_refusal(self, channel: str, message: str, status: int, kind: str = "AuthError") -> None:
        """The next two frames say that a subscription was refused, in Pusher's way and in that of Echo's users."""
        await self.expect_error(message)
        told = await self.expect("pusher:subscription_error", channel)
        assert told == {"type": kind, "error": message, "status": status}

    async def expect_nothing(self) -> None:
        """Nothing is on its way: the next frame is the answer to a ping."""
        await self.send("pusher:ping")
        await self.expect_frame({"event": "pusher:pong", "data": "{}"})

    async def expect_close(self, code: int) -> str:
        """No frame comes any more, but a close with this code. Gives its reason."""
        with pytest.raises(ConnectionClosed) as closed:
            await asyncio.wait_for(self.connection.recv(), LIMIT)
        received = closed.value.rcvd
        assert received is not None, "the connection was cut without a close frame"
        assert received.code == code, received
        return received.reason

    async def expect_end(self, code: int, message: str) -> None:
        """The server sends an error, then closes with its code and text."""
        await self.expect_error(message, code)
        assert await self.expect_close(code) == message

    # Both

    async def subscribe(self, channel: str, channel_data: str | None = None) -> Any:
        """Subscribe, and give what the server says of the channel."""
        await self.ask(channel, channel_data)
        return await self.expect(SUCCEEDED, channel)

    async def sign_in(self, user_id: str, **about: object) -> None:
        """Sign in as a user of whom `about` is told: `user_info`, `watchlist`."""
        user_data = json.dumps({"id": user_id, **about})
        await self.claim(user_data)
        assert await self.expect("pusher:signin_success") == {"user_data": user_data}

    async def unsubscribe(self, channel: str) -> None:
        """Leave a channel, and wait until that has been done."""
        await self.send("pusher:unsubscribe", {"channel": channel})
        await self.expect_nothing()

    async def close(self) -> None:
        """Close as a browser does."""
        await asyncio.wait_for(self.connection.close(), LIMIT)

    def cut(self) -> None:
        """Be gone without a word, as a machine that lost its power and was found out."""
        self.connection.transport.abort()


class Dial(Protocol):
    """Opens sockets that are closed with the test. `path` includes the query."""

    def __call__(
        self,
        server: Place,
        path: str | None = None,
        *,
        headers: dict[str, str] | None = None,
        subprotocols: list[str] | None = None,
    ) -> Awaitable[PusherSocket]: ...


async def dial(
    server: Place,
    path: str | None = None,
    *,
    headers: dict[str, str] | None = None,
    subprotocols: list[str] | None = None,
) -> PusherSocket:
    """Open a WebSocket, to the application's own path unless told, and wait for no frame."""
    path = f"/app/{server.key}?protocol=7" if path is None else path
    connection = await connect(
        f"ws://{server.host}:{server.port}{path}",
        additional_headers=headers,
        subprotocols=[Subprotocol(name) for name in subprotocols] if subprotocols is not None else None,
        compression=None,
        open_timeout=LIMIT,
        close_timeout=2 * LIMIT,
        ping_interval=None,
        max_size=None,
        max_queue=None,
        proxy=None,
    )
    return PusherSocket(connection, server)


class RawSocket:
    """A TCP connection that says and reads exactly what it is told to."""

    def __init__(self, connection: socket.socket, server: Place) -> None:
        self._socket = connection
        self._server = server
        self._read = b""
        self._is_at_end = False

    @classmethod
    @asynccontextmanager
    async def open(cls, server: Place, *, receive_buffer: int | None = None) -> AsyncIterator[Self]:
        """Connect. `receive_buffer` is how many bytes the system may take in while nobody reads."""
        with socket.socket() as connection:
            connection.setblocking(False)
            if receive_buffer is not None:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
            loop = asyncio.get_running_loop()
            await asyncio.wait_for(loop.sock_connect(connection, (server.host, server.port)), LIMIT)
            yield cls(connection, server)

    async def send(self, data: bytes) -> None:
        """Send bytes, or as many of them as the server takes before it hangs up."""
        try:
            await asyncio.wait_for(asyncio.get_running_loop().sock_sendall(self._socket, data), LIMIT)
        except (ConnectionResetError, BrokenPipeError):
            self._is_at_end = True

    async def upgrade(self, path: str | None = None, *, then: bytes = b"") -> None:
        """Become a WebSocket, by a request that has the bytes `then` at its heels."""
        await self.send(request(self._server, path) + then)
        head = await self.head()
        assert head.startswith("HTTP/1.1 101 "), head

    async def head(self) -> str:
        """Give the head of the server's answer, without its last line break."""
        return (await self._until(b"\r\n\r\n")).decode()

    async def body(self, head: str) -> bytes:
        """Give the body that belongs to a head, of which it must tell the length."""
        length = next(line for line in head.lower().splitlines() if line.startswith("content-length:"))
        return await self._exactly(int(length.partition(":")[2]))

    async def frame(self) -> tuple[int, bytes]:
        """Give opcode and payload of the next frame, which must be whole and unmasked."""
        first, size = await self._exactly(2)
        assert first & 0xF0 == 0x80, "a fragment or reserved bits"
        if size >= 126:
            size = int.from_bytes(await self._exactly(2 if size == 126 else 8))
        return first & 0x0F, await self._exactly(size)

    async def expect_event(self, event: str) -> None:
        """The next frame is text, and of this event."""
        opcode, payload = await self.frame()
        assert opcode == TEXT, payload
        assert json.loads(payload)["event"] == event, payload

    async def expect_frame(self, opcode: int, payload: bytes) -> None:
        """The next frame is exactly this one."""
        assert await self.frame() == (opcode, payload)

    async def join(self, channel: str, channel_data: str) -> None:
        """Take the welcome, and join a presence channel."""
        opcode, payload = await self.frame()
        assert opcode == TEXT
        socket_id = json.loads(json.loads(payload)["data"])["socket_id"]
        auth = sign(self._server, f"{socket_id}:{channel}:{channel_data}")
        await self.send(command("pusher:subscribe", channel=channel, auth=auth, channel_data=channel_data))
        await self.expect_event(SUCCEEDED)

    async def expect_close(self, code: int) -> None:
        """The next frame is a close with this code, and then the server hangs up."""
        opcode, payload = await self.frame()
        assert opcode == CLOSE, payload
        assert int.from_bytes(payload[:2]) == code, payload
        self.end()
        assert await self.expect_hang_up() == b""

    async def expect_close_in_the_end(self, code: int) -> None:
        """After whatever text and pongs are still to come there is a close with this code; then the server hangs up."""
        while (frame := await self.frame())[0] in (TEXT, PONG):
            pass
        assert frame[0] == CLOSE
        assert int.from_bytes(frame[1][:2]) == code, frame
        self.end()
        assert await self.expect_hang_up() == b""

    async def expect_hang_up(self) -> bytes:
        """The server hangs up. Gives what it said before, which is lost if it broke the connection instead."""
        while await self._more():
            pass
        return self._read

    def end(self) -> None:
        """Say that nothing more will come."""
        try:
            self._socket.shutdown(socket.SHUT_WR)
        except OSError:
            self._is_at_end = True

    def cut(self) -> None:
        """Break the connection."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()

    async def _exactly(self, size: int) -> bytes:
        while len(self._read) < size:
            assert await self._more(), f"the server hung up after {self._read!r}"
        part, self._read = self._read[:size], self._read[size:]
        return part

    async def _until(self, mark: bytes) -> bytes:
        while mark not in self._read:
            assert await self._more(), f"the server hung up after {self._read!r}"
        part, _, self._read = self._read.partition(mark)
        return part

    async def _more(self) -> bool:
        try:
            data = await asyncio.wait_for(asyncio.get_running_loop().sock_recv(self._socket, 65_536), LIMIT)
        except ConnectionResetError:
            data = b""
        self._read += data
        return bool(data)


def sign(server: Place, text: str) -> str:
    """Sign as the application that the server declares."""
    return f"{server.key}:{hmac.digest(server.secret.encode(), text.encode(), 'sha256').hex()}"


def request(server: Place, path: str | None = None, *, without: str = "", **headers: str) -> bytes:
    """Write the request that opens a WebSocket; `Sec_WebSocket_Version="8"` replaces a header, `without` drops one."""
    fields = {
        "Host": f"{server.host}:{server.port}",
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
        "Sec-WebSocket-Version": "13",
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    fields.pop(without, None)
    lines = [f"GET {path or f'/app/{server.key}?protocol=7'} HTTP/1.1", *map(": ".join, fields.items()), "", ""]
    return "\r\n".join(lines).encode("latin-1")


def client_frame(payload: bytes, opcode: int = TEXT, *, first: int | None = None, masked: bool = True) -> bytes:
    """Write a frame as clients do; `first` is the whole first byte, for those that no client should send."""
    head = bytes([0x80 | opcode if first is None else first])
    bit = 0x80 if masked else 0
    size = len(payload)
    if size < 126:
        head += bytes([bit | size])
    elif size < 65_536:
        head += bytes([bit | 126]) + size.to_bytes(2)
    else:
        head += bytes([bit | 127]) + size.to_bytes(8)
    # A mask of zeros masks as well as any other.
    return head + (bytes(4) if masked else b"") + payload


def command(event: str, **data: object) -> bytes:
    """Write a command as a client's frame."""
    return client_frame(json.dumps({"event": event, "data": data}).encode())


def accept_of(key: str) -> str:
    """Give the Sec-WebSocket-Accept that RFC 6455, 4.2.2 wants for a key."""
    return base64.b64encode(hashlib.sha1(f"{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode()).digest()).decode()


def resident_bytes(server: Running) -> int:
    """Give how much memory the server occupies."""
    pages = int(Path(f"/proc/{server.pid}/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def allow_files(count: int) -> int:
    """Let this process have `count` files open, or as many as it may; gives how many that are."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count if hard == resource.RLIM_INFINITY else min(count, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return wanted


async def eventually(try_it: Callable[[], Awaitable[bool]], problem: str) -> None:
    """Try until it succeeds: for what the server does in its own time and tells nobody."""
    until = time.monotonic() + LIMIT
    while not await try_it():
        assert time.monotonic() < until, problem
        await asyncio.sleep(0.02)
