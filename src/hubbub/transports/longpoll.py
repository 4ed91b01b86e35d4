"""Phoenix Channels over HTTP requests that wait: `/socket/longpoll`, for clients that no WebSocket reaches.

Knows the dialogue of phoenix.js: a GET without a token opens and is answered 410 with one, a GET with it waits for
messages, a POST brings some. The answer's own status is 200, the one that counts is in its body. Does not know what
messages mean; that is the session's.
"""

import asyncio
import base64
import binascii
import secrets
from http import HTTPStatus
from typing import Final

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from hubbub.errors import BAD_REQUEST, BODY_TOO_LARGE, INACTIVE, INTERNAL, METHOD, SHUTTING_DOWN, TOO_SLOW, Refusal
from hubbub.hub.connection import Wire
from hubbub.logs import named
from hubbub.protocols import phoenix
from hubbub.protocols.phoenix import Encoding, Version
from hubbub.session.doors import Line, Opening
from hubbub.session.phoenix import PhoenixSession, Ticket, admit
from hubbub.transports.claims import Claims
from hubbub.transports.forwarding import Visit
from hubbub.transports.services import Services

PATH: Final = "/socket/longpoll"

_LINES: Final = "application/x-ndjson"
_encode = msgspec.json.Encoder().encode
_logger = named("hubbub.longpoll")

# Each frame is an element of the answer's list of messages, and ends in its comma. Until 1.2 phoenix.js takes objects,
# from 1.3 on, which is V2, their texts.
LONG_POLL: Final = {
    Version.V1: Encoding(Version.V1, lambda text: text + b","),
    Version.V2: Encoding(Version.V2, lambda text: _encode(text.decode()) + b","),
}
_SILENT: Final = Wire("none: its seats have wires", lambda _: b"")


class LongPoll:
    """One client: messages for it wait here between its polls."""

    __slots__ = ("_idle", "_is_closed", "_pending", "_polls", "_session", "_size", "_waiting", "slot", "token")

    wire = _SILENT

    is_socket = False

    def __init__(self, polls: "LongPolls", version: Version, ticket: Ticket, token: str) -> None:
        self._polls = polls
        self._pending: list[bytes] = []
        self._size = 0
        self._waiting: asyncio.Future[None] | None = None
        self._idle: asyncio.Future[None] | None = None
        self._is_closed = False
        self.slot = 0
        self.token = token
        self._session: PhoenixSession | None = PhoenixSession(polls.services.doors, self, LONG_POLL[version], ticket)
        polls.services.wheel.watch(self, polls.services.settings.poll_timeout)

    # What the hub and the session call

    def write(self, data: bytes) -> None:
        """Keep a message for the next poll, or answer the one that waits."""
        limit = self._polls.services.settings.max_backlog_bytes
        if self._is_closed or self._size > limit:
            return
        self._pending.append(data)
        self._size += len(data)
        if self._size > limit:
            self._pending = []  # it is closed for good, and until then nothing more is kept
            self.close(TOO_SLOW(limit=limit))
        self._wake()

    @property
    def queued(self) -> int:
        """Bytes that wait to be read by the client."""
        return self._size

    def look(self) -> Line:
        """Tell what the connection is at this moment."""
        return Line("long-poll", "", self._size)

    def close(self, refusal: Refusal) -> None:
        """End soon; log the refusal's cause, if it has one. The client learns of it by its next poll."""
        if refusal.reason is INTERNAL and refusal.__cause__ is not None:
            _logger.error("A long-poll is closed for a fault of ours", exc_info=refusal.__cause__)
        if self._session is not None:
            self._session.part(refusal)
        asyncio.get_running_loop().call_soon(self._close)

    def resume(self) -> None:
        """The session takes more."""
        if self._idle is not None and not self._idle.done():
            self._idle.set_result(None)

    # What the wheel calls

    def on_due(self) -> None:
        """Take a client that polls no more for gone."""
        self.close(INACTIVE())

    # What requests ask

    async def messages(self, request: Request) -> bytes | None:
        """Wait for messages; None once this has ended. Of two polls at once the earlier gets nothing."""
        services = self._polls.services
        if self._waiting is not None and not self._waiting.done():
            self._waiting.cancel()
        services.wheel.forget(self)
        if not self._pending and not self._is_closed:
            self._waiting = waiting = asyncio.get_running_loop().create_future()
            gone = asyncio.ensure_future(_departure(request))
            await asyncio.wait((waiting, gone), timeout=services.settings.poll_window, return_when="FIRST_COMPLETED")
            is_gone = gone.done()
            gone.cancel()
            if waiting.cancelled():
                return b""  # a later poll waits in its place, and the deadline is its own
            self._waiting = None
            if is_gone and not self._is_closed:
                services.wheel.watch(self, services.settings.poll_timeout)
                return b""
        if self._is_closed:
            return None
        services.wheel.watch(self, services.settings.poll_timeout)
        taken, self._pending, self._size = b"".join(self._pending), [], 0
        return taken

    async def receive(self, bodies: list[str | bytes]) -> None:
        """Obey messages, and come back when that is done."""
        for body in bodies:
            await self._rest()
            if self._session is not None:
                self._session.receive(body)
        await self._rest()

    async def _rest(self) -> None:
        """Come back when the session is not busy. One message at a time: a POST may bring thousands."""
        while self._session is not None and self._session.is_busy:
            if self._idle is None or self._idle.done():
                self._idle = asyncio.get_running_loop().create_future()
            await asyncio.shield(self._idle)

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    def _close(self) -> None:
        if self._is_closed:
            return
        self._is_closed = True
        self._pending = []
        self._polls.services.wheel.forget(self)
        self._polls.forget(self)
        session, self._session = self._session, None
        assert session is not None
        session.end()
        self._wake()
        self.resume()


class LongPolls:
    """All of this process, by token; and the ASGI endpoint."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self._by_token: dict[str, LongPoll] = {}
        self.claims = Claims(services.doors.node, "phoenix", self._by_token)
        """Which of all sessions are here."""
        self._is_stopping = False

    def forget(self, poll: LongPoll) -> None:
        """Let its token open nothing more."""
        self.services.addresses.end(poll.token)
        if self._by_token.pop(poll.token, None) is not None:
            self.claims.ended(poll.token)

    def shutdown(self) -> None:
        """The server stops: answer all who wait, so that they come back elsewhere, and let nobody else in."""
        self._is_stopping = True
        for poll in list(self._by_token.values()):
            poll.close(SHUTTING_DOWN())

    async def __call__(self, request: Request) -> Response:
        """Answer a request to `/socket/longpoll`."""
        match request.method:
            case "GET":
                token = request.query_params.get("token")
                return await (self._poll(request, token) if token else self._open(request))
            case "POST":
                return await self._receive(request)
            case "OPTIONS":
                return _preflight(request)
        refusal = METHOD(method=request.method, allow="GET, POST, OPTIONS")
        self.services.doors.tally.refused("", refusal)
        return Response(refusal.message + "\n", refusal.status, {"Allow": "GET, POST, OPTIONS"}, "text/plain")

    # What forwarding asks

    def visit(self, request: Request) -> Visit | None:
        """Tell which session a request is of."""
        token = request.query_params.get("token")
        if not token or request.method not in ("GET", "POST"):
            return None
        return Visit(token, waits=request.method == "GET")

    def has(self, session: str) -> bool:
        """Tell whether a session is here."""
        return session in self._by_token

    def send_away(self, session: str) -> None:
        """Let a client begin anew."""
        if (poll := self._by_token.get(session)) is not None:
            poll.close(SHUTTING_DOWN())

    def refused(self, _request: Request, refusal: Refusal) -> Response:
        """Give the answer that tells of a refusal: to try again."""
        return _answer({"status": HTTPStatus.INTERNAL_SERVER_ERROR, "reason": refusal.message})

    # Answering

    async def _open(self, request: Request) -> Response:
        query = dict(request.query_params)
        if self._is_stopping:
            return _answer({"status": HTTPStatus.INTERNAL_SERVER_ERROR, "reason": SHUTTING_DOWN().message})
        token = request.headers.get("x-phoenix-authtoken")
        origin = request.headers.get("origin")
        address = request.client.host if request.client is not None else None
        opening = Opening(
            query.get("app_key", ""),
            query,
            request.url.scheme == "https",
            token,
            origin,
            address,
            request.headers.get("user-agent"),
        )
        line, poll_token, addresses = (
            Line("long-poll", address or "", 0),
            secrets.token_urlsafe(24),
            self.services.addresses,
        )
        try:
            addresses.check_session(poll_token, line.address)
        except Refusal as refusal:
            self.services.doors.turned_away(opening, refusal, line)
            return _answer({"status": HTTPStatus.INTERNAL_SERVER_ERROR, "reason": refusal.message})
        try:
            ticket = await admit(self.services.doors, opening, line)
            version = phoenix.version(query.get("vsn"))
        except Refusal as refusal:
            addresses.end(poll_token)
            is_ours = refusal.status >= HTTPStatus.INTERNAL_SERVER_ERROR
            # phoenix.js knows no other: 500 is to try again, 403 is to stay away.
            status = HTTPStatus.INTERNAL_SERVER_ERROR if is_ours else HTTPStatus.FORBIDDEN
            return _answer({"status": status, "reason": refusal.message})
        poll = LongPoll(self, version, ticket, poll_token)
        self._by_token[poll.token] = poll
        await self.claims.take(poll.token)
        return _answer({"status": HTTPStatus.GONE, "token": poll.token})

    async def _poll(self, request: Request, token: str) -> Response:
        poll = self._by_token.get(token)
        messages = await poll.messages(request) if poll is not None else None
        if messages is None:
            # Phoenix says 410 with a new token; its clients before 1.8 then go on without joining anything again.
            return _answer({"status": HTTPStatus.INTERNAL_SERVER_ERROR})
        head = {"status": HTTPStatus.OK if messages else HTTPStatus.NO_CONTENT, "token": token}
        return Response(_encode(head)[:-1] + b',"messages":[' + messages[:-1] + b"]}", headers=_HEADERS)

    async def _receive(self, request: Request) -> Response:
        poll = self._by_token.get(request.query_params.get("token", ""))
        if poll is None:
            return _answer({"status": HTTPStatus.GONE})
        try:
            await poll.receive(await self._bodies(request))
        except Refusal as refusal:
            self.services.doors.tally.refused("", refusal)
            return _answer({"status": refusal.status, "reason": refusal.message})
        except ClientDisconnect:
            return _answer({"status": HTTPStatus.BAD_REQUEST})
        return _answer({"status": HTTPStatus.OK})

    async def _bodies(self, request: Request) -> list[str | bytes]:
        """Read the messages of a POST: one, or one a line. Raises the refusals BODY_TOO_LARGE, BAD_REQUEST."""
        try:
            text = (await request.body()).decode()
        except UnicodeDecodeError:
            raise BAD_REQUEST(problem="the body is not UTF-8") from None
        is_lines = request.headers.get("content-type", "").startswith(_LINES)
        bodies = [line for line in text.split("\n") if line] if is_lines else [text]
        limit = self.services.settings.max_message_bytes
        if any(len(body.encode()) > limit for body in bodies):
            raise BODY_TOO_LARGE(limit=limit)
        return [_message(body) for body in bodies]


async def _departure(request: Request) -> None:
    """Come back when the client has gone. What ASGI tells before that is the body, which a GET has none of."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _message(body: str) -> str | bytes:
    """Give a message as it would have come over a WebSocket: what is no JSON is a binary frame, in base64."""
    if body.lstrip()[:1] in ("[", "{", ""):
        return body
    try:
        return base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError):
        return body


# The token in the query is what counts, never a cookie: any page may ask.
_HEADERS: Final = {
    "Content-Type": "application/json",
    "Access-Control-Allow-Origin": "*",
    "Cache-Control": "no-store",
}


def _answer(body: dict[str, object]) -> Response:
    return Response(_encode(body), headers=_HEADERS)


def _preflight(request: Request) -> Response:
    return Response(
        headers={
            "Access-Control-Allow-Origin": "*",
            "Access-Control-Allow-Methods": "GET, POST, OPTIONS",
            "Access-Control-Allow-Headers": request.headers.get("access-control-request-headers", ""),
            "Access-Control-Max-Age": "3600",
        }
    )
