"""The sockets of one server, by host and port or in the file system, with TLS or without.

Knows how they are opened and given up. Does not know what is said over them.
"""

import asyncio
import signal
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress

from hubbub.listening.certificate import Certificate
from hubbub.listening.unix import UnixSocket
from hubbub.settings import Settings
from hubbub.workers import bound

BACKLOG = 2048
"""Connections that the kernel keeps until they are accepted."""


class Listening:
    """Where a server is reached, by its settings. Raises ConfigurationError for a certificate that is none."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._unix: UnixSocket | None = None
        self._watching: asyncio.Task[None] | None = None
        chain, key = settings.tls_certificate, settings.tls_key
        self.certificate = Certificate(chain, key) if chain is not None and key is not None else None
        """What is shown to who comes by TLS."""

    async def open(
        self, protocol: Callable[[], asyncio.Protocol], sockets: Sequence[socket.socket] | None
    ) -> list[asyncio.Server]:
        """Listen: on what is given, as to one of several workers, or on what the settings say. Raises OSError."""
        loop = asyncio.get_running_loop()
        is_worker = sockets is not None
        servers: list[asyncio.Server] = []
        certificate = self.certificate
        context = certificate.context if certificate is not None else None
        patience = self._settings.tls_handshake_timeout if certificate is not None else None
        for one in self._bind() if sockets is None else sockets:
            listen = loop.create_unix_server if one.family == socket.AF_UNIX else loop.create_server
            servers.append(
                await listen(protocol, sock=one, backlog=BACKLOG, ssl=context, ssl_handshake_timeout=patience)
            )
        if certificate is not None:
            self._watching = asyncio.ensure_future(certificate.watch())
            if not is_worker:  # else it is the parent's, which renews the workers
                with suppress(ValueError):  # not in the main thread
                    loop.add_signal_handler(signal.SIGHUP, certificate.reload)
        return servers

    def close(self) -> None:
        """Give up what is known in the file system; nobody listens there any more. More often than once is as good."""
        if self._unix is not None:
            self._unix.remove()
        if self._watching is not None:
            self._watching.cancel()

    def _bind(self) -> list[socket.socket]:
        settings = self._settings
        if settings.uds is None:
            return bound(settings.host, settings.port, is_shared=False)
        self._unix = UnixSocket(settings.uds, int(settings.uds_mode, 8))
        return [self._unix.socket]
