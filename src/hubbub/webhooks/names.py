"""Names of hosts, looked up so that a request goes to nobody's own network.

Knows: which addresses of a name may be used, and that the very address that was looked at is the one connected to. Does
not know requests.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address
from typing import Any, Final

from aiohttp.abc import AbstractResolver, ResolveResult

from hubbub.webhooks.addresses import is_public

THREADS: Final = 16
"""Look-ups at once. Threads of their own: a name server that never answers is to hold up nothing but webhooks."""

LookUp = Callable[[str], Awaitable[Sequence[str]]]
"""Gives the addresses of a name. Raises OSError if there are none."""


class NotPublicError(OSError):
    """An address that webhooks may not go to, or a name that has no others."""


class SystemNames:
    """Names as the system looks them up."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="webhook-names")

    async def __call__(self, host: str) -> Sequence[str]:
        """Give the addresses of a name. Raises OSError if there are none."""
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(self._threads, _look_up, host)
        return list(dict.fromkeys(str(address[0]) for *_, address in found))

    def close(self) -> None:
        """Look up nothing more; who still waits for an answer gets none."""
        self._threads.shutdown(wait=False, cancel_futures=True)


class PublicNames(AbstractResolver):
    """What aiohttp asks for the addresses of a name: it gets those that a request may go to."""

    def __init__(self, look_up: LookUp, *, is_private: bool) -> None:
        self._look_up = look_up
        self._is_private = is_private

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Give the addresses of a name that may be used. Raises NotPublicError if it has only others."""
        found = await self._look_up(host)
        usable = [address for address in found if self._is_private or is_public(ip_address(address))]
        if not usable:
            raise NotPublicError("its name leads into a network that is not public")
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for address in usable
        ]

    async def close(self) -> None:
        """There is nothing to close."""

    def open_socket(self, target: tuple[Any, Any, int, str, tuple[Any, ...]]) -> socket.socket:
        """Make the socket for one connection: the last look at where it goes, however the address came about.

        Raises NotPublicError unless it may go there.
        """
        family, kind, protocol, _, address = target
        try:
            is_usable = self._is_private or is_public(ip_address(address[0]))
        except ValueError:
            is_usable = False
        if not is_usable:
            raise NotPublicError("its address is not public")
        return socket.socket(family, kind, protocol)


def _look_up(host: str) -> Sequence[tuple[Any, ...]]:
    return socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
