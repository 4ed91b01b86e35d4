"""The first reader of every connection, who finds out whose traffic it is.

    GET /app/KEY           WebSocket      -> websocket, a Pusher client
    GET /socket/websocket  WebSocket      -> websocket, a Phoenix client
    … /apps/ID/…           signed HTTP API -> http1
    everything else        ASGI           -> asgi, and from there upgrades on other paths -> websocket

The request line decides, the connection goes to its owner with the bytes already read, and comes back here when a
keep-alive connection's next request is of another kind.
"""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any, Final

from uvicorn.config import Config
from uvicorn.server import ServerState

from hubbub.errors import HEAD_TOO_LARGE
from hubbub.transports.asgi import Asgi
from hubbub.transports.http1 import Http1
from hubbub.transports.kind import Kind, origin_form
from hubbub.transports.services import Services
from hubbub.transports.websocket import WebSocket

_API = (b"POST /apps/", b"GET /apps/")
_SOCKETS = (b"GET /app/", b"GET /socket/websocket")
_PREFIXES = (b"/apps/", b"/socket/websocket")
_LONGEST_METHOD = 16


def used_for(connections: Iterable[object]) -> Mapping[str, int]:
    """Count connections of the network by what they are used for; who has said nothing yet is taken for a WebSocket."""
    counts = {"websocket": 0, "api": 0, "page": 0}
    for one in connections:
        counts["websocket" if isinstance(one, WebSocket) else "api" if isinstance(one, Http1) else "page"] += 1
    return counts


class Doorman:
    """Tells the kinds of traffic apart, and hands connections over."""

    is_public: Final = True

    def __init__(self, services: Services, config: Config, state: ServerState, app_state: dict[str, Any]) -> None:
        self._services = services
        self._config = config
        self._state = state
        self._app_state = app_state

    def kind(self, head: bytes) -> Kind | None:
        """Tell whose a request is that begins with these bytes; None while that is open."""
        if head.startswith(_API):
            return Kind.API
        if head.startswith(_SOCKETS):
            return Kind.SOCKET
        method, space, target = head.lstrip(b"\r\n").partition(b" ")
        target = origin_form(target)
        if target.startswith(b"/apps/"):
            return Kind.API
        if target.startswith((b"/app/", b"/socket/websocket")) and method == b"GET":
            return Kind.SOCKET
        if (space and any(prefix.startswith(target) for prefix in _PREFIXES)) or (
            not space and len(method) <= _LONGEST_METHOD
        ):
            return None
        return Kind.OTHER

    def dispatch(self, transport: asyncio.Transport, head: bytes) -> None:
        """Hand a connection, between two requests, to the owner of the next, which begins with `head`."""
        owner: asyncio.Protocol
        match self.kind(head):
            case Kind.API:
                owner = Http1(self._services, self._state, self)
            case Kind.SOCKET:
                owner = WebSocket(self._services, self._state)
            case Kind.OTHER:
                owner = Asgi(self._services, self, self._config, self._state, self._app_state)
            case None:
                owner = Front(self._services, self, self._state)
        transport.set_protocol(owner)
        owner.connection_made(transport)
        owner.data_received(head)


class Front(WebSocket):
    """A connection of which too little has been read to know.

    Mostly it becomes a WebSocket, and so it is one already: another object, and its way into the transport, would be a
    tenth of what a connection costs. Anyone else is handed over.
    """

    __slots__ = ("_doorman",)

    def __init__(self, services: Services, doorman: Doorman, state: ServerState) -> None:
        super().__init__(services, state)
        self._doorman: Doorman | None = doorman  # until it is decided

    def _read_early(self, data: bytes) -> None:
        """Hand over as soon as the request line tells, or read on."""
        if self._doorman is not None:
            if self._early is not None:
                data, self._early = bytes(self._early) + data, None
            kind = self._doorman.kind(data)
            if kind is None:
                limit = self._services.settings.max_head_bytes
                if len(data) > limit:
                    self._doorman = None
                    self._decline(HEAD_TOO_LARGE(limit=limit))
                else:
                    self._early = bytearray(data)
                return
            doorman, self._doorman = self._doorman, None
            if kind is not Kind.SOCKET:
                self._release()
                doorman.dispatch(self._transport, data)
                return
        super()._read_early(data)
