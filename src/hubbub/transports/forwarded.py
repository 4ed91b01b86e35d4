"""The answer that another node gives to a client of this one, piece by piece: the asker's end of a forwarded request.

Knows: the pieces in their order, that the client may leave, and that the other node may fall silent. Does not know how
pieces come, nor what they say.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from enum import Enum
from typing import Final

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from hubbub.transports.handing import PIECE, WINDOW, Left, Said, Took, Word
from hubbub.transports.receiving import CUT

MOST: Final = WINDOW + 2 * PIECE
"""Bytes that wait here for the client. A node that says more than it may is not listened to."""


class Ending(Enum):
    """Why there is no more to come, without a last piece."""

    LEFT = "the client is gone"
    LOST = "the other node is gone"
    MOVED = "the session is elsewhere"
    BROKEN = "the connection is to be broken"


class Forwarded(Response):
    """What the node `holder` answers to the request `id`.

    It is told something by `tell`, and `forget` is called in the end. It is taken for gone after `patience` seconds in
    which it should have said something. `receive` tells, after the request's body, when the client has left.
    """

    def __init__(
        self,
        id_: bytes,
        holder: str,
        receive: Receive,
        *,
        tell: Callable[[str, Word], object],
        forget: Callable[[bytes], object],
        patience: float,
    ) -> None:
        super().__init__()
        self.id = id_
        self.holder = holder
        self._tell = tell
        self._forget = forget
        self._patience = patience
        self._pieces: deque[Said] = deque()
        self._next = 0
        self._size = 0
        self._untold = 0
        self._is_told_all = False
        self._ending: Ending | None = None
        self._cut: Callable[[], object] | None = None
        self._news = asyncio.Event()
        self._departure = asyncio.ensure_future(_departure(receive))
        self._departure.add_done_callback(lambda _: self.end(Ending.LEFT))

    # What is said

    def take(self, said: Said) -> None:
        """Take the next piece."""
        if self._is_told_all or self._ending is not None:
            return
        self._size += len(said.body)
        if said.number != self._next or (said.head is None) != (said.number > 0) or self._size > MOST:
            self.end(Ending.BROKEN)  # something was lost on the way
            return
        self._next += 1
        self._pieces.append(said)
        self._is_told_all = said.is_last
        self._news.set()

    def end(self, ending: Ending) -> None:
        """Expect no more. What is there is passed on, unless the client is gone or its connection is to be broken."""
        if self._ending is None:
            self._ending = ending
            self._news.set()
            if ending is Ending.BROKEN and self._cut is not None:
                self._cut()  # at once: the client may not be reading what is being written

    # What the request does

    async def begin(self) -> Ending | None:
        """Wait for the first piece; or give why there is none, and be over."""
        try:
            while not self._pieces:
                if self._ending is not None:
                    break
                await self._wait()
        except BaseException:
            self.close()
            raise
        if not self._pieces:
            self.close()
            return self._ending
        return None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, piece by piece, as fast as the client takes them."""
        self._cut = scope.get("extensions", {}).get(CUT, {}).get("connection")
        try:
            while self._ending not in (Ending.LEFT, Ending.BROKEN):
                if self._pieces:
                    said = self._pieces.popleft()
                    await self._pass_on(said, send)
                    if said.is_last:
                        return
                elif self._ending is not None:
                    break
                else:
                    await self._wait()
            if self._cut is not None and self._ending is not Ending.LEFT:
                self._cut()
                await asyncio.wait([self._departure])  # uvicorn wants to have seen it before this is over
        finally:
            self.close()

    def close(self) -> None:
        """Be over: the holder is told, unless it has said all or is gone."""
        self._departure.cancel()
        self._forget(self.id)
        if not self._is_told_all and self._ending not in (Ending.LOST, Ending.MOVED):
            self._tell(self.holder, Left(self.id))

    async def _pass_on(self, said: Said, send: Send) -> None:
        if said.head is not None:
            start = {"type": "http.response.start", "status": said.head.status, "headers": said.head.headers}
            await send(start)
        await send({"type": "http.response.body", "body": said.body, "more_body": not said.is_last})
        size = len(said.body)
        self._size -= size
        self._untold += size
        if self._untold >= WINDOW // 2 and not self._is_told_all:
            self._tell(self.holder, Took(self.id, self._untold))
            self._untold = 0

    async def _wait(self) -> None:
        self._news.clear()
        try:
            async with asyncio.timeout(self._patience):
                await self._news.wait()
        except TimeoutError:
            self.end(Ending.BROKEN)


async def _departure(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
