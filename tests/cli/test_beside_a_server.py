"""Commands beside a running server, which feels at once what they change: its sockets and its signed API."""

import asyncio
import itertools
import json
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from typing import Any

import msgspec
import pytest
from pusher import Pusher  # type: ignore[import-untyped]
from pusher.errors import PusherBadAuth, PusherForbidden  # type: ignore[import-untyped]

from conftest import Start
from hubbub.accounts.accounts import Accounts
from hubbub.accounts.domain import OPERATOR
from hubbub.store import Store
from running import Running
from seeded import ORGANIZATION, Seeded
from sockets.client import PusherSocket, dial
from sockets.phoenix.client import PhoenixSocket, knock, lobby, refusal

AT_ONCE = 15.0  # seconds: a quarter of one, and what a busy machine makes of it
"""Seconds, counted from the end of a command, in which a server must have acted."""

Backend = Callable[..., Pusher]

_numbers = itertools.count()


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

    async def publish_soon(self, app_id: str, pair: dict[str, str]) -> None:
        """Publish as soon as the server has felt that the application is enabled, within AT_ONCE."""
        async with asyncio.timeout(AT_ONCE):
            while True:
                try:
                    return await self.publish(app_id, pair)
                except PusherForbidden:
                    await asyncio.sleep(0.05)


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
    await beside.publish_soon(app["id"], pair)
    await beside.enter(pair["key"])
    await (await beside.dial(pair["key"])).expect_error("Application is over its connection quota of 1", 4004)


# What a user's sockets rest on


def sign_in(server: Running, token: str) -> str:
    """Give a session token, or raise HTTPError."""
    request = urllib.request.Request(f"{server.url}/api/session?token={token}", method="POST")
    with urllib.request.urlopen(request, timeout=10) as answer:
        return str(json.load(answer)["jwt"])


class Member(msgspec.Struct, frozen=True):
    """A user who is enrolled and no admin, a token of theirs, and a socket."""

    email: str
    token: str
    socket: PhoenixSocket


@pytest.fixture(scope="module")
def peopled_url(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"sqlite:///{tmp_path_factory.mktemp('peopled')}/hubbub.db"


@pytest.fixture(scope="module")
def peopled(peopled_url: str) -> Iterator[Seeded]:
    """Give a server with an organization, for a member of each test's own."""
    with Seeded(database_url=peopled_url) as server:
        yield server


@pytest.fixture
async def member(peopled: Seeded, peopled_url: str) -> AsyncIterator[Member]:
    store = Store.open(peopled_url)
    accounts, email = Accounts(store), f"joe-{next(_numbers)}@example.com"
    await accounts.users.create(OPERATOR, name="Joe", email=email, password="long enough")
    await accounts.enrollments.add(OPERATOR, ORGANIZATION, user=email)
    token = (await accounts.tokens.create(OPERATOR, email)).text
    await store.close()
    socket = await knock(peopled, guardian_token=sign_in(peopled, token), unique_identifier=email)
    await socket.join(lobby(peopled))
    yield Member(email, token, socket)
    await socket.close()


@pytest.mark.parametrize(
    "command", ["user archive EMAIL", "token invalidate TOKEN", f"org leave {ORGANIZATION} --user EMAIL"]
)
async def test_who_may_no_longer_be_here_is_sent_away_at_once(peopled: Seeded, member: Member, command: str) -> None:
    jwt = sign_in(peopled, member.token)
    words = command.replace("TOKEN", member.token).replace("EMAIL", member.email).split()
    await asyncio.to_thread(peopled.command, *words)
    async with asyncio.timeout(AT_ONCE):
        await member.socket.expect_close(4009)
    assert (await refusal(peopled, guardian_token=jwt, unique_identifier=member.email))[0] == 403
    if "org" not in command:
        with pytest.raises(urllib.error.HTTPError, match="401"):
            sign_in(peopled, member.token)


async def test_an_archived_organization_takes_its_applications_along(peopled: Seeded, member: Member) -> None:
    await asyncio.to_thread(peopled.command, "org", "archive", ORGANIZATION)
    async with asyncio.timeout(AT_ONCE):
        await member.socket.expect_close(4001)
    await asyncio.to_thread(peopled.command, "org", "unarchive", ORGANIZATION)
    back = await knock(peopled, guardian_token=sign_in(peopled, member.token), unique_identifier=member.email)
    await back.join(lobby(peopled))
    await back.close()
