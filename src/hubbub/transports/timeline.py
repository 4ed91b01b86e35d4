"""Where pusher-js tells how its connections fare, if its user has switched that on: `/timeline/v2/…`.

Answers so that pusher-js is content. What is told is not kept: it is about clients' transports and states, to help
Pusher with its own service.
"""

import re
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

JSONP_PATH: Final = "/timeline/v2/jsonp/{number}"
XHR_PATH: Final = "/timeline/v2/xhr/{number}"

_NUMBER: Final = re.compile(r"[0-9]{1,15}")

_HEADERS: Final = {"Cache-Control": "no-store", "Access-Control-Allow-Origin": "*", "X-Content-Type-Options": "nosniff"}


async def jsonp(request: Request) -> Response:
    """Answer a page, which takes this as a script: `number` is that of the receiver it made for the answer.

    The receiver may be gone, or pusher-js not be a global: then the end of the script is answer enough.
    """
    number = request.path_params["number"]
    if _NUMBER.fullmatch(number) is None:
        return Response("404 NOT FOUND\n", 404, media_type="text/plain")
    script = f'"use strict";\n((window.Pusher || {{}}).ScriptReceivers || {{}})[{number}]?.(null, {{}});\n'
    return Response(script, headers=_HEADERS, media_type="application/javascript")


async def xhr(_request: Request) -> Response:
    """Answer elsewhere, where this is JSON, and could name another host to tell."""
    return Response(b"{}", headers=_HEADERS, media_type="application/json")
