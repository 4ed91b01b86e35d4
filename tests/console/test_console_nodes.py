"""Several nodes are one: the pages of one show what happens at all of them."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any, NamedTuple

import pytest
from pusher import Pusher  # type: ignore[import-untyped]

from console.browsers import cookies_of
from console.conftest import aside
from console.stream import Stream
from engine.redis.redisserver import Server
from hubbub.web.visit import SESSION
from pages.visitor import Visitor
from running import Running
from sockets.client import Dial
from sockets.forwarding.nodes import Node
from tenants import Tenants

pytestmark = pytest.mark.needs("redis")

LIMIT = 15.0  # seconds


class Pair(NamedTuple):
    """Two nodes on one database and one Redis, and who is signed in at either."""

    near: Tenants
    far: Running
    cookie: str


class Place(NamedTuple):
    """An application at one node."""

    host: str
    port: int
    key: str
    secret: str
    app_id: str


@pytest.fixture(scope="module")
def redis() -> Iterator[Server]:
    with Server() as server:
        yield server


@pytest.fixture(scope="module")
def pair(redis: Server) -> Iterator[Pair]:
    with ExitStack() as stack:
        near = stack.enter_context(Tenants(engine_url=redis.url, engine_prefix="console"))
        far = stack.enter_context(_node(near, redis))
        yield Pair(near, far, cookies_of(near.database_url, {"ada": "ada@example.com"})["ada"])


def _node(near: Tenants, redis: Server) -> Node:
    settings: dict[str, Any] = {"app_id": None, "app_key": None, "app_secret": None, "jwt_secret": near.jwt_secret}
    settings |= {"database_url": near.database_url, "engine_url": redis.url, "engine_prefix": "console"}
    return Node(**settings)


@pytest.fixture
def app(pair: Pair) -> Place:
    """Give an application, at the far node."""
    world = pair.near.world()
    made = world.application
    return Place(pair.far.host, pair.far.port, made["app_key"], made["app_secret"], world.slots["application"])


@pytest.fixture
def page(pair: Pair) -> Iterator[Visitor]:
    """Give ada's browser, at the near node."""
    visitor = Visitor(pair.near)
    visitor.http.cookies.set(SESSION, pair.cookie)
    yield visitor
    visitor.http.close()


async def test_a_console_shows_what_happens_at_another_node(pair: Pair, app: Place, connect: Dial) -> None:
    api = Pusher(app.app_id, app.key, app.secret, ssl=False, host=app.host, port=app.port)

    def watch() -> None:
        with Stream(f"{pair.near.url}/applications/{app.app_id}/console/stream", {SESSION: pair.cookie}) as stream:
            # The other node is told when the stream begins, and may be a moment late.
            until = time.monotonic() + LIMIT
            while not stream.counts["api_message"]:
                assert time.monotonic() < until
                api.trigger("room", "knock", {})
                time.sleep(0.05)
            seen = stream.find("api_message", event="knock")
            assert seen["node"].endswith(f":{pair.far.pid}")
            loop.call_soon_threadsafe(is_seen.set)
            stream.find("client_error", channel="private-room")
            stream.find("subscribed", channel="both")
            stream.find("occupied", channel="both")
            told = [one for one in stream.seen if (one["kind"], one.get("channel")) == ("occupied", "both")]
            assert len(told) == 1

    loop, is_seen = asyncio.get_running_loop(), asyncio.Event()
    watching = asyncio.ensure_future(asyncio.to_thread(watch))
    await asyncio.wait_for(is_seen.wait(), 2 * LIMIT)
    socket = await connect(app)
    await socket.ask("private-room", auth="nonsense")
    await socket.receive()
    await socket.receive()
    await socket.subscribe("both")
    await watching
    api._pusher_client.http.session.close()
    api._authentication_client.http.session.close()


async def see(page: Visitor, path: str, text: str) -> None:
    """Get a page until it has a text: a node on a busy machine may not answer within a second."""
    until = time.monotonic() + LIMIT
    while text not in (await aside(lambda: page.get(path))).text:
        assert time.monotonic() < until, page.text


async def test_the_inspector_lists_and_closes_sockets_of_another_node(
    pair: Pair, app: Place, page: Visitor, connect: Dial
) -> None:
    far = await connect(app)
    near = await connect(app._replace(host=pair.near.host, port=pair.near.port))
    path = f"/applications/{app.app_id}/connections"
    await see(page, path, far.socket_id)
    assert near.socket_id in page.text
    assert "2 connections" in page.text
    await see(page, f"{path}?socket={far.socket_id}", f":{pair.far.pid}</dd>")
    await aside(lambda: page.submit(f"{path}/close"))
    await asyncio.wait_for(far.connection.wait_closed(), LIMIT)
    assert far.connection.close_code == 4009
    await see(page, f"/applications/{app.app_id}/errors?socket_id={far.socket_id}", "closed by hand")


async def test_a_node_that_does_not_answer_is_said_to_be_missing(
    pair: Pair, redis: Server, page: Visitor, connect: Dial, app: Place
) -> None:
    near = await connect(app._replace(host=pair.near.host, port=pair.near.port))
    path = f"/applications/{app.app_id}/connections"

    def ask() -> None:
        with _node(pair.near, redis) as third:
            until = time.monotonic() + LIMIT
            page.get(path)
            third.kill()
            while "2 of 3 nodes answered in time" not in page.get(path).text:
                assert time.monotonic() < until, page.text
                # Until the others know of it, there is nobody to miss; once it is struck off, there is nobody either.
            assert near.socket_id in page.text

    await aside(ask)
