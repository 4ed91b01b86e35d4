"""The first reader of every connection, who finds out whose traffic it is.

    GET /app/KEY           WebSocket      -> websocket, a Pusher client
    GET /socket/websocket  WebSocket      -> websocket, a Phoenix client
    … /apps/ID/…           signed HTTP API -> http1
    everything else        ASGI           -> asgi, and from there upgrades on other paths -> websocket

The request line decides, the connection goes to its owner with the bytes already read, and comes back here when a
keep-alive connection's next request is of another kind.
"""

import asyncio
from typing import Any

from uvicorn.config import Config
from uvicorn.server import ServerState

from hubbub.errors import REQUEST_TIMEOUT
from hubbub.transports.asgi import Asgi
from hubbub.transports.http1 import Http1
from hubbub.transports.kind import Kind, origin_form
from hubbub.transports.response import refused, render
from hubbub.transports.services import Services
from hubbub.transports.websocket import WebSocket

_API = (b"POST /apps/", b"GET /apps/")
_SOCKETS = (b"GET /app/", b"GET /socket/websocket")
_PREFIXES = (b"/apps/", b"/socket/websocket")
_LONGEST_METHOD = 16


class Doorman:
    """Tells the kinds of traffic apart, and hands connections over."""

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


class Front(asyncio.Protocol):
    """A connection of which too little has been read to know."""

    __slots__ = ("_doorman", "_head", "_services", "_state", "_transport", "slot")

    def __init__(self, services: Services, doorman: Doorman, state: ServerState) -> None:
        self._services = services
        self._doorman = doorman
        self._state = state
        self._head = b""
        self.slot = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for the first bytes, not for ever."""
        self._transport = transport
        self._state.connections.add(self)  # type: ignore[arg-type]  # uvicorn asks for `shutdown` alone
        self._services.wheel.watch(self, self._services.settings.head_timeout)

    def data_received(self, data: bytes) -> None:
        """Hand over as soon as the request line tells."""
        self._head += data
        if self._doorman.kind(self._head) is not None:
            self._release()
            self._doorman.dispatch(self._transport, self._head)

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody came."""
        self._release()

    def shutdown(self) -> None:
        """The server stops."""
        self._transport.close()

    def on_due(self) -> None:
        """Close: in silence one that never spoke (browsers open some in advance), with a word one that began to."""
        if self._head:
            limit = f"{self._services.settings.head_timeout:g}"
            self._transport.write(render(refused(REQUEST_TIMEOUT(limit=limit)), keep_alive=False))
        self._transport.close()

    def _release(self) -> None:
        self._services.wheel.forget(self)
        self._state.connections.discard(self)
