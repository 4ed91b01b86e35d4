"""A back end and a browser by hand: HTTP written byte by byte and signed here, and a socket that listens.

Knows Pusher's HTTP API from its documentation alone and uses no code of Hubbub's, so that both cannot be wrong in the
same way. Every wait is bounded, and every byte that a server sends is searched for the secret of its application.
"""

import asyncio
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, NamedTuple, Self
from urllib.parse import quote

from websockets.asyncio.client import ClientConnection, connect

from running import Running

LIMIT = 10.0
"""Seconds that anything may take."""

Pairs = Sequence[tuple[str, str]]


class Keys(NamedTuple):
    """What a back end knows of its application."""

    app_id: str
    key: str
    secret: str

    @classmethod
    def of(cls, server: Running) -> Self:
        return cls(server.app_id, server.key, server.secret)


class Answer(NamedTuple):
    """A response. Names of headers are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes
    version: str = "HTTP/1.1"

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Any:
        assert self.headers["content-type"] == "application/json", self
        return json.loads(self.body)

    @property
    def refusal(self) -> tuple[int, str]:
        """The status and the text, without the newline that must end it."""
        assert self.status >= 400, self
        assert self.headers["content-type"] == "text/plain; charset=utf-8"
        assert self.text.endswith("\n")
        return self.status, self.text[:-1]


# Signing


def signature(keys: Keys, method: str, path: str, pairs: Pairs) -> str:
    """Sign as the documentation says: keys in lower case and sorted, values as they are."""
    query = "&".join(f"{key}={value}" for key, value in sorted((key.lower(), value) for key, value in pairs))
    return hmac.new(keys.secret.encode(), f"{method}\n{path}\n{query}".encode(), hashlib.sha256).hexdigest()


def credentials(keys: Keys, body: bytes = b"", *, at: float | None = None) -> list[tuple[str, str]]:
    """Give the parameters that every request has, but for the signature."""
    stamp = str(int(time.time() if at is None else at))
    return [
        ("auth_key", keys.key),
        ("auth_timestamp", stamp),
        ("auth_version", "1.0"),
        ("body_md5", hashlib.md5(body, usedforsecurity=False).hexdigest()),
    ]


def encoded(pairs: Iterable[tuple[str, str]]) -> str:
    """Write a query, with everything escaped that can be."""
    return "&".join(f"{quote(key, safe='')}={quote(value, safe='')}" for key, value in pairs)


def target(keys: Keys, method: str, path: str, body: bytes = b"", pairs: Pairs = (), at: float | None = None) -> str:
    """Give the path with a signed query. `pairs` are parameters of one's own."""
    parameters = [*pairs, *credentials(keys, body, at=at)]
    return f"{path}?{encoded([*parameters, ('auth_signature', signature(keys, method, path, parameters))])}"


def raw(method: str, target: str, body: bytes = b"", *headers: str, version: str = "1.1") -> bytes:
    """Write a request out. A body comes with its length."""
    lines = [f"{method} {target} HTTP/{version}", "Host: hubbub.test", *headers]
    if body or method == "POST":
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def request(
    keys: Keys, method: str, route: str, body: bytes = b"", *headers: str, version: str = "1.1", host: str = ""
) -> bytes:
    """Write a signed request for `/apps/ID` and `route` out; with a `host`, in absolute form."""
    return raw(
        method, host + target(keys, method, f"/apps/{keys.app_id}{route}", body), body, *headers, version=version
    )


# Talking


class Line:
    """One TCP connection to a server, with nothing of HTTP done for the test but the reading of answers."""

    def __init__(self, server: Running) -> None:
        self.keys = Keys.of(server)
        self._server = server

    async def __aenter__(self) -> Self:
        async with asyncio.timeout(LIMIT):
            self._reader, self._writer = await asyncio.open_connection(
                self._server.host, self._server.port, limit=2**24
            )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self._writer.close()
        try:
            async with asyncio.timeout(LIMIT):
                await self._writer.wait_closed()
        except OSError:
            pass  # the server had closed it, as some of the tests want

    async def send(self, *parts: bytes) -> None:
        """Write each part and let it leave before the next. A server that hangs up early is no error here."""
        try:
            async with asyncio.timeout(LIMIT):
                for part in parts:
                    self._writer.write(part)
                    await self._writer.drain()
                    await asyncio.sleep(0)
        except OSError:
            pass

    def end(self) -> None:
        """Send no more, but go on reading."""
        self._writer.write_eof()

    def cut(self) -> None:
        """Reset the connection."""
        self._writer.transport.abort()

    async def answer(self, *, to: str = "POST") -> Answer:
        """Read one response, to a request with the method `to`."""
        async with asyncio.timeout(LIMIT):
            head = await self._reader.readuntil(b"\r\n\r\n")
            first, *lines = head.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
            headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
            version, status, _ = first.split(" ", 2)
            size = 0 if to == "HEAD" or int(status) in (100, 101, 204) else int(headers["content-length"])
            body = await self._reader.readexactly(size)
        self._look_through(head + body)
        return Answer(int(status), headers, body, version)

    async def answer_or_end(self) -> Answer | None:
        """Read one response; None when the server has ended its side without a byte more."""
        try:
            return await self.answer()
        except asyncio.IncompleteReadError as ended:
            if ended.partial:
                raise
            return None

    async def ask(self, *requests: bytes) -> Answer:
        """Send, and read one response."""
        await self.send(*requests)
        return await self.answer()

    async def until(self, last: bytes) -> bytes:
        """Read to the end of the first `last`."""
        async with asyncio.timeout(LIMIT):
            heard = await self._reader.readuntil(last)
        self._look_through(heard)
        return heard

    async def flood(self, part: bytes, *, times: int, pause: float = 0) -> Answer:
        """Send `part` again and again until an answer comes, or so many times and then wait for it."""
        answer = asyncio.ensure_future(self.answer())
        for _ in range(times):
            if answer.done():
                break
            await self.send(part)
            await asyncio.wait([answer], timeout=pause)
        return await answer

    async def rest(self) -> bytes:
        """Read until the server ends its side; a connection that is cut counts as an end."""
        heard = b""
        try:
            async with asyncio.timeout(LIMIT):
                while part := await self._reader.read(65536):
                    heard += part
        except ConnectionError:
            pass
        self._look_through(heard)
        return heard

    def _look_through(self, heard: bytes) -> None:
        assert self.keys.secret.encode() not in heard, "the server told the secret"


class Backend(Line):
    """A back end that signs what it sends, over one connection."""

    async def get(self, route: str, /, **parameters: str) -> Answer:
        """Ask for `/apps/ID` and `route`."""
        path = f"/apps/{self.keys.app_id}{route}"
        return await self.ask(raw("GET", target(self.keys, "GET", path, pairs=list(parameters.items()))))

    async def post(self, route: str, body: object, /, **parameters: str) -> Answer:
        """Post to `/apps/ID` and `route`: bytes as they are, anything else as JSON."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        path = f"/apps/{self.keys.app_id}{route}"
        return await self.ask(raw("POST", target(self.keys, "POST", path, content, list(parameters.items())), content))

    async def publish(self, channel: str, name: str, data: str = "{}", **more: object) -> Answer:
        """Post one event, which must be accepted."""
        answer = await self.post("/events", {"name": name, "channel": channel, "data": data, **more})
        assert answer.status == 200, answer
        return answer


# Listening


class Listener:
    """A subscriber."""

    def __init__(self, socket: ClientConnection, keys: Keys, socket_id: str) -> None:
        self.socket_id = socket_id
        self._socket = socket
        self._keys = keys

    async def subscribe(self, channel: str, user_id: str = "1") -> None:
        """Subscribe and wait until that stands; `user_id` is for presence channels."""
        data: dict[str, str] = {"channel": channel}
        signed = f"{self.socket_id}:{channel}"
        if channel.startswith("presence-"):
            data["channel_data"] = json.dumps({"user_id": user_id})
            signed += f":{data['channel_data']}"
        if channel.startswith(("private-", "presence-")):
            proof = hmac.new(self._keys.secret.encode(), signed.encode(), hashlib.sha256).hexdigest()
            data["auth"] = f"{self._keys.key}:{proof}"
        await self._socket.send(json.dumps({"event": "pusher:subscribe", "data": data}))
        while (frame := await self.frame())["event"] == "pusher_internal:subscription_count":
            pass  # of a channel before
        assert frame["event"] == "pusher_internal:subscription_succeeded", frame

    async def frame(self) -> Any:
        """Give the next frame."""
        async with asyncio.timeout(LIMIT):
            return json.loads(await self._socket.recv())

    async def event(self) -> tuple[str, str, str]:
        """Give the next event that was published: channel, name and data."""
        while (frame := await self.frame())["event"].startswith("pusher_internal:"):
            pass
        assert not frame["event"].startswith("pusher:"), frame
        assert set(frame) == {"event", "channel", "data"}
        return frame["channel"], frame["event"], frame["data"]

    async def events_until(self, api: Backend, channel: str) -> list[tuple[str, str, str]]:
        """Give what is heard before a last event in `channel`, published now: what is not here will never come."""
        await api.publish(channel, "the-end")
        heard = []
        while (event := await self.event()) != (channel, "the-end", "{}"):
            heard.append(event)
        return heard


@asynccontextmanager
async def listening(server: Running, *channels: str, user_id: str = "1") -> AsyncIterator[Listener]:
    """Connect and subscribe."""
    async with connect(f"{server.socket_url}?protocol=7", proxy=None, ping_interval=None) as socket:
        async with asyncio.timeout(LIMIT):
            welcome = json.loads(await socket.recv())
        listener = Listener(socket, Keys.of(server), json.loads(welcome["data"])["socket_id"])
        for channel in channels:
            await listener.subscribe(channel, user_id)
        yield listener
