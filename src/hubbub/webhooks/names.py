"""Names of hosts, looked up so that a request goes to nobody's own network.

Knows: which addresses of a name may be used, and that the very address that was looked at is the one connected to; that
an application whose names are never answered holds up nobody but itself. Does not know requests.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from contextvars import ContextVar
from ipaddress import ip_address
from threading import Thread
from typing import Any, Final
from weakref import WeakValueDictionary

from aiohttp.abc import AbstractResolver, ResolveResult

from hubbub.webhooks.addresses import is_public

THREADS: Final = 128
"""Look-ups at once. Each has a thread of its own: a name server that never answers is to hold up nothing else."""

THREADS_OF_ONE: Final = 4
"""Look-ups at once for one application. Systems wait for a name server for half a minute and more."""

ASKER: Final[ContextVar[str]] = ContextVar("asker", default="")
"""The id of the application for which names are looked up: a resolver is told nothing but the name."""

LookUp = Callable[[str], Awaitable[Sequence[str]]]
"""Gives the addresses of a name. Raises OSError if there are none."""


class NotPublicError(OSError):
    """An address that webhooks may not go to, or a name that has no others."""


class SystemNames:
    """Names as the system looks them up."""

    def __init__(self) -> None:
        self._asked: dict[tuple[str, str], asyncio.Task[Sequence[str]]] = {}
        self._room = asyncio.Semaphore(THREADS)
        self._room_of = WeakValueDictionary[str, asyncio.Semaphore]()

    async def __call__(self, host: str) -> Sequence[str]:
        """Give the addresses of a name. Raises OSError if there are none.

        Who asks for a name that is being looked up for the same application shares that look-up.
        """
        question = ASKER.get(), host
        asked = self._asked.get(question)
        if asked is None:
            asked = self._asked[question] = asyncio.create_task(self._ask(*question))
            asked.add_done_callback(lambda _: self._answered(question))
        # Who has no time left does not take the answer from the others, nor the room from a thread that still waits.
        return await asyncio.shield(asked)

    def close(self) -> None:
        """Look up nothing more; who still waits for an answer gets none."""
        for asked in self._asked.values():
            asked.cancel()

    async def _ask(self, asker: str, host: str) -> Sequence[str]:
        room = self._room_of.setdefault(asker, asyncio.Semaphore(THREADS_OF_ONE))
        async with room, self._room:
            found = await _in_thread(host)
        return list(dict.fromkeys(str(address[0]) for *_, address in found))

    def _answered(self, question: tuple[str, str]) -> None:
        asked = self._asked.pop(question)
        if not asked.cancelled():
            asked.exception()  # seen, though nobody may be left who waits for it


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


async def _in_thread(host: str) -> Sequence[tuple[Any, ...]]:
    """Ask the system, in a thread that may outlive everything: nobody waits for it when the program ends."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[Sequence[tuple[Any, ...]]] = loop.create_future()

    def settle(found: Sequence[tuple[Any, ...]], error: OSError | UnicodeError | None) -> None:
        if answer.done():
            return
        if error is None:
            answer.set_result(found)
        else:
            answer.set_exception(error)

    def look_up() -> None:
        found: Sequence[tuple[Any, ...]] = ()
        problem: OSError | UnicodeError | None = None
        try:
            found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            problem = error
        with suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(settle, found, problem)

    Thread(target=look_up, name="webhook-names", daemon=True).start()
    return await answer
