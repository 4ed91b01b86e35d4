"""The application that is mounted at `/api`.

Knows its routes, and what surrounds them. Does not know where its services come from, nor where it is mounted.
"""

from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from fastapi.telemetry import TelemetryConfig
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

from hubbub.api import (
    applications,
    enrollments,
    events,
    keys,
    organizations,
    ownerships,
    sessions,
    swagger,
    users,
    webhooks,
)
from hubbub.api.boundary import Boundary
from hubbub.api.failures import on_http_exception, on_invalid_request, on_refusal
from hubbub.api.services import Services
from hubbub.errors import Refusal

PREFLIGHT_SECONDS = 86_400

NO_TELEMETRY: TelemetryConfig = {
    "tracing": False,
    "metrics": False,
    "logs": False,
    "operation_spans": False,
    "auto_configure": False,
}

ROUTES = (sessions, users, organizations, enrollments, applications, keys, ownerships, webhooks, events, swagger)

DESCRIPTION = """
Sign in with a user token at `POST /session`, and send the session token you get as `Authorization: Bearer …`.

Parameters come as JSON, as a form, or in the query, each by its name or in the style `application[name]`; those that a
call does not know are ignored. Answers are `{"data": …}`, or `{"errors": …}`: `{"detail": text}`, and with status 422
what is wrong with each parameter. Lists take `page` and `per_page`, and then tell the `total` in `meta`.

What is not yours is not there: 404. 403 is for what you may see and not do.
"""


class _Api(FastAPI):
    """FastAPI, without the answers that it makes up for each route with a path parameter."""

    def openapi(self) -> dict[str, Any]:
        document = super().openapi()
        for made_up in ("HTTPValidationError", "ValidationError"):
            document["components"]["schemas"].pop(made_up, None)
        for operations in document["paths"].values():
            for operation in operations.values():
                if "HTTPValidationError" in str(operation["responses"].get("422")):
                    del operation["responses"]["422"]
        return document


def api(services: Services) -> FastAPI:
    """Make the application. It has no life of its own: nothing is to be started or stopped."""
    app = _Api(
        title="Hubbub",
        version="1",
        summary="Organizations, applications, and publishing to them",
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=_name,
        telemetry=NO_TELEMETRY,
        middleware=[
            Middleware(
                CORSMiddleware,
                allow_origins=["*"],
                allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
                allow_headers=["Authorization", "Content-Type"],
                expose_headers=["Location", "X-Request-Id"],
                max_age=PREFLIGHT_SECONDS,
            ),
            Middleware(Boundary),
        ],
        exception_handlers={
            Refusal: on_refusal,
            HTTPException: on_http_exception,
            RequestValidationError: on_invalid_request,
        },
    )
    app.state.services = services
    for routes in ROUTES:
        app.include_router(routes.routes)
    app.mount("/static", swagger.files())
    return app


def _name(route: APIRoute) -> str:
    return route.name
