"""A server that webhooks are sent to: it keeps every request byte for byte, and answers as it is told to."""

import asyncio
import hashlib
import hmac
import json
import time
from collections import deque
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Self

import msgspec

LIMIT = 20.0  # seconds: generous, for it is only reached by what has failed

Freak = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
"""An answer of any kind: it gets the connection after the request, and must close it if it is to be closed."""


class Received(msgspec.Struct, frozen=True):
    """One request: its first line, its headers in their order, its body, and when it was there (wall clock)."""

    line: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    at: float

    def header(self, name: str) -> str:
        """Give the one header of this name, spelled exactly so."""
        (value,) = [value for given, value in self.headers if given == name]
        return value

    @property
    def time_ms(self) -> int:
        return int(json.loads(self.body)["time_ms"])

    @property
    def events(self) -> list[dict[str, Any]]:
        found = json.loads(self.body)["events"]
        assert isinstance(found, list)
        return found

    def is_signed_by(self, key: str, secret: str) -> bool:
        """Tell whether the signature is good for the bytes that came."""
        signature = hmac.new(secret.encode(), self.body, hashlib.sha256).hexdigest()
        return self.header("X-Pusher-Key") == key and self.header("X-Pusher-Signature") == signature


class Receiver:
    """`async with Receiver() as receiver:` listens on a free port of the loopback. `answers` are used up one by one.

    An answer is a status, or a `Freak`; when there are none, it is `always`.
    """

    def __init__(self, *, always: int | Freak = 200, port: int = 0, host: str = "127.0.0.1") -> None:
        self.always = always
        self.answers: deque[int | Freak] = deque()
        self.requests: list[Received] = []
        self.connections = 0
        self._host = host
        self._port = port
        self._come: asyncio.Queue[Received] = asyncio.Queue()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        return f"http://{self._host}:{self.port}/hook"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, self._host, self._port)
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def next(self) -> Received:
        """Give the next request, in the order in which they came."""
        return await asyncio.wait_for(self._come.get(), LIMIT)

    async def next_ever(self) -> Received:
        """Give the next request, however long it takes."""
        return await self._come.get()

    async def events(self, count: int) -> list[dict[str, Any]]:
        """Give so many events of the next requests, in the order in which they came, and no more may have come."""
        found: list[dict[str, Any]] = []
        while len(found) < count:
            found += (await self.next()).events
        assert len(found) == count, found
        return found

    @staticmethod
    def events_of(body: bytes) -> list[dict[str, Any]]:
        """Give the events of a body."""
        found = json.loads(body)["events"]
        assert isinstance(found, list)
        return found

    def rest(self) -> list[Received]:
        """Give the requests that came and were not asked for yet."""
        found = []
        while not self._come.empty():
            found.append(self._come.get_nowait())
        return found

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        try:
            while (received := await self._receive(reader)) is not None:
                answer = self.answers.popleft() if self.answers else self.always
                self.requests.append(received)
                self._come.put_nowait(received)
                if not isinstance(answer, int):
                    await answer(reader, writer)
                    if writer.is_closing():
                        return
                else:
                    writer.write(f"HTTP/1.1 {answer} Whatever\r\nContent-Length: 2\r\n\r\nok".encode())
                    await writer.drain()
        except (ConnectionError, asyncio.CancelledError):
            pass  # the other side went, or the test is over
        finally:
            self._tasks.discard(task)
            writer.close()

    @staticmethod
    async def _receive(reader: asyncio.StreamReader) -> Received | None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            line, *fields = head.removesuffix("\r\n\r\n").split("\r\n")
            headers = tuple((name, value.strip()) for name, _, value in (field.partition(":") for field in fields))
            length = next(int(value) for name, value in headers if name.lower() == "content-length")
            return Received(line, headers, await reader.readexactly(length), time.time())
        except asyncio.IncompleteReadError:
            return None


def text(answer: str) -> Freak:
    """Give the answer that is this text, after which the connection is closed."""

    async def say(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer.encode())
        await writer.drain()
        writer.close()

    return say


async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Never answer."""
    await reader.read()
    writer.close()


async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Close without an answer."""
    writer.close()


async def megabytes(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer 200 and then send without an end."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n")
    while True:
        writer.write(b"0123456789abcdef" * 4096)
        await writer.drain()


async def headers_without_end(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Begin an answer whose head never ends."""
    writer.write(b"HTTP/1.1 200 OK\r\n")
    number = 0
    while True:
        number += 1
        writer.write(f"X-{number}: {'y' * 1000}\r\n".encode())
        await writer.drain()


def slowly(seconds: float) -> Freak:
    """Give the answer 200 that comes a byte at a time."""

    async def drip(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n":
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(seconds)

    return drip
