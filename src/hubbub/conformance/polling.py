"""A client of the HTTP transports of pusher-js: what it sends and what it waits for are requests.

Knows how those transports write messages. Does not know which message is right.
"""

import asyncio
import json
import secrets
from collections import deque
from typing import Any

import aiohttp

from hubbub.conformance.checks import Failed, Skipped, check
from hubbub.conformance.client import Frame
from hubbub.conformance.scene import Scene
from hubbub.conformance.target import bracketed

ABSENT = frozenset({400, 404, 405, 426, 501})
"""What a server may answer that has no such transports."""


class Polling:
    """One session. It is opened by the first request for messages."""

    def __init__(self, scene: Scene, key: str | None = None) -> None:
        target = scene.target
        scheme = "https" if target.tls else "http"
        session = f"{secrets.randbelow(1000)}/{secrets.token_hex(4)}"
        where = f"{scheme}://{bracketed(target.host)}:{target.port}"
        self.url = f"{where}/pusher/app/{key or target.app.key}/{session}"
        self.lines: list[str] = []
        """What came that was no message: `o`, `h`, `c[…]`."""
        self._patience = target.patience
        self._http = scene.session
        self._messages: deque[str] = deque()
        self._count = 0

    async def next(self, *, streaming: bool = False) -> Frame:
        """Give the next message. Raises Failed when none comes, and Skipped when there are no such transports."""
        try:
            async with asyncio.timeout(2 * self._patience):
                while not self._messages:
                    await (self._stream() if streaming else self._poll())
        except TimeoutError:
            raise Failed("a message", f"nothing but {self.lines}") from None
        except aiohttp.ClientError as error:
            raise Failed("a message", f"{type(error).__name__}: {error}") from None
        text = self._messages.popleft()
        try:
            whole = json.loads(text)
        except ValueError:
            raise Failed("a message of JSON", text) from None
        return Frame(text, whole if isinstance(whole, dict) else {})

    async def closed(self) -> tuple[int, str]:
        """Poll until the session is closed, and give code and reason."""
        try:
            async with asyncio.timeout(2 * self._patience):
                while not (closes := [line for line in self.lines if line.startswith("c")]):
                    await self._poll()
        except TimeoutError:
            raise Failed("c[CODE,REASON]", self.lines) from None
        code, reason = json.loads(closes[0][1:])
        return code, reason

    async def send(self, event: str, data: object) -> int:
        """Send one message, and give the status of the answer."""
        messages = json.dumps([json.dumps({"event": event, "data": data})])
        async with self._http.post(self._address("xhr_send"), data=messages, headers=JSON) as response:
            return response.status

    async def options(self, origin: str) -> tuple[int, dict[str, str]]:
        """Ask as a browser does before a page of another origin may send; gives status and headers, in lower case."""
        headers = {
            "Origin": origin,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "content-type",
        }
        async with self._http.options(self._address("xhr_send"), headers=headers) as response:
            return response.status, {name.lower(): value for name, value in response.headers.items()}

    async def _poll(self) -> None:
        async with self._http.post(self._address("xhr"), headers=JSON) as response:
            self._meet(response)
            for line in (await response.text()).splitlines():
                self._take(line)

    async def _stream(self) -> None:
        async with self._http.post(self._address("xhr_streaming"), headers=JSON) as response:
            self._meet(response)
            while not self._messages:
                line = await response.content.readline()
                check(line != b"", "a stream that goes on", f"its end after {self.lines}")
                self._take(line.decode().rstrip("\n"))

    def _take(self, line: str) -> None:
        if line.startswith("a"):
            messages: list[Any] = json.loads(line[1:])
            self._messages.extend(messages)
        elif line.startswith("m"):
            self._messages.append(json.loads(line[1:]))
        elif line:
            self.lines.append(line[:200])

    def _meet(self, response: aiohttp.ClientResponse) -> None:
        if response.status in ABSENT and self._count == 1:
            raise Skipped(f"the server has no HTTP fallbacks: {response.status}")
        check(response.status == 200, "200 to a request for messages", response.status)

    def _address(self, transport: str) -> str:
        self._count += 1
        return f"{self.url}/{transport}?protocol=7&client=js&version=8.6.0&t=1&n={self._count}"


JSON = {"Content-Type": "application/json"}
