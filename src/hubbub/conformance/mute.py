"""A client that never answers unless told to: WebSocket written by hand, as libraries answer pings by themselves.

Knows the frames of RFC 6455 as far as a server sends them, and as much of Pusher as it takes to subscribe. Does not
know what is right.
"""

import asyncio
import base64
import json
import os
from typing import Any, Final, Self

from hubbub.conformance.checks import Failed, check
from hubbub.conformance.client import ESTABLISHED, PING, SUCCEEDED
from hubbub.conformance.scene import Scene
from hubbub.conformance.target import Application
from hubbub.signing import channel_text, sign

TEXT: Final = 1
CLOSE: Final = 8
RFC_PING: Final = 9
RFC_PONG: Final = 10


class Mute:
    """One such connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, scene: Scene) -> Self:
        """Connect, and subscribe to a private channel, so that nobody takes the connection for an unauthorized one."""
        reader, writer = await scene.socket_stream()
        lines = [
            f"GET /app/{scene.target.app.key}?protocol=7 HTTP/1.1",
            f"Host: {scene.target.host}:{scene.target.port}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}",
            "Sec-WebSocket-Version: 13",
        ]
        writer.write("\r\n".join([*lines, "", ""]).encode())
        try:
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), scene.target.patience)
        except (asyncio.IncompleteReadError, TimeoutError) as error:
            raise Failed("101 to an upgrade", type(error).__name__) from None
        check(head.startswith(b"HTTP/1.1 101 "), "101 to an upgrade", head)
        mute = cls(reader, writer)
        await mute._subscribe(scene.channel("private-"), scene.target.app, scene.target.patience)
        return mute

    async def until_pinged(self, *, limit: float, answer: bool = False) -> None:
        """Wait for a ping, of RFC 6455 or of Pusher, and answer it if told to."""
        while True:
            opcode, payload = await self._frame("a ping", limit)
            if opcode == CLOSE:
                raise Failed("a ping", f"a close with {int.from_bytes(payload[:2])}")
            if opcode == RFC_PING:
                if answer:
                    self._send(RFC_PONG, payload)
                return
            if opcode == TEXT and json.loads(payload).get("event") == PING:
                if answer:
                    self._send(TEXT, b'{"event":"pusher:pong","data":{}}')
                return

    async def until_closed(self, *, limit: float) -> int:
        """Wait for the server's close, and give its code."""
        while True:
            opcode, payload = await self._frame("a close", limit)
            if opcode == CLOSE:
                return int.from_bytes(payload[:2])

    async def _subscribe(self, channel: str, app: Application, limit: float) -> None:
        welcome = await self._event(ESTABLISHED, limit)
        socket_id = json.loads(welcome["data"])["socket_id"]
        auth = f"{app.key}:{sign(app.secret, channel_text(socket_id, channel))}"
        data = {"channel": channel, "auth": auth}
        self._send(TEXT, json.dumps({"event": "pusher:subscribe", "data": data}).encode())
        await self._event(SUCCEEDED, limit)

    async def _event(self, name: str, limit: float) -> dict[str, Any]:
        opcode, payload = await self._frame(name, limit)
        frame = json.loads(payload) if opcode == TEXT else {}
        check(frame.get("event") == name, name, payload)
        return dict(frame)

    def _send(self, opcode: int, payload: bytes) -> None:
        size = len(payload)
        length = bytes([0x80 | size]) if size < 126 else bytes([0x80 | 126]) + size.to_bytes(2)
        # A mask of zeros masks as well as any other.
        self._writer.write(bytes([0x80 | opcode]) + length + bytes(4) + payload)

    async def _frame(self, expected: str, limit: float) -> tuple[int, bytes]:
        try:
            async with asyncio.timeout(limit):
                first, size = await self._reader.readexactly(2)
                if size >= 126:
                    size = int.from_bytes(await self._reader.readexactly(2 if size == 126 else 8))
                return first & 0x0F, await self._reader.readexactly(size)
        except TimeoutError:
            raise Failed(expected, f"nothing in {limit:g} s") from None
        except (asyncio.IncompleteReadError, ConnectionError):
            raise Failed(expected, "an end of the connection without a close frame") from None
