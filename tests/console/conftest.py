"""What tests of the console share: a server with people who are signed in, an application, and ways to look at it."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import NamedTuple, TypeVar

import pytest

from console.browsers import cookies_of
from console.stream import Stream
from hubbub.web.visit import SESSION
from pages.visitor import Visitor
from sockets.conftest import _dial, connect
from tenants import PEOPLE, Tenants, World

__all__ = ["_dial", "connect"]  # fixtures

Given = TypeVar("Given")
Look = Callable[..., Stream]
Be = Callable[[str], Visitor]


class Chat(NamedTuple):
    """The application of a world, as a place that sockets go to."""

    host: str
    port: int
    key: str
    secret: str
    app_id: str
    path: str


@pytest.fixture(scope="module")
def server() -> Iterator[Tenants]:
    """Give a server that pings soon, so that who is gone is soon found out."""
    with Tenants(ping_after=1, pong_timeout=1) as running:
        yield running


@pytest.fixture(scope="module")
def cookies(server: Tenants) -> dict[str, str]:
    """Give everybody's cookie."""
    return cookies_of(server.database_url, {name: server.people[name].email for name in PEOPLE})


@pytest.fixture
def world(server: Tenants) -> World:
    """Give three organizations, and an application that one owns and one borrows."""
    return server.world()


@pytest.fixture
def chat(server: Tenants, world: World) -> Chat:
    """Give that application."""
    there = f"/organizations/{world.slots['organization']}/applications/{world.slots['application']}"
    server.data("PATCH", there, "ada", json={"application": {"settings": {"client_events": True}}})
    app = world.application
    app_id = world.slots["application"]
    return Chat(server.host, server.port, app["app_key"], app["app_secret"], app_id, f"/applications/{app_id}")


@pytest.fixture
def be(server: Tenants, cookies: dict[str, str]) -> Iterator[Be]:
    """Give a way to be somebody, signed in: `be("ada")`."""
    with ExitStack() as stack:

        def become(name: str) -> Visitor:
            visitor = Visitor(server)
            stack.callback(visitor.http.close)
            visitor.http.cookies.set(SESSION, cookies[name])
            return visitor

        yield become


@pytest.fixture
def look(server: Tenants, cookies: dict[str, str], chat: Chat) -> Iterator[Look]:
    """Give a way to look at the application's console: `look("ada")`. It ends with the test."""
    with ExitStack() as stack:

        def watch(name: str = "ada", last: str = "", path: str = "") -> Stream:
            url = f"{server.url}{path or chat.path}/console/stream"
            return stack.enter_context(Stream(url, {SESSION: cookies[name]}, last))

        yield watch


async def aside(deed: Callable[[], Given]) -> Given:
    """Do what waits for a server without keeping this loop's sockets from being read."""
    return await asyncio.to_thread(deed)
