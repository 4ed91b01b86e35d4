"""The ASGI application: everything on the port that is neither a Pusher socket nor the signed API."""

import re
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Lifespan

from hubbub.demo import Pass
from hubbub.web.assets import asset_routes

Endpoint = Callable[[Request], Awaitable[Response]]

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
"""All: the endpoints say themselves which they take."""

_UID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self' ws: wss:; base-uri 'none'"
"""Nothing from elsewhere, nothing in line. Not every browser counts a socket of the same host as of the same origin."""

_HOME = (Path(__file__).parent / "home.html").read_text(encoding="utf-8")


def site(
    lifespan: Lifespan[Starlette],
    *,
    api: ASGIApp,
    sockets: Mapping[str, Endpoint],
    demo: Callable[[str], Pass] | None,
    metrics: Endpoint | None = None,
) -> Starlette:
    """Make the application; `lifespan` surrounds its life.

    `api` answers below `/api`; `sockets` are the endpoints, by path, of clients that no WebSocket reaches; `demo` lets
    a visitor of the chat in by a user id of theirs, None where there is no chat; `metrics` answers `/metrics`, if that
    is there.
    """

    async def demo_session(request: Request) -> Response:
        return _demo_session(request, demo)

    return Starlette(
        routes=[
            Route("/", _home),
            Route("/health", _health),
            Route("/demo/session", demo_session),
            *(Route(path, endpoint, methods=list(METHODS)) for path, endpoint in sockets.items()),
            *([Route("/metrics", metrics)] if metrics is not None else []),
            Mount("/api", api),
            *asset_routes(),
        ],
        exception_handlers={HTTPException: _refused, Exception: _failed},
        lifespan=lifespan,
    )


def _demo_session(request: Request, demo: Callable[[str], Pass] | None) -> Response:
    """Give a token for the chat of the home page."""
    if demo is None:
        return JSONResponse({"errors": {"detail": "This server has no chat: start it with --demo"}}, 404)
    uid = request.query_params.get("uid", "")
    if _UID.fullmatch(uid) is None:
        return JSONResponse({"errors": {"uid": ["must be 1 to 64 letters, digits, '-' or '_'"]}}, 422)
    given = demo(uid)
    return JSONResponse(
        {"app_key": given.app_key, "jwt": given.token, "uid": given.uid}, headers={"Cache-Control": "no-store"}
    )


async def _home(_request: Request) -> Response:
    return HTMLResponse(_HOME, headers={"Content-Security-Policy": _POLICY})


async def _health(_request: Request) -> Response:
    return JSONResponse({"status": "ok"})


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if request.url.path.startswith("/api/"):
        # A path with a line break: no route takes it, so it never reaches the API.
        return JSONResponse({"errors": {"detail": error.detail}}, error.status_code, error.headers)
    return PlainTextResponse(f"{error.status_code} {error.detail}\n", error.status_code, error.headers)


async def _failed(_request: Request, _error: Exception) -> Response:
    # Starlette raises the error again after this answer, and uvicorn logs it.
    return PlainTextResponse("Internal server error\n", 500)
