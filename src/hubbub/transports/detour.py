"""Requests to the signed API that come by a path outside `/apps/`, and so through the site.

There is one: Pusher's Python library, 3.3.4, asks to end a user's connections without saying of which application.
"""

from typing import Final

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from hubbub.transports import request, rest

TERMINATE_PATH: Final = "/users/{user_id:path}/terminate_connections"


async def answer(api: rest.Rest, asked: Request) -> Response:
    """Let the signed API answer a request as it came: a signature is over the path with its escapes."""
    path, query = asked.scope["raw_path"], asked.scope["query_string"]
    target = path + b"?" + query if query else path
    try:
        body = await asked.body()
    except ClientDisconnect:
        return Response(status_code=400)  # nobody reads it

    def caller() -> request.Caller:
        address = asked.client.host if asked.client is not None else ""
        return request.Caller(address, asked.headers.get("user-agent", "")[:256])

    found = await api.answer(request.Request(asked.method.encode(), target, body), caller)
    headers = {"Allow": found.allow} if found.allow else None
    return Response(found.body, found.status, headers, found.content_type.decode())
