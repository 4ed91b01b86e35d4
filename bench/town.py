"""What must be true of a server while many come and go: what was published, who is where, what was said.

Knows what was asked of the server and what it accepted, and compares at quiet moments, when nobody acts, with what the
server says and with what one who stays has heard. Does not come or go itself: that is for the visitors.
"""

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, Final

import aiohttp

from publisher import signed
from servers import Server

LIMIT: Final = 30.0  # seconds: only reached by what has failed
STEADY: Final = tuple(f"{kind}{number}" for kind in ("news-", "private-", "presence-", "cache-") for number in range(4))
FLOOD: Final = "flood"


class Town:
    """The server's application, and the books that are kept of it. `failures` is what was not as promised."""

    def __init__(self, server: Server, http: aiohttp.ClientSession, jwt: str) -> None:
        self.server = server
        self.jwt = jwt
        self.failures: list[str] = []
        self.done: Counter[str] = Counter()
        """How often what was done."""
        self.begun = dict.fromkeys(STEADY, 0)
        """By channel, the number of the newest event that was sent,"""
        self.accepted = dict.fromkeys(STEADY, 0)
        """and of the newest that was accepted."""
        self.said: Counter[str] = Counter()
        """By channel, the clients' events that the server has obeyed."""
        self.present: dict[str, Counter[str]] = {name: Counter() for name in STEADY if name.startswith("presence-")}
        """By presence channel, each user's connections."""
        self._http = http
        self._gate = asyncio.Event()
        self._gate.set()
        self._acting = 0
        self._nobody_acts = asyncio.Event()

    # Asking the server

    async def publish(self, channel: str, data: object, name: str = "news") -> None:
        """Publish, and wait until it is accepted. Raises RuntimeError when it is not."""
        body = json.dumps({"name": name, "channel": channel, "data": json.dumps(data)}).encode()
        await self._ask("POST", "/events", body)

    async def get(self, path: str, **parameters: str) -> Any:
        """Ask. Raises RuntimeError for another status than 200."""
        return await self._ask("GET", path, b"", **parameters)

    async def tell_news(self, channel: str, seconds: float) -> None:
        """Publish numbered events to a channel, one every so many seconds, for ever."""
        while True:
            self.begun[channel] += 1
            await self.publish(channel, {"n": self.begun[channel], "text": "news " * (self.begun[channel] % 200)})
            self.accepted[channel] = self.begun[channel]
            self.done["publish"] += 1
            await asyncio.sleep(seconds)

    async def flood(self, seconds: float) -> None:
        """Publish large events, one every so many seconds, for ever."""
        while True:
            await self.publish(FLOOD, "x" * 10_000)
            await asyncio.sleep(seconds)

    # Keeping the books

    def fail(self, problem: str) -> None:
        """Note what is not as promised."""
        self.done["failure"] += 1
        if len(self.failures) < 100:
            self.failures.append(f"{time.strftime('%H:%M:%S')} {problem}")

    async def guard(self, work: Coroutine[Any, Any, None], what: str) -> None:
        """Do something whose failure is one of the server."""
        try:
            await work
        except (OSError, TimeoutError, RuntimeError, aiohttp.ClientError) as error:
            self.fail(f"{what}: {type(error).__name__} {error}")

    @asynccontextmanager
    async def act(self) -> AsyncIterator[None]:
        """Do something that the books must know of: not in a quiet moment."""
        while not self._gate.is_set():
            await self._gate.wait()
        self._acting += 1
        self._nobody_acts.clear()
        try:
            yield
        finally:
            self._acting -= 1
            if not self._acting:
                self._nobody_acts.set()

    async def look(self, heard: Counter[str], members: dict[str, set[str]]) -> None:
        """Let everybody pause, and compare the books with the server's and with what one who stays has heard."""
        self._gate.clear()
        try:
            async with asyncio.timeout(4 * LIMIT):
                await self._nobody_acts.wait()
            end = time.monotonic() + LIMIT
            while problems := await self._differences(heard, members):
                if time.monotonic() > end:
                    for problem in problems:
                        self.fail(problem)
                    break
                await asyncio.sleep(0.25)
            self.done["look"] += 1
        finally:
            self._gate.set()

    async def _differences(self, heard: Counter[str], members: dict[str, set[str]]) -> list[str]:
        problems = []
        for channel, users in self.present.items():
            expected = {user for user, connections in users.items() if connections}
            told = {user["id"] for user in (await self.get(f"/channels/{channel}/users"))["users"]}
            for who, found in (("the API", told), ("a member", members[channel])):
                if found != expected:
                    problems.append(f"{channel}: {who} knows of {found - expected} and not of {expected - found}")
        problems += [
            f"{channel}: {self.said[channel]} client events, heard {heard[channel]}"
            for channel in STEADY
            if self.said[channel] != heard[channel]
        ]
        return problems

    async def _ask(self, method: str, path: str, body: bytes = b"", **parameters: str) -> Any:
        target = signed(self.server, method, path, body, **parameters)
        url = f"http://127.0.0.1:{self.server.port}{target}"
        headers = {"Content-Type": "application/json"}
        async with self._http.request(method, url, data=body or None, headers=headers) as answer:
            if answer.status != 200:
                raise RuntimeError(f"{method} {path}: {answer.status} {await answer.text()}")
            return await answer.json()
