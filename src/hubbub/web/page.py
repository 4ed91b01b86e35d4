"""What a page is: a path, who may see it, and what answers.

Knows: how a request becomes a visit, and what every answer of a page has in its head. Does not know any page.
"""

from collections.abc import Awaitable, Callable, Iterable
from enum import Enum
from typing import Final
from urllib.parse import urlsplit

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from hubbub.errors import FORBIDDEN, UNAUTHENTICATED, Refusal
from hubbub.logs import named, request_id
from hubbub.web.services import Services
from hubbub.web.sure import ask, question_of
from hubbub.web.visit import Visit

POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self' ws: wss:",  # not every browser counts a socket of the same host as of the same origin
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    )
)
"""Nothing from elsewhere, nothing in line."""

HEADERS: Final = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}

MUST_CHANGE: Final = "/account/password"
"""Where who must change the password is sent from everywhere else."""

_logger = named("hubbub.web")

Endpoint = Callable[[Visit], Awaitable[Response]]


class Access(Enum):
    """Who a page is for."""

    ANYBODY = "anybody"
    SIGNED_IN = "who is signed in"
    ROOT = "root users"


class Page(msgspec.Struct, frozen=True):
    """What answers `method` at `path`. `is_open` is for who must change the password first, too."""

    path: str
    endpoint: Endpoint
    method: str
    access: Access
    is_open: bool


def get(path: str, endpoint: Endpoint, access: Access = Access.SIGNED_IN, *, is_open: bool = False) -> Page:
    """Give the page that is shown at a path."""
    return Page(path, endpoint, "GET", access, is_open)


def post(path: str, endpoint: Endpoint, access: Access = Access.SIGNED_IN, *, is_open: bool = False) -> Page:
    """Give what a form at a path does. Its token has been checked when `endpoint` is called."""
    return Page(path, endpoint, "POST", access, is_open)


def routes(services: Services, pages: Iterable[Page]) -> list[Route]:
    """Give the routes of pages, in their order."""
    by_path: dict[str, dict[str, Page]] = {}
    for page in pages:
        by_path.setdefault(page.path, {})[page.method] = page
    return [
        Route(path, _endpoint(services, methods), methods=list(methods), name=path) for path, methods in by_path.items()
    ]


def _endpoint(services: Services, pages: dict[str, Page]) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        page = pages["GET" if request.method == "HEAD" else request.method]
        visit = Visit(request, services)
        try:
            response = await _admitted(visit, page)
        except Refusal as refusal:
            response = refused(visit, refusal)
        return complete(visit, response)

    return answer


def complete(visit: Visit, response: Response) -> Response:
    """Give an answer with the cookies and the heads that every page has."""
    visit.finish(response)
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers.setdefault("Cache-Control", "no-store")
    return response


async def _admitted(visit: Visit, page: Page) -> Response:
    """Answer, or say why not. Raises what the page raises."""
    await visit.begin()
    if page.method == "POST":
        check_origin(visit.request)
        await visit.check_form()
    if page.access is not Access.ANYBODY:
        if visit.identity is None:
            raise UNAUTHENTICATED(problem="Sign in first")
        if visit.must_change_password and not page.is_open:
            return visit.redirect(MUST_CHANGE)
        if page.access is Access.ROOT and not visit.identity.user.is_root:
            return visit.redirect("/", notice="That page is for administrators of this server.", kind="bad")
    if page.method == "POST" and (question := question_of(form := await visit.form())) is not None:
        return ask(visit, form, question)
    return await page.endpoint(visit)


def refused(visit: Visit, refusal: Refusal) -> Response:
    """Give the page that says why something is refused; who has yet to sign in is asked to."""
    if refusal.reason is UNAUTHENTICATED and visit.identity is None and visit.is_navigation:
        return visit.redirect(visit.sign_in_path())
    if refusal.status >= 500:
        method, path = visit.request.method, visit.request.scope["path"]
        _logger.warning("A page could not be shown", method=method, path=path, reason=refusal.message)
    response = visit.render(
        "error.html",
        refusal.status,
        status_code=refusal.status,
        problem=_problem(refusal),
        request_id=request_id() if refusal.status >= 500 else "",
    )
    if "seconds" in refusal.facts:
        response.headers["Retry-After"] = str(refusal.facts["seconds"])
    return response


def _problem(refusal: Refusal) -> str:
    if refusal.reason is UNAUTHENTICATED or refusal.reason is FORBIDDEN:
        return str(refusal.facts.get("problem", refusal.message))
    return refusal.message


def check_origin(request: Request) -> None:
    """Raise FORBIDDEN for what a browser sends on behalf of a page of another origin.

    By `Sec-Fetch-Site`, which all present browsers send over TLS and to their own machine, else by `Origin`. What sends
    neither is no browser, or an old one: the token of the form decides.
    """
    site = request.headers.get("sec-fetch-site")
    if site not in (None, "same-origin", "none"):
        raise FORBIDDEN(problem="this was sent by a page of another site")
    origin = request.headers.get("origin")
    if site is None and origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
        raise FORBIDDEN(problem="this was sent by a page of another site")


def is_own(path: str) -> bool:
    r"""Tell whether a browser takes `path` for one on this host: `//host` and `/\host` are others."""
    return path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable() and "\\" not in path
