"""WebSocket: the request, frames in, frames out, pings, closing.

Frames are read by `native.Frames`, requests by `handshake`; writing is an outlet's, as one frame's bytes serve all.
Does not know what messages mean; that is the session's.
"""

import asyncio
from enum import Enum
from http import HTTPStatus
from typing import Final
from urllib.parse import unquote

from uvicorn.server import ServerState

from hubbub import eager
from hubbub.errors import (
    BINARY_UNSUPPORTED,
    FRAME_INVALID,
    HEAD_TOO_LARGE,
    INACTIVE,
    INTERNAL,
    MESSAGE_TOO_LARGE,
    PATH_NOT_FOUND,
    PONG_NOT_RECEIVED,
    REQUEST_TIMEOUT,
    SHUTTING_DOWN,
    TOO_SLOW,
    TOO_TALKATIVE,
    Refusal,
)
from hubbub.logs import named
from hubbub.messages import Refused
from hubbub.native import Frames, Outlet, plain_opening
from hubbub.native.pure_frames import CLOSE, FAILED, PING, PONG, Item
from hubbub.protocols import phoenix
from hubbub.protocols.phoenix import Version
from hubbub.session.doors import Line, Opening
from hubbub.session.phoenix import PhoenixSession, Ticket, admit
from hubbub.session.pusher import PusherSession
from hubbub.session.session import Session
from hubbub.transports.deflate import (
    Agreement,
    Deflate,
    Inflating,
    negotiate,
    phoenix_encoding,
    pusher_wire,
)
from hubbub.transports.ending import hang_up
from hubbub.transports.frames import PHOENIX, PUSHER, close_frame, control_frame, goodbye
from hubbub.transports.handshake import Request, declining, parameters, switching, token_of
from hubbub.transports.outlet import outlet
from hubbub.transports.proxies import host_of
from hubbub.transports.services import Services

PUSHER_PREFIX: Final = "/app/"
PHOENIX_PATH: Final = "/socket/websocket"
INTERNAL_CODE: Final = 1011
"""RFC 6455, 7.4.1: "an unexpected condition that prevented it from fulfilling the request"."""

_HEAD_END: Final = b"\r\n\r\n"

_SHUT: Final = Outlet(asyncio.WriteTransport(), -1)
_SHUT.shut()

_logger = named("hubbub.websocket")


class Phase(Enum):
    """Where a connection is in its life."""

    HEAD = "its request is being read"
    ADMISSION = "it is being found out whether the client may come in"
    OPEN = "messages come and go"
    LEAVING = "a close frame is about to be written, and nothing the client says is obeyed any more"
    CLOSING = "our close frame is written, and nothing may follow it; the client's may come"
    ENDED = "nothing is read or written any more"


# To name a member of an Enum takes 50 ns.
_HEAD, _ADMISSION, _OPEN, _LEAVING, _CLOSING, _ENDED = Phase


class WebSocket(asyncio.Protocol):
    """One WebSocket connection, from its request line to its end."""

    __slots__ = (
        "_early",
        "_frames",
        "_heard_at",
        "_inflating",
        "_is_pinged",
        "_phase",
        "_services",
        "_session",
        "_state",
        "_transport",
        "slot",
        "wire",
        "write",
    )

    is_socket = True

    def __init__(self, services: Services, state: ServerState) -> None:
        self._services = services
        self._state = state
        self._phase = _HEAD
        self._frames: Frames | None = None  # until it is open
        self._inflating: Inflating | None = None  # of a client that may compress
        self._session: Session | None = None
        self._is_pinged = False
        self._early: bytearray | None = None  # what is read before it is open
        self._heard_at = services.wheel.now
        self.slot = 0
        self.wire = PUSHER
        self.write = _SHUT  # until it is open

    # What asyncio calls

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for the request."""
        self._transport = transport
        self._state.connections.add(self)  # type: ignore[arg-type]  # uvicorn asks for `shutdown` alone
        services = self._services
        services.wheel.watch(self, services.settings.head_timeout)
        if services.addresses.counts_open:
            services.arrive(transport)

    def data_received(self, data: bytes) -> None:
        """Read frames, or the request."""
        self._heard_at = self._services.wheel.now
        self._is_pinged = False
        if self._frames is None:
            self._read_early(data)
            return
        if self._inflating is not None:
            self._inflating.put(self._frames.feed(data))
            self._go_on()
            return
        text = self._frames.text(data)
        if text is not None and self._phase is _OPEN and (session := self._session) is not None:
            # As most come: one message, whole, for which `feed` would give a list.
            session.receive(text)
            if session.is_busy and not self._transport.is_closing():
                self._transport.pause_reading()
            return
        for item in self._frames.feed(data):
            if type(item) is str and self._phase is _OPEN and self._session is not None:
                self._session.receive(item)
            else:
                self._take(item)
        if self._session is not None and self._session.is_busy and not self._transport.is_closing():
            self._transport.pause_reading()

    def eof_received(self) -> None:
        """The client sends no more: a WebSocket has no half-open state, so the transport closes."""
        if self._phase is _OPEN:
            self._lose()
        if self._phase is not _ENDED:
            self._end()

    def pause_writing(self) -> None:
        """Give up a client that reads too slowly: the transport holds more bytes than the limit."""
        self.write.shut()
        self.close(TOO_SLOW(limit=self._services.settings.max_backlog_bytes))

    def resume_writing(self) -> None:
        """Nothing: a client once given up stays so."""

    def connection_lost(self, exc: Exception | None) -> None:
        """Leave everything."""
        if self._phase is _OPEN:
            self._lose()
        self._phase = _ENDED
        self._inflating = None
        self.write.shut()
        self._release()
        if (addresses := self._services.addresses).counts_open:
            addresses.leave(self._transport)
        if self._session is not None:
            self._session.end()
            self._session = None

    def _lose(self) -> None:
        """Note that the client is gone without a word, when nothing else has ended the connection."""
        if self._session is not None:
            self._session.lost()

    def _release(self) -> None:
        self._services.wheel.forget(self)
        self._state.connections.discard(self)

    # What the hub and the session call

    @property
    def queued(self) -> int:
        """Bytes that wait to be read by the client."""
        return self._transport.get_write_buffer_size()

    def look(self) -> Line:
        """Tell what the connection is at this moment."""
        return Line("WebSocket", host_of(self._transport), self.queued)

    def close(self, refusal: Refusal) -> None:
        """Close soon with this refusal's code and text; log its cause, if it has one."""
        if refusal.reason is INTERNAL and refusal.__cause__ is not None:
            told = self._session.told() if self._session is not None else {}
            _logger.error("A connection is closed for a fault of ours", **told, exc_info=refusal.__cause__)
        if self._phase is _OPEN:
            self._phase = _LEAVING
            if self._session is not None:
                self._session.part(refusal)
        asyncio.get_running_loop().call_soon(self._close, refusal.code or INTERNAL_CODE, refusal.message)

    def resume(self) -> None:
        """Read on."""
        if self._inflating is not None:
            self._go_on()
        elif not self._transport.is_closing():
            self._transport.resume_reading()

    # What uvicorn and the wheel call

    def shutdown(self) -> None:
        """The server stops: tell the client to come back."""
        self.close(SHUTTING_DOWN())

    def on_due(self) -> None:
        """Look whether the client is still there."""
        if not self.is_open:
            self._expire()
            return
        services, session = self._services, self._session
        settings, wheel = services.settings, services.wheel
        if self._is_pinged:
            self.close(PONG_NOT_RECEIVED() if session is None or session.answers_pings else INACTIVE())
            return
        is_pinged = session is None or session.is_pinged
        left = self._heard_at + (settings.ping_after if is_pinged else settings.heartbeat_timeout) - wheel.now
        if left > 0:
            wheel.watch(self, left)
            return
        if not is_pinged:
            self.close(INACTIVE())
            return
        if session is None or not session.ping():
            self._say(control_frame(PING))
        self._is_pinged = True
        wheel.watch(self, settings.pong_timeout)

    # Opening

    def _read_early(self, data: bytes) -> None:
        """Read what comes before the connection is open: the request, and frames that may have to wait."""
        if self._phase is _ADMISSION:
            assert self._early is not None
            self._early += data
        elif self._phase is _HEAD:
            if self._early is not None:
                self._early += data
                data = bytes(self._early)
            end = data.find(_HEAD_END)
            limit = self._services.settings.max_head_bytes
            if end > limit or (end < 0 and len(data) > limit):
                self._decline(HEAD_TOO_LARGE(limit=limit))
            elif end >= 0:
                self._early = None
                end += len(_HEAD_END)
                self._open(data[:end], data[end:])
            elif self._early is None:
                self._early = bytearray(data)

    def _open(self, head: bytes, rest: bytes) -> None:
        """Accept the upgrade, a Phoenix client's only when it is known that it may come in."""
        settings = self._services.settings
        if not settings.deflate and (read := plain_opening(head)) is not None:
            # As nearly all are: a sixth of the time. Others are read below.
            key, query, answer, origin, forwarded_proto, forwarded_for, agent = read
            proxies = self._services.proxies
            is_secure = proxies.is_secure(self._transport, forwarded_proto)
            address = None if forwarded_for is None else proxies.client_of(self._transport, forwarded_for)
            self._begin(settings.ping_after, None)
            self._greet(Opening(key, query, is_secure, None, origin, address, agent), answer)
            if rest:
                self.data_received(rest)
            return
        try:
            request = Request(head)
            agreed = self._agree(request)
            answer = switching(request, "" if agreed is None else agreed.header)
        except Refusal as refusal:
            self._decline(refusal)
            return
        deflate = None if agreed is None else agreed.deflate
        if request.path == PHOENIX_PATH:
            self._phase = _ADMISSION
            self._early = bytearray(rest)
            self._services.wheel.watch(self, self._services.settings.head_timeout)
            given = parameters(request.query)
            key, token = given.get("app_key", ""), token_of(request)
            opening = self._opening(request, key, given, token)
            eager.start(self._admit(opening, answer, deflate))
            if self._phase is _ADMISSION:
                self._transport.pause_reading()
            return
        self._begin(self._services.settings.ping_after, deflate)
        self._enter(request, answer, deflate)
        if rest:
            self.data_received(rest)

    def _agree(self, request: Request) -> Agreement | None:
        """Agree on compression, if it is switched on and offered. Raises BAD_REQUEST."""
        settings = self._services.settings
        offered = request.header("sec-websocket-extensions") if settings.deflate else None
        return None if offered is None else negotiate(offered, settings.deflate_level, settings.deflate_threshold)

    def _enter(self, request: Request, answer: bytes, deflate: Deflate | None) -> None:
        """Let a Pusher client in."""
        if deflate is not None:
            self.wire = pusher_wire(deflate)
        key = request.path.removeprefix(PUSHER_PREFIX)
        if not request.path.startswith(PUSHER_PREFIX) or not key or "/" in key:
            # An HTTP error would look like a network fault to clients, which would come back for ever.
            refusal = PATH_NOT_FOUND()
            self._services.refused(refusal)
            self._send_away(refusal, answer)
            return
        self._greet(self._opening(request, unquote(key), parameters(request.query)), answer)

    def _send_away(self, refusal: Refusal, answer: bytes) -> None:
        """Say why nobody comes in, once the connection is open."""
        self.write(answer + self.wire.pack(Refused(refusal.code, refusal.message)))
        self.close(refusal)

    def _one_too_many(self, opening: Opening) -> Refusal | None:
        """Give why a client of this address may not come in at this moment, if so; that is counted and noted."""
        services = self._services
        try:
            services.addresses.check_opening(self._transport, opening.address or host_of(self._transport))
        except Refusal as refusal:
            services.doors.turned_away(opening, refusal, self.look())
            return refusal
        return None

    def _greet(self, opening: Opening, answer: bytes) -> None:
        if self._services.addresses.counts_openings and (refusal := self._one_too_many(opening)) is not None:
            self._send_away(refusal, answer)
            return
        self._session = session = PusherSession(self._services.doors, self, opening)
        # The welcome, if it can be said at once, goes out with the answer: a second send would cost 8 us.
        write, said = self.write, [answer]
        self.write = said.append  # type: ignore[assignment]
        try:
            session.begin()
        finally:
            self.write = write
            write(b"".join(said))

    def _begin(self, silence: float, deflate: Deflate | None) -> None:
        settings = self._services.settings
        self._phase = _OPEN
        self.write = outlet(self._transport)
        self._frames = Frames(settings.max_message_bytes, deflate is not None, settings.messages_per_second)
        if deflate is not None:
            self._inflating = Inflating(settings.max_message_bytes)
        self._transport.set_write_buffer_limits(high=settings.max_backlog_bytes, low=0)
        self._services.wheel.watch(self, silence)

    def _opening(self, request: Request, key: str, query: dict[str, str], token: str | None = None) -> Opening:
        proxies, forwarded_for = self._services.proxies, request.header("x-forwarded-for")
        return Opening(
            key,
            query,
            proxies.is_secure(self._transport, request.header("x-forwarded-proto")),
            token,
            request.header("origin"),
            None if forwarded_for is None else proxies.client_of(self._transport, forwarded_for),
            request.header("user-agent"),
        )

    async def _admit(self, opening: Opening, answer: bytes, deflate: Deflate | None) -> None:
        """Let a Phoenix client in, or answer 403 as Phoenix does: its clients know no close codes."""
        if self._services.addresses.counts_openings and (refusal := self._one_too_many(opening)) is not None:
            self._decline(refusal, refusal.status)
            return
        try:
            ticket = await admit(self._services.doors, opening, self.look())
            version = phoenix.version(opening.query.get("vsn"))
        except Refusal as refusal:
            self._turn_away(refusal)
        except Exception:
            _logger.exception("A client could not be let in")
            self._services.refused(INTERNAL)
            self._turn_away(INTERNAL())
        else:
            self._let_in(version, ticket, answer, deflate)

    def _let_in(self, version: Version, ticket: Ticket, answer: bytes, deflate: Deflate | None) -> None:
        early, self._early = self._early, None
        if self._transport.is_closing():
            return
        self._begin(self._services.settings.heartbeat_timeout, deflate)
        self.write(answer)
        encoding = PHOENIX[version] if deflate is None else phoenix_encoding(deflate, version)
        self._session = PhoenixSession(self._services.doors, self, encoding, ticket)
        self._transport.resume_reading()
        if early:
            self.data_received(bytes(early))

    def _turn_away(self, refusal: Refusal) -> None:
        if not self._transport.is_closing():
            self._decline(refusal, refusal.status if refusal.status >= INTERNAL.status else HTTPStatus.FORBIDDEN)
            self._transport.resume_reading()

    def _decline(self, refusal: Refusal, status: int | None = None) -> None:
        """Answer in HTTP why this does not become a WebSocket, and hang up. With a `status` it has been counted."""
        self._early = None
        if status is None:
            self._services.refused(refusal)
        self._transport.write(declining(refusal, status))
        self._end()

    # Messages

    def _take(self, item: Item) -> None:
        match item:
            case str() if self._phase is _OPEN and self._session is not None:
                self._session.receive(item)
            case (int(number), bytes(payload)):
                self._control(number, payload)
            case bytes() if self._phase is _OPEN and self._session is not None:
                if self._session.takes_binary:
                    self._session.receive(item)
                else:
                    refusal = BINARY_UNSUPPORTED()
                    self._session.refused(refusal)
                    self.write(self.wire.pack(Refused(refusal.code, refusal.message)))

    def _go_on(self) -> None:
        """Take what a client that may compress has sent: some of it in each turn, none while the session waits."""
        inflating, transport = self._inflating, self._transport
        if inflating is None or transport.is_closing():
            return
        if not self._is_busy:
            try:
                for item in inflating.turn():
                    self._take(item)
                    if self._is_busy:
                        break
            except Refusal as refusal:
                if self._session is not None:
                    self._session.part(refusal)
                self._say(close_frame(refusal.code or INTERNAL_CODE, refusal.message))
                self._end()
                return
        if self._is_busy:
            transport.pause_reading()
        elif inflating.has_more:
            transport.pause_reading()
            asyncio.get_running_loop().call_soon(self._go_on)
        else:
            transport.resume_reading()

    @property
    def _is_busy(self) -> bool:
        """Whether the session waits for something."""
        return self._session is not None and self._session.is_busy

    def _control(self, number: int, payload: bytes) -> None:
        if number == PING:
            self._say(control_frame(PONG, payload))
        elif number in (CLOSE, FAILED):
            # RFC 6455, 5.5.1: "the endpoint typically echos the status code it received"; what failed has its own. The
            # server is who ends the connection then (7.1.1).
            if self._phase is _OPEN and self._session is not None:
                if number == FAILED:
                    self._session.part(self._failure(payload))
                else:
                    self._session.left(goodbye, payload)
            self._say(control_frame(CLOSE, payload))
            self._end()

    def _failure(self, payload: bytes) -> Refusal:
        """Give the refusal that stands for a frame that broke the rules."""
        code, text = int.from_bytes(payload[:2], "big"), payload[2:].decode(errors="replace")
        if code == MESSAGE_TOO_LARGE.code:
            return MESSAGE_TOO_LARGE(limit=self._services.settings.max_message_bytes)
        if code == TOO_TALKATIVE.code:
            return TOO_TALKATIVE(limit=self._services.settings.messages_per_second)
        return FRAME_INVALID(problem=text)

    # Writing and closing

    @property
    def is_open(self) -> bool:
        """Whether frames may be written."""
        return self._phase is _OPEN or self._phase is _LEAVING

    def _say(self, frame: bytes) -> None:
        """Write what is not for the session to say: pongs and closes."""
        if self.is_open:
            # What is shut is shut for the hub and the session; the last frames go out all the same.
            (self._transport.write if self.write.is_shut else self.write)(frame)

    def _close(self, code: int, reason: str) -> None:
        if self._transport.is_closing():
            return
        if self._phase is _HEAD or self._phase is _ADMISSION:
            self._transport.close()
        elif self.is_open:
            self._say(close_frame(code, reason))
            self._phase = _CLOSING
            self.write.shut()
            self._services.wheel.watch(self, self._services.settings.close_timeout)

    def _end(self) -> None:
        """Hang up, and write no more."""
        self._phase = _ENDED
        self._inflating = None
        self.write.shut()
        hang_up(self._transport, self, self._services)

    def _expire(self) -> None:
        """The request, or the client's side of a close, did not come in time."""
        if self._phase is _HEAD and self._early:
            self._decline(REQUEST_TIMEOUT(limit=f"{self._services.settings.head_timeout:g}"))
        else:
            self._transport.abort()
