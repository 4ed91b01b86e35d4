"""A port beside the one port, for who looks after this process: an ASGI application of its own, and nothing else.

Knows sockets; requests have the limits of any other, but those of an address. Does not know what is served.
"""

import asyncio
import logging
from typing import Final, Self

from starlette.types import ASGIApp
from uvicorn.config import Config
from uvicorn.server import ServerState

from hubbub.settings import ConfigurationError, Settings
from hubbub.transports.asgi import Asgi
from hubbub.transports.kind import Kind
from hubbub.transports.services import Services

BACKLOG: Final = 128

logger = logging.getLogger("hubbub.server")


def not_told(host: str, port: int, error: OSError) -> ConfigurationError:
    """Make the error to raise where metrics cannot be told."""
    return ConfigurationError(
        f"Hubbub cannot listen on {host}:{port} for metrics ({error.strerror}): see HUBBUB_METRICS_HOST and"
        " HUBBUB_METRICS_PORT."
    )


class Aside:
    """`start` it, `stop` it. It serves `app` on `host` and `port`."""

    is_public: Final = False
    """Limits of addresses are not for who looks after this process: that one must hear of it while others flood it."""

    @classmethod
    def of(cls, settings: Settings, app: ASGIApp) -> Self | None:
        """Give the one that the settings ask for, if they ask for one."""
        port = settings.metrics_port
        return None if port is None else cls(app, settings.metrics_host, port)

    def __init__(self, app: ASGIApp, host: str, port: int) -> None:
        self._host = host
        self._port = port
        self._state = ServerState()
        self._config = Config(
            app,
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            ws="none",
        )
        self._server: asyncio.Server | None = None

    async def start(self, services: Services, *, is_shared: bool) -> None:
        """Listen; with `is_shared` others may listen there too. Raises ConfigurationError."""
        self._config.load()
        try:
            self._server = await asyncio.get_running_loop().create_server(
                lambda: Asgi(services, self, self._config, self._state, {}),
                self._host,
                self._port,
                backlog=BACKLOG,
                reuse_port=is_shared or None,
            )
        except OSError as error:
            raise not_told(self._host, self._port, error) from None
        host, port = self._server.sockets[0].getsockname()[:2]
        logger.info("Metrics and health are told on http://%s:%d", f"[{host}]" if ":" in host else host, port)

    async def stop(self) -> None:
        """Listen no more, and close what is open."""
        if self._server is not None:
            self._server.close()
            for connection in list(self._state.connections):
                connection.shutdown()

    # What connections ask of who tells kinds of traffic apart

    def kind(self, head: bytes) -> Kind | None:
        """Tell that all is of one kind here."""
        return Kind.OTHER

    def dispatch(self, transport: asyncio.Transport, head: bytes) -> None:
        """Nothing is ever handed on."""
        raise AssertionError("there is one kind of traffic on this port")
