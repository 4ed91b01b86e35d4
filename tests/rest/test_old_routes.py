"""The routes of 2012, which some back ends still use (pusher-protocol, "HTTP API")."""

from collections.abc import AsyncIterator, Callable, Iterator

import pytest
from pusher import Pusher  # type: ignore[import-untyped]
from pusher.http import POST, Request  # type: ignore[import-untyped]

from rest.driver import Backend, Keys, Line, listening, raw, target
from running import Running

TOO_LARGE = (
    "The data content of this event exceeds the allowed maximum (10240 bytes)."
    " See https://pusher.com/docs/channels/server_api/http-api#publishing-events for more info"
)


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with Running() as running:
        yield running


@pytest.fixture
async def api(server: Running) -> AsyncIterator[Backend]:
    async with Backend(server) as backend:
        yield backend


# POST /channels/NAME/events


async def test_the_body_is_the_data_and_the_query_has_the_name(server: Running, api: Backend) -> None:
    async with listening(server, "old") as listener:
        answer = await api.post("/channels/old/events", b'{ "a": 1 }', name="App\\Shipped")
        assert (answer.status, answer.json) == (202, {})
        assert await listener.event() == ("old", "App\\Shipped", '{ "a": 1 }')


@pytest.mark.parametrize("data", ["", "plain text", '"quoted"', "é🎉\0", "[1,", "null", "x" * 10_240], ids=ascii)
async def test_the_data_is_passed_on_byte_for_byte(server: Running, api: Backend, data: str) -> None:
    async with listening(server, "old-data") as listener:
        assert (await api.post("/channels/old-data/events", data.encode(), name="n")).status == 202
        assert await listener.event() == ("old-data", "n", data)


async def test_a_socket_may_be_left_out(server: Running, api: Backend) -> None:
    async with listening(server, "old-ex") as sender, listening(server, "old-ex") as other:
        assert (await api.post("/channels/old-ex/events", b"d", name="n", socket_id=sender.socket_id)).status == 202
        assert await other.event() == ("old-ex", "n", "d")
        assert await sender.events_until(api, "old-ex") == []


@pytest.mark.parametrize("name", ["old=b@c,d.e;f", "%23server-to-user-42", "private-old", "presence-old", "cache-old"])
async def test_every_channel_may_be_named(api: Backend, name: str) -> None:
    assert (await api.post(f"/channels/{name}/events", b"d", name="n")).status == 202


async def test_a_cache_channel_keeps_it(api: Backend) -> None:
    await api.post("/channels/cache-old-kept/events", b"kept", name="n")
    assert (await api.get("/channels/cache-old-kept", info="cache")).json["cache"]["data"] == "kept"


@pytest.mark.parametrize(
    ("route", "body", "parameters", "refusal"),
    [
        ("/channels/old/events", b"d", {}, (400, "Missing required parameter: name")),
        ("/channels/old/events", b"d", {"name": ""}, (400, "Event name must not be empty")),
        (
            "/channels/old/events",
            b"d",
            {"name": "pusher:error"},
            (400, "Event name 'pusher:error' is reserved: names starting with pusher: are Pusher's own"),
        ),
        (
            "/channels/old/events",
            b"d",
            {"name": "n" * 201},
            (400, "Event name of 201 characters exceeds the allowed maximum (200)"),
        ),
        ("/channels/old/events", b"\xff", {"name": "n"}, (400, "The data content of this event is not UTF-8")),
        ("/channels/old/events", b"\xed\xa0\x80", {"name": "n"}, (400, "The data content of this event is not UTF-8")),
        ("/channels/old/events", b"x" * 10_241, {"name": "n"}, (413, TOO_LARGE)),
        ("/channels/old/events", b"d", {"name": "n", "socket_id": "1"}, (400, "Invalid socket id '1'")),
        ("/channels/a%20b/events", b"d", {"name": "n"}, (400, "Invalid channel name 'a b'")),
        ("/channels/%23about-ada/events", b"d", {"name": "n"}, (400, "Invalid channel name '#about-ada'")),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_what_is_wrong_is_told_and_nothing_is_published(
    server: Running, api: Backend, route: str, body: bytes, parameters: dict[str, str], refusal: tuple[int, str]
) -> None:
    async with listening(server, "old") as listener:
        assert (await api.post(route, body, **parameters)).refusal == refusal
        assert await listener.events_until(api, "old") == []


async def test_the_sdk_understands_the_answer(server: Running, backend: Callable[..., Pusher]) -> None:
    client = backend(server)._pusher_client
    request = Request(client, POST, f"/apps/{server.app_id}/channels/old-sdk/events", {"a": 1})
    request.query_params["name"] = "n"
    del request.query_params["auth_signature"]
    request._generate_auth()
    assert client.http.send_request(request) == {}


@pytest.mark.parametrize(
    ("method", "route", "allowed"),
    [
        ("GET", "/channels/a/events", "POST"),
        ("POST", "/channels/a/stats", "GET"),
        ("PUT", "/channels/a/events", "POST"),
    ],
)
async def test_each_takes_its_own_method_alone(server: Running, method: str, route: str, allowed: str) -> None:
    async with Line(server) as line:
        answer = await line.ask(raw(method, target(Keys.of(server), method, f"/apps/1{route}")))
        assert answer.refusal == (405, f"Method {method} not allowed here, only {allowed}")
        assert answer.headers["allow"] == allowed


@pytest.mark.parametrize(("method", "route"), [("POST", "/channels/a/events"), ("GET", "/channels/a/stats")])
async def test_nothing_is_done_without_a_signature(server: Running, method: str, route: str) -> None:
    async with Line(server) as line:
        answer = await line.ask(raw(method, f"/apps/1{route}?name=n", b"d" if method == "POST" else b""))
        assert answer.refusal == (401, "Missing parameter: auth_key")


async def test_the_body_is_signed_too(server: Running) -> None:
    async with Line(server) as line:
        path = target(Keys.of(server), "POST", "/apps/1/channels/a/events", b"signed", [("name", "n")])
        status, text = (await line.ask(raw("POST", path, b"altered"))).refusal
        assert status == 401
        assert text.startswith("Invalid body_md5")


# GET /channels/NAME/stats


async def test_the_stats_of_a_channel_are_told(server: Running, api: Backend) -> None:
    async with listening(server, "stats"), listening(server, "stats"):
        answer = await api.get("/channels/stats/stats")
        assert (answer.status, answer.json) == (200, {"occupied": True, "connection_count": 2})


async def test_those_of_a_presence_channel_have_its_users(server: Running, api: Backend) -> None:
    one = listening(server, "presence-stats", user_id="1")
    async with one, listening(server, "presence-stats", user_id="1"), listening(server, "presence-stats", user_id="2"):
        answer = await api.get("/channels/presence-stats/stats")
        assert answer.json == {"occupied": True, "user_count": 2, "connection_count": 3}


@pytest.mark.parametrize(("name", "more"), [("nobody", {}), ("presence-nobody", {"user_count": 0})])
async def test_a_channel_nobody_listens_to_has_stats(api: Backend, name: str, more: dict[str, int]) -> None:
    assert (await api.get(f"/channels/{name}/stats")).json == {"occupied": False, "connection_count": 0, **more}


@pytest.mark.parametrize("name", ["a%20b", "%23x", "x" * 201])
async def test_what_cannot_name_a_channel_has_none(api: Backend, name: str) -> None:
    assert (await api.get(f"/channels/{name}/stats")).status == 400
