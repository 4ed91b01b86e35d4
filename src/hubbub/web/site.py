"""The ASGI application: everything on the port that is neither a Pusher socket nor the signed API."""

from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Lifespan

_HOME = (Path(__file__).parent / "home.html").read_text(encoding="utf-8")


def site(lifespan: Lifespan[Starlette]) -> Starlette:
    """Make the application; `lifespan` surrounds its life."""
    return Starlette(
        routes=[Route("/", _home), Route("/health", _health)],
        exception_handlers={HTTPException: _refused, Exception: _failed},
        lifespan=lifespan,
    )


async def _home(_request: Request) -> Response:
    return HTMLResponse(_HOME)


async def _health(_request: Request) -> Response:
    return JSONResponse({"status": "ok"})


async def _refused(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return PlainTextResponse(f"{error.status_code} {error.detail}\n", error.status_code, error.headers)


async def _failed(_request: Request, _error: Exception) -> Response:
    # Starlette raises the error again after this answer, and uvicorn logs it.
    return PlainTextResponse("Internal server error\n", 500)
