"""WebSocket: the handshake, frames in, frames out, pings, closing.

Reading is the `websockets` library's (RFC 6455 whole); writing is ours, because one frame's bytes serve all. Does not
know what messages mean; that is the session's.
"""

import asyncio
import logging
from http import HTTPStatus
from typing import Final
from urllib.parse import unquote

from uvicorn.server import ServerState
from websockets.exceptions import InvalidMessage
from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Request, Response
from websockets.protocol import OPEN

from hubbub import eager
from hubbub.errors import (
    BAD_REQUEST,
    BINARY_UNSUPPORTED,
    HEAD_TOO_LARGE,
    INACTIVE,
    INTERNAL,
    PATH_NOT_FOUND,
    PONG_NOT_RECEIVED,
    REQUEST_TIMEOUT,
    SHUTTING_DOWN,
    TOO_SLOW,
    UPGRADE_REQUIRED,
    Refusal,
)
from hubbub.messages import Refused
from hubbub.native import Outlet
from hubbub.protocols import phoenix
from hubbub.protocols.phoenix import Version
from hubbub.session.doors import Opening
from hubbub.session.phoenix import PhoenixSession, Ticket, admit
from hubbub.session.pusher import PusherSession
from hubbub.session.session import Session
from hubbub.transports.ending import hang_up
from hubbub.transports.frames import PHOENIX, PUSHER
from hubbub.transports.handshake import Handshake, first, parameters, token_of
from hubbub.transports.outlet import outlet
from hubbub.transports.response import refused, render
from hubbub.transports.services import Services

PUSHER_PREFIX: Final = "/app/"
PHOENIX_PATH: Final = "/socket/websocket"
LONGEST_REASON: Final = 123
"""RFC 6455, 5.5: "All control frames MUST have a payload length of 125 bytes or less", two of which are the code."""

_logger = logging.getLogger("hubbub.websocket")
_logger.setLevel(logging.WARNING)  # the library tells of every connection that closes


class WebSocket(asyncio.Protocol):
    """One WebSocket connection, from its request line to its end."""

    __slots__ = (
        "_early",
        "_fragments",
        "_head",
        "_heard_at",
        "_is_closed",
        "_is_closing",
        "_is_pinged",
        "_is_text",
        "_protocol",
        "_services",
        "_session",
        "_state",
        "_transport",
        "slot",
        "write",
    )

    wire = PUSHER

    def __init__(self, services: Services, state: ServerState) -> None:
        self._services = services
        self._state = state
        self._protocol = Handshake(
            max_size=services.settings.max_message_bytes,
            logger=_logger,
        )
        self._session: Session | None = None
        self._fragments: bytearray | None = None
        self._is_text = True
        self._is_pinged = False
        self._is_closing = False  # nothing the client says is obeyed any more
        self._is_closed = False  # the close frame is written, and nothing may follow it
        self._head: bytearray | None = bytearray()
        self._early: bytearray | None = None  # what comes before it is known whether the client may come in
        self._heard_at = services.wheel.now
        self.slot = 0
        self.write: Outlet

    # What asyncio calls

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for the request."""
        self._transport = transport
        self.write = outlet(transport)
        self._state.connections.add(self)  # type: ignore[arg-type]  # uvicorn asks for `shutdown` alone
        self._services.wheel.watch(self, self._services.settings.head_timeout)

    def data_received(self, data: bytes) -> None:
        """Read frames, or the request."""
        self._heard_at = self._services.wheel.now
        self._is_pinged = False
        if self._head is not None:
            data = self._read_head(data)
        if self._early is not None:
            self._early += data
            self._transport.pause_reading()
        elif data:
            self._protocol.receive_data(data)
            for event in self._protocol.events_received():
                if isinstance(event, Frame):
                    self._take(event)
            self._send()
        if self._session is not None and self._session.is_busy and not self._transport.is_closing():
            self._transport.pause_reading()

    def eof_received(self) -> None:
        """The client sends no more: a WebSocket has no half-open state, so the transport closes."""
        self.write.shut()
        self._protocol.receive_eof()
        self._send()

    def pause_writing(self) -> None:
        """Give up a client that reads too slowly: the transport holds more bytes than the limit."""
        self.write.shut()
        self._is_closing = True
        self.close(TOO_SLOW(limit=self._services.settings.max_backlog_bytes))

    def resume_writing(self) -> None:
        """Nothing: a client once given up stays so."""

    def connection_lost(self, exc: Exception | None) -> None:
        """Leave everything."""
        self.write.shut()
        self._services.wheel.forget(self)
        self._state.connections.discard(self)
        # The library's parser is a generator that holds its protocol, and its errors hold the parser: cycles that only
        # the collector would find.
        self._protocol.parser.close()
        self._protocol.parser_exc = self._protocol.handshake_exc = None
        if self._session is not None:
            self._session.end()
            self._session = None

    # What the hub and the session call

    def close(self, refusal: Refusal) -> None:
        """Close soon with this refusal's code and text; log its cause, if it has one."""
        if refusal.reason is INTERNAL and refusal.__cause__ is not None:
            _logger.error("a connection is closed for a fault of ours", exc_info=refusal.__cause__)
        self._is_closing = True
        asyncio.get_running_loop().call_soon(self._close, refusal.code or CloseCode.INTERNAL_ERROR, refusal.message)

    def resume(self) -> None:
        """Read on."""
        if not self._transport.is_closing():
            self._transport.resume_reading()

    # What uvicorn and the wheel call

    def shutdown(self) -> None:
        """The server stops: tell the client to come back."""
        self.close(SHUTTING_DOWN())

    def on_due(self) -> None:
        """Look whether the client is still there."""
        services = self._services
        settings, wheel = services.settings, services.wheel
        if self._protocol.state is not OPEN:
            self._expire()
            return
        if self._is_pinged:
            answers = self._session is None or self._session.answers_pings
            self.close(PONG_NOT_RECEIVED() if answers else INACTIVE())
            return
        is_pinged = self._session is None or self._session.is_pinged
        left = self._heard_at + (settings.ping_after if is_pinged else settings.heartbeat_timeout) - wheel.now
        if left > 0:
            wheel.watch(self, left)
            return
        if not is_pinged:
            self.close(INACTIVE())
            return
        if self._session is None or not self._session.ping():
            self._protocol.send_ping(b"")
            self._send()
        self._is_pinged = True
        wheel.watch(self, settings.pong_timeout)

    # Opening

    def _read_head(self, data: bytes) -> bytes:
        """Read the request, when all of it is there, and give what follows it.

        The library must not see frames that came with the request before it has answered that.
        """
        assert self._head is not None
        self._head += data
        head, end, rest = self._head.partition(b"\r\n\r\n")
        limit = self._services.settings.max_head_bytes
        if len(head) > limit:
            self._refuse_head(HEAD_TOO_LARGE(limit=limit))
        elif end:
            self._head = None
            self._protocol.receive_data(bytes(head + end))
            for event in self._protocol.events_received():
                if isinstance(event, Request):
                    self._open(event)
            if isinstance(self._protocol.handshake_exc, InvalidMessage):
                self.write(render(refused(BAD_REQUEST(problem="this is no HTTP request")), keep_alive=False))
            self._send()
        return bytes(rest) if self._protocol.state is OPEN or self._early is not None else b""

    def _open(self, request: Request) -> None:
        """Accept the upgrade, a Phoenix client's only when it is known that it may come in."""
        path, _, query = request.path.partition("?")
        response = self._protocol.accept(request)
        if path == PHOENIX_PATH and response.status_code == 101:
            self._early = bytearray()
            self._services.wheel.watch(self, self._services.settings.head_timeout)
            given = parameters(query)
            opening = Opening(
                given.get("app_key", ""),
                given,
                self._is_secure(request),
                token_of(request),
                first(request, "Origin"),
            )
            eager.start(self._admit(opening, response))
            return
        if response.status_code == UPGRADE_REQUIRED.status:
            response.body = refused(UPGRADE_REQUIRED()).body
            del response.headers["Content-Length"]
            response.headers["Content-Length"] = str(len(response.body))
        self._protocol.send_response(response)
        self._send()
        if response.status_code == 101:
            self._begin(self._services.settings.ping_after)
            self._enter(request)

    def _enter(self, request: Request) -> None:
        """Let a Pusher client in."""
        path, _, query = request.path.partition("?")
        key = path.removeprefix(PUSHER_PREFIX)
        if not path.startswith(PUSHER_PREFIX) or not key or "/" in key:
            # An HTTP error would look like a network fault to clients, which would come back for ever.
            refusal = PATH_NOT_FOUND()
            self.write(self.wire.pack(Refused(refusal.code, refusal.message)))
            self.close(refusal)
            return
        opening = Opening(unquote(key), parameters(query), self._is_secure(request), origin=first(request, "Origin"))
        self._session = session = PusherSession(self._services.doors, self, opening)
        session.begin()

    def _begin(self, silence: float) -> None:
        self._transport.set_write_buffer_limits(high=self._services.settings.max_backlog_bytes, low=0)
        self._services.wheel.watch(self, silence)

    def _is_secure(self, request: Request) -> bool:
        return self._services.proxies.is_secure(self._transport, first(request, "X-Forwarded-Proto"))

    async def _admit(self, opening: Opening, response: Response) -> None:
        """Let a Phoenix client in, or answer 403 as Phoenix does: its clients know no close codes."""
        try:
            version = phoenix.version(opening.query.get("vsn"))
            ticket = await admit(self._services.doors, opening)
        except Refusal as refusal:
            status = refusal.status if refusal.status >= INTERNAL.status else HTTPStatus.FORBIDDEN
            self._decline(status, refusal.message)
        except Exception:
            _logger.exception("a client could not be let in")
            self._decline(INTERNAL.status, INTERNAL().message)
        else:
            self._let_in(version, ticket, response)

    def _decline(self, status: int, why: str) -> None:
        self._early = None
        if not self._transport.is_closing():
            self._protocol.send_response(self._protocol.reject(status, why + "\n"))
            self._send()
            self._transport.resume_reading()

    def _let_in(self, version: Version, ticket: Ticket, response: Response) -> None:
        early, self._early = self._early, None
        if self._transport.is_closing():
            return
        self._protocol.send_response(response)
        self._send()
        self._begin(self._services.settings.heartbeat_timeout)
        self._session = PhoenixSession(self._services.doors, self, PHOENIX[version], ticket)
        self._transport.resume_reading()
        if early:
            self.data_received(bytes(early))

    def _refuse_head(self, refusal: Refusal) -> None:
        self._head = None
        self._protocol.send_response(self._protocol.reject(refusal.status, refusal.message + "\n"))
        self._send()

    # Frames

    def _take(self, frame: Frame) -> None:
        match frame.opcode:
            case Opcode.TEXT | Opcode.BINARY:
                self._is_text = frame.opcode is Opcode.TEXT
                if frame.fin:
                    self._message(frame.data)
                else:
                    self._fragments = bytearray(frame.data)
            case Opcode.CONT if self._fragments is not None:
                self._fragments += frame.data
                if frame.fin:
                    message, self._fragments = bytes(self._fragments), None
                    self._message(message)

    def _message(self, data: bytes | bytearray | memoryview) -> None:
        session = self._session
        if session is None or self._is_closing:
            return
        if not self._is_text:
            if session.takes_binary:
                session.receive(bytes(data))
                return
            refusal = BINARY_UNSUPPORTED()
            self.write(self.wire.pack(Refused(refusal.code, refusal.message)))
            return
        try:
            text = str(data, "utf-8")
        except UnicodeDecodeError:
            # RFC 6455, 8.1: an endpoint that finds text which is not UTF-8 "MUST _Fail the WebSocket Connection_".
            self._is_closing = True
            self._protocol.fail(CloseCode.INVALID_DATA, "invalid UTF-8")
            return
        session.receive(text)

    # Writing and closing

    def _send(self) -> None:
        """Write what the library has to say: handshake, pongs, closes."""
        transport = self._transport
        for data in self._protocol.data_to_send():
            if not data:
                self._end()
            elif not self._is_closed:
                # What is discarded is for the hub's and the session's ears; the last frames go out all the same.
                (transport.write if self.write.is_shut else self.write)(data)
        if self._protocol.close_expected():
            # Whatever else, pongs to one who does not read them among it, would come after the close.
            self._is_closed = True
            self.write.shut()

    def _close(self, code: int, reason: str) -> None:
        if self._transport.is_closing():
            return
        if self._head is not None or self._early is not None:
            self._transport.close()
        if self._protocol.state is not OPEN:
            return
        self._is_closing = True
        self._protocol.send_close(code, _shortened(reason))
        self._send()
        self._services.wheel.watch(self, self._services.settings.close_timeout)

    def _end(self) -> None:
        """Hang up, and write no more."""
        self.write.shut()
        hang_up(self._transport, self, self._services)

    def _expire(self) -> None:
        """The request, or the client's side of a close, did not come in time."""
        if self._head:
            self._refuse_head(REQUEST_TIMEOUT(limit=f"{self._services.settings.head_timeout:g}"))
        else:
            self._transport.abort()


def _shortened(reason: str) -> str:
    """Cut a close reason to what a control frame holds, between characters."""
    return reason.encode()[:LONGEST_REASON].decode(errors="ignore")
