"""A request of another node's client, answered here: the holder's end of a forwarded request.

It is an ASGI connection like any other. Knows: how far ahead of its client an answer may be, and that the client may be
gone. Does not know what is asked and answered.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from starlette.types import Message, Scope

from hubbub.errors import Refusal
from hubbub.transports.handing import PIECE, WINDOW, Asked, Broken, Head, Said, Word
from hubbub.transports.receiving import CUT

HTTP: Final = "1.1"

SERVER: Final = ("localhost", 0)
"""Without any, Starlette would not tell the scheme; nobody asks for more."""


class Errand:
    """One of them. `hand` brings a word to the asker, and raises a Refusal when that cannot be; `tell` only tries."""

    def __init__(
        self, asked: Asked, *, hand: Callable[[str, Word], Awaitable[None]], tell: Callable[[str, Word], object]
    ) -> None:
        self.asked = asked
        self._hand = hand
        self._tell = tell
        self._head: Head | None = None
        self._number = 0
        self._ahead = 0
        self._is_read = False
        self._is_gone = False
        self._news = asyncio.Event()
        self.session: str | None = None
        """The session at which it waits, once that is known."""

    @property
    def has_begun(self) -> bool:
        """Whether any of the answer is on its way."""
        return self._number > 0

    @property
    def scope(self) -> Scope:
        """The request as ASGI has it."""
        asked = self.asked
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": HTTP,
            "method": asked.method,
            "scheme": asked.scheme,
            "path": asked.path,
            "raw_path": asked.path.encode(errors="surrogatepass"),
            "query_string": asked.query,
            "root_path": "",
            "headers": asked.headers,
            "client": asked.client,
            "server": SERVER,
            "path_params": asked.parameters,
            "extensions": {CUT: {"connection": self.cut}},
        }

    # What ASGI calls

    async def receive(self) -> Message:
        """Give the body, then wait until the client is gone."""
        if not self._is_read:
            self._is_read = True
            return {"type": "http.request", "body": self.asked.body, "more_body": False}
        await self._until(lambda: self._is_gone)
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        """Hand on what is answered, in pieces, when the client has taken enough of those before."""
        if message["type"] == "http.response.start":
            self._head = Head(message["status"], list(message["headers"]))
            return
        body: bytes = message.get("body", b"")
        is_last = not message.get("more_body", False)
        for start in range(0, max(len(body), 1), PIECE):
            await self._say(body[start : start + PIECE], is_last=is_last and start + PIECE >= len(body))

    def cut(self) -> None:
        """Have the client's connection broken."""
        self.leave()
        self._tell(self.asked.asker, Broken(self.asked.id))

    # What the asker says

    def took(self, size: int) -> None:
        """The client has taken so many bytes."""
        self._ahead -= size
        self._news.set()

    def leave(self) -> None:
        """The client is gone."""
        self._is_gone = True
        self._news.set()

    async def _say(self, piece: bytes, *, is_last: bool) -> None:
        await self._until(lambda: self._is_gone or self._ahead < WINDOW)
        if self._is_gone:
            return
        head, self._head = self._head, None
        said = Said(self.asked.id, self._number, head, piece, is_last)
        self._number += 1
        self._ahead += len(piece)
        try:
            await self._hand(self.asked.asker, said)
        except Refusal:
            self.leave()

    async def _until(self, is_so: Callable[[], bool]) -> None:
        while not is_so():
            self._news.clear()
            await self._news.wait()
