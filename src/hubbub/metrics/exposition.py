"""`/metrics`: on the one port for who has the token, and on a port of its own for who reaches that.

Knows: who may read, and that of several workers the one that is asked answers for all. Does not know what is told.
"""

import logging
from collections.abc import Callable, Mapping
from hmac import compare_digest
from typing import Any, Final

import msgspec
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from hubbub.metrics.observation import Observation
from hubbub.metrics.reading import Reading, packed, unpacked
from hubbub.metrics.text import CONTENT_TYPE, text
from hubbub.siblings import Siblings

PATH: Final = "/metrics"

Health = Mapping[str, Callable[[], tuple[int, dict[str, Any]]]]
"""Gives status and JSON for those who ask how this process is, by path."""

logger = logging.getLogger("hubbub.metrics")


class Exposition:
    """What is told at `/metrics`. `observation` is made when the server begins; `token` is who may ask on the one port.

    `siblings` are the other workers, if this is one of several.
    """

    def __init__(
        self, observation: Callable[[], Observation], siblings: Siblings | None, token: SecretStr | None
    ) -> None:
        self._observation = observation
        self._siblings = siblings
        self._token = None if token is None else token.get_secret_value().encode()

    async def tell(self) -> bytes:
        """Give what a sibling asks for."""
        return packed(await self._observation().read())

    async def guarded(self, request: Request) -> Response:
        """Answer who has the token."""
        given = request.headers.get("authorization", "").encode("latin-1")
        if self._token is None or not compare_digest(given, b"Bearer " + self._token):
            return Response("A token is needed, see HUBBUB_METRICS_TOKEN\n", 401, {"WWW-Authenticate": "Bearer"})
        return await self.open(request)

    async def open(self, _request: Request) -> Response:
        """Answer anybody."""
        headers = {"Cache-Control": "no-store"}
        if self._siblings is None:
            return Response(text(await self._observation().read()), headers=headers, media_type=CONTENT_TYPE)
        told = await self._siblings.ask()
        readings: dict[int, Reading] = {}
        for number, message in told.items():
            if message is not None:
                try:
                    readings[number] = unpacked(message)
                except msgspec.MsgspecError:  # of another version, which is being renewed
                    logger.warning("what worker %d tells of itself cannot be read", number)
        readings[self._siblings.number] = await self._observation().read()
        silent = len(told) + 1 - len(readings)
        return Response(text(readings, silent), headers=headers, media_type=CONTENT_TYPE)

    def site(self, health: Health) -> Starlette:
        """Give what is served on a port of its own, to anybody."""
        return Starlette(routes=[Route(PATH, self.open), *(Route(path, _told_by(ask)) for path, ask in health.items())])


def _told_by(ask: Callable[[], tuple[int, dict[str, Any]]]) -> Callable[[Request], Response]:
    def endpoint(_request: Request) -> Response:
        status, told = ask()
        return JSONResponse(told, status, {"Cache-Control": "no-store"})

    return endpoint
