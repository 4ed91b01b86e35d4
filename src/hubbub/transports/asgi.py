"""Everything that is not hot: uvicorn's own HTTP protocol, with the limits it lacks.

uvicorn sets no limit to the size of a request nor to the time it takes, and loses the body of one that offers to
upgrade to another protocol. Between two requests of a keep-alive connection the front decides anew whose the next one
is.
"""

import asyncio
from functools import partial
from typing import Any, Final

import httptools
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from hubbub.errors import (
    BAD_REQUEST,
    BODY_TOO_LARGE,
    HEAD_TOO_LARGE,
    METHOD,
    REQUEST_TIMEOUT,
    SHUTTING_DOWN,
    TOO_MANY_FIELDS,
    Refusal,
)
from hubbub.health import PATHS
from hubbub.transports.access import PEER
from hubbub.transports.ending import hang_up
from hubbub.transports.kind import MOST_FIELDS, Dispatcher, Kind, origin_form
from hubbub.transports.receiving import CUT
from hubbub.transports.response import refused, render
from hubbub.transports.services import Services
from hubbub.transports.sockjs_websocket import SockJsWebSocket, is_sockjs

_JSON_API = b"/api/"
_PROBES: Final = frozenset(path.encode() for path in PATHS)


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
        self._body_bytes = 0
        self._unfinished_bytes = 0
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
        self._unset_keepalive_if_required()
        self._feed(data)
        if not self._is_read and not self._progressed:
            # The parser keeps an unfinished header or trailer to itself: count what it was fed.
            self._unfinished_bytes += len(data)
            self._check_head(self._unfinished_bytes)

    def connection_lost(self, exc: Exception | None) -> None:
        """Let go."""
        self._services.wheel.forget(self)
        self._services.addresses.leave(self.transport)
        super().connection_lost(exc)

    def shutdown(self) -> None:
        """The server stops: the answer under way is the last, and a request that has yet to arrive gets none."""
        if self._is_answering() and not self._is_read:
            self._refuse(SHUTTING_DOWN())
        super().shutdown()

    def on_message_begin(self) -> None:
        """A request begins, and so does its time."""
        if self._is_ending:
            return
        super().on_message_begin()
        is_trusted = partial(self._services.proxies.trusts, self.transport)
        self.scope["extensions"] = {CUT: {"connection": self.transport.abort}, PEER: {"is_trusted": is_trusted}}
        self._is_reading_head = True
        self._is_read = False
        self._progressed = True
        self._head_bytes = 0
        self._body_bytes = 0
        self._unfinished_bytes = 0
        self._services.wheel.watch(self, self._services.settings.head_timeout)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header, and only count a trailer: nothing reads those."""
        if self._is_ending:
            return
        self._head_bytes += len(name) + len(value)
        self._check_head(self._head_bytes + len(self.url))
        if self._is_reading_head:
            super().on_header(name, value)
            if len(self.headers) > MOST_FIELDS:
                self._refuse(TOO_MANY_FIELDS(limit=MOST_FIELDS))

    def on_headers_complete(self) -> None:
        """The head is there in time; so must be the body."""
        if self._is_ending:
            return
        method = self.parser.get_method()
        if self._is_answering() or self._front.kind(b"%s %s " % (method, self.url)) is not Kind.OTHER:
            # Pipelined behind a page. RFC 9112, 9.3.2 lets the client send again what a close left unanswered.
            self._end_with_answer()
        elif method == b"CONNECT":
            self._refuse(METHOD(method="CONNECT", allow="GET, POST"))
        elif self._is_offered_another():
            pass  # `_feed` has it read again
        elif any(name == b"content-length" and self._is_too_much(int(value)) for name, value in self.headers):
            self._refuse(BODY_TOO_LARGE(limit=self._services.settings.max_body_bytes))
        else:
            self._introduce()
            if self._services.addresses.counts_requests and (over := self._one_too_many()) is not None:
                self._refuse(over)
                return
            self._is_reading_head = False
            self._services.wheel.watch(self, self._services.settings.body_timeout)
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a part of the body."""
        self._progressed = True
        self._unfinished_bytes = 0
        if self._is_ending:
            return
        self._body_bytes += len(body)
        if self._is_too_much(self._body_bytes):
            self._refuse(BODY_TOO_LARGE(limit=self._services.settings.max_body_bytes))
        else:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is there."""
        if self._is_ending or self._is_offered_another():
            return
        self._is_read = True
        self._services.wheel.forget(self)
        super().on_message_complete()

    def handle_websocket_upgrade(self) -> None:
        """Hand over to the WebSocket, unless a page is still to be answered."""
        if self._is_ending:
            return
        if is_sockjs(self.url):
            self.ws_protocol_class = self._sockjs  # type: ignore[assignment]  # a factory does as well as a class
        super().handle_websocket_upgrade()

    def send_400_response(self, msg: str) -> None:
        """Refuse what the parser cannot read."""
        self._refuse(BAD_REQUEST(problem=msg))

    def on_due(self) -> None:
        """The head, the body, or the client's end of a close did not come in time."""
        settings = self._services.settings
        limit = settings.head_timeout if self._is_reading_head else settings.body_timeout
        if self._is_ending:
            self.transport.abort()
        else:
            self._refuse(REQUEST_TIMEOUT(limit=f"{limit:g}"))

    def _feed(self, data: bytes) -> None:
        while data and not self._is_ending:
            try:
                self.parser.feed_data(data)
            except httptools.HttpParserUpgrade as upgrade:
                if self._should_upgrade():
                    self.handle_websocket_upgrade()
                    return
                data = self._without_upgrade() + data[upgrade.args[0] :]
                self.parser = httptools.HttpRequestParser(self)
                self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn's own
            except httptools.HttpParserError:
                self.send_400_response("Invalid HTTP request received.")
                return
            else:
                return

    def _introduce(self) -> None:
        """Tell the application of the client's own address and scheme, where a trusted proxy tells them."""
        told: dict[bytes, list[str]] = {b"x-forwarded-for": [], b"x-forwarded-proto": []}
        for name, value in self.headers:
            if (kept := told.get(name)) is not None:
                kept.append(value.decode("latin-1"))
        proxies = self._services.proxies
        if hosts := told[b"x-forwarded-for"]:
            address = proxies.client_of(self.transport, ", ".join(hosts))
            if address is not None:
                self.scope["client"] = (address, 0)
        if protocols := told[b"x-forwarded-proto"]:
            self.scope["scheme"] = "https" if proxies.is_secure(self.transport, protocols[0]) else "http"

    def _one_too_many(self) -> Refusal | None:
        """Give why nothing is answered to this address at this moment, if so.

        A probe is always answered: for a balancer that is told 429 the node is gone, with all who are on it.
        """
        if not self._front.is_public or self._is_probe():
            return None
        client = self.scope["client"]
        try:
            self._services.addresses.check_request(self.transport, client[0] if client is not None else "")
        except Refusal as refusal:
            return refusal
        return None

    def _is_probe(self) -> bool:
        return self.parser.get_method() in (b"GET", b"HEAD") and (origin_form(self.url).partition(b"?")[0] in _PROBES)

    def _is_offered_another(self) -> bool:
        """Whether the client would rather speak another protocol, which is not WebSocket."""
        return self.parser.should_upgrade() and not self._should_upgrade()

    def _without_upgrade(self) -> bytes:
        """Give the head just read as if no upgrade had been offered: the parser, which saw one, left out the body.

        RFC 9110, 7.8: "A server MAY ignore a received Upgrade header field". Java's client sends one with each request.
        """
        version = self.parser.get_http_version().encode()
        lines = [b"%s %s HTTP/%s" % (self.parser.get_method(), self.url, version)]
        if any(name == b"connection" and b"close" in value.lower() for name, value in self.headers):
            lines.append(b"Connection: close")
        lines += [b"%s: %s" % header for header in self.headers if header[0] not in (b"upgrade", b"connection")]
        return b"\r\n".join((*lines, b"", b""))

    def _is_too_much(self, size: int) -> bool:
        # The JSON API has the same limit, and answers in words that pages of other origins may read.
        return size > self._services.settings.max_body_bytes and not self.url.startswith(_JSON_API)

    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _check_head(self, size: int) -> None:
        limit = self._services.settings.max_head_bytes
        if size > limit:
            self._refuse(HEAD_TOO_LARGE(limit=limit))

    def _end_with_answer(self) -> None:
        """Read no further; the answer under way, or given, is the last."""
        self._is_ending = True
        self._services.wheel.forget(self)
        if self._is_answering():
            self.cycle.keep_alive = False
        else:
            hang_up(self.transport, self, self._services)

    def _refuse(self, refusal: Refusal) -> None:
        if self._is_ending:
            return
        if self._is_answering() and not self.cycle.more_body:
            # What is refused came behind a request that is being answered.
            self._end_with_answer()
            return
        is_answered = self.cycle is not None and self.cycle.response_started and not self._is_reading_head
        self._is_ending = True
        if self._is_answering():
            # Its application must not write to a transport that is closed.
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self._services.doors.tally.refused("", refusal)
        if not is_answered:
            self.transport.write(render(refused(refusal), keep_alive=False))
        hang_up(self.transport, self, self._services)

    def _sockjs(self, config: Config, server_state: ServerState, app_state: dict[str, Any]) -> SockJsWebSocket:
        return SockJsWebSocket(self._services, server_state)

    def _release(self) -> None:
        self._services.wheel.forget(self)
        self.connections.discard(self)
