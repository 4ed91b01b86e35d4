"""The layer around everything of the API that answers; only what tells browsers of other origins is further out.

Knows what holds for each request: HEAD is GET without a body, a slash at the end means nothing, no answer is kept by a
cache, and whatever was not expected is logged once and answered with 500.
"""

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hubbub.api.failures import count, refused
from hubbub.errors import INTERNAL
from hubbub.logs import named

logger = named("hubbub.api")


class Boundary:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; anything else, such as the lifespan, is passed on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        is_head = scope["method"] == "HEAD"
        has_started = False

        async def answer(message: Message) -> None:
            nonlocal has_started
            if message["type"] == "http.response.start":
                has_started = True
                if not any(name == b"cache-control" for name, _ in message["headers"]):
                    message["headers"] = [*message["headers"], (b"cache-control", b"no-store")]
            elif is_head and message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        # The scope itself is changed: whoever is outside reads the route's results from it.
        path = scope["path"].rstrip("/")
        if len(path) > len(scope.get("root_path", "")):
            scope["path"] = path
        inner = {**scope, "method": "GET"} if is_head else scope
        try:
            await self._app(inner, receive, answer)
        except ClientDisconnect:
            return
        except Exception:
            # Not the path: a token may stand in it.
            logger.exception("A request to the API failed")
            count(scope, INTERNAL)
            if not has_started:
                await refused(500, "Internal server error")(scope, receive, answer)
