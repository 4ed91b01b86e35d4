"""A change of who may do what is felt by live sockets at once, whoever made it, and by nobody whom it does not concern.

A change by the API is felt when the call is answered; one by the command line, another process, within moments.
"""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from typing import Any, NamedTuple

import pytest
from websockets.exceptions import InvalidStatus

from sockets.client import Dial, PusherSocket
from sockets.phoenix.client import PhoenixSocket, knock, refusal
from tenants import Person, Tenants, World

MOMENTS = 15.0  # seconds: a quarter of one, and what a busy machine makes of it


@pytest.fixture(scope="module")
def server() -> Iterator[Tenants]:
    with Tenants() as running:
        yield running


@pytest.fixture(scope="module")
def elsewhere(server: Tenants) -> World:
    """Give a world in which nothing changes."""
    return server.world()


class Scene:
    """An application with a socket of everybody's, and the world it is in."""

    def __init__(self, server: Tenants, world: World, elsewhere: World) -> None:
        self.server = server
        self.world = world
        self.elsewhere = elsewhere
        self.key = str(world.application["app_key"])
        self.new_key = str(world.application["new_key"])
        self.sockets: dict[str, PhoenixSocket] = {}
        self.pushers: dict[str, PusherSocket] = {}
        self.tokens: dict[str, str] = {}
        self.keys: dict[str, str] = {}
        self.nina = self.somebody()
        self.second: dict[str, Any] = server.data("POST", "/users/me/tokens", "ada")

    def somebody(self) -> Person:
        """Sign up a new user, and enroll them."""
        [person] = self.server.sign_up(f"nina-{secrets.token_hex(4)}").values()
        self.server.data("POST", f"{self.acme}/enrollments", "ada", json={"user": person.email})
        return person

    @property
    def acme(self) -> str:
        """The path of the organization that owns it."""
        return f"/organizations/{self.world.acme['slug']}"

    @property
    def application(self) -> str:
        """The path of the application."""
        return f"{self.acme}/applications/{self.world.application['id']}"

    def jwt_of_second_token(self, **narrowing: object) -> str:
        """Sign in by ada's other token."""
        answer = self.server.call("POST", "/session", json={"token": self.second["token"], **narrowing})
        return str(answer.json()["jwt"])

    async def come(self, name: str) -> PhoenixSocket:
        """Open somebody's socket."""
        token, uid = self.tokens[name], name.partition(" ")[0]
        return await knock(self.server, app_key=self.keys[name], guardian_token=token, unique_identifier=uid)

    async def fill(self, stack: AsyncExitStack, connect: Dial) -> None:
        """Open everybody's socket."""
        people = self.server.people
        self.tokens = {
            "ada": people["ada"].jwt,
            "ada by another token": self.jwt_of_second_token(),
            "ada by a token for browsers": self.jwt_of_second_token(uid="ada", topics=["general"]),
            "pete": people["pete"].jwt,
            "nina": self.nina.jwt,
            "bob the borrower": people["bob"].jwt,
        }
        self.keys = dict.fromkeys(self.tokens, self.key)
        for name, key in (
            ("ada by the new key", self.new_key),
            ("ada elsewhere", self.elsewhere.application["app_key"]),
        ):
            self.tokens[name], self.keys[name] = people["ada"].jwt, key
        for name in self.tokens:
            self.sockets[name] = await self.come(name)
            stack.push_async_callback(self.sockets[name].close)
        for name, key in (("pusher", self.key), ("pusher by the new key", self.new_key)):
            self.pushers[name] = await connect(self.server, f"/app/{key}?protocol=7")

    async def settle(self) -> None:
        """Come back when the server has felt what was changed before: by a change behind it, which ends nobody."""
        path = f"{self.acme}/enrollments/{self.nina.id}"
        await asyncio.to_thread(self.server.data, "PATCH", path, "ada", json={"is_admin": True})

    async def expect(self, ends: dict[str, int]) -> None:
        """Those named are closed with the code told, in moments; the others stay."""
        began = time.monotonic()
        for name, code in ends.items():
            if name in self.sockets:
                await self.sockets[name].expect_close(code)
            else:
                assert (await self.pushers[name].expect("pusher:error"))["code"] == code
                await self.pushers[name].expect_close(code)
        assert time.monotonic() - began < MOMENTS
        for name, socket in (self.sockets | self.pushers).items():
            if name not in ends:
                await socket.expect_nothing()


@pytest.fixture
async def scene(server: Tenants, elsewhere: World, connect: Dial) -> AsyncIterator[Scene]:
    scene = await asyncio.to_thread(lambda: Scene(server, server.world(), elsewhere))
    async with AsyncExitStack() as stack:
        await scene.fill(stack, connect)
        yield scene


Call = tuple[str, str]
"""Method and path."""


class Change(NamedTuple):
    """What is done, by the command line and by ada or bob through the API, and whom it ends with which code."""

    command: Callable[[Scene], list[str]]
    call: Callable[[Scene], Call] | None
    ends: dict[str, int]
    who: str = "ada"


HERE = [
    "ada",
    "ada by another token",
    "ada by a token for browsers",
    "pete",
    "nina",
    "bob the borrower",
    "pusher",
]
EVERYONE = [*HERE, "ada by the new key", "pusher by the new key"]

CHANGES = {
    "a token is invalidated": Change(
        lambda scene: ["token", "invalidate", scene.second["token"]],
        lambda scene: ("DELETE", f"/users/me/tokens/{scene.second['id']}"),
        {"ada by another token": 4009, "ada by a token for browsers": 4009},
    ),
    "a user is archived": Change(lambda scene: ["user", "archive", scene.nina.email], None, {"nina": 4009}),
    "an enrollment ends": Change(
        lambda scene: ["org", "leave", scene.world.acme["slug"], "--user", scene.nina.email],
        lambda scene: ("DELETE", f"{scene.acme}/enrollments/{scene.nina.id}"),
        {"nina": 4009},
    ),
    "the owner is archived": Change(
        lambda scene: ["org", "archive", scene.world.acme["slug"]],
        lambda scene: ("DELETE", scene.acme),
        dict.fromkeys(EVERYONE, 4001),
    ),
    "the borrower is archived": Change(
        lambda scene: ["org", "archive", scene.world.globex["slug"]],
        lambda scene: ("DELETE", f"/organizations/{scene.world.globex['slug']}"),
        {"bob the borrower": 4009},
        who="bob",
    ),
    "a loan is taken back": Change(
        lambda scene: ["app", "take-back", scene.key, "--from", scene.world.globex["slug"]],
        lambda scene: ("DELETE", f"{scene.application}/ownerships/{scene.world.globex['slug']}"),
        {"bob the borrower": 4009},
    ),
    "the application is archived": Change(
        lambda scene: ["app", "archive", scene.key],
        lambda scene: ("DELETE", scene.application),
        dict.fromkeys(EVERYONE, 4001),
    ),
    "a key is revoked": Change(
        lambda scene: ["app", "revoke", scene.key],
        lambda scene: ("DELETE", f"{scene.application}/keys/{scene.key}"),
        dict.fromkeys(HERE, 4001),
    ),
    "the application is disabled": Change(
        lambda scene: ["app", "set", scene.key, "enabled=false"], None, dict.fromkeys(EVERYONE, 4003)
    ),
}


CALLS = {name: change for name, change in CHANGES.items() if change.call is not None}


@pytest.mark.parametrize("change", CALLS.values(), ids=CALLS)
async def test_a_change_by_the_api_ends_whom_it_concerns(scene: Scene, change: Change) -> None:
    assert change.call is not None
    answer = await asyncio.to_thread(scene.server.call, *change.call(scene), change.who)
    assert answer.ok, answer.text
    await scene.expect(change.ends)


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
async def test_a_change_by_the_command_line_ends_whom_it_concerns_and_they_do_not_come_in_again(
    scene: Scene, change: Change
) -> None:
    await asyncio.to_thread(scene.server.command, *change.command(scene))
    await scene.expect(change.ends)
    for name in change.ends.keys() & scene.tokens.keys():
        token, key = scene.tokens[name], scene.keys[name]
        status, _ = await refusal(scene.server, app_key=key, guardian_token=token, unique_identifier="ada")
        assert status == 403, name


HARMLESS: dict[str, Callable[[Scene], Awaitable[Any]]] = {
    "a key is added": lambda scene: asyncio.to_thread(scene.server.command, "app", "rotate", scene.key),
    "a setting changes": lambda scene: asyncio.to_thread(
        scene.server.command, "app", "set", scene.key, "max_event_bytes=100"
    ),
    "an organization is renamed": lambda scene: asyncio.to_thread(
        scene.server.data, "PATCH", scene.acme, "ada", json={"name": "Renamed"}
    ),
    "somebody who may not publish becomes one who may": lambda scene: asyncio.to_thread(
        scene.server.command, "org", "enroll", scene.world.acme["slug"], "--user", "rita@example.com"
    ),
    "somebody makes a token": lambda scene: asyncio.to_thread(
        scene.server.data, "POST", "/users/me/tokens", "ada", json={}
    ),
    "somebody else's enrollment ends": lambda scene: asyncio.to_thread(
        scene.server.data, "DELETE", f"{scene.acme}/enrollments/{scene.server.people['rita'].id}", "ada"
    ),
}


@pytest.mark.parametrize("change", HARMLESS.values(), ids=HARMLESS)
async def test_a_change_that_takes_nothing_away_ends_nobody(
    scene: Scene, change: Callable[[Scene], Awaitable[Any]]
) -> None:
    await change(scene)
    await scene.settle()
    await scene.expect({})


async def test_one_who_may_no_longer_publish_is_ended_and_may_come_back_to_listen(scene: Scene) -> None:
    arguments = ["org", "enroll", scene.world.acme["slug"], "--user", scene.nina.email, "--no-publish"]
    await asyncio.to_thread(scene.server.command, *arguments)
    await scene.expect({"nina": 4009})
    socket, topic = await scene.come("nina"), f"lobby:{scene.key}"
    await socket.join(topic)
    ref = await socket.send(topic, "hello")
    await socket.expect_error(ref, topic, "may not send messages")
    await socket.close()


async def test_a_live_socket_follows_its_applications_settings(scene: Scene) -> None:
    socket, topic = scene.sockets["ada"], f"lobby:{scene.key}"
    await socket.join(topic)
    await socket.send(topic, "hello", {"a": "x" * 200})
    assert {(await socket.receive()).event for _ in range(2)} == {"phx_reply", "hello"}
    await asyncio.to_thread(scene.server.command, "app", "set", scene.key, "max_event_bytes=100", "max_subscriptions=1")
    await scene.settle()
    ref = await socket.send(topic, "hello", {"a": "x" * 200})
    await socket.expect_error(ref, topic, "exceeds the allowed maximum (100 bytes)")
    await socket.is_refused(f"{topic}:more", "at its limit of 1 subscriptions")


async def test_a_live_socket_follows_its_applications_rate(scene: Scene) -> None:
    socket, topic = scene.sockets["ada"], f"lobby:{scene.key}"
    await socket.join(topic)
    await socket.send(topic, "hello")
    assert {(await socket.receive()).event for _ in range(2)} == {"phx_reply", "hello"}
    await asyncio.to_thread(scene.server.command, "app", "set", scene.key, "client_events_per_second=1")
    await scene.settle()
    for number in range(40):
        await socket.send(topic, "hello", {}, ref=f"r{number}")
    await socket.send("phoenix", "heartbeat", {}, ref="last")
    replies = []
    while (said := await socket.receive()).ref != "last":
        replies += [said.payload["status"]] if said.event == "phx_reply" else []
    assert replies.count("error") >= 2  # of forty, which do not take as many seconds


async def test_one_who_is_ended_is_seen_to_leave(scene: Scene) -> None:
    topic = f"lobby:{scene.key}"
    for name in ("ada", "nina"):
        await scene.sockets[name].join(topic)
    await scene.sockets["ada"].expect_diff(topic, joins=["nina"])
    await asyncio.to_thread(scene.server.command, "user", "archive", scene.nina.email)
    await scene.sockets["ada"].expect_diff(topic, leaves=["nina"])


async def test_a_socket_outlives_the_end_of_its_tokens_time(server: Tenants, scene: Scene) -> None:
    """Whatever else changes about its user, or by the user's other tokens."""
    seconds = 1
    while True:
        token = scene.jwt_of_second_token(uid="ann", expires_in=seconds)
        try:
            socket = await knock(server, app_key=scene.key, guardian_token=token)
            break
        except InvalidStatus:  # on a machine too busy to come in so soon
            seconds *= 2
    async with AsyncExitStack() as stack:
        stack.push_async_callback(socket.close)
        await asyncio.sleep(seconds + 1)
        assert (await refusal(server, app_key=scene.key, guardian_token=token))[0] == 403
        await asyncio.to_thread(
            server.data, "POST", f"{scene.acme}/enrollments", "ada", json={"user": "olga@example.com"}
        )
        await asyncio.to_thread(server.command, "app", "set", scene.key, "max_event_bytes=100")
        await scene.settle()
        await socket.expect_nothing()
        await scene.expect({})
        await asyncio.to_thread(server.data, "DELETE", f"/users/me/tokens/{scene.second['id']}", "ada")
        await socket.expect_close(4009)
