"""How long requests to the JSON API and for pages take, as one layer around the site.

Knows whose a path is. Does not know what is answered. Requests of clients that wait on purpose are not timed.
"""

import time
from collections.abc import Mapping
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hubbub.durations import Durations

API: Final = "api"
PAGE: Final = "page"

WAITING: Final = ("/app/", "/pusher", "/socket/", "/timeline/")
"""What the paths begin with of requests that may wait for messages, or come from such clients."""

STATUSES: Final = ("2xx", "3xx", "4xx", "5xx")


class Timing:
    """ASGI middleware that times requests. `durations` are by surface and status."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.durations: Mapping[tuple[str, str], Durations] = {
            (surface, status): Durations() for surface in (API, PAGE) for status in STATUSES
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; anything else is passed on."""
        if scope["type"] != "http" or scope["path"].startswith(WAITING):
            await self._app(scope, receive, send)
            return
        surface = API if scope["path"].startswith("/api/") else PAGE
        began = time.perf_counter()

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                told = self.durations.get((surface, f"{message['status'] // 100}xx"))
                if told is not None:
                    told.took(time.perf_counter() - began)
            await send(message)

        await self._app(scope, receive, answer)
