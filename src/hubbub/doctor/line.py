"""One connection, and one request on it, in which nothing is hidden: what came, when, and from whom.

Knows bytes, TLS and HTTP/1.1, which h11 reads. Does not know what is asked for, or what is right.
"""

import asyncio
import ssl
import time
import zlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

import h11
import msgspec

from hubbub.doctor.target import Place

AGENT: Final = "hubbub-doctor"
CHUNK: Final = 65536
LONGEST: Final = 1 << 20
"""Bytes of an answer that are read."""

WHOLE: Final = 3
"""So many times as long as one piece of it, all of an answer may take: some come by one byte a second."""

Headers = Sequence[tuple[str, str]]


class Broken(Exception):
    """There was no answer of HTTP/1.1: `raw` is what came first, `why` what was wrong."""

    def __init__(self, why: str, raw: bytes = b"") -> None:
        super().__init__(why)
        self.why = why
        self.raw = raw


class Answer(msgspec.Struct, frozen=True):
    """A response. Names of headers are in lower case; `seconds` is how long its head took to come."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes = b""
    seconds: float = 0.0

    def all(self, name: str) -> list[str]:
        """Give a header's values, as often as it came."""
        return [value for given, value in self.headers if given == name]

    def header(self, name: str) -> str:
        """Give a header's first value, empty without one."""
        return next(iter(self.all(name)), "")

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode(errors="replace")

    @property
    def is_page(self) -> bool:
        """Whether it is HTML, which no API answers."""
        return "html" in self.header("content-type") or self.body[:200].lstrip().lower().startswith(
            (b"<!doc", b"<html")
        )

    def __str__(self) -> str:
        return f"{self.status}, {shortened(self.text) or 'with nothing in it'}"


class Way(msgspec.Struct, frozen=True):
    """How a place is reached: one address of it, and what TLS is begun with, if any."""

    place: Place
    address: str
    context: ssl.SSLContext | None
    source: str | None = None
    patience: float = 10.0

    @property
    def local(self) -> tuple[str, int] | None:
        """What to begin connections at."""
        return (self.source, 0) if self.source is not None else None

    async def open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect. Raises OSError, of which ssl.SSLError is one, and TimeoutError, which is another."""
        async with asyncio.timeout(self.patience):
            return await asyncio.open_connection(
                self.address,
                self.place.port,
                ssl=self.context,
                server_hostname=self.place.host if self.context is not None else None,
                local_addr=self.local,
            )

    async def ask(self, method: str, target: str, headers: Headers = (), body: bytes = b"") -> Answer:
        """Send one request on a connection of its own, and read the whole answer. Raises Broken."""
        async with self.reading(method, target, headers, body) as (answer, pieces):
            try:
                async with asyncio.timeout(WHOLE * self.patience):
                    return await whole(answer, pieces)
            except TimeoutError:
                raise Broken(f"an answer did not end within {WHOLE * self.patience:g} s") from None

    @asynccontextmanager
    async def reading(
        self, method: str, target: str, headers: Headers = (), body: bytes = b""
    ) -> AsyncIterator[tuple[Answer, AsyncIterator[bytes]]]:
        """Send one request; give the head of the answer, and its body in pieces as they come. Raises Broken.

        Each piece may take `patience`; a body that is compressed is given as it was before.
        """
        try:
            reader, writer = await self.open()
        except (OSError, TimeoutError) as error:
            raise Broken(said(error)) from None
        try:
            exchange = _Exchange(reader, writer, self.patience)
            began = time.monotonic()
            given = [("Host", self.place.authority), ("User-Agent", AGENT), ("Connection", "close"), *headers]
            if body or method == "POST":
                given.append(("Content-Length", str(len(body))))
            head = await exchange.send(method, target, given, body)
            answer = Answer(
                head.status_code,
                tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in head.headers),
                seconds=time.monotonic() - began,
            )
            yield answer, _plain(exchange.body(), answer.header("content-encoding"))
        finally:
            writer.transport.abort()


class _Exchange:
    """One request and its answer, by h11."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, patience: float) -> None:
        self._reader = reader
        self._writer = writer
        self._patience = patience
        self._http = h11.Connection(h11.CLIENT)
        self._raw = b""

    async def send(self, method: str, target: str, headers: Headers, body: bytes) -> h11.Response:
        """Send all of it, reading at the same time: who refuses a large body may say so before it is read."""
        try:
            request = h11.Request(method=method, target=target, headers=list(headers))
            data = [self._http.send(request), self._http.send(h11.Data(body)), self._http.send(h11.EndOfMessage())]
        except h11.LocalProtocolError as error:
            raise Broken(str(error)) from None
        sending = asyncio.ensure_future(self._write(b"".join(part or b"" for part in data)))
        try:
            async with asyncio.timeout(self._patience):
                while True:
                    match await self._next():
                        case h11.Response() as response:
                            return response
                        case h11.InformationalResponse():
                            continue
                        case _:
                            raise Broken("it closed the connection without an answer", self._raw)
        except TimeoutError:
            raise Broken(f"no answer came within {self._patience:g} s", self._raw) from None
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)

    async def body(self) -> AsyncIterator[bytes]:
        """Give the pieces of the body. Raises Broken."""
        while True:
            try:
                async with asyncio.timeout(self._patience):
                    event = await self._next()
            except TimeoutError:
                raise Broken(f"nothing more of an answer came within {self._patience:g} s") from None
            if not isinstance(event, h11.Data):
                return
            yield bytes(event.data)

    async def _write(self, data: bytes) -> None:
        try:
            self._writer.write(data)
            await self._writer.drain()
        except OSError:
            pass  # what is read tells why

    async def _next(self) -> object:
        try:
            while (event := self._http.next_event()) is h11.NEED_DATA:
                data = await self._reader.read(CHUNK)
                self._raw = self._raw or data[:64]
                self._http.receive_data(data)
        except h11.RemoteProtocolError as error:
            why = "it closed the connection without an answer" if not self._raw else str(error)
            raise Broken(why, self._raw) from None
        except OSError as error:
            raise Broken(said(error), self._raw) from None
        return event


async def whole(answer: Answer, pieces: AsyncIterator[bytes]) -> Answer:
    """Give an answer with its body, of which as much is read as LONGEST. Raises Broken."""
    content = b""
    async for piece in pieces:
        content += piece
        if len(content) > LONGEST:
            break
    return msgspec.structs.replace(answer, body=content)


async def _plain(pieces: AsyncIterator[bytes], coding: str) -> AsyncIterator[bytes]:
    """Undo gzip or deflate, piece by piece: what a browser would see at that time."""
    if coding not in ("gzip", "deflate"):
        async for piece in pieces:
            yield piece
        return
    inflate = zlib.decompressobj(wbits=47)
    async for piece in pieces:
        try:
            if plain := inflate.decompress(piece):
                yield plain
        except zlib.error as error:
            raise Broken(f"what came compressed cannot be read: {error}") from None


def said(error: BaseException) -> str:
    """Give an error in a few words."""
    if isinstance(error, TimeoutError):
        return "no answer came in time"
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message
    if isinstance(error, ssl.SSLError):
        return (error.reason or "TLS failed").replace("_", " ").lower()
    if isinstance(error, ConnectionRefusedError):
        return "the connection was refused"
    if isinstance(error, ConnectionResetError):
        return "the connection was cut off"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror[:1].lower() + error.strerror[1:]
    return str(error) or type(error).__name__


def shortened(text: str, most: int = 160) -> str:
    """Give a stranger's text on one line, not too long, with nothing in it that moves a terminal."""
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    return line if len(line) <= most else f"{line[: most - 1]}…"
