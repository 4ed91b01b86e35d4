"""The page at `/api/docs`: Swagger UI, from files of our own, so that it works where there is no network.

Knows the page and its files. Does not know the document it shows.
"""

from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.staticfiles import StaticFiles

STATIC = Path(__file__).parent / "static"

_PAGE = (STATIC / "docs.html").read_text(encoding="utf-8")

_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self' 'unsafe-inline'",  # Swagger UI sets styles of its elements
        "img-src 'self' data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)


def files() -> StaticFiles:
    """Give the application that serves the files of the page."""
    return StaticFiles(directory=STATIC)


routes = APIRouter(include_in_schema=False)


@routes.get("/")
async def index(request: Request) -> RedirectResponse:
    """Lead to the page."""
    return RedirectResponse(f"{request.scope.get('root_path', '')}/docs")


@routes.get("/docs")
async def docs(request: Request) -> HTMLResponse:
    """Show the document, with a form to try each call."""
    root = request.scope.get("root_path", "")
    return HTMLResponse(_PAGE.replace("ROOT", root), headers={"Content-Security-Policy": _POLICY})
