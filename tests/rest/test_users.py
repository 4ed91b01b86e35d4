"""Ending a user's connections over the signed API, and what it tells of the channels of users: nothing."""

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from typing import Any
from urllib.parse import quote

import pytest
from websockets.asyncio.client import ClientConnection, connect

from rest.driver import LIMIT, Backend, Keys, Line, listening, raw, target
from running import Running

FULL = "/apps/1/users/{}/terminate_connections"
SHORT = "/users/{}/terminate_connections"


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with Running() as running:
        yield running


@pytest.fixture
async def api(server: Running) -> AsyncIterator[Backend]:
    async with Backend(server) as backend:
        yield backend


class SignedIn:
    """A socket of a user."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket

    async def frame(self) -> Any:
        return json.loads(await self._socket.recv())

    async def enter(self, server: Running, user_id: str) -> None:
        """Sign in, and hear what is sent to the user where the id may name a channel."""
        socket_id = json.loads((await self.frame())["data"])["socket_id"]
        user_data = json.dumps({"id": user_id})
        signed = f"{socket_id}::user::{user_data}".encode()
        proof = hmac.new(server.secret.encode(), signed, hashlib.sha256).hexdigest()
        data = {"auth": f"{server.key}:{proof}", "user_data": user_data}
        await self._socket.send(json.dumps({"event": "pusher:signin", "data": data}))
        assert (await self.frame())["event"] == "pusher:signin_success"

    async def hear(self, channel: str) -> None:
        await self._socket.send(json.dumps({"event": "pusher:subscribe", "data": {"channel": channel}}))
        assert (await self.frame())["event"] == "pusher_internal:subscription_succeeded"

    async def stays(self) -> bool:
        """Tell whether it is open and answered."""
        await self._socket.send('{"event":"pusher:ping"}')
        return bool((await self.frame())["event"] == "pusher:pong")

    async def is_closed(self) -> bool:
        """Wait until it is closed; tell whether that was as it should be."""
        async with asyncio.timeout(LIMIT):
            error = await self.frame()
            await self._socket.wait_closed()
        return bool(error["data"]["code"] == 4009 == self._socket.close_code)


@pytest.fixture
async def user(server: Running) -> AsyncIterator[Any]:
    async with AsyncExitStack() as end:

        async def sign_in(user_id: str) -> SignedIn:
            url = f"{server.socket_url}?protocol=7"
            socket = SignedIn(
                await end.enter_async_context(connect(url, proxy=None, ping_interval=None, open_timeout=LIMIT))
            )
            await socket.enter(server, user_id)
            return socket

        yield sign_in


async def terminate(server: Running, path: str, body: bytes = b"{}", *, as_sent: str | None = None) -> Any:
    """Ask it of a server; `as_sent` is the path in the request, where that is not as it was signed."""
    async with Line(server) as line:
        signed = target(Keys.of(server), "POST", path, body)
        if as_sent is not None:
            signed = as_sent + "?" + signed.partition("?")[2]
        return await line.ask(raw("POST", signed, body))


@pytest.mark.parametrize("path", [FULL, SHORT])
@pytest.mark.parametrize("body", [b"", b"{}", b"anything"])
async def test_a_users_connections_are_closed(server: Running, user: Any, path: str, body: bytes) -> None:
    ada, bob = await user("ada"), await user("bob")
    answer = await terminate(server, path.format("ada"), body)
    assert (answer.status, answer.json) == (200, {})
    assert await ada.is_closed()
    assert await bob.stays()


@pytest.mark.parametrize("path", [FULL, SHORT])
@pytest.mark.parametrize("user_id", ["a b", "é🎉", "a/b", "a?b#c", "100%", "%41", "a+b", "..", "a&b=c", "a\\b", '"'])
async def test_an_id_may_be_any_text_escaped(server: Running, user: Any, path: str, user_id: str) -> None:
    ada, plain = await user(user_id), await user(quote(user_id, safe="") + "x")
    assert (await terminate(server, path.format(quote(user_id, safe="")))).status == 200
    assert await ada.is_closed()
    assert await plain.stays()


@pytest.mark.parametrize("path", [FULL, SHORT])
@pytest.mark.parametrize("user_id", ["a b", "é", "a@b,c;d"])
async def test_the_path_may_have_been_signed_before_it_was_escaped(
    server: Running, user: Any, path: str, user_id: str
) -> None:
    ada = await user(user_id)
    answer = await terminate(server, path.format(user_id), as_sent=path.format(quote(user_id, safe="")))
    assert answer.status == 200, answer
    assert await ada.is_closed()


@pytest.mark.parametrize("path", [FULL, SHORT])
async def test_where_the_user_is_not_the_answer_is_the_same(server: Running, path: str) -> None:
    assert (await terminate(server, path.format("nobody"))).json == {}


@pytest.mark.parametrize("path", [FULL, SHORT])
async def test_an_id_that_nobody_can_have_is_refused(server: Running, path: str) -> None:
    answer = await terminate(server, path.format("x" * 201))
    assert answer.refusal == (400, f"Invalid user id '{'x' * 201}'")
    assert (await terminate(server, path.format("x" * 200))).status == 200


@pytest.mark.parametrize("path", [FULL, SHORT])
async def test_nobody_is_closed_without_a_good_signature(server: Running, user: Any, path: str) -> None:
    ada = await user("ada")
    path = path.format("ada")
    stranger = Keys("1", "stranger", "secret")
    forger = Keys("1", server.key, "secret")
    async with Line(server) as line:
        assert (await line.ask(raw("POST", path))).refusal == (401, "Missing parameter: auth_key")
        assert (await line.ask(raw("POST", target(stranger, "POST", path)))).refusal[0] == 401
        assert (await line.ask(raw("POST", target(forger, "POST", path)))).refusal[0] == 401
        for_bob = target(Keys.of(server), "POST", path.replace("ada", "bob")).replace("bob", "ada")
        assert (await line.ask(raw("POST", for_bob))).refusal[0] == 401
        answer = await line.ask(raw("GET", target(Keys.of(server), "GET", path)))
        assert (answer.refusal, answer.headers["allow"]) == (
            (405, "Method GET not allowed here, only POST"),
            "POST",
        )
    assert await ada.stays()


@pytest.mark.parametrize(
    "path", ["/users/a/b/terminate_connections", "/users//terminate_connections", "/users/a/other"]
)
async def test_what_is_no_route_is_not_found(server: Running, path: str) -> None:
    assert (await terminate(server, path)).status in (400, 404)


async def test_the_key_tells_whose_user_it_is(user: Any, server: Running) -> None:
    async with Line(server) as line:
        answer = await line.ask(raw("POST", target(Keys.of(server), "POST", "/apps/2/users/ada/terminate_connections")))
        assert answer.refusal == (401, "Not authorized for that app")


async def test_the_body_has_the_limit_of_all(server: Running) -> None:
    for path in (FULL, SHORT):
        assert (await terminate(server, path.format("ada"), b"x" * 400_000)).status == 413


# What is told of users


async def test_what_is_sent_to_a_user_reaches_them(server: Running, api: Backend, user: Any) -> None:
    ada = await user("ada")
    await ada.hear("#server-to-user-ada")
    for body in (
        {"name": "n", "channel": "#server-to-user-ada", "data": "1"},
        {"name": "n", "channels": ["news", "#server-to-user-ada"], "data": "2"},
    ):
        assert (await api.post("/events", body)).json == {}
    await api.post("/batch_events", {"batch": [{"name": "n", "channel": "#server-to-user-ada", "data": "3"}]})
    assert [(await ada.frame())["data"] for _ in range(3)] == ["1", "2", "3"]


async def test_channels_of_users_are_never_listed(server: Running, api: Backend, user: Any) -> None:
    ada = await user("ada")
    await ada.hear("#server-to-user-ada")
    async with listening(server, "listed"):
        for prefix in ("", "#", "#server-to-user-", "#about-"):
            channels = (await api.get("/channels", filter_by_prefix=prefix)).json["channels"]
            assert not [name for name in channels if name.startswith("#")]
            assert ("listed" in channels) == (not prefix)


@pytest.mark.parametrize("name", ["%23about-ada", "%23about-", "%23", "%23x"])
@pytest.mark.parametrize("rest", ["", "/users", "/stats"])
async def test_what_nodes_tell_each_other_has_no_name_here(api: Backend, name: str, rest: str) -> None:
    assert (await api.get(f"/channels/{name}{rest}")).status == 400
    assert (await api.post("/events", {"name": "n", "data": "d", "channel": name.replace("%23", "#")})).status == 400
