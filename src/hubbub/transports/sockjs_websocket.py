"""SockJS's WebSocket, `/pusher/SERVER/SESSION/websocket`: its frames in WebSocket messages.

Knows: that the first frame is `o`, that messages come and go in lists, and that `c` comes before the close. All else is
that of any WebSocket.
"""

import re
from typing import Final

from hubbub.errors import Refusal
from hubbub.session.doors import Client, Doors, Opening
from hubbub.transports import sockjs
from hubbub.transports.deflate import Deflate, sockjs_wire
from hubbub.transports.frames import frame
from hubbub.transports.handshake import Request
from hubbub.transports.newcomer import Newcomer
from hubbub.transports.websocket import WebSocket

_PATH: Final = re.compile(rb"/pusher/[A-Za-z0-9_-]+/[A-Za-z0-9_-]+/websocket(\?.*)?")


def is_sockjs(target: bytes) -> bool:
    """Tell whether a request target is that of SockJS's WebSocket."""
    return _PATH.fullmatch(target) is not None


class SockJsWebSocket(WebSocket):
    """One WebSocket connection of SockJS."""

    __slots__ = ()

    def _enter(self, request: Request, answer: bytes, deflate: Deflate | None) -> None:
        self.wire = sockjs.WEBSOCKET if deflate is None else sockjs_wire(deflate)
        settings, doors = self._services.settings, self._services.doors
        self.write(answer + frame(sockjs.OPEN[:-1]))
        opening = self._opening(request, "", {})
        if self._services.addresses.counts_openings and (refusal := self._one_too_many(opening)) is not None:
            self.close(refusal)
            return
        self._session = _Unpacking(doors, self, opening, settings.head_timeout, settings.max_message_bytes)

    def _close(self, code: int, reason: str) -> None:
        if self.is_open and not self._transport.is_closing():
            self.write(frame(sockjs.close(code, reason)[:-1]))
        super()._close(code, reason)


class _Unpacking(Newcomer):
    """A session whose messages come in lists, of at most `limit` bytes each."""

    __slots__ = ("_limit",)

    def __init__(self, doors: Doors, client: Client, opening: Opening, patience: float, limit: int) -> None:
        super().__init__(doors, client, opening, patience)
        self._limit = limit

    def receive(self, message: str | bytes) -> None:
        assert isinstance(message, str)
        try:
            texts = sockjs.websocket_messages(message, self._limit)
        except Refusal as refusal:
            self.refused(refusal)
            self._tell(refusal)
            return
        for text in texts:
            super().receive(text)
