"""A client of the HTTP fallbacks that hides nothing of them. Every wait is bounded by LIMIT."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final, Self

import aiohttp

from sockets.client import LIMIT, SUCCEEDED, Place, sign

ORIGIN: Final = "http://example.com"
PRELUDE: Final = "h" * 2048
LARGEST_STREAM: Final = 256 * 1024
"""Characters of one stream after which pusher-js asks for another."""

_numbers = itertools.count()


def event(name: str, channel: str, data: str) -> dict[str, str]:
    """Give a published event as it arrives."""
    return {"event": name, "channel": channel, "data": data}


class Stream:
    """The answer to a request that goes on. Lines are given without their ends."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.response = response
        self.read = 0

    async def line(self) -> str:
        """Give the next line; empty when there are no more."""
        text = (await asyncio.wait_for(self.response.content.readline(), LIMIT)).decode("ascii")
        assert not text or text.endswith("\n"), "half a line"
        self.read += len(text)
        return text.removesuffix("\n")

    async def frames(self, count: int = 1) -> list[Any]:
        """Give the next so many messages, from one line or several."""
        found: list[Any] = []
        while len(found) < count:
            line = await self.line()
            assert line.startswith("a["), line
            found += map(json.loads, json.loads(line[1:]))
        assert len(found) == count
        return found

    async def expect(self, *lines: str) -> None:
        """The next lines are exactly these."""
        for expected in lines:
            assert await self.line() == expected

    async def expect_close(self, code: int) -> str:
        """The next line closes with this code, and then the answer ends. Gives the reason."""
        line = await self.line()
        assert line.startswith("c["), line
        given, reason = json.loads(line[1:])
        assert given == code, line
        assert await self.line() == ""
        return str(reason)

    def break_off(self) -> None:
        """Close the connection, as a browser does that aborts a request."""
        self.response.close()


class Fallback:
    """One session: of pusher-js, or of SockJS when it is told no key."""

    def __init__(self, http: aiohttp.ClientSession, server: Place, key: str | None, query: str = "protocol=7") -> None:
        self.http = http
        self.server = server
        self.socket_id = ""
        where = "" if key is None else f"/app/{key}"
        self.url = f"http://{server.host}:{server.port}/pusher{where}/{next(_numbers)}/abcdefgh"
        self._query = query

    # Requests

    async def request(self, method: str, kind: str, body: bytes | None = None, **headers: str) -> tuple[int, str]:
        """Make one request, and give status and body of its answer."""
        headers = {"Origin": ORIGIN, **{name.replace("_", "-"): value for name, value in headers.items()}}
        async with self.http.request(method, f"{self.url}/{kind}?{self._query}", data=body, headers=headers) as answer:
            assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
            assert answer.headers["Access-Control-Allow-Credentials"] == "true"
            return answer.status, (await answer.read()).decode()

    async def lines(self) -> list[str]:
        """Poll once, and give the lines of the answer."""
        status, body = await self.request("POST", "xhr")
        assert status == 200, body
        assert body.endswith("\n")
        return body.splitlines()

    async def poll(self) -> list[Any]:
        """Poll once, and give the messages of the answer, which holds nothing else."""
        lines = await self.lines()
        assert all(line.startswith("a[") for line in lines), lines
        return [json.loads(text) for line in lines for text in json.loads(line[1:])]

    async def waiting(self) -> "asyncio.Task[list[str]]":
        """Give a poll that waits at the server for certain: of two at once the other was sent away."""
        done, [waiting] = await asyncio.wait(
            {asyncio.create_task(self.lines()), asyncio.create_task(self.lines())},
            timeout=LIMIT,
            return_when=asyncio.FIRST_COMPLETED,
        )
        assert [task.result() for task in done] == [['c[2010,"Another connection still open"]']]
        return waiting

    @asynccontextmanager
    async def stream(self, method: str = "POST", kind: str = "xhr_streaming") -> AsyncIterator[Stream]:
        """Begin a request whose answer goes on; its prelude is read."""
        async with self.http.request(method, f"{self.url}/{kind}?{self._query}", headers={"Origin": ORIGIN}) as answer:
            assert answer.status == 200
            stream = Stream(answer)
            if kind == "xhr_streaming":
                await stream.expect(PRELUDE)
            yield stream

    async def send(self, *frames: dict[str, Any] | str) -> None:
        """Bring messages, in one request."""
        texts = [frame if isinstance(frame, str) else json.dumps(frame) for frame in frames]
        assert await self.request("POST", "xhr_send", json.dumps(texts).encode()) == (204, "")

    # What a Pusher client does

    def greet(self, frame: dict[str, Any]) -> None:
        """Take the welcome."""
        assert frame["event"] == "pusher:connection_established"
        self.socket_id = json.loads(frame["data"])["socket_id"]

    async def open(self) -> Self:
        """Open the session by a poll, and take the welcome."""
        lines = await self.lines()
        assert lines[0] == "o"
        [frame] = [json.loads(json.loads(line[1:])[0]) for line in lines[1:]] or await self.poll()
        self.greet(frame)
        return self

    def subscription(self, channel: str, channel_data: str | None = None) -> dict[str, Any]:
        """Give the message that asks to be subscribed, with a good signature."""
        signed = f"{self.socket_id}:{channel}" + ("" if channel_data is None else f":{channel_data}")
        data = {"channel": channel, "auth": sign(self.server, signed)}
        if channel_data is not None:
            data["channel_data"] = channel_data
        return {"event": "pusher:subscribe", "data": data}

    async def subscribe(self, channel: str, channel_data: str | None = None) -> None:
        """Subscribe, by a request and a poll."""
        await self.send(self.subscription(channel, channel_data))
        [frame] = await self.poll()
        assert (frame["event"], frame["channel"]) == (SUCCEEDED, channel), frame

    async def expect_close(self, code: int) -> str:
        """The next poll closes with this code. Gives the reason."""
        [line] = await self.lines()
        assert line.startswith("c["), line
        given, reason = json.loads(line[1:])
        assert given == code, line
        return str(reason)
