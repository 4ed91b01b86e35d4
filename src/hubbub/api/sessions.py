"""Signing in to the API with a user token.

Knows the call. Does not know what a session token holds.
"""

from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from hubbub.accounts.fields import BLANK, Fields
from hubbub.api.documents import PARAMETERS, body, refusals
from hubbub.api.parameters import fields
from hubbub.api.services import Serving

routes = APIRouter(tags=["Session"])

_EXAMPLE = {"token": "4036de82-c6ab-11e6-9a53-28cfe91ef193"}
_NARROW = {
    **_EXAMPLE,
    "channel": True,
    "app_key": "a4ae0e92-5c24-4b7c-9d0e-5f6b1e0c3a11",
    "uid": "jane",
    "topics": ["general", "orders-*"],
    "expires_in": 3600,
}


NARROWING = {"app_key", "uid", "topics", "expires_in"}


class SessionParameters(BaseModel):
    """What a session token is issued for."""

    token: str = Field(description="A user token.")
    channel: bool = Field(False, description="Issue one that only opens sockets: the one to hand to a browser.")
    app_key: str = Field("", description="Only for the application of this key; implies `channel`.")
    uid: str = Field("", description="Only with this user id on the socket; implies `channel`.")
    topics: list[str] = Field(
        default=[],
        description="Only these topics, each a name or `prefix*`; implies `channel`. A text is one of them.",
    )
    expires_in: int = Field(0, description="Good for so many seconds, no more than usual; implies `channel`.")


class Session(BaseModel):
    """A session token."""

    jwt: str = Field(
        description="To be sent as `Authorization: Bearer …`, or with a socket.", examples=["eyJhbGciOiJIUzUxMiIs…"]
    )


@routes.post(
    "/sessions",
    status_code=201,
    name="create_session_plural",
    summary="Sign in (as /session)",
    responses=refusals(401, *PARAMETERS),
    openapi_extra=body(SessionParameters, None, _EXAMPLE, narrow=_NARROW),
)
@routes.post(
    "/session",
    status_code=201,
    summary="Sign in",
    responses=refusals(401, *PARAMETERS),
    openapi_extra=body(SessionParameters, None, _EXAMPLE, narrow=_NARROW),
)
async def create_session(
    services: Serving, given: Annotated[dict[str, Any], fields(SessionParameters, None)]
) -> Session:
    """Give a session token for a user token. It is good for some days, and ends early if the user token does.

    With `channel`, or any parameter after it, the session token opens sockets and does nothing else.
    """
    with Fields() as faults:
        for name in NARROWING & given.keys():
            if given[name] is None:
                # Whoever leaves a blank in its place meant to narrow, and must not get a token for everything.
                faults.fault(name, BLANK)
    return Session(jwt=await services.sessions.issue(given.pop("token", None), **given))
