"""Behind real proxies: whether they and Hubbub agree where a request ends.

In the body of each request that could be read in two ways hides a publish with a good signature. Whoever reads it as
the next request obeys it, and everybody hears it; or takes its answer for that of the next who asks.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, cast

import pytest

from deploy.proxies import PROXIES, Proxy
from rest.driver import Keys, Line, raw, target
from running import Running
from sockets.client import Dial


class Door(NamedTuple):
    """Where a proxy listens, with the application of who is behind it."""

    host: str
    port: int
    app_id: str
    key: str
    secret: str


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with Running() as running:
        yield running


@pytest.fixture(scope="module", params=[pytest.param(name, marks=pytest.mark.needs(name)) for name in PROXIES])
def door(server: Running, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    folder = Path(tmp_path_factory.mktemp("proxy"))
    with Proxy(PROXIES[request.param], [(server.host, server.port)], folder) as proxy:
        yield Door("127.0.0.1", proxy.port, server.app_id, server.key, server.secret)


def hidden(door: Door, event: str) -> bytes:
    """Give a whole signed publish."""
    body = b'{"name":"%s","channel":"lobby","data":"x"}' % event.encode()
    return raw(
        "POST", target(Keys(door.app_id, door.key, door.secret), "POST", f"/apps/{door.app_id}/events", body), body
    )


def attempts(inner: bytes) -> Iterator[bytes]:
    """Give requests whose body is `inner` to one reader and the next request to another."""
    chunked = b"0\r\n\r\n" + inner
    size = str(len(chunked)).encode()
    for path in (b"/apps/1/channels", b"/pusher/info", b"/app/key", b"/"):
        head = b"POST " + path + b" HTTP/1.1\r\nHost: localhost\r\n"
        yield head + b"Content-Length: " + size + b"\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked
        yield head + b"Transfer-Encoding: chunked\r\nContent-Length: " + size + b"\r\n\r\n" + chunked
        yield head + b"Content-Length: " + size + b"\r\nTransfer-Encoding : chunked\r\n\r\n" + chunked
        yield head + b"Content-Length: " + size + b"\r\nTransfer-Encoding: xchunked\r\n\r\n" + chunked
        yield head + b"Content-Length: " + size + b"\r\nTransfer-Encoding:\x0bchunked\r\n\r\n" + chunked
        yield head + b"Content-Length: " + size + b"\r\nX: y\r\n Transfer-Encoding: chunked\r\n\r\n" + chunked
        yield head + b"Content-Length: " + size + b"\r\nX: y\nTransfer-Encoding: chunked\r\n\r\n" + chunked
        yield head + b"Content-Length: 0\r\nContent-Length: " + size + b"\r\n\r\n" + chunked
        yield head + b"Content-Length: " + str(len(inner)).encode() + b"\r\n\r\n" + inner
        yield head + b"Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: " + size + b"\r\n\r\n" + chunked
        yield (
            head
            + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nContent-Length: "
            + size
            + b"\r\n\r\n"
            + chunked
        )
        yield head + b"Expect: 100-continue\r\nContent-Length: " + str(len(inner)).encode() + b"\r\n\r\n" + inner
        yield head.replace(b"POST", b"GET") + b"Content-Length: " + str(len(inner)).encode() + b"\r\n\r\n" + inner
        yield head + b"Transfer-Encoding: chunked\r\n\r\n0;\n\r\n" + inner[:-1]


async def test_proxies_and_hubbub_agree_where_a_request_ends(door: Door, server: Running, connect: Dial) -> None:
    listener = await connect(server)
    await listener.subscribe("lobby")
    place = cast("Running", door)
    for number, request in enumerate(attempts(hidden(door, "smuggled"))):
        async with Line(place) as line:
            await line.send(request)
            line.end()
            await line.rest()
        async with Line(place) as victim:
            asked = target(Keys.of(place), "GET", f"/apps/{door.app_id}/channels/lobby")
            answer = await victim.ask(raw("GET", asked).replace(b"hubbub.test", b"localhost"))
            assert answer.json == {"occupied": True}, request
        async with Line(server) as backend:
            assert (await backend.ask(hidden(door, f"honest-{number}"))).status == 200
        heard = await listener.receive()
        assert heard["event"] == f"honest-{number}", (number, request[:200])
