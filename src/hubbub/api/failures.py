"""How the API says no: `{"errors": {"detail": text}}`, or `{"errors": {field: [texts]}}` with status 422.

Knows the shape, and the words for values that do not fit a model. Does not know why anybody was refused.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import iter_route_contexts
from starlette.exceptions import HTTPException as AnyHTTPException
from starlette.responses import Response
from starlette.routing import BaseRoute, Match
from starlette.types import Scope

from hubbub.api.services import Services
from hubbub.errors import (
    BAD_REQUEST,
    BODY_TOO_LARGE,
    INVALID,
    METHOD,
    UNAUTHENTICATED,
    UNKNOWN,
    Reason,
    Refusal,
)
from hubbub.logs import request_id

_WORDS = {
    "bool_parsing": "must be true or false",
    "int_parsing": "must be a whole number",
    "int_parsing_size": "is too large",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
}
"""pydantic's types of errors, in the words that the use-cases have for them."""


_REASONS: Final = {401: UNAUTHENTICATED, 404: UNKNOWN, 405: METHOD, 413: BODY_TOO_LARGE, 422: INVALID}
"""What an HTTPException's status stands for; others are bad requests."""


def count(scope: Scope, reason: Reason) -> None:
    """Count what is refused to a request."""
    services = scope["app"].state.services
    assert isinstance(services, Services)
    services.refused(reason)


def refused(status: int, detail: str, headers: Mapping[str, str] | None = None) -> Response:
    """Give the answer that refuses a request as a whole; where that is no fault of its own, with the request's id."""
    content: dict[str, object] = {"errors": {"detail": detail}}
    if status >= 500 and (name := request_id()):
        content["request_id"] = name
    return JSONResponse(content, status, headers)


def invalid(fields: Mapping[str, Sequence[str]]) -> Response:
    """Give the answer that names the fields at fault."""
    return JSONResponse({"errors": fields}, 422)


async def on_http_exception(request: Request, error: Exception) -> Response:
    """Answer for an HTTPException: its detail is a text, or a dict of fields and their messages."""
    assert isinstance(error, AnyHTTPException)
    detail: object = error.detail
    if request.method != "OPTIONS" or error.status_code != 405:
        count(request.scope, _REASONS.get(error.status_code, BAD_REQUEST))
    if isinstance(detail, dict):
        return invalid(detail)
    headers = dict(error.headers or {})
    if error.status_code == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if error.status_code == 405:
        # Starlette knows only the methods of the first route that fits.
        allow = ", ".join(sorted(_methods(request)))
        if request.method == "OPTIONS":
            return Response(status_code=204, headers={"Allow": allow})
        headers["Allow"] = allow
    # What is not there is refused in the same words, whether it is a path or somebody else's.
    return refused(error.status_code, UNKNOWN.text if error.status_code == 404 else str(detail), headers)


async def on_refusal(request: Request, error: Exception) -> Response:
    """Answer for what a use-case or the node refused."""
    assert isinstance(error, Refusal)
    count(request.scope, error.reason)
    if error.reason is INVALID:
        fields = error.facts["errors"]
        assert isinstance(fields, Mapping)
        return invalid(fields)
    return refused(error.status, error.message, {"WWW-Authenticate": "Bearer"} if error.status == 401 else None)


async def on_invalid_request(request: Request, error: Exception) -> Response:
    """Answer for a parameter of the query that FastAPI itself has read."""
    assert isinstance(error, RequestValidationError)
    count(request.scope, INVALID)
    fields: dict[str, list[str]] = {}
    for fault in error.errors():
        message = _WORDS.get(fault["type"], "is invalid").format(**fault.get("ctx", {}))
        fields.setdefault(str(fault["loc"][-1]), []).append(message)
    return invalid(fields)


def _methods(request: Request) -> set[str]:
    routes: Sequence[BaseRoute] = request.app.routes
    methods = {"OPTIONS"}
    for route in iter_route_contexts(routes):
        if route.matches(request.scope)[0] is not Match.NONE:
            methods |= route.methods or set()
    return methods | ({"HEAD"} if "GET" in methods else set())
