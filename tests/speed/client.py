"""A client in step with the server: it says one thing at a time, in one piece, and takes all that comes of it.

So the server is woken as often, and reads as much at once, whatever the machine is busy with.
"""

import hashlib
import hmac
import json
import re
import socket
import struct
import time
from typing import Final, Self

LIMIT: Final = 120.0  # seconds: a server under valgrind on a busy machine
KEY: Final = "app-key"
SECRET: Final = "a secret that is no secret"
EVENTS: Final = "/apps/1/events"
BATCHES: Final = "/apps/1/batch_events"
DATA: Final = json.dumps({"text": "x" * 80})

_MASK: Final = b"\x11\x22\x33\x44"
_GOODBYE: Final = b"\x88\x82" + _MASK + bytes(a ^ b for a, b in zip(b"\x03\xe8", _MASK, strict=False))
_LENGTH: Final = re.compile(rb"\r\ncontent-length: (\d+)", re.IGNORECASE)


def sign(text: str) -> str:
    """Sign as the application's own server does."""
    return hmac.new(SECRET.encode(), text.encode(), hashlib.sha256).hexdigest()


class Connection:
    """A connection to the server on a port of this machine."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._socket = socket.create_connection(("127.0.0.1", port), LIMIT)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._unread = b""
        self._id = ""

    def close(self) -> None:
        """Close without a word."""
        self._socket.close()

    # The signed API

    def post(self, path: str, body: bytes) -> None:
        """Send a signed request, and wait for its answer, which must be 200."""
        md5 = hashlib.md5(body).hexdigest()
        query = f"auth_key={KEY}&auth_timestamp={int(time.time())}&auth_version=1.0&body_md5={md5}"
        signature = sign(f"POST\n{path}\n{query}")
        head = (
            f"POST {path}?{query}&auth_signature={signature} HTTP/1.1\r\nHost: localhost\r\nUser-Agent: speed\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        self._socket.sendall(head.encode() + body)
        answer = self._take_until(b"\r\n\r\n")
        length = _LENGTH.search(answer)
        assert length is not None, answer
        rest = self._take(int(length[1]))
        assert answer.startswith(b"HTTP/1.1 200 "), answer + rest

    # The socket

    def upgrade(self) -> Self:
        """Become a WebSocket, as pusher-js asks for one, and wait for the welcome."""
        self._socket.sendall(
            f"GET /app/{KEY}?protocol=7&client=js&version=8.4.0&flash=false HTTP/1.1\r\n"
            f"Host: localhost:{self._port}\r\nConnection: Upgrade\r\nPragma: no-cache\r\nCache-Control: no-cache\r\n"
            "User-Agent: Mozilla/5.0\r\nUpgrade: websocket\r\nOrigin: http://localhost\r\nSec-WebSocket-Version: 13\r\n"
            "Accept-Encoding: gzip, deflate, br\r\nAccept-Language: en\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
        )
        answer = self._take_until(b"\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 101 "), answer
        welcome = self.expect("pusher:connection_established")
        self._id = json.loads(json.loads(welcome)["data"])["socket_id"]
        return self

    def subscribe(self, channel: str, user_id: str | None = None) -> Self:
        """Subscribe, as this user to a presence channel, and wait for the answer."""
        data = {"channel": channel}
        signed = f"{self._id}:{channel}"
        if user_id is not None:
            data["channel_data"] = json.dumps({"user_id": user_id, "user_info": {"name": "somebody"}})
            signed += f":{data['channel_data']}"
        if channel.startswith(("private-", "presence-")):
            data["auth"] = f"{KEY}:{sign(signed)}"
        self.say({"event": "pusher:subscribe", "data": data})
        self.expect("pusher_internal:subscription_succeeded")
        return self

    def say(self, message: dict[str, object]) -> None:
        """Send one message."""
        text = json.dumps(message).encode()
        head = (
            struct.pack(">BB", 0x81, 0x80 | len(text)) if len(text) < 126 else struct.pack(">BBH", 0x81, 254, len(text))
        )
        masked = bytes(byte ^ _MASK[place & 3] for place, byte in enumerate(text))
        self._socket.sendall(head + _MASK + masked)

    def expect(self, event: str) -> bytes:
        """Wait for the next message, which must be of this event, and give it."""
        head = self._take(2)
        assert head[0] == 0x81, head
        length: int = head[1]
        if length == 126:
            (length,) = struct.unpack(">H", self._take(2))
        elif length == 127:
            (length,) = struct.unpack(">Q", self._take(8))
        text = self._take(length)
        assert json.loads(text)["event"] == event, text
        return text

    def leave(self) -> None:
        """Say goodbye, and wait until the server has closed."""
        self._socket.sendall(_GOODBYE)
        while self._socket.recv(65536):
            pass
        self._socket.close()

    # Bytes

    def _take(self, size: int) -> bytes:
        while len(self._unread) < size:
            self._more()
        taken, self._unread = self._unread[:size], self._unread[size:]
        return taken

    def _take_until(self, end: bytes) -> bytes:
        while end not in self._unread:
            self._more()
        return self._take(self._unread.index(end) + len(end))

    def _more(self) -> None:
        data = self._socket.recv(65536)
        assert data, "the server has closed the connection"
        self._unread += data
