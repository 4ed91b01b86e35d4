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
        self._head_bytes = 0
        self.slot = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for a head, not for ever."""
        super().connection_made(transport)
        self._services.wheel.watch(self, self._services.settings.head_timeout)

    def data_received(self, data: bytes) -> None:
        """Parse, or give the connection back when another's request begins."""
        is_between = not self._is_reading_head and self.cycle is not None and self.cycle.response_complete
        if is_between and self._front.kind(data) is not Kind.OTHER:
            self._unset_keepalive_if_required()
            self._release()
            self._front.dispatch(self.transport, data)
            return
        went_on = self._is_reading_head
        super().data_received(data)
        if went_on and self._is_reading_head:
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
        self._head_bytes = 0
        self._services.wheel.watch(self, self._services.settings.head_timeout)

    def on_headers_complete(self) -> None:
        """The head is there in time."""
        self._is_reading_head = False
        self._services.wheel.forget(self)
        super().on_headers_complete()

    def on_due(self) -> None:
        """The head did not come in time."""
        self._refuse(REQUEST_TIMEOUT(limit=f"{self._services.settings.head_timeout:g}"))

    def _check_head(self) -> None:
        limit = self._services.settings.max_head_bytes
        if self._head_bytes > limit:
            self._refuse(HEAD_TOO_LARGE(limit=limit))

    def _refuse(self, refusal: Refusal) -> None:
        self._services.wheel.forget(self)
        self.transport.write(render(refused(refusal), keep_alive=False))
        self.transport.close()

    def _release(self) -> None:
        self._services.wheel.forget(self)
        self.connections.discard(self)
