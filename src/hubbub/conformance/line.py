"""One connection to the HTTP API on which a case writes every byte of HTTP/1.1 itself.

Knows how a request is written and where an answer ends. Does not know what is signed, or which answer is right.
"""

import asyncio
from typing import Self

from hubbub.conformance.api import Answer
from hubbub.conformance.checks import Failed
from hubbub.conformance.scene import Scene
from hubbub.conformance.target import bracketed


class Line:
    """`line = await Line.open(scene)`; it ends with the case."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str, patience: float) -> None:
        self._reader = reader
        self._writer = writer
        self._host = host
        self._patience = patience

    @classmethod
    async def open(cls, scene: Scene) -> Self:
        """Connect. Raises Failed when that is not possible."""
        host, port = scene.target.api_address
        reader, writer = await scene.stream()
        return cls(reader, writer, f"{bracketed(host)}:{port}", scene.target.patience)

    def request(
        self, method: str, target: str, body: bytes | None = None, *headers: str, version: str = "1.1"
    ) -> bytes:
        """Write a request out: with the length of its body, unless `headers` tell of that otherwise."""
        lines = [f"{method} {target} HTTP/{version}", f"Host: {self._host}", *headers]
        if body is not None:
            lines.append("Content-Type: application/json")
            if not any(header.lower().startswith("transfer-encoding:") for header in headers):
                lines.append(f"Content-Length: {len(body)}")
        return "\r\n".join([*lines, "", ""]).encode() + (body or b"")

    async def send(self, *parts: bytes) -> None:
        """Write, one part after the other. Who does not read on is seen by the answer that does not come."""
        try:
            async with asyncio.timeout(self._patience):
                for part in parts:
                    self._writer.write(part)
                    await self._writer.drain()
        except (OSError, TimeoutError):
            pass

    async def answer(self, *, to: str = "GET") -> Answer:
        """Read one answer, an interim one too, to a request with the method `to`. Raises Failed when none comes."""
        try:
            async with asyncio.timeout(self._patience):
                return await self._answer(to)
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError) as error:
            raise Failed("an answer", f"{type(error).__name__}: {error}".removesuffix(": ")) from None
        except (ValueError, KeyError) as error:
            raise Failed("an answer of HTTP/1.1", error) from None

    async def ask(self, *requests: bytes) -> Answer:
        """Send, and read one answer."""
        await self.send(*requests)
        return await self.answer()

    async def _answer(self, to: str) -> Answer:
        head = await self._reader.readuntil(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
        status = int(first.split(" ")[1])
        headers = {}
        for line in lines:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        return Answer(status, headers, await self._body(to, status, headers))

    async def _body(self, to: str, status: int, headers: dict[str, str]) -> bytes:
        if to == "HEAD" or status < 200 or status in (204, 304):
            return b""
        if "chunked" in headers.get("transfer-encoding", "").lower():
            return await self._chunks()
        if "content-length" in headers:
            return await self._reader.readexactly(int(headers["content-length"]))
        return await self._reader.read()

    async def _chunks(self) -> bytes:
        body = b""
        while size := int((await self._reader.readuntil(b"\r\n")).partition(b";")[0], 16):
            body += (await self._reader.readexactly(size + 2))[:-2]
        while await self._reader.readuntil(b"\r\n") != b"\r\n":
            pass  # a trailer
        return body
