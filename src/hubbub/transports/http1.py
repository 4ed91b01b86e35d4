"""HTTP/1.1 for the signed API, without a framework in between.

Parsing is httptools' (llhttp, strict about what smuggling is made of); limits of size and time, pipelining and
keep-alive are here. Does not know what a request means. A request that is not for the API is handed back to `front`.
"""

import asyncio
from collections import deque
from collections.abc import Mapping
from enum import Enum
from typing import Final

import httptools
from uvicorn.server import ServerState

from hubbub import eager
from hubbub.errors import (
    BAD_REQUEST,
    BODY_TOO_LARGE,
    HEAD_TOO_LARGE,
    INTERNAL,
    METHOD,
    REQUEST_TIMEOUT,
    TOO_MANY_FIELDS,
    Refusal,
)
from hubbub.logs import HERE, named
from hubbub.native import Outlet, plain_post
from hubbub.transports.access import HEADER, id_of, log, with_id
from hubbub.transports.ending import hang_up
from hubbub.transports.kind import MOST_FIELDS, Dispatcher, Kind, origin_form
from hubbub.transports.outlet import outlet
from hubbub.transports.proxies import host_of
from hubbub.transports.request import Caller, Forwarded, Request, header_in, header_of, told_of
from hubbub.transports.response import EMPTY, Response, refused, render
from hubbub.transports.services import Services

PREFIX: Final = b"/apps/"

_logger = named("hubbub.rest")


class Phase(Enum):
    """Where a connection is in its life; each has its own deadline."""

    IDLE = "idle"
    HEAD = "head"
    BODY = "body"
    ENDING = "ending"


# To name a member of an Enum takes 50 ns.
_IDLE, _ENDING = Phase.IDLE, Phase.ENDING


class Http1(asyncio.Protocol):
    """One keep-alive connection. Requests are answered one after the other, in their order."""

    def __init__(self, services: Services, state: ServerState, front: Dispatcher) -> None:
        self._services = services
        self._state = state
        self._front = front
        self._transport: asyncio.Transport
        self._outlet: Outlet
        self._parser = httptools.HttpRequestParser(self)
        self._phase = Phase.IDLE
        self._since = services.wheel.now
        self._head_bytes = 0
        self._unfinished_bytes = 0
        self._progressed = False
        self._headers: list[tuple[bytes, bytes]] = []
        self._seen = b""
        self._target = b""
        self._body: bytes | bytearray = b""
        self._hosts = 0
        self._expects_continue = False
        self._names_all = services.answer is not None
        self._answer_with = services.answer or services.rest.answer
        self._id = ""  # of the request that is being answered, once somebody wants to know it
        # What waits for its answer: requests, each with whether the connection lives on after it, or a refusal that
        # ends it. None, likewise, stands for a pipelined request that is not the API's.
        self._queue: deque[tuple[Request, bool] | Refusal | None] = deque()
        self._is_busy = False
        self._is_stopping = False
        self._is_full = False
        self._sampling = services.answers.sampling
        self.slot = 0

    # What asyncio calls

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take the connection over."""
        self._transport = transport
        self._outlet = outlet(transport)
        self._state.connections.add(self)  # type: ignore[arg-type]  # uvicorn asks for `shutdown` alone
        settings = self._services.settings
        self._services.wheel.watch(self, min(settings.head_timeout, settings.keep_alive_timeout))

    def data_received(self, data: bytes) -> None:
        """Parse, then answer what is complete."""
        phase = self._phase
        if phase is _ENDING:
            return
        if phase is _IDLE and not self._is_busy:
            settings = self._services.settings
            if (post := plain_post(data, settings.max_head_bytes, settings.max_body_bytes)) is not None:
                self._since = self._services.wheel.now
                self._seen = data
                request = Request(b"POST", *post)
                sampling = self._sampling
                sampling.left -= 1  # not by a call, which would be twice as much
                if not sampling.left:
                    request.began = sampling.begin()
                if self._is_full or self._queue:
                    self._queue.append((request, True))
                else:
                    self._start(request)
                return
            if self._front.kind(data) is not Kind.API:
                self._release()
                self._services.answers.flush()
                self._front.dispatch(self._transport, data)
                return
        self._feed(data)
        self._go_on()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget what is not answered yet."""
        self._phase = Phase.ENDING
        self._queue.clear()
        self._outlet.shut()
        self._release()
        self._services.addresses.leave(self._transport)

    def pause_writing(self) -> None:
        """Read and answer no further requests of a client that does not read its answers."""
        self._is_full = True
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        """Go on."""
        self._is_full = False
        self._go_on()
        self._read_on()

    # What uvicorn and the wheel call

    def shutdown(self) -> None:
        """The server stops: answer what is under way, then close."""
        self._is_stopping = True
        if self._phase is Phase.IDLE and not self._is_busy:
            self._services.answers.flush()
            self._transport.close()

    def on_due(self) -> None:
        """Look whether the client keeps to its deadlines."""
        settings, wheel = self._services.settings, self._services.wheel
        limits = {
            Phase.IDLE: settings.keep_alive_timeout,
            Phase.HEAD: settings.head_timeout,
            Phase.BODY: settings.body_timeout,
            Phase.ENDING: 0.0,
        }
        left = self._since + limits[self._phase] - wheel.now
        if self._phase is not Phase.ENDING and (left > 0 or self._is_busy):
            wheel.watch(self, min(max(left, 0), settings.head_timeout))
        elif self._phase is Phase.IDLE:
            self._end(None)
        elif self._phase is Phase.ENDING:
            self._transport.abort()
        else:
            self._end(REQUEST_TIMEOUT(limit=f"{limits[self._phase]:g}"))

    # What the parser calls

    def on_message_begin(self) -> None:
        """A request begins."""
        self._phase = Phase.HEAD
        self._since = self._services.wheel.now
        self._head_bytes = 0
        self._unfinished_bytes = 0
        self._progressed = True
        self._headers = []
        self._seen = b""
        self._target = b""
        self._body = b""
        self._hosts = 0
        self._expects_continue = False

    def on_url(self, part: bytes) -> None:
        """Take a part of the request target."""
        self._target += part

    def on_header(self, name: bytes, value: bytes) -> None:
        """Count, and look for the two headers that matter here. All are kept, for `_without_upgrade`."""
        self._head_bytes += len(name) + len(value)
        if self._phase is not Phase.HEAD:  # a trailer, behind a chunked body
            self._check_head(self._head_bytes)
            return
        self._headers.append((name, value))
        if len(self._headers) > MOST_FIELDS:
            raise TOO_MANY_FIELDS(limit=MOST_FIELDS)
        if len(name) == 4 and name.lower() == b"host":
            self._hosts += 1
        elif len(name) == 6 and name.lower() == b"expect" and value.lower() == b"100-continue":
            self._expects_continue = True

    def on_headers_complete(self) -> None:
        """Check the size of the head, and wait for the body."""
        self._check_head(self._head_bytes + len(self._target))
        if self._hosts > 1 or (not self._hosts and self._parser.get_http_version() != "1.0"):
            # RFC 9112, 3.2: a server "MUST respond with a 400" to one that "lacks a Host header field" or has several.
            raise BAD_REQUEST(problem="there must be one Host header")
        self._phase = Phase.BODY
        if self._expects_continue and not self._queue and not self._is_busy and not self._parser.should_upgrade():
            self._services.answers.put(self._outlet, b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, part: bytes) -> None:
        """Take a part of the body. The first is kept as it is, for mostly it is all; more are put together."""
        self._unfinished_bytes = 0
        self._progressed = True
        if not self._body:
            self._body = part
        else:
            if isinstance(self._body, bytes):
                self._body = bytearray(self._body)
            self._body += part
        limit = self._services.settings.max_body_bytes
        if len(self._body) > limit:
            raise BODY_TOO_LARGE(limit=limit)

    def on_message_complete(self) -> None:
        """Queue the request."""
        self._phase = Phase.IDLE
        self._since = self._services.wheel.now
        parser = self._parser
        if parser.should_upgrade():
            return
        target = self._target
        if not target.startswith(PREFIX):
            target = origin_form(target)
            if not target.startswith(PREFIX):
                self._queue.append(None)
                return
        request = Request(parser.get_method(), target, bytes(self._body), parser.get_http_version())
        self._body = b""
        if request.method == b"POST":
            self._sampling.left -= 1
            if not self._sampling.left:
                request.began = self._sampling.begin()
        self._queue.append((request, parser.should_keep_alive()))

    # In between

    def _feed(self, data: bytes) -> None:
        self._progressed = False
        size = len(data)
        try:
            while data:
                try:
                    self._parser.feed_data(data)
                    data = b""
                except httptools.HttpParserUpgrade as upgrade:
                    data = self._without_upgrade() + data[upgrade.args[0] :]
                    self._parser = httptools.HttpRequestParser(self)
            if self._phase is not Phase.IDLE and not self._progressed:
                # The parser keeps an unfinished header, trailer or chunk extension to itself: count what it was fed.
                self._unfinished_bytes += size
                self._check_head(self._unfinished_bytes)
        except Refusal as refusal:
            self._queue.append(refusal)
        except httptools.HttpParserError as error:
            cause = error.__context__
            self._queue.append(cause if isinstance(cause, Refusal) else BAD_REQUEST(problem=str(error)))

    def _without_upgrade(self) -> bytes:
        """Give the head just read as if no upgrade had been offered: the parser, which saw one, left out the body.

        RFC 9110, 7.8: "A server MAY ignore a received Upgrade header field". Java's client sends one with each request.
        """
        method = self._parser.get_method()
        if method == b"CONNECT":
            raise METHOD(method="CONNECT", allow="GET, POST")
        lines = [b"%s %s HTTP/%s" % (method, self._target, self._parser.get_http_version().encode())]
        if any(name.lower() == b"connection" and b"close" in value.lower() for name, value in self._headers):
            lines.append(b"Connection: close")
        lines += [
            b"%s: %s" % header for header in self._headers if header[0].lower() not in (b"upgrade", b"connection")
        ]
        return b"\r\n".join((*lines, b"", b""))

    def _check_head(self, size: int) -> None:
        limit = self._services.settings.max_head_bytes
        if size > limit:
            raise HEAD_TOO_LARGE(limit=limit)

    def _go_on(self) -> None:
        """Answer what is queued, if that can be done now."""
        if not self._queue or self._is_busy or self._is_full:
            return
        self._start(None)

    def _start(self, request: Request | None) -> None:
        """Answer `request`, if there is one, then what is queued."""
        self._is_busy = True
        before, HERE.served = HERE.served, self
        try:
            task = eager.start(self._work(request))
        finally:
            HERE.served = before
        if task is not None:
            self._transport.pause_reading()
            task.add_done_callback(lambda _: self._read_on())

    async def _work(self, request: Request | None) -> None:
        if request is not None:
            await self._answer(request, keep_alive=True)
        while self._queue and not self._is_full and self._phase is not Phase.ENDING:
            match self._queue.popleft():
                case (request, keep_alive):
                    await self._answer(request, keep_alive=keep_alive)
                case end:
                    # RFC 9112, 9.3.2 lets a pipelining client send again what was not answered before the close.
                    self._end(end)
        self._is_busy = False

    async def _answer(self, request: Request, *, keep_alive: bool) -> None:
        if self._services.addresses.counts_requests and (over := self._one_too_many()) is not None:
            self._write(refused(over), request, keep_alive=False)
            self._end(None)
            return
        self._id = ""
        try:
            response = await self._answer_with(request, self._caller)
        except Exception:
            _logger.exception("A request to the signed API failed", path=request.path)
            self._services.doors.tally.refused("", INTERNAL)
            response = refused(INTERNAL())
        if self._transport.is_closing():
            return
        keep_alive = keep_alive and not self._is_stopping
        self._write(response, request, keep_alive=keep_alive)
        if not keep_alive:
            self._end(None)

    def _one_too_many(self) -> Refusal | None:
        """Give why nothing is answered to this address at this moment, if so; that is counted."""
        try:
            self._services.addresses.check_request(self._transport, self._caller().address)
        except Refusal as refusal:
            self._services.refused(refusal)
            return refusal
        return None

    def _caller(self) -> Caller:
        """Tell who asks: the last headers that came are those of the one request, unless several were pipelined."""
        proxies, transport = self._services.proxies, self._transport
        forwarded_for, agent = told_of(self._headers, self._seen)
        forwarded_proto = header_of(self._headers, b"x-forwarded-proto")
        address = proxies.client_of(transport, forwarded_for) if forwarded_for else None
        became = Forwarded.BELIEVED if proxies.trusts(transport) else Forwarded.IGNORED
        return Caller(
            address or host_of(transport),
            agent,
            is_secure=proxies.is_secure(transport, forwarded_proto),
            forwarded_for=became if forwarded_for else Forwarded.MISSING,
            forwarded_proto=became if forwarded_proto else Forwarded.MISSING,
        )

    def _write(self, response: Response, request: Request, *, keep_alive: bool) -> None:
        answer = render(response, keep_alive=keep_alive, version=request.version, has_body=request.method != b"HEAD")
        if self._names_all or (response is not EMPTY and response.status >= 400):
            answer = with_id(answer, self._request_id())
        self._services.answers.put(self._outlet, answer)
        if request.began:
            self._services.answers.time(request.began)

    def _end(self, refusal: Refusal | None) -> None:
        """Say why, if there is a reason, and hang up."""
        if refusal is not None:
            self._id = ""
            if self._services.settings.access_log:
                self._log(refusal)
        self._queue.clear()
        self._phase = Phase.ENDING
        self._since = self._services.wheel.now
        if refusal is not None:
            self._services.doors.tally.refused("", refusal)
            answer = with_id(render(refused(refusal), keep_alive=False), self._request_id())
            self._services.answers.put(self._outlet, answer)
        self._services.answers.flush()
        hang_up(self._transport, self, self._services)

    # What lines of the log have of the request that is being answered

    def told(self) -> Mapping[str, object]:
        """See `logs.current.Served`."""
        return {"request_id": self._request_id()}

    def header(self, name: bytes) -> str:
        """See `logs.current.Served`."""
        return header_in(self._headers, self._seen, name)

    def _request_id(self) -> str:
        """Give what the request is called: made for the first who asks, and most often nobody does."""
        if not self._id:
            self._id = id_of(self.header(HEADER), lambda: self._services.proxies.trusts(self._transport))
        return self._id

    def _log(self, refusal: Refusal) -> None:
        """Write the line of a request that was refused before all of it was there."""
        who, path = self._caller(), self._target.decode("latin-1")
        log("", path, refusal.status, self._services.wheel.now - self._since, who.address, who.agent)

    def _read_on(self) -> None:
        if not self._is_busy and not self._is_full and not self._transport.is_closing():
            self._transport.resume_reading()

    def _release(self) -> None:
        self._services.wheel.forget(self)
        self._state.connections.discard(self)
        # The parser holds this connection, and this the parser: a cycle that only the collector would find.
        del self._parser
