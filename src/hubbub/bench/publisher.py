"""One connection to the HTTP API, kept alive, with one request at a time.

Knows HTTP by way of httptools. Does not know what is published, or when.
"""

import asyncio
import ssl
from collections.abc import Callable

import httptools

from hubbub.bench.target import Target


class Publisher(asyncio.Protocol):
    """A connection; `on_answer` is called with itself, the status and the body of each answer.

    The status is 0 when the connection has ended before the answer came: the server may have obeyed or not.
    `on_end` is called once, when the connection has ended, whoever ended it.
    """

    def __init__(
        self,
        source: int,
        on_answer: Callable[["Publisher", int, bytes], None],
        on_end: Callable[["Publisher"], None],
    ) -> None:
        self.source = source
        self.is_busy = False
        self.is_leaving = False
        """Whether the connection takes no more requests."""
        self.has_answered = False
        self._on_answer = on_answer
        self._on_end = on_end
        self._body = b""
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport

    def send(self, request: bytes) -> None:
        """Send a request. There must be none on its way."""
        self.is_busy = True
        self._transport.write(request)

    def leave(self) -> None:
        """End the connection."""
        self.is_leaving = True
        self._transport.close()

    # What asyncio calls

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take the connection."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Read an answer, or a part of one."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._body = b"what came is no HTTP"
            self._transport.abort()

    def connection_lost(self, error: Exception | None) -> None:
        """Say so, and that an answer will not come."""
        if self.is_busy:
            self.is_busy = False
            self._on_answer(self, 0, self._body or (str(error).encode() if error else b"the connection was closed"))
        self._on_end(self)

    # What httptools calls

    def on_body(self, body: bytes) -> None:
        """Keep a part of the body."""
        self._body += body

    def on_message_complete(self) -> None:
        """Hand the answer out, and be free for the next request."""
        body, self._body = self._body, b""
        status = self._parser.get_status_code()
        if not self.is_busy:
            return  # something that was not asked for, such as a 408 to a connection that idles
        self.is_busy = False
        self.has_answered = True
        # The server closes first, so that it is not our ports that are used up: some do after each answer.
        self.is_leaving = self.is_leaving or not self._parser.should_keep_alive()
        self._on_answer(self, status, body)


async def dial(target: Target, publisher: Publisher, context: ssl.SSLContext | None) -> None:
    """Connect a publisher, with TLS if there is a context. Raises OSError or TimeoutError."""
    _, port = target.api
    async with asyncio.timeout(target.patience):
        await asyncio.get_running_loop().create_connection(
            lambda: publisher,
            target.api_address,
            port,
            ssl=context,
            server_hostname=target.api[0] if context else None,
        )
