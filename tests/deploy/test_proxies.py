"""Each proxy, with the configuration that is shipped for it, in front of real nodes."""

import asyncio
import json
import os
import re
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlencode

import aiohttp
import pytest
from pusher import Pusher  # type: ignore[import-untyped]
from websockets.asyncio.client import connect as connect_websocket

from conftest import Start
from deploy.conftest import Front, Pair
from deploy.proxies import Place, Proxy, unverified
from running import Running
from seeded import Seeded
from sockets.client import LIMIT, SUCCEEDED, Dial, PusherSocket, RawSocket, eventually
from sockets.fallbacks.client import Fallback
from sockets.fallbacks.conftest import Fall

Backend = Callable[..., Pusher]

SOCKETS = 12
"""Enough of them for each node to get some."""


def place(proxy: Proxy, node: Running) -> Place:
    """Give the proxy's port without TLS, as clients are told where a server is."""
    return Place("localhost", proxy.port, node.key, node.secret)


@asynccontextmanager
async def secure(proxy: Proxy, node: Running) -> AsyncIterator[PusherSocket]:
    """Open a socket over TLS, as a browser does."""
    url = f"wss://localhost:{proxy.tls_port}/app/{node.key}?protocol=7"
    async with connect_websocket(url, ssl=unverified(), open_timeout=LIMIT, compression=None, proxy=None) as connection:
        yield PusherSocket(connection, node)


async def number(socket: PusherSocket) -> int:
    """Take the welcome, and give what tells the nodes apart."""
    told = await socket.expect("pusher:connection_established")
    socket.socket_id = told["socket_id"]
    return int(told["activity_timeout"])


who_asks = pytest.mark.parametrize(
    "kind", [pytest.param(name, marks=pytest.mark.needs(name)) for name in ("haproxy", "caddy")], indirect=True
)
"""For those that ask nodes how they are. nginx does not."""


# What goes through


async def test_a_socket_hears_what_is_published(server: Running, front: Front, connect: Dial, backend: Backend) -> None:
    proxy = front(server)
    client = await connect(place(proxy, server))
    await client.subscribe("news")
    publisher = backend(server, host="localhost", port=proxy.port)
    assert await asyncio.to_thread(publisher.trigger, "news", "greeting", {"text": "hello"}) == {}
    assert await client.expect("greeting", "news") == {"text": "hello"}
    await client.send("pusher:ping")
    await client.expect_frame({"event": "pusher:pong", "data": "{}"})
    told = await asyncio.to_thread(publisher.channels_info, "ne")
    assert told == {"channels": {"news": {}}}


async def test_sockets_and_signed_requests_go_over_tls(
    start_server: Start, front: Front, backend: Backend, http: aiohttp.ClientSession
) -> None:
    node = start_server(app_force_tls=True)
    proxy = front(node)
    async with secure(proxy, node) as client:
        await client.welcome()
        await client.subscribe("news")
        async with http.get(f"https://localhost:{proxy.tls_port}/health", ssl=unverified()) as answer:
            assert (answer.status, await answer.json()) == (200, {"status": "ok"})


async def test_nobody_passes_for_encrypted_who_is_not(start_server: Start, front: Front, dial: Dial) -> None:
    node = start_server(app_force_tls=True)
    proxy = front(node)
    client = await dial(place(proxy, node), headers={"X-Forwarded-Proto": "https"})
    await client.expect_end(4000, "Application only accepts TLS connections, reconnect using wss://")


async def test_what_a_client_says_of_itself_is_overwritten(front: Front, http: aiohttp.ClientSession) -> None:
    async with overheard() as (port, heads):
        proxy = front(("127.0.0.1", port))
        forged = {"X-Forwarded-For": "192.0.2.7", "X-Forwarded-Proto": "https", "Forwarded": "for=192.0.2.7"}
        async with http.post(f"http://localhost:{proxy.port}/apps/1/events", headers=forged, data=b"{}") as answer:
            assert answer.status == 200
        [head] = [head for head in heads if head.startswith("POST /apps/1/events ")]
        fields = [line.lower() for line in head.splitlines()]
        assert [line for line in fields if line.startswith("x-forwarded-for:")] == ["x-forwarded-for: 127.0.0.1"]
        assert [line for line in fields if line.startswith("x-forwarded-proto:")] == ["x-forwarded-proto: http"]
        assert f"host: localhost:{proxy.port}" in fields
        assert "192.0.2.7" not in head


@asynccontextmanager
async def overheard() -> AsyncIterator[tuple[int, list[str]]]:
    """Give the port of one who answers 200 to everything, and the heads of requests that it was sent."""
    heads: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            heads.append((await reader.readuntil(b"\r\n\r\n")).decode())
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # it was a look whether anybody is here
        finally:
            writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1], heads


# What does not


async def test_what_brings_passwords_goes_over_tls_only(
    server: Running, front: Front, http: aiohttp.ClientSession
) -> None:
    proxy = front(server)
    for path in ("/", "/api/session", "/api/docs?page=1", "/health"):
        async with http.get(f"http://localhost:{proxy.port}{path}", allow_redirects=False) as answer:
            assert answer.status == 308
            assert re.sub(r"^https://localhost(:\d+)?", "", answer.headers["Location"]) == path


async def test_metrics_are_for_those_inside(start_server: Start, front: Front, http: aiohttp.ClientSession) -> None:
    proxy = front(start_server(metrics_token="a-token-of-some-length"))
    headers = {"Authorization": "Bearer a-token-of-some-length"}
    async with http.get(f"https://localhost:{proxy.tls_port}/metrics", headers=headers, ssl=unverified()) as answer:
        assert answer.status == 404


async def test_a_body_may_be_as_large_as_hubbub_allows(
    server: Running, front: Front, http: aiohttp.ClientSession
) -> None:
    url = f"http://localhost:{front(server).port}/apps/{server.app_id}/events"
    async with http.post(url, data=b" " * 320_000) as answer:
        assert answer.status == 401, "it was read, and is not signed"
    async with http.post(url, data=b" " * 400_000) as answer:
        assert answer.status == 413
        assert "327680" in await answer.text(), "it is Hubbub who says so, and how much it takes"


async def test_a_larger_one_is_refused_by_the_proxy(front: Front) -> None:
    async with overheard() as (port, _):
        proxy = front(("127.0.0.1", port))
        where = Place("localhost", proxy.port, "", "")
        head = f"POST /apps/1/events HTTP/1.1\r\nHost: localhost:{proxy.port}\r\nContent-Length: 1048577\r\n\r\n"
        async with RawSocket.open(where) as client:
            await client.send(head.encode() + b" " * 1_048_577)
            assert (await client.head()).startswith("HTTP/1.1 413 ")


# Sessions that live in one process


@pytest.mark.parametrize("is_sockjs", [False, True], ids=["pusher-js", "SockJS"])
async def test_each_session_without_a_websocket_stays_at_its_node(
    lasting_pair: Pair, front: Front, fall: Fall, is_sockjs: bool
) -> None:
    proxy = front(*lasting_pair)
    key = lasting_pair[0].key
    numbers: list[int] = []
    while len(numbers) < SOCKETS or len(set(numbers)) == 1:
        assert len(numbers) < 20 * SOCKETS, "all sessions are at one node"
        session = fall(place(proxy, lasting_pair[0]), key=None if is_sockjs else key)
        numbers.append(await begun(session, key if is_sockjs else None))
        await session.subscribe("news")


async def begun(session: Fallback, key: str | None) -> int:
    """Open a session, over SockJS if told the key to name in it; give the number of its node."""
    lines = await session.lines()
    assert lines[0] == "o", lines
    if key is not None:
        await session.send(json.dumps({"path": f"/app/{key}?protocol=7"}))
    texts = [text for line in lines[1:] for text in json.loads(line[1:])]
    frame = json.loads(texts[0]) if texts else (await session.poll())[0]
    session.greet(frame)
    return int(json.loads(frame["data"])["activity_timeout"])


async def test_a_stream_is_passed_on_as_it_is_made(server: Running, front: Front, fall: Fall, backend: Backend) -> None:
    session = fall(place(front(server), server))
    async with session.stream() as stream:
        await stream.expect("o")
        session.greet((await stream.frames())[0])
        await session.send(session.subscription("streamed"))
        [frame] = await stream.frames()
        assert frame["event"] == SUCCEEDED
        assert await asyncio.to_thread(backend(server).trigger, "streamed", "greeting", "hello") == {}
        assert (await stream.frames())[0]["data"] == "hello"


async def test_who_breaks_off_a_stream_is_gone(
    start_server: Start, kind: str, front: Front, fall: Fall, backend: Backend
) -> None:
    # HAProxy only notices when it cannot pass on the next line; the others tell the node at once.
    node = start_server(poll_timeout=600, fallback_heartbeat=1 if kind == "haproxy" else 600)
    session = fall(place(front(node), node))
    publisher = backend(node)

    async def is_vacated() -> bool:
        return bool(await asyncio.to_thread(publisher.channels_info) == {"channels": {}})

    async with session.stream() as stream:
        await stream.expect("o")
        session.greet((await stream.frames())[0])
        await session.send(session.subscription("news"))
        await stream.frames()
        assert not await is_vacated()
        stream.break_off()
    await eventually(is_vacated, "the node was not told that the client has gone")


async def test_each_phoenix_client_that_polls_stays_at_its_node(
    seeded_pair: tuple[Seeded, Running], front: Front, http: aiohttp.ClientSession
) -> None:
    proxy = front(*seeded_pair)
    seeded = seeded_pair[0]
    jwt = await asyncio.to_thread(seeded.jwt)
    await asyncio.gather(*(polled(http, proxy, seeded.key, jwt, f"user-{index}") for index in range(SOCKETS)))
    assert jwt not in proxy.log, "it is good for ten days to whoever reads the log"


async def polled(http: aiohttp.ClientSession, proxy: Proxy, key: str, jwt: str, uid: str) -> None:
    """Open a long-poll, join the lobby, and hear of it, as phoenix.js does."""
    about = {"app_key": key, "guardian_token": jwt, "unique_identifier": uid, "vsn": "2.0.0"}
    url = f"http://localhost:{proxy.port}/socket/longpoll?{urlencode(about)}"

    async def ask(method: str, token: str, body: str | None = None) -> Any:
        async with http.request(method, f"{url}&{token}", data=body) as answer:
            assert answer.status == 200
            return await answer.json(content_type=None)

    opened = await ask("GET", "")
    assert opened["status"] == 410, opened
    token = urlencode({"token": opened["token"]})
    join = json.dumps(["1", "1", f"lobby:{key}", "phx_join", {}])
    assert (await ask("POST", token, join))["status"] == 200
    heard = await ask("GET", token)
    assert heard["status"] == 200, heard
    assert json.loads(heard["messages"][0])[3] == "phx_reply"


# Nodes that come and go


async def test_sockets_are_spread(lasting_pair: Pair, front: Front, dial: Dial) -> None:
    where = place(front(*lasting_pair), lasting_pair[0])
    numbers = [await number(await dial(where)) for _ in range(SOCKETS)]
    assert 1 / 4 < numbers.count(101) / len(numbers) < 3 / 4, numbers


async def test_a_node_that_stops_sends_its_sockets_to_the_other(
    pair: Pair, front: Front, dial: Dial, backend: Backend
) -> None:
    first, second = pair
    proxy = front(first, second)
    where = place(proxy, first)
    sockets = [await dial(where) for _ in range(SOCKETS)]
    leaving = [socket for socket in sockets if await number(socket) == 101]
    staying = [socket for socket in sockets if socket not in leaving]
    assert leaving
    stopping = asyncio.create_task(asyncio.to_thread(first.stop))
    for socket in leaving:
        assert await socket.expect_close(4200) == "Server is restarting, please reconnect"
        assert await number(await dial(where)) == 102
    await stopping
    for _ in range(SOCKETS):
        assert await number(await dial(where)) == 102
    publisher = backend(first, host="localhost", port=proxy.port)
    for _ in range(SOCKETS):
        assert await asyncio.to_thread(publisher.trigger, "news", "greeting", "hello") == {}
    for socket in staying:
        await socket.expect_nothing()


async def test_a_node_that_is_back_is_used_again(pair: Pair, front: Front, dial: Dial, start_server: Start) -> None:
    first, second = pair
    where = place(front(first, second), first)
    first.stop()
    assert await number(await dial(where)) == 102
    start_server(port=first.port, app_secret=first.secret, activity_timeout=103)

    async def is_used() -> bool:
        return await number(await dial(where)) == 103

    await eventually(is_used, "nobody comes to the node that is back")


@who_asks
async def test_a_node_that_says_it_will_stop_gets_nobody_new(
    pair: Pair, start_server: Start, front: Front, dial: Dial
) -> None:
    second = pair[1]
    leaving = start_server(app_secret=second.secret, activity_timeout=103, drain_delay=600)
    proxy = front(leaving, second)
    where = place(proxy, second)
    sockets = [await dial(where) for _ in range(SOCKETS)]
    staying = [socket for socket in sockets if await number(socket) == 103]
    assert staying
    os.kill(leaving.pid, signal.SIGTERM)

    async def is_known() -> bool:
        return {await number(await dial(where)) for _ in range(4)} == {102}

    await eventually(is_known, "somebody is still sent to it")
    assert await number(await dial(leaving)) == 103, "it still serves who comes"
    for socket in staying:
        await socket.expect_nothing()
    os.kill(leaving.pid, signal.SIGINT)
    for socket in staying:
        await socket.expect_close(4200)


@who_asks
async def test_a_node_that_hangs_gets_nobody_new(pair: Pair, front: Front, dial: Dial) -> None:
    first, second = pair
    where = place(front(first, second), first)
    assert {await number(await dial(where)) for _ in range(SOCKETS)} == {101, 102}
    os.kill(first.pid, signal.SIGSTOP)
    try:

        async def is_known() -> bool:
            try:
                async with asyncio.timeout(2):
                    return {await number(await dial(where)) for _ in range(4)} == {102}
            except TimeoutError:
                return False

        await eventually(is_known, "somebody is still sent to it")
    finally:
        os.kill(first.pid, signal.SIGCONT)
