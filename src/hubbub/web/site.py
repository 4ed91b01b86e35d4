"""The ASGI application: everything on the port that is neither a Pusher socket nor the signed API."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any, Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp

from hubbub.errors import METHOD, NOT_FOUND, UNKNOWN, Refusal
from hubbub.logs import request_id
from hubbub.web import home
from hubbub.web.account import PAGES as ACCOUNT_PAGES
from hubbub.web.admin.pages import PAGES as ADMIN_PAGES
from hubbub.web.application import PAGES as APPLICATION_PAGES
from hubbub.web.assets import asset_routes
from hubbub.web.organization import PAGES as ORGANIZATION_PAGES
from hubbub.web.page import Page, complete, refused, routes
from hubbub.web.services import Services
from hubbub.web.sign import PAGES as SIGN_PAGES
from hubbub.web.visit import Visit

Endpoint = Callable[[Request], Awaitable[Response]]

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
"""All: the endpoints say themselves which they take."""

PAGES: Final[tuple[Page, ...]] = (
    *home.PAGES,
    *SIGN_PAGES,
    *ACCOUNT_PAGES,
    *ORGANIZATION_PAGES,
    *APPLICATION_PAGES,
    *ADMIN_PAGES,
)
"""Every page there is."""


def site(
    *,
    services: Services,
    api: ASGIApp,
    health: Mapping[str, Callable[[], tuple[int, dict[str, Any]]]],
    sockets: Mapping[str, Endpoint],
    metrics: Endpoint | None = None,
) -> Starlette:
    """Make the application.

    `services` are what pages work with; `api` answers below `/api`; `health` gives status and JSON for those who ask
    how this process is, by path; `sockets` are the endpoints, by path, of clients that no WebSocket reaches; `metrics`
    answers `/metrics`, if that is there.
    """

    async def on_http_exception(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return await _missing(request, error, services)

    return Starlette(
        routes=[
            *(Route(path, _told_by(ask)) for path, ask in health.items()),
            *(Route(path, endpoint, methods=list(METHODS)) for path, endpoint in sockets.items()),
            *([Route("/metrics", metrics)] if metrics is not None else []),
            Mount("/api", api),
            *asset_routes(),
            *routes(services, PAGES),
        ],
        exception_handlers={HTTPException: on_http_exception, Exception: _failed},
    )


def _told_by(ask: Callable[[], tuple[int, dict[str, Any]]]) -> Endpoint:
    async def endpoint(_request: Request) -> Response:
        status, told = ask()
        return JSONResponse(told, status, {"Cache-Control": "no-store"})

    return endpoint


async def _missing(request: Request, error: HTTPException, services: Services) -> Response:
    if request.url.path.startswith("/api/"):
        # A path with a line break: no route takes it, so it never reaches the API.
        return JSONResponse({"errors": {"detail": error.detail}}, error.status_code, error.headers)
    if "text/html" not in request.headers.get("accept", ""):
        return PlainTextResponse(f"{error.status_code} {error.detail}\n", error.status_code, error.headers)
    visit = Visit(request, services)
    with suppress(Refusal):  # that there is nothing is told without the database, too
        await visit.begin()
    if error.status_code == 405:
        refusal = METHOD(method=request.method, allow=(error.headers or {}).get("Allow", "others"))
    else:
        refusal = UNKNOWN() if error.status_code == 404 else NOT_FOUND()
    return complete(visit, refused(visit, refusal))


async def _failed(_request: Request, _error: Exception) -> Response:
    # Starlette raises the error again after this answer, and uvicorn logs it.
    name = request_id()
    return PlainTextResponse(f"Internal server error{f' (request {name})' if name else ''}\n", 500)
