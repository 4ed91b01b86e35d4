"""Requests over HTTP in the log: the id of each, and a line when it has been answered.

Knows: whose word on an id is taken, and what of a request may be told: never its query, where proofs and tokens stand.
Does not know what a request means.
"""

import re
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hubbub.logs import CURRENT, named
from hubbub.logs.current import is_well_formed, new_request_id
from hubbub.transports.request import Caller, Request
from hubbub.transports.response import Response

HEADER: Final = b"x-request-id"

PEER: Final = "hubbub.peer"
"""The extension of ASGI that tells, by `is_trusted`, whether the other end of the connection is a proxy of ours."""

LONGEST_PATH: Final = 512

_SESSION: Final = re.compile(r"^(/pusher/app/[^/]*/[^/]*/)[^/]+")
"""Who knows the name of a fallback's session may read on in it."""

_logger = named("hubbub.access")

Answer = Callable[[Request, Callable[[], Caller]], Awaitable[Response]]
"""What answers requests to the signed API."""


def id_of(given: str, is_trusted: Callable[[], bool]) -> str:
    """Give a request's id: the one that a proxy of ours has given it in `X-Request-Id`, or a new one."""
    return given if given and is_well_formed(given) and is_trusted() else new_request_id()


class Asked:
    """A request to the site, on whose behalf lines are written until it is `over`."""

    __slots__ = ("_headers", "_id", "is_over")

    def __init__(self, scope: Scope) -> None:
        self._headers: list[tuple[bytes, bytes]] = scope["headers"]
        is_trusted = scope.get("extensions", {}).get(PEER, {}).get("is_trusted", _nobody)
        self._id = id_of(self.header(HEADER), is_trusted)
        self.is_over = False

    @property
    def id(self) -> str:
        """What it is called."""
        return self._id

    def told(self) -> Mapping[str, object]:
        """See `logs.current.Served`."""
        return {} if self.is_over else {"request_id": self._id}

    def header(self, name: bytes) -> str:
        """See `logs.current.Served`."""
        return next((value.decode("latin-1") for key, value in self._headers if key == name), "")


class Requests:
    """ASGI middleware around the whole site. With `has_access_log` each request gets a line."""

    def __init__(self, app: ASGIApp, *, has_access_log: bool) -> None:
        self._app = app
        self._has_access_log = has_access_log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; anything else is passed on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        asked = Asked(scope)
        began = time.perf_counter()
        status = 0

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (HEADER, asked.id.encode())]
            await send(message)

        # Never set back: the task is this request's alone, and uvicorn logs in it what went wrong.
        CURRENT.set(asked)
        try:
            await self._app(scope, receive, answer)
        except BaseException:
            self._log(scope, status or 500, began)
            raise
        self._log(scope, status, began)
        asked.is_over = True

    def _log(self, scope: Scope, status: int, began: float) -> None:
        if self._has_access_log:
            agent = next((value for name, value in scope["headers"] if name == b"user-agent"), b"").decode("latin-1")
            path = scope["raw_path"].decode("latin-1")
            log(scope["method"], path, status, time.perf_counter() - began, (scope["client"] or [""])[0], agent)


def recorded(answer: Answer) -> Answer:
    """Give what answers requests to the signed API, and writes a line about each."""

    async def answer_and_log(request: Request, caller: Callable[[], Caller]) -> Response:
        began, status = time.perf_counter(), 500
        try:
            response = await answer(request, caller)
            status = response.status
        finally:
            who = caller()
            seconds = time.perf_counter() - began
            log(request.method.decode("latin-1"), request.path, status, seconds, who.address, who.agent)
        return response

    return answer_and_log


def log(method: str, path: str, status: int, seconds: float, address: str, agent: str) -> None:
    """Write the line of a request, answered after so many seconds. Status 0: who asked went away before that."""
    _logger.info(
        "Request",
        method=method,
        path=_SESSION.sub(r"\1[session]", path.partition("?")[0])[:LONGEST_PATH],
        status=status,
        duration_ms=round(seconds * 1000, 1),
        address=address,
        agent=agent[:256],
    )


def with_id(answer: bytes, request_id: str) -> bytes:
    """Give an answer, written out, with the request's id in its head."""
    line, _, rest = answer.partition(b"\r\n")
    return b"%s\r\nX-Request-Id: %s\r\n%s" % (line, request_id.encode(), rest)


def _nobody() -> bool:
    return False
