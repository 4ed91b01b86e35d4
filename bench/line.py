"""A Pusher client that costs its machine little, for programs that hold thousands beside what they measure.

Knows the upgrade, frames as a server sends them, and how a subscription is signed. Counts frames; parses none unless it
is asked to. A line is read when its owner says so, never by itself: no event loop, no task.
"""

import hmac
import json
import select
import socket
import struct
from collections.abc import Iterator
from typing import Final

from servers import Server

LIMIT: Final = 30.0  # seconds: only reached by what has failed
TEXT: Final = 1  # opcodes of RFC 6455
CLOSE: Final = 8
PING: Final = 9
PONG: Final = 10


class Line:
    """One open WebSocket with its welcome taken. `frames` counts the data frames since, `code` is the close's."""

    __slots__ = ("_rest", "code", "connection", "frames", "is_over", "server", "socket_id")

    def __init__(self, server: Server, *, receive_buffer: int | None = None) -> None:
        self.server = server
        self.frames = 0
        self.code: int | None = None
        self.is_over = False
        self._rest = b""
        self.connection = socket.socket()
        self.connection.settimeout(LIMIT)
        if receive_buffer is not None:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.connection.connect(("127.0.0.1", server.port))
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        lines = (
            f"GET /app/{server.key}?protocol=7 HTTP/1.1",
            f"Host: 127.0.0.1:{server.port}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
        )
        self.connection.sendall("\r\n".join([*lines, "", ""]).encode())
        head = b""
        while b"\r\n\r\n" not in head:
            data = self.connection.recv(65_536)
            if not data:
                raise ConnectionError(f"no upgrade but {head!r}")
            head += data
        head, _, self._rest = head.partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 101 "):
            raise ConnectionError(f"no upgrade but {head!r}")
        self.connection.setblocking(False)
        welcome = self.wait("pusher:connection_established")
        self.socket_id = str(json.loads(welcome["data"])["socket_id"])
        self.frames = 0

    # Saying

    def send(self, event: str, data: object, channel: str | None = None) -> None:
        """Send one frame. Raises OSError when the line is broken."""
        about = {"event": event, "data": data} | ({} if channel is None else {"channel": channel})
        self.connection.sendall(masked(json.dumps(about).encode()))

    def subscribe(self, channel: str, channel_data: str | None = None) -> None:
        """Ask to be subscribed, signed where the name wants it, and wait for nothing."""
        data = {"channel": channel}
        if channel.startswith(("private-", "presence-")):
            signed = f"{self.socket_id}:{channel}" + ("" if channel_data is None else f":{channel_data}")
            digest = hmac.digest(self.server.secret.encode(), signed.encode(), "sha256").hex()
            data["auth"] = f"{self.server.key}:{digest}"
        if channel_data is not None:
            data["channel_data"] = channel_data
        self.send("pusher:subscribe", data)

    def unsubscribe(self, channel: str) -> None:
        """Ask to leave a channel, and wait for nothing."""
        self.send("pusher:unsubscribe", {"channel": channel})

    # Hearing

    def read(self) -> int:
        """Take what is there, without waiting, and give how many data frames that were."""
        before = self.frames
        for _ in self._frames(self._take()):
            pass
        return self.frames - before

    def messages(self, data: bytes | None = None) -> list[dict[str, str]]:
        """Take what is there, without waiting, or bytes that were read by others; give the messages in it."""
        return [json.loads(payload) for payload in self._frames(self._take() if data is None else data)]

    def wait(self, event: str) -> dict[str, str]:
        """Give the next message of this event, which is waited for; those before it are counted and forgotten.

        Raises TimeoutError after LIMIT seconds of silence, ConnectionError when the line ends.
        """
        data = b""
        while not self.is_over:
            found = None
            for payload in self._frames(data):
                message = json.loads(payload)
                if found is None and message["event"] == event:
                    found = message
            if found is not None:
                return dict(found)
            waiting = select.poll()
            waiting.register(self.connection, select.POLLIN)
            if not waiting.poll(LIMIT * 1000):
                raise TimeoutError(f"no {event} within {LIMIT:.0f} s")
            data = self._take()
        raise ConnectionError(f"the line ended, by {self.code}, before {event}")

    def end(self) -> None:
        """Say goodbye as a browser does, by a close frame; the server ends the line when it has read it."""
        self.connection.sendall(masked((1000).to_bytes(2), CLOSE))

    def close(self) -> None:
        """Hang up."""
        self.is_over = True
        self.connection.close()

    def reset(self) -> None:
        """Be gone without a word."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def _take(self) -> bytes:
        parts = []
        while not self.is_over:
            try:
                part = self.connection.recv(65_536)
            except BlockingIOError:
                break
            except ConnectionResetError:
                part = b""
            self.is_over = not part
            parts.append(part)
            if len(part) < 65_536:
                break
        return b"".join(parts)

    def _frames(self, data: bytes) -> Iterator[bytes]:
        """Cut into frames, answer pings, note a close, give the data frames' payloads; keep the rest for next time."""
        data = self._rest + data
        at, size = 0, len(data)
        while size - at >= 2:
            length, start = data[at + 1], at + 2
            if length == 126:
                length, start = int.from_bytes(data[at + 2 : at + 4]), at + 4
            elif length == 127:
                length, start = int.from_bytes(data[at + 2 : at + 10]), at + 10
            if size < start + length:
                break
            opcode, at = data[at] & 15, start + length
            if opcode == CLOSE:
                self.code = int.from_bytes(data[start : start + 2])
            elif opcode == PING:
                self.connection.sendall(masked(data[start:at], PONG))
            elif opcode != PONG:
                self.frames += 1
                yield data[start:at]
        self._rest = data[at:]


def masked(payload: bytes, opcode: int = TEXT) -> bytes:
    """Frame text as clients must, by a mask of zeros, which masks as well as any other."""
    size = len(payload)
    if size < 126:
        head = bytes([0x80 | opcode, 0x80 | size])
    elif size < 65_536:
        head = bytes([0x80 | opcode, 0xFE]) + size.to_bytes(2)
    else:
        head = bytes([0x80 | opcode, 0xFF]) + size.to_bytes(8)
    return head + bytes(4) + payload
