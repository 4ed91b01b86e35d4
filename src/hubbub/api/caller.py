"""Who calls: the holder of the session token in `Authorization: Bearer …`, which is read nowhere else.

Knows the header. Does not know what a token is made of, nor what its holder may do.
"""

from typing import Annotated

import msgspec
from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from hubbub.accounts.domain import Identity
from hubbub.api.services import Serving
from hubbub.errors import FORBIDDEN, UNAUTHENTICATED

_bearer = HTTPBearer(
    scheme_name="session",
    bearerFormat="JWT",
    description="A session token, as `POST /api/session` gives it. One that is only for channels is refused.",
    auto_error=False,
)


async def session_token(credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]) -> str:
    """Give the session token that came, unread. Raises UNAUTHENTICATED when there is none."""
    if credentials is None:
        raise UNAUTHENTICATED(problem="Send a session token: Authorization: Bearer TOKEN")
    return credentials.credentials.strip()


SessionToken = Annotated[str, Depends(session_token)]
"""The session token, for a route that has it read by another. It comes first among the parameters, as `Caller`."""


async def caller(request: Request, token: SessionToken, services: Serving) -> Identity:
    """Give who calls, and where from. Raises UNAUTHENTICATED, and FORBIDDEN for a token that is only for channels."""
    who = await services.sessions.verify(token)
    if who.grant.is_channel_only:
        raise FORBIDDEN(problem="this token is only for channels")
    return who if request.client is None else msgspec.structs.replace(who, address=request.client.host)


Caller = Annotated[Identity, Depends(caller)]
"""Who calls, for a route. It comes first among the parameters: nothing is told to who has no token."""
