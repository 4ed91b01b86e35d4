"""A small server of Pusher Channels that makes mistakes when it is told to.

Knows just enough of the protocol for `hubbub bench`, and no signatures. It runs in the test's own loop.
"""

import asyncio
import base64
import hashlib
import json
import ssl
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def frame(text: bytes, opcode: int = 1, fin: int = 0x80) -> bytes:
    size = bytes([len(text)]) if len(text) < 126 else bytes([126]) + len(text).to_bytes(2)
    return bytes([fin | opcode]) + size + text


class Faulty:
    """`status` answers publishing; with `is_closing` each answer ends its connection; `spoil` makes what is delivered.

    `closes_after` is a number of messages after which each subscriber is closed with 4100.
    """

    def __init__(
        self,
        spoil: Callable[[bytes], list[bytes]] = lambda message: [frame(message)],
        *,
        status: int = 200,
        is_closing: bool = False,
        hangs_up_every: int = 0,
        closes_after: int = 0,
    ) -> None:
        self._spoil = spoil
        self._status = status
        self._is_closing = is_closing
        self._hangs_up_every = hangs_up_every
        self._closes_after = closes_after
        self._listeners: defaultdict[str, list[asyncio.StreamWriter]] = defaultdict(list)
        self._published = 0
        self.open_sockets = 0
        self.clean_closes = 0
        self.port = 0

    @asynccontextmanager
    async def serving(self, tls: ssl.SSLContext | None = None) -> AsyncIterator["Faulty"]:
        """Listen on a free port."""
        tasks: set[asyncio.Task[None]] = set()

        def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.create_task(self._serve(reader, writer))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

        server = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=tls)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            if tasks:
                await asyncio.wait(tasks, timeout=15)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while head := (await reader.readuntil(b"\r\n\r\n")).decode():
                names = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if line)
                if "upgrade" in names:
                    await self._listen(reader, writer, head)
                    break
                self._published += 1
                body = await reader.readexactly(int(names["content-length"]))
                if self._hangs_up_every and self._published % self._hangs_up_every == 0:
                    break
                if self._status == 200:
                    self._publish(json.loads(body))
                close = "Connection: close\r\n" if self._is_closing else ""
                writer.write(f"HTTP/1.1 {self._status} So\r\n{close}Content-Length: 2\r\n\r\n{{}}".encode())
                if self._is_closing:
                    break
        writer.close()

    def _publish(self, body: dict[str, str]) -> None:
        text = json.dumps({"event": body["name"], "channel": body["channel"], "data": body["data"]}).encode()
        for writer in list(self._listeners[body["channel"]]):
            for part in self._spoil(text):
                writer.write(part)
            if self._closes_after and self._published >= self._closes_after:
                writer.write(frame((4100).to_bytes(2) + b"Over capacity", 8))
                self._listeners[body["channel"]].remove(writer)

    async def _listen(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: str) -> None:
        [key] = [line.split(": ")[1] for line in head.split("\r\n") if line.lower().startswith("sec-websocket-key")]
        accept = base64.b64encode(hashlib.sha1((key + GUID).encode()).digest()).decode()
        writer.write(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Accept: {accept}\r\n\r\n".encode()
        )
        welcome = {"event": "pusher:connection_established", "data": json.dumps({"socket_id": "1.2"})}
        writer.write(frame(json.dumps(welcome).encode()) + frame(b"are you there", 9))
        self.open_sockets += 1
        channel = ""
        try:
            while True:
                opcode, size = await reader.readexactly(2)
                size &= 0x7F
                if size == 126:
                    size = int.from_bytes(await reader.readexactly(2))
                mask = await reader.readexactly(4)
                content = bytes(byte ^ mask[at % 4] for at, byte in enumerate(await reader.readexactly(size)))
                if opcode == 0x88:
                    self.clean_closes += 1
                    writer.write(frame(content, 8))
                    return
                if opcode == 0x81 and (asked := json.loads(content))["event"] == "pusher:subscribe":
                    channel = asked["data"]["channel"]
                    self._listeners[channel].append(writer)
                    done = {"event": "pusher_internal:subscription_succeeded", "channel": channel, "data": "{}"}
                    writer.write(frame(json.dumps(done).encode()))
        finally:
            self.open_sockets -= 1
            if writer in self._listeners[channel]:
                self._listeners[channel].remove(writer)
