"""What the API tells of channels and users, and the routes it has."""

from collections.abc import AsyncIterator, Iterator

import pytest

from rest.driver import Backend, Keys, Line, listening, raw, target
from running import Running

NO_PREFIX = (
    "user_count may only be requested for presence channels - please supply filter_by_prefix begining with presence-"
)
NO_COUNT = "Cannot retrieve the user count unless the channel is a presence channel"
COUNTING_OFF = "Cannot retrieve the subscription count because subscription counting is not enabled"
NO_USERS = "Users can only be retrieved for presence channels"


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with Running(app_subscription_counts=True) as running:
        yield running


@pytest.fixture(scope="module")
def countless() -> Iterator[Running]:
    with Running() as running:
        yield running


@pytest.fixture
async def api(server: Running) -> AsyncIterator[Backend]:
    async with Backend(server) as backend:
        yield backend


# /channels


async def test_where_nobody_listens_the_channels_are_an_empty_object(countless: Running) -> None:
    async with Backend(countless) as api:
        answer = await api.get("/channels")
        assert (answer.status, answer.body) == (200, b'{"channels":{}}')
        assert answer.headers["content-type"] == "application/json"


async def test_the_occupied_channels_are_told(server: Running, api: Backend) -> None:
    async with listening(server, "list-a", "list-b"):
        assert (await api.get("/channels", filter_by_prefix="list-")).json == {"channels": {"list-a": {}, "list-b": {}}}
        assert {"list-a", "list-b"} <= set((await api.get("/channels")).json["channels"])


@pytest.mark.parametrize(
    ("prefix", "found"),
    [
        ("presence-list", {"presence-list"}),
        ("private-", {"private-list"}),
        ("private-list", {"private-list"}),
        ("list", set()),
        ("private-list2", set()),
        ("%", set()),
        ("é", set()),
    ],
)
async def test_channels_are_found_by_their_beginning(
    server: Running, api: Backend, prefix: str, found: set[str]
) -> None:
    async with listening(server, "private-list", "presence-list"):
        answer = await api.get("/channels", filter_by_prefix=prefix)
        assert set(answer.json["channels"]) == found


async def test_presence_channels_may_come_with_their_users_counted(server: Running, api: Backend) -> None:
    first = listening(server, "presence-two", "presence-one", user_id="1")
    async with first, listening(server, "presence-two", user_id="2"), listening(server, "presence-two", user_id="2"):
        answer = await api.get("/channels", filter_by_prefix="presence-", info="user_count")
        assert answer.json == {"channels": {"presence-two": {"user_count": 2}, "presence-one": {"user_count": 1}}}


async def test_channels_may_come_with_their_subscriptions_counted(server: Running, api: Backend) -> None:
    async with listening(server, "presence-c", "c-1", user_id="1"), listening(server, "presence-c", user_id="1"):
        answer = await api.get("/channels", filter_by_prefix="presence-c", info="user_count,subscription_count")
        assert answer.json == {"channels": {"presence-c": {"user_count": 1, "subscription_count": 2}}}
        answer = await api.get("/channels", filter_by_prefix="c-", info="subscription_count")
        assert answer.json == {"channels": {"c-1": {"subscription_count": 1}}}


@pytest.mark.parametrize(
    ("parameters", "text"),
    [
        ({"info": "user_count"}, NO_PREFIX),
        ({"info": "user_count", "filter_by_prefix": ""}, NO_PREFIX),
        ({"info": "user_count", "filter_by_prefix": "private-"}, NO_PREFIX),
        ({"info": "user_count", "filter_by_prefix": "presence"}, NO_PREFIX),
        ({"info": "nonsense"}, "Unknown info attribute 'nonsense'"),
    ],
    ids=str,
)
async def test_counts_asked_for_in_vain_are_refused(api: Backend, parameters: dict[str, str], text: str) -> None:
    assert (await api.get("/channels", **parameters)).refusal == (400, text)


async def test_subscriptions_are_not_counted_where_that_is_off(countless: Running) -> None:
    async with Backend(countless) as api:
        assert (await api.get("/channels", info="subscription_count")).refusal == (400, COUNTING_OFF)
        assert (await api.get("/channels/a", info="subscription_count")).refusal == (400, COUNTING_OFF)


# /channels/NAME


@pytest.mark.parametrize("name", ["unknown", "private-unknown", "presence-unknown", "cache-unknown"])
async def test_a_channel_nobody_listens_to_is_not_occupied(api: Backend, name: str) -> None:
    answer = await api.get(f"/channels/{name}")
    assert (answer.status, answer.json) == (200, {"occupied": False})


async def test_a_channel_is_occupied_while_somebody_listens(server: Running, api: Backend) -> None:
    async with listening(server, "occupied"):
        assert (await api.get("/channels/occupied")).json == {"occupied": True}
        assert (await api.get("/channels/occupied", info="subscription_count")).json == {
            "occupied": True,
            "subscription_count": 1,
        }


async def test_a_presence_channel_counts_users_not_connections(server: Running, api: Backend) -> None:
    one = listening(server, "presence-count", user_id="1")
    async with one, listening(server, "presence-count", user_id="1"), listening(server, "presence-count", user_id="2"):
        answer = await api.get("/channels/presence-count", info="user_count,subscription_count")
        assert answer.json == {"occupied": True, "user_count": 2, "subscription_count": 3}


async def test_an_empty_presence_channel_has_no_users(api: Backend) -> None:
    assert (await api.get("/channels/presence-empty", info="user_count")).json == {"occupied": False, "user_count": 0}


@pytest.mark.parametrize("name", ["public", "private-p", "private-encrypted-p", "x-presence-p"])
async def test_users_are_counted_in_presence_channels_only(api: Backend, name: str) -> None:
    assert (await api.get(f"/channels/{name}", info="user_count")).refusal == (400, NO_COUNT)


@pytest.mark.parametrize("name", ["a%20b", "%C3%A9", "a%00", "%23x", "a%2Fb", "x" * 201, "%"])
async def test_what_cannot_name_a_channel_is_refused_in_the_path(api: Backend, name: str) -> None:
    assert (await api.get(f"/channels/{name}")).status == 400


# /channels/NAME/users


async def test_users_are_told_once_each_as_strings(server: Running, api: Backend) -> None:
    one = listening(server, "presence-users", user_id="b")
    async with one, listening(server, "presence-users", user_id="a"), listening(server, "presence-users", user_id="b"):
        answer = await api.get("/channels/presence-users/users")
        assert answer.json == {"users": [{"id": "b"}, {"id": "a"}]}


async def test_an_empty_presence_channel_tells_an_empty_list(api: Backend) -> None:
    assert (await api.get("/channels/presence-nobody/users")).json == {"users": []}


@pytest.mark.parametrize("name", ["public", "private-p", "private-encrypted-p"])
async def test_users_are_told_of_presence_channels_only(api: Backend, name: str) -> None:
    assert (await api.get(f"/channels/{name}/users")).refusal == (400, NO_USERS)


# Routes


@pytest.mark.parametrize(
    "route", ["", "/", "/nothing", "/events/", "/events/x", "/channels/", "/channels/a/b", "//events", "/Events"]
)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
async def test_what_is_no_route_is_not_found(server: Running, method: str, route: str) -> None:
    async with Line(server) as line:
        path = f"/apps/1{route}"
        answer = await line.ask(raw(method, target(Keys.of(server), method, path)))
        if route == "/channels/":
            assert answer.status in (400, 404, 405)  # an empty name, or no route: either is right
        else:
            assert (answer.status, answer.body) == (404, b"404 NOT FOUND\n")
            assert answer.headers["content-type"] == "text/plain; charset=utf-8"


@pytest.mark.parametrize(
    ("method", "route", "allowed"),
    [
        ("GET", "/events", "POST"),
        ("PUT", "/events", "POST"),
        ("DELETE", "/events", "POST"),
        ("OPTIONS", "/events", "POST"),
        ("GET", "/batch_events", "POST"),
        ("POST", "/channels", "GET"),
        ("POST", "/channels/a", "GET"),
        ("PATCH", "/channels/a", "GET"),
        ("POST", "/channels/presence-a/users", "GET"),
    ],
)
async def test_a_route_takes_its_own_method_alone(server: Running, method: str, route: str, allowed: str) -> None:
    # RFC 9110, 15.5.6: "The origin server MUST generate an Allow header field in a 405 response".
    async with Line(server) as line:
        answer = await line.ask(raw(method, target(Keys.of(server), method, f"/apps/1{route}")))
        assert answer.refusal == (405, f"Method {method} not allowed here, only {allowed}")
        assert answer.headers["allow"] == allowed


@pytest.mark.parametrize(("method", "route"), [("GET", "/channels"), ("POST", "/events")])
async def test_nothing_is_told_without_a_signature(server: Running, method: str, route: str) -> None:
    async with Line(server) as line:
        answer = await line.ask(raw(method, f"/apps/1{route}"))
        assert answer.refusal == (401, "Missing parameter: auth_key")


async def test_an_application_that_does_not_exist_is_not_told_from_another(server: Running) -> None:
    async with Line(server) as line:
        answer = await line.ask(raw("GET", target(Keys.of(server), "GET", "/apps/999/channels")))
        assert answer.refusal == (401, "Not authorized for that app")


async def test_an_unknown_key_is_refused_with_its_name(server: Running) -> None:
    async with Line(server) as line:
        stranger = Keys("1", "{0.__class__}%s", "secret")
        answer = await line.ask(raw("GET", target(stranger, "GET", "/apps/1/channels")))
        assert answer.refusal == (
            401,
            "App key {0.__class__}%s not in this cluster. Did you forget to specify the cluster?",
        )


async def test_a_disabled_application_is_forbidden_to_ask_and_to_publish() -> None:
    with Running(app_enabled=False) as server:
        async with Backend(server) as api:
            assert (await api.get("/channels")).refusal == (403, "Application disabled")
            body = {"name": "n", "channel": "c", "data": "d"}
            assert (await api.post("/events", body)).refusal == (403, "Application disabled")
