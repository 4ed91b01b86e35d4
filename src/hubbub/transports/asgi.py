"""Everything that is not hot: uvicorn's own HTTP protocol, with the limits it lacks.

uvicorn sets no limit to the size of a request's head nor to the time it takes. Between two requests of a keep-alive
connection the front decides anew whose the next one is.
"""

import asyncio
from typing import Any

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from hubbub.errors import HEAD_TOO_LARGE, REQUEST_TIMEOUT, Refusal
from hubbub.transports.kind import Dispatcher, Kind
from hubbub.transports.response import refused, render
from hubbub.transports.services import Services


class Asgi(HttpToolsProtocol):
    """One connection whose requests go to the ASGI application."""

    def __init__(
        self, services: Services, front: Dispatcher, config: Config, state: ServerState, app_state: dict[str, Any]
    ) -> None:
        super().__init__(config, state, app_state)
        self._services = services
        self._front = front
        self._is_reading_head = False
        self._is_read = False
        self._is_ending = False
        self._progressed = False
        self._head_bytes = 0
        self.slot = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for a head, not for ever."""
        super().connection_made(transport)
        self._services.wheel.watch(self, self._services.settings.head_timeout)

    def data_received(self, data: bytes) -> None:
        """Parse, or give the connection back when another's request begins."""
        if self._is_ending:
            return
        is_between = self._is_read and self.cycle is not None and self.cycle.response_complete
        if is_between and self._front.kind(data) is not Kind.OTHER:
            self._unset_keepalive_if_required()
            self._release()
            self._front.dispatch(self.transport, data)
            return
        self._progressed = False
        super().data_received(data)
        if self._is_reading_head and not self._progressed:
            self._head_bytes += len(data)
            self._check_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Let go."""
        self._services.wheel.forget(self)
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """A request begins, and so does its time."""
        super().on_message_begin()
        self._is_reading_head = True
        self._is_read = False
        self._progressed = True
        self._head_bytes = 0
        self._services.wheel.watch(self, self._services.settings.head_timeout)

    def on_headers_complete(self) -> None:
        """The head is there in time; so must be the body."""
        self._is_reading_head = False
        self._services.wheel.watch(self, self._services.settings.body_timeout)
        settings = self._services.settings
        if sum(len(name) + len(value) for name, value in self.headers) + len(self.url) > settings.max_head_bytes:
            self._refuse(HEAD_TOO_LARGE(limit=settings.max_head_bytes))
        elif self.cycle is not None and not self.cycle.response_complete:
            # Pipelined behind a page. RFC 9112, 9.3.2 lets the client send again what a close left unanswered.
            self.cycle.keep_alive = False
            self._is_ending = True
            self._services.wheel.forget(self)
        if not self._is_ending:
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a part of the body."""
        if not self._is_ending:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is there."""
        self._is_read = True
        if not self._is_ending:
            self._services.wheel.forget(self)
            super().on_message_complete()

    def handle_websocket_upgrade(self) -> None:
        """Hand over to the WebSocket, unless a page is still to be answered."""
        if not self._is_ending:
            super().handle_websocket_upgrade()

    def on_due(self) -> None:
        """The head, the body, or the client's end of a close did not come in time."""
        settings = self._services.settings
        limit = settings.head_timeout if self._is_reading_head else settings.body_timeout
        if self._is_ending or self.transport.is_closing():
            self.transport.abort()
        else:
            self._refuse(REQUEST_TIMEOUT(limit=f"{limit:g}"))

    def _check_head(self) -> None:
        limit = self._services.settings.max_head_bytes
        if self._head_bytes > limit:
            self._refuse(HEAD_TOO_LARGE(limit=limit))

    def _refuse(self, refusal: Refusal) -> None:
        if self.cycle is None or self.cycle.response_complete:
            self.transport.write(render(refused(refusal), keep_alive=False))
        else:
            # What is still being answered must not write to a transport that is closed.
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if self.transport.can_write_eof():
            self.transport.write_eof()
        else:
            self.transport.close()
        self._is_ending = True
        self._services.wheel.watch(self, self._services.settings.close_timeout)

    def _release(self) -> None:
        self._services.wheel.forget(self)
        self.connections.discard(self)
