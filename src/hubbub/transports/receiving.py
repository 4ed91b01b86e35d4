"""Answers that say what waits for a client of the HTTP fallbacks: one part of it, or a stream of parts.

Knows: how lines are put into each kind of answer, how much of them fits in one, and that the client may break it off.
Does not know what they say.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Final

import msgspec
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from hubbub.transports import sockjs
from hubbub.transports.httpsocket import HttpSocket

LARGEST_STREAM: Final = 256 * 1024
"""Bytes after which a stream ends, with the line that exceeds it.

pusher-js counts the characters of a stream and, once there are more than this at the end of a line, breaks it off and
asks for another of the same session. A stream that ends before is a lost connection to it, and what came in one after
that line would be lost.
"""

LARGEST_PART: Final = 64 * 1024
"""Bytes written at once, and in one poll's answer, until the client has taken some; and what ends their line."""

CUT: Final = "hubbub.cut"
"""The extension of ASGI by which a connection is broken that nothing can be written to."""


class Form(msgspec.Struct, frozen=True):
    """A kind of answer: its content type, what it begins with, whether it goes on, and how lines are written in it.

    One that `is_single` holds one frame.
    """

    content_type: str
    prelude: bytes
    is_stream: bool
    written: Callable[[bytes], bytes]
    is_single: bool = False


def _as_they_are(lines: bytes) -> bytes:
    return lines


def _as_events(lines: bytes) -> bytes:
    return b"".join([b"data: %s\r\n\r\n" % line for line in lines.splitlines()])


_JAVASCRIPT: Final = "application/javascript; charset=UTF-8"

POLL: Final = Form(_JAVASCRIPT, b"", is_stream=False, written=_as_they_are)

# Browsers of old, and a few proxies and virus scanners of today, hold back the first 2 kB.
STREAM: Final = Form(_JAVASCRIPT, b"h" * 2048 + b"\n", is_stream=True, written=_as_they_are)
EVENT_SOURCE: Final = Form("text/event-stream; charset=UTF-8", b"\r\n", is_stream=True, written=_as_events)


def script(callback: str) -> Form:
    """Give the kind of answer that is a script which calls `callback`, a name that a script may hold."""
    return Form(_JAVASCRIPT, b"", is_stream=False, written=partial(sockjs.script, callback), is_single=True)


class Receiving(Response):
    """The answer to a request that waits for what is said to `socket`."""

    def __init__(self, socket: HttpSocket, form: Form) -> None:
        # nginx holds back what it is not told to pass on.
        super().__init__(headers={"Content-Type": form.content_type, "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._socket = socket
        self._form = form
        self._is_gone = False
        self._news: asyncio.Future[None] | None = None
        self._break: Callable[[], object] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, part by part."""
        self._break = scope.get("extensions", {}).get(CUT, {}).get("connection")
        departure = asyncio.ensure_future(_departure(receive))
        departure.add_done_callback(self._leave)
        try:
            await (self._stream(send) if self._form.is_stream else self._answer_once(send))
        finally:
            departure.remove_done_callback(self._leave)
            departure.cancel()
            self._socket.interrupt(self)

    async def _answer_once(self, send: Send) -> None:
        if await self._has_news():
            body = self._form.written(self._socket.take(LARGEST_PART, is_single=self._form.is_single))
            # Before it is written: the client may be back as soon as it has read this.
            self._socket.detach()
            self.headers["Content-Length"] = str(len(body))
            await self._begin(send)
            await send({"type": "http.response.body", "body": body})

    async def _stream(self, send: Send) -> None:
        socket, form = self._socket, self._form
        await self._begin(send)
        await send({"type": "http.response.body", "body": form.prelude, "more_body": True})
        said = len(form.prelude)
        is_last = False
        while not is_last and await self._has_news():
            part = socket.take(min(LARGEST_PART, LARGEST_STREAM - said))
            said += len(part)
            is_last = said > LARGEST_STREAM or socket.is_at_end
            if is_last:
                socket.detach()
            await send({"type": "http.response.body", "body": form.written(part), "more_body": not is_last})

    async def _begin(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})

    async def _has_news(self) -> bool:
        """Wait for something to say; False when the client is gone."""
        while not self._is_gone and not self._socket.has_news:
            self._news = asyncio.get_running_loop().create_future()
            await self._news
        return not self._is_gone

    def wake(self) -> None:
        """Look again whether there is something to say."""
        if self._news is not None and not self._news.done():
            self._news.set_result(None)

    def cut(self) -> None:
        """Break the connection."""
        if self._break is not None:
            self._break()

    def _leave(self, _departure: "asyncio.Future[None]") -> None:
        self._is_gone = True
        self._socket.interrupt(self)
        self.wake()


async def _departure(receive: Receive) -> None:
    """Come back when the client has gone. What ASGI tells before that is the body, in which nothing is said."""
    while (await receive())["type"] != "http.disconnect":
        pass
