"""An endpoint for webhooks: keeps what comes, and answers as a case wants.

Knows HTTP and which channels a delivery is about. Does not know which delivery is right.
"""

import asyncio
import json
import time
from collections.abc import Callable, Sequence
from typing import Any, Self

import msgspec
from aiohttp import web

from hubbub.conformance.checks import Failed, shortened


class Delivery(msgspec.Struct, frozen=True):
    """One request to the endpoint. Names of headers are in lower case; `at` is when it came, in seconds since 1970."""

    path: str
    headers: dict[str, str]
    body: bytes
    at: float
    status: int
    """What it was answered."""

    @property
    def whole(self) -> Any:
        """What the body says; None when that is not JSON."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None

    @property
    def events(self) -> list[dict[str, Any]]:
        """The events it tells of; none when it has no such list."""
        whole = self.whole
        events = whole.get("events") if isinstance(whole, dict) else None
        return [event for event in events if isinstance(event, dict)] if isinstance(events, list) else []

    def about(self, channel: str) -> list[dict[str, Any]]:
        """Give the events that concern one channel."""
        return [event for event in self.events if event.get("channel") == channel]

    def __str__(self) -> str:
        return shortened(self.body.decode(errors="replace"))


class Receiver:
    """The endpoint; one for all cases, which tell their deliveries apart by their channels' names."""

    def __init__(self, runner: web.AppRunner) -> None:
        self.deliveries: list[Delivery] = []
        self._runner = runner
        self._answers: dict[str, list[int]] = {}
        self._news = asyncio.Condition()

    @classmethod
    async def listen(cls, host: str, port: int) -> Self:
        """Listen. Raises OSError when that is not possible."""
        app = web.Application(client_max_size=2**24)
        runner = web.AppRunner(app, access_log=None)
        receiver = cls(runner)
        app.router.add_route("*", "/{path:.*}", receiver._take)
        await runner.setup()
        await web.TCPSite(runner, host, port).start()
        return receiver

    async def close(self) -> None:
        """Listen no more."""
        await self._runner.cleanup()

    def answer(self, channel: str, statuses: Sequence[int]) -> None:
        """Answer the next deliveries about `channel` so, one after the other; 200 from then on."""
        self._answers[channel] = list(statuses)

    def about(self, channel: str) -> list[dict[str, Any]]:
        """Give the events so far that concern one channel and were answered 2xx, in the order they came."""
        return [event for one in self.deliveries if 200 <= one.status < 300 for event in one.about(channel)]

    def deliveries_about(self, channel: str) -> list[Delivery]:
        """Give the deliveries so far that concern one channel, refused ones too."""
        return [one for one in self.deliveries if one.about(channel)]

    async def wait(
        self, channel: str, is_enough: Callable[[list[dict[str, Any]]], bool], limit: float, expected: str
    ) -> list[dict[str, Any]]:
        """Wait until the events about `channel` are enough, and give them. Raises Failed after `limit` seconds."""
        try:
            async with asyncio.timeout(limit), self._news:
                await self._news.wait_for(lambda: is_enough(self.about(channel)))
        except TimeoutError:
            raise Failed(expected, self.about(channel) or f"nothing in {limit:g} s") from None
        return self.about(channel)

    async def _take(self, request: web.Request) -> web.Response:
        body = await request.read()
        headers = {name.lower(): value for name, value in request.headers.items()}
        heard = Delivery(request.path, headers, body, time.time(), 200)
        statuses = [
            self._answers[name] for name in {str(one.get("channel")) for one in heard.events} & {*self._answers}
        ]
        status = next((left.pop(0) for left in statuses if left), 200)
        async with self._news:
            self.deliveries.append(msgspec.structs.replace(heard, status=status))
            self._news.notify_all()
        return web.Response(status=status)
