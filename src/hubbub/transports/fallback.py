"""Pusher clients that no WebSocket reaches, below `/pusher`: the HTTP transports of pusher-js, and SockJS.

    POST /pusher/app/KEY/SERVER/SESSION/{xhr, xhr_streaming, xhr_send}             pusher-js's own
    …    /pusher/SERVER/SESSION/{xhr, xhr_streaming, xhr_send, eventsource}        SockJS, to its protocol 0.3.3
    …    /pusher/SERVER/SESSION/{jsonp, jsonp_send}                                the same, by a script and a form
    GET  /pusher/info, /pusher                                                     what SockJS asks first

SERVER and SESSION are the client's choice; together they name the session. SockJS's WebSocket is another file's.

JSONP is for the script that pusher-js fetches from Pusher's site when it finds no SockJS on the page: that script knows
nothing else but iframes. It tries three of them first, and gives each up when it does not answer.

Left out of SockJS: those iframes, and `htmlfile`, which is one. An iframe would be a page of this origin that runs
whatever script its address names, beside the pages where users sign in. And `/pusher/websocket` without frames:
`/app/KEY` is that.

Knows: paths, methods, what a page of another origin may ask, which sessions there are. Does not know how one is kept.
"""

import re
import secrets
from functools import partial
from typing import Final

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from hubbub.errors import (
    BAD_REQUEST,
    MESSAGE_TOO_LARGE,
    METHOD,
    NOT_FOUND,
    OVER_CAPACITY,
    SHUTTING_DOWN,
    STILL_OPEN,
    TOO_EAGER,
    Refusal,
)
from hubbub.session.doors import Opening
from hubbub.transports import sockjs
from hubbub.transports.absence import Absence
from hubbub.transports.claims import Claims
from hubbub.transports.forwarding import Visit
from hubbub.transports.httpsocket import HttpSocket
from hubbub.transports.receiving import EVENT_SOURCE, POLL, STREAM, Form, Receiving, script
from hubbub.transports.services import Services

SESSIONS: Final = ("/pusher/app/{key}/{server}/{session}/{transport}", "/pusher/{server}/{session}/{transport}")
INFO: Final = "/pusher/info"
GREETINGS: Final = ("/pusher", "/pusher/")
PATHS: Final = (INFO, *GREETINGS, *SESSIONS)

_FORMS: Final = {"xhr": POLL, "xhr_streaming": STREAM, "eventsource": EVENT_SOURCE}
_METHODS: Final = {
    "xhr": "POST",
    "xhr_streaming": "POST",
    "xhr_send": "POST",
    "eventsource": "GET",
    "jsonp": "GET",
    "jsonp_send": "POST",
}
_SOCKJS_ALONE: Final = ("jsonp", "jsonp_send")
_FIELDS: Final = "application/x-www-form-urlencoded"
_PART: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""SockJS lets clients choose them, of anything but dots and slashes; they choose digits and letters."""

_CALLBACK: Final = re.compile(r"_jp\.[A-Za-z0-9_.-]{1,124}")
"""All of SockJS's are in `_jp`. Our own pages have none: they run scripts of this origin, so that a script which calls
anything by name could be made to act in them.
"""

_PAGE: Final = re.compile(r"(https?://[^/?#@\s]+)(?:[/?#].*)?")
_UNKNOWN_ORIGIN: Final = "null"


class Fallbacks:
    """All sessions of this process, by what their clients call them; and the ASGI endpoint."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._sockets: dict[str, HttpSocket] = {}
        self.claims = Claims(services.doors.node, "pusher", self._sockets)
        """Which of all sessions are here."""
        self._absence = Absence(services.doors, services.wheel, self._sockets)
        self._is_stopping = False

    def shutdown(self) -> None:
        """The server stops: tell everyone to come back elsewhere, and let nobody else in."""
        self._is_stopping = True
        for socket in list(self._sockets.values()):
            socket.shutdown()

    async def __call__(self, request: Request) -> Response:
        """Answer a request to one of PATHS."""
        try:
            response = await self._respond(request)
        except Refusal as refusal:
            self._services.doors.count(request.path_params.get("key", ""), refusal)
            return self.refused(request, refusal)
        response.headers.update(_headers(request))
        return response

    # What forwarding asks

    def visit(self, request: Request) -> Visit | None:
        """Tell which session a request is of."""
        transport, method = request.path_params.get("transport", ""), _method(request)
        if not transport or request.method != method or (name := _name(request)) is None:
            return None
        return Visit(name, waits=not transport.endswith("_send"))

    def has(self, session: str) -> bool:
        """Tell whether a session is here."""
        return session in self._sockets

    def send_away(self, session: str) -> None:
        """Tell the client of a session to come back."""
        if (socket := self._sockets.get(session)) is not None:
            socket.shutdown()

    def refused(self, request: Request, refusal: Refusal) -> Response:
        """Give the answer that tells of a refusal."""
        response = Response(f"{refusal.message}\n", refusal.status, media_type="text/plain")
        if allow := refusal.facts.get("allow"):
            response.headers["Allow"] = str(allow)
        if seconds := refusal.facts.get("seconds"):
            response.headers["Retry-After"] = str(seconds)
        response.headers.update(_headers(request))
        return response

    # Answering

    async def _respond(self, request: Request) -> Response:
        transport, method = request.path_params.get("transport"), _method(request)
        if method is None:
            raise NOT_FOUND()
        if request.method == "OPTIONS":
            return _preflight(request, method)
        if request.method != method:
            raise METHOD(method=request.method, allow=f"{method}, OPTIONS")
        if transport is None:
            return _information(request)
        name = _name(request)
        if name is None:
            raise NOT_FOUND()
        match transport:
            case "xhr_send":
                await self._send(request, name)
                return Response(status_code=204)
            case "jsonp_send":
                await self._send(request, name)
                return Response("ok", media_type="text/plain")
            case "jsonp":
                return self._receive(request, name, script(_callback(request)))
            case _:
                return self._receive(request, name, _FORMS[transport])

    def _receive(self, request: Request, name: str, form: Form) -> Response:
        socket = self._sockets.get(name)
        if socket is None:
            socket = self._open(request, name)
        elif socket.is_taken:
            refusal = STILL_OPEN()
            assert refusal.code is not None
            said = form.written(sockjs.close(refusal.code, refusal.message))
            return Response(form.prelude + said, headers={"Content-Type": form.content_type})
        response = Receiving(socket, form)
        socket.attach(response)
        return response

    def _open(self, request: Request, name: str) -> HttpSocket:
        if self._is_stopping:
            raise SHUTTING_DOWN()
        capacity = self._services.doors.capacity
        if capacity is not None and len(self._sockets) >= capacity:
            raise OVER_CAPACITY()
        is_secure = request.url.scheme == "https"
        address = request.client.host if request.client is not None else None
        self._services.addresses.check_session(name, address or "")
        opening = Opening(
            request.path_params.get("key", ""),
            dict(request.query_params),
            is_secure,
            origin=_origin(request),
            address=address,
            agent=request.headers.get("user-agent"),
        )
        socket = self._sockets[name] = HttpSocket(self._services, opening, self._absence, partial(self._forget, name))
        return socket

    def _forget(self, name: str, socket: HttpSocket) -> None:
        if self._sockets.get(name) is socket:
            del self._sockets[name]
            self._services.addresses.end(name)
            self.claims.ended(name)

    async def _send(self, request: Request, name: str) -> None:
        try:
            body = await request.body()
        except ClientDisconnect:
            raise BAD_REQUEST(problem="the body is incomplete") from None
        socket = self._sockets.get(name)
        if socket is None:
            raise NOT_FOUND()
        socket.hear()

        def read() -> list[str]:
            given = sockjs.form(body) if _is_form(request) else body
            return sockjs.messages(given, self._services.settings.max_message_bytes)

        try:
            await socket.receive(len(body), read)
        except Refusal as refusal:
            if refusal.reason in (MESSAGE_TOO_LARGE, TOO_EAGER):
                # As a WebSocket is closed: clients do not look at this answer, and would wait for another for ever.
                socket.close(refusal)
            raise


def _method(request: Request) -> str | None:
    """Give the method by which a path is asked for, None for one that there is not."""
    transport = request.path_params.get("transport")
    if transport is None:
        return "GET"
    if "key" in request.path_params and transport in _SOCKJS_ALONE:
        return None
    return _METHODS.get(transport)


def _name(request: Request) -> str | None:
    """Give what a session is called, None where its path is wrong."""
    given = request.path_params
    if not (_PART.fullmatch(given["server"]) and _PART.fullmatch(given["session"])):
        return None
    return "/".join((given.get("key", ""), given["server"], given["session"]))


def _callback(request: Request) -> str:
    callback = request.query_params.get("c", "")
    if not _CALLBACK.fullmatch(callback):
        raise BAD_REQUEST(problem="c must name a callback in _jp")
    return callback


def _is_form(request: Request) -> bool:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return request.path_params["transport"] == "jsonp_send" and kind == _FIELDS


def _origin(request: Request) -> str | None:
    """Tell whose page asks.

    Browsers send no origin with a GET for a script, nor with one whose answer the page may not read: then the address
    of the page tells, unless it is held back. A POST whose answer a page may read has one.
    """
    origin = request.headers.get("origin")
    if origin is None and request.method == "GET":
        found = _PAGE.fullmatch(request.headers.get("referer", ""))
        return found[1] if found else _UNKNOWN_ORIGIN
    return origin


def _information(request: Request) -> Response:
    if request.url.path != INFO:
        return Response("Welcome to SockJS!\n", media_type="text/plain")
    # Whichever process a request reaches, it is answered by the one that has the session: no cookie need tell.
    facts = {"websocket": True, "origins": ["*:*"], "cookie_needed": False, "entropy": secrets.randbits(32)}
    return Response(msgspec.json.encode(facts), media_type="application/json")


def _preflight(request: Request, method: str) -> Response:
    return Response(
        status_code=204,
        headers={
            "Access-Control-Allow-Methods": f"{method}, OPTIONS",
            "Access-Control-Allow-Headers": request.headers.get("access-control-request-headers", "Content-Type"),
            "Access-Control-Max-Age": "3600",
        },
    )


def _headers(request: Request) -> dict[str, str]:
    """Let any page ask, with cookies too, as SockJS does with each request: none is ever looked at."""
    headers = {"Cache-Control": "no-store, no-transform", "X-Content-Type-Options": "nosniff"}
    if (origin := request.headers.get("origin")) is None:
        return {**headers, "Access-Control-Allow-Origin": "*"}
    allowed = {"Access-Control-Allow-Origin": origin, "Access-Control-Allow-Credentials": "true", "Vary": "Origin"}
    return {**headers, **allowed}
