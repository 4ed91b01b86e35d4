"""Commands beside a running server, which feels at once what they change: its sockets and its signed API."""

import asyncio
import json
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
from pusher import Pusher  # type: ignore[import-untyped]
from pusher.errors import PusherBadAuth, PusherForbidden  # type: ignore[import-untyped]

from conftest import Start
from running import Running
from seeded import ORGANIZATION, Seeded
from sockets.client import PusherSocket, dial
from sockets.phoenix.client import PhoenixSocket, knock, lobby, refusal

AT_ONCE = 2.0
"""Seconds, counted from the end of a command, in which a server must have acted."""

Backend = Callable[..., Pusher]


class Beside:
    """A running server whose applications are in its database; commands run beside it."""

    def __init__(self, server: Running, backend: Backend, sockets: AsyncExitStack) -> None:
        self.server = server
        self._backend = backend
        self._sockets = sockets

    async def command(self, *arguments: str) -> str:
        """Run a command, and give what it printed."""
        return await asyncio.to_thread(self.server.command, *arguments)

    async def made(self, *arguments: str) -> Any:
        """Run a command, and give what it printed for programs."""
        return json.loads(await self.command(*arguments, "--json"))

    async def dial(self, key: str) -> PusherSocket:
        """Open a socket that may be refused."""
        socket = await dial(self.server, f"/app/{key}?protocol=7")
        self._sockets.push_async_callback(socket.close)
        return socket

    async def enter(self, key: str) -> PusherSocket:
        """Open a socket that is welcomed."""
        return await (await self.dial(key)).welcome()

    async def publish(self, app_id: str, pair: dict[str, str]) -> None:
        """Publish by the signed API."""
        sdk = self._backend(self.server, app_id=app_id, key=pair["key"], secret=pair["secret"])
        await asyncio.to_thread(sdk.trigger, "room", "event", {})


@pytest.fixture
async def beside(url: str, start_server: Start, backend: Backend) -> AsyncIterator[Beside]:
    """Give such a server; the test runs once on SQLite, and once on PostgreSQL."""
    server = start_server(database_url=url, app_id=None, app_key=None, app_secret=None)
    async with AsyncExitStack() as sockets:
        yield Beside(server, backend, sockets)


async def test_a_new_application_can_be_used_at_once(beside: Beside) -> None:
    with pytest.raises(PusherBadAuth):
        await beside.publish("1", {"key": "key-to-be", "secret": "secret"})
    app = await beside.made("app", "create", "Chat")
    [pair] = app["key_pairs"]
    socket = await beside.enter(pair["key"])
    await socket.subscribe("room")
    await beside.publish(app["id"], pair)
    await socket.expect("event", "room")


async def test_an_archived_application_stops_at_once_and_comes_back_as_it_was(beside: Beside) -> None:
    app = await beside.made("app", "create", "Chat")
    [pair] = app["key_pairs"]
    socket = await beside.enter(pair["key"])
    await beside.command("app", "archive", app["id"])
    async with asyncio.timeout(AT_ONCE):
        await socket.expect_end(4001, f"App key {pair['key']} is no longer in use")
    with pytest.raises(PusherBadAuth):
        await beside.publish(app["id"], pair)
    await (await beside.dial(pair["key"])).expect("pusher:error")
    await beside.command("app", "unarchive", app["id"])
    await beside.enter(pair["key"])
    await beside.publish(app["id"], pair)


async def test_both_secrets_sign_until_one_is_revoked(beside: Beside) -> None:
    app = await beside.made("app", "create", "Chat")
    [old] = app["key_pairs"]
    veteran = await beside.enter(old["key"])
    new = await beside.made("app", "rotate", app["id"])
    newcomer = await beside.enter(new["key"])
    for pair in (old, new):
        await beside.publish(app["id"], pair)
    await veteran.expect_nothing()

    await beside.command("app", "revoke", old["key"])
    async with asyncio.timeout(AT_ONCE):
        await veteran.expect_end(4001, f"App key {old['key']} is no longer in use")
    await newcomer.subscribe("room")
    with pytest.raises(PusherBadAuth):
        await beside.publish(app["id"], old)
    await beside.publish(app["id"], new)
    await newcomer.expect("event", "room")


async def test_a_disabled_application_is_closed_and_its_other_settings_are_felt_too(beside: Beside) -> None:
    app = await beside.made("app", "create", "Chat")
    [pair] = app["key_pairs"]
    socket = await beside.enter(pair["key"])
    await beside.command("app", "set", app["id"], "enabled=false")
    async with asyncio.timeout(AT_ONCE):
        await socket.expect_end(4003, "Application disabled")
    with pytest.raises(PusherForbidden):
        await beside.publish(app["id"], pair)
    await beside.command("app", "set", app["id"], "enabled=", "max_connections=1")
    await beside.publish(app["id"], pair)
    await beside.enter(pair["key"])
    await (await beside.dial(pair["key"])).expect_error("Application is over its connection quota of 1", 4004)


# What a user's sockets rest on


def sign_in(server: Running, token: str) -> str:
    """Give a session token, or raise HTTPError."""
    request = urllib.request.Request(f"{server.url}/api/session?token={token}", method="POST")
    with urllib.request.urlopen(request, timeout=10) as answer:
        return str(json.load(answer)["jwt"])


@pytest.fixture
async def joe() -> AsyncIterator[tuple[Seeded, str, PhoenixSocket]]:
    """Give a server, the token of a user who is enrolled there and no admin, and a socket of this user."""
    with Seeded() as server:
        server.command("user", "create", "--email", "joe@example.com", "--name", "Joe", "--password", "long enough")
        server.command("org", "enroll", ORGANIZATION, "--user", "joe@example.com")
        token = server.command("token", "create", "--user", "joe@example.com").strip()
        socket = await knock(server, guardian_token=sign_in(server, token), unique_identifier="joe")
        await socket.join(lobby(server))
        yield server, token, socket
        await socket.close()


@pytest.mark.parametrize(
    "command",
    ["user archive joe@example.com", "token invalidate TOKEN", f"org leave {ORGANIZATION} --user joe@example.com"],
)
async def test_who_may_no_longer_be_here_is_sent_away_at_once(
    joe: tuple[Seeded, str, PhoenixSocket], command: str
) -> None:
    server, token, socket = joe
    jwt = sign_in(server, token)
    await asyncio.to_thread(server.command, *command.replace("TOKEN", token).split())
    async with asyncio.timeout(AT_ONCE):
        await socket.expect_close(4009)
    assert (await refusal(server, guardian_token=jwt, unique_identifier="joe"))[0] == 403
    if "org" not in command:
        with pytest.raises(urllib.error.HTTPError, match="401"):
            sign_in(server, token)


async def test_an_archived_organization_takes_its_applications_along(joe: tuple[Seeded, str, PhoenixSocket]) -> None:
    server, token, socket = joe
    await asyncio.to_thread(server.command, "org", "archive", ORGANIZATION)
    async with asyncio.timeout(AT_ONCE):
        await socket.expect_close(4001)
    await asyncio.to_thread(server.command, "org", "unarchive", ORGANIZATION)
    back = await knock(server, guardian_token=sign_in(server, token), unique_identifier="joe")
    await back.join(lobby(server))
    await back.close()
