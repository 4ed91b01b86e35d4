"""A publisher by Pusher's official library for Python, and whoever else asks a node by it."""

import asyncio
import re
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Any, Final, Protocol, Self

import requests
from pusher import Pusher  # type: ignore[import-untyped]
from pusher.errors import PusherError  # type: ignore[import-untyped]

from cluster.history import Published, Record, now

TIMEOUT: Final = 5  # seconds, the library's default

_STATUS = re.compile(r"^(\d{3}): ")


class Place(Protocol):
    """A node, and an application."""

    @property
    def host(self) -> str: ...
    @property
    def port(self) -> int: ...
    @property
    def app_id(self) -> str: ...
    @property
    def key(self) -> str: ...
    @property
    def secret(self) -> str: ...


class Named(Place, Protocol):
    """A node with a name."""

    @property
    def name(self) -> str: ...


class Backend:
    """`with Backend(node) as backend:` is an application's own server that talks to one node, one call at a time."""

    def __init__(self, node: Place) -> None:
        self._pusher = Pusher(
            app_id=node.app_id,
            key=node.key,
            secret=node.secret,
            ssl=False,
            host=node.host,
            port=node.port,
            timeout=TIMEOUT,
        )
        self._thread = ThreadPoolExecutor(1)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._thread.shutdown()
        for client in (self._pusher._pusher_client, self._pusher._authentication_client):
            client.http.session.close()

    async def ask(self, method: str, *arguments: object, **options: object) -> Any:
        """Call a method of the library, as `trigger`, and give its answer. Raises what it raises."""
        call = getattr(self._pusher, method)
        return await asyncio.get_running_loop().run_in_executor(self._thread, lambda: call(*arguments, **options))


class Publisher:
    """Sends numbered events to channels by one node, and records what was answered."""

    def __init__(self, name: str, node: Named, record: Callable[[Record], None]) -> None:
        self.name = name
        self.number = 0
        self._node = node
        self._record = record
        self._backend = Backend(node)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._backend.__exit__(kind, error, at)

    async def publish(self, *channels: str, socket_id: str | None = None, excluded: str = "") -> int:
        """Publish the next number in all of these, and give the status, 0 if there was no answer."""
        self.number += 1
        data = {"publisher": self.name, "number": self.number}
        began = now()
        try:
            await self._backend.ask("trigger", list(channels), "numbered", data, socket_id)
            status = 200
        except PusherError as error:
            found = _STATUS.match(str(error))
            status = int(found[1]) if found else 400
        except requests.RequestException:
            status = 0
        ended = now()
        for channel in channels:
            self._record(
                Published(
                    at=began,
                    ended=ended,
                    publisher=self.name,
                    node=self._node.name,
                    channel=channel,
                    number=self.number,
                    status=status,
                    excluded=excluded,
                )
            )
        return status

    async def publish_on(self, channels: Sequence[str], *, pause: float) -> None:
        """Publish until cancelled, and then end when what is under way is answered."""
        while True:
            publishing = asyncio.create_task(self.publish(*channels))
            try:
                status = await asyncio.shield(publishing)
            except asyncio.CancelledError:
                await publishing
                raise
            # Who was not answered does not come back at once.
            await asyncio.sleep(pause if status == 200 else max(pause, 0.1))
