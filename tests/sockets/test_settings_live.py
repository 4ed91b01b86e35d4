"""An application's settings, changed while its sockets are open: by the JSON API, or by a command beside the server.

What is true at once for sockets that are open, and what only for those that come.
"""

import asyncio
import itertools
import json
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
from pusher import Pusher  # type: ignore[import-untyped]
from pusher.errors import PusherBadStatus, PusherForbidden  # type: ignore[import-untyped]

from seeded import ORGANIZATION, Seeded
from sockets.client import COUNT, LIMIT, MEMBER_ADDED, WATCHLIST, PusherSocket, dial

Backend = Callable[..., Pusher]

_numbers = itertools.count()


@pytest.fixture(scope="module")
def server() -> Iterator[Seeded]:
    with Seeded() as running:
        yield running


@pytest.fixture(scope="module")
def jwt(server: Seeded) -> str:
    return server.jwt()


class Tuned:
    """An application of the test's own, whose settings it changes by the JSON API, and sockets to it."""

    def __init__(self, server: Seeded, jwt: str, sockets: AsyncExitStack) -> None:
        self.server = server
        self.host, self.port = server.host, server.port
        self.id = self.key = self.secret = ""
        self._jwt = jwt
        self._sockets = sockets

    async def create(self, settings: dict[str, Any]) -> None:
        """Be created."""
        made = await self._call("POST", "", {"name": f"App {next(_numbers)}", "settings": settings})
        self.id, self.key, self.secret = str(made["id"]), made["app_key"], made["app_secret"]

    async def set(self, **settings: object) -> None:
        """Change settings; None is the default again. The API answers when the server has acted."""
        await self._call("PATCH", f"/{self.id}", {"settings": settings})

    async def connect(self) -> PusherSocket:
        """Open a socket that is welcomed."""
        return await (await self.dial()).welcome()

    async def dial(self, **headers: str) -> PusherSocket:
        """Open a socket that may be refused."""
        socket = await dial(self, headers=headers)
        self._sockets.push_async_callback(socket.close)
        return socket

    async def _call(self, method: str, path: str, body: object) -> Any:
        request = urllib.request.Request(
            f"{self.server.url}/api/organizations/{ORGANIZATION}/applications{path}",
            json.dumps(body).encode(),
            {"Content-Type": "application/json", "Authorization": f"Bearer {self._jwt}"},
            method=method,
        )

        def call() -> Any:
            with urllib.request.urlopen(request, timeout=LIMIT) as answer:
                return json.load(answer)["data"]

        return await asyncio.to_thread(call)


Tune = Callable[..., Awaitable[Tuned]]


@pytest.fixture
async def tune(server: Seeded, jwt: str) -> AsyncIterator[Tune]:
    """Give a way to create applications: `tune(watchlists=True)`."""
    async with AsyncExitStack() as sockets:

        async def make(**settings: object) -> Tuned:
            tuned = Tuned(server, jwt, sockets)
            await tuned.create(settings)
            return tuned

        yield make


@pytest.fixture
def sdk(backend: Backend) -> Callable[[Tuned], Pusher]:
    return lambda app: backend(app.server, app_id=app.id, key=app.key, secret=app.secret)


Sdk = Callable[[Tuned], Pusher]

OFF = "To send client events, you must enable this feature in the Settings page of your dashboard."


async def in_channel(app: Tuned, channel: str, count: int = 2) -> list[PusherSocket]:
    sockets = [await app.connect() for _ in range(count)]
    for socket in sockets:
        await socket.subscribe(channel)
    return sockets


async def test_client_events(tune: Tune) -> None:
    app = await tune()
    sender, other = await in_channel(app, "private-x")
    await sender.send("client-x", "1", "private-x")
    await sender.expect_error(OFF)
    await app.set(client_events=True)
    await sender.send("client-x", "2", "private-x")
    assert (await other.receive())["data"] == "2"
    await app.set(client_events=None)
    await sender.send("client-x", "3", "private-x")
    await sender.expect_error(OFF)
    await other.expect_nothing()


async def test_the_rate_of_client_events(tune: Tune) -> None:
    app = await tune(client_events=True, client_events_per_second=1)
    sender, other = await in_channel(app, "private-x")

    async def burst() -> int:
        """Send fifty at once; give how many were let through."""
        event = json.dumps({"event": "client-x", "channel": "private-x", "data": "x"})
        await asyncio.gather(*(sender.send_text(event) for _ in range(50)))
        await sender.send("pusher:ping")
        refused = 0
        while (frame := await sender.receive())["event"] != "pusher:pong":
            assert frame["data"]["code"] == 4301, frame
            refused += 1
        for _ in range(50 - refused):
            await other.receive()
        return 50 - refused

    assert await burst() < 25
    await app.set(client_events_per_second=1000)
    assert await burst() == 50
    await app.set(client_events_per_second=1)
    assert await burst() < 25


async def test_subscription_counts(tune: Tune, sdk: Sdk) -> None:
    app = await tune()
    one, two = await in_channel(app, "news")
    await one.expect_nothing()
    await app.set(subscription_counts=True)
    three = await app.connect()
    await three.subscribe("news")
    for socket in (one, two, three):
        assert await socket.expect(COUNT, "news") == {"subscription_count": 3}
    assert sdk(app).channel_info("news", ["subscription_count"])["subscription_count"] == 3
    await app.set(subscription_counts=False)
    await three.unsubscribe("news")
    three.cut()
    for socket in (one, two):
        await socket.expect_nothing()


async def test_watchlists_that_are_switched_on_tell_those_who_are_signed_in(tune: Tune) -> None:
    app = await tune()
    early, late, watched = await app.connect(), await app.connect(), await app.connect()
    await early.sign_in("early", watchlist=["ada"])
    await early.expect_nothing()
    await app.set(watchlists=True)
    assert await early.expect(WATCHLIST) == {"events": [{"name": "offline", "user_ids": ["ada"]}]}
    await late.sign_in("late", watchlist=["ada"])
    await late.expect(WATCHLIST)
    await app.set(client_events=True)  # which is nothing to them
    await watched.sign_in("ada")
    for socket in (early, late):
        assert await socket.expect(WATCHLIST) == {"events": [{"name": "online", "user_ids": ["ada"]}]}
        await socket.expect_nothing()


async def test_watchlists_that_are_switched_off_tell_nobody_any_more(tune: Tune) -> None:
    app = await tune(watchlists=True)
    watcher, ada, bob = await app.connect(), await app.connect(), await app.connect()
    await watcher.sign_in("watcher", watchlist=["ada", "bob"])
    await watcher.expect(WATCHLIST)
    await ada.sign_in("ada")
    await watcher.expect(WATCHLIST)
    await app.set(watchlists=False)
    await bob.sign_in("bob")
    await ada.close()
    late = await app.connect()
    await late.sign_in("late", watchlist=["ada", "bob"])
    await late.expect_nothing()
    await watcher.expect_nothing()


async def test_the_limit_of_watchlists(tune: Tune) -> None:
    app = await tune(watchlists=True, max_watchlist=1)
    socket = await app.connect()
    await socket.sign_in("w", watchlist=["ada", "bob"])
    assert await socket.expect(WATCHLIST) == {"events": [{"name": "offline", "user_ids": ["ada"]}]}
    text = "Watchlist of 2 users exceeds the allowed maximum (1), only these are watched: ada"
    await socket.expect_error(text, 4302)
    await app.set(max_watchlist=None)
    assert await socket.expect(WATCHLIST) == {"events": [{"name": "offline", "user_ids": ["ada", "bob"]}]}
    await socket.expect_nothing()


async def test_authorized_connections_leave_those_who_were_there_alone(tune: Tune) -> None:
    app = await tune(authorization_timeout=1)
    before = await app.connect()
    await app.set(authorized_connections=True)
    after = await app.connect()
    await after.expect_end(4009, "Connection not authorized within timeout")
    await before.expect_nothing()
    await before.subscribe("private-x")
    await before.expect_nothing()


async def test_authorized_connections_that_are_switched_off_close_nobody(tune: Tune) -> None:
    app = await tune(authorized_connections=True, authorization_timeout=4)
    waiting = await app.connect()
    await app.set(authorized_connections=False)
    await app.set(authorized_connections=True)
    after = await app.connect()
    await after.expect_end(4009, "Connection not authorized within timeout")
    await waiting.expect_nothing()


async def test_who_waited_to_be_authorized_counts_when_that_is_switched_off(tune: Tune) -> None:
    app = await tune(authorized_connections=True, authorization_timeout=3600, max_connections=2)
    for _ in range(2):
        await app.connect()
    await app.set(authorized_connections=False)
    await (await app.dial()).expect_end(4004, "Application is over its connection quota of 2")
    await app.set(max_connections=3)
    await app.connect()
    await (await app.dial()).expect_end(4004, "Application is over its connection quota of 3")


async def test_force_tls_concerns_those_who_come(tune: Tune) -> None:
    app = await tune()
    there = await app.connect()
    await app.set(force_tls=True)
    await (await app.dial()).expect_end(4000, "Application only accepts TLS connections, reconnect using wss://")
    # Tests come from an address of a trusted proxy.
    await (await app.dial(**{"X-Forwarded-Proto": "https"})).welcome()
    await there.expect_nothing()
    await app.set(force_tls=False)
    await app.connect()


async def test_a_disabled_application_is_closed_to_all(tune: Tune, sdk: Sdk) -> None:
    app = await tune()
    there, signed_in = await app.connect(), await app.connect()
    await signed_in.sign_in("ada")
    api = sdk(app)
    api.trigger("cache-x", "n", "kept")
    await app.set(enabled=False)
    for socket in (there, signed_in, await app.dial()):
        await socket.expect_end(4003, "Application disabled")
    for ask in (lambda: api.trigger("x", "n", "x"), lambda: api.terminate_user_connections("ada"), api.channels_info):
        with pytest.raises(PusherForbidden, match="Application disabled"):
            ask()
    await app.set(enabled=True)
    back = await app.connect()
    await back.subscribe("cache-x")
    assert (await back.receive())["data"] == "kept"


async def test_the_quota_concerns_those_who_come(tune: Tune) -> None:
    app = await tune()
    there = [await app.connect() for _ in range(3)]
    await app.set(max_connections=2)
    await (await app.dial()).expect_end(4004, "Application is over its connection quota of 2")
    for socket in there:
        await socket.expect_nothing()
    await app.set(max_connections=4)
    await app.connect()
    await (await app.dial()).expect_end(4004, "Application is over its connection quota of 4")
    await app.set(max_connections=None)
    await app.connect()


async def test_the_size_of_events(tune: Tune, sdk: Sdk) -> None:
    app = await tune(client_events=True)
    sender, other = await in_channel(app, "private-x")
    api = sdk(app)
    await app.set(max_event_bytes=10)
    with pytest.raises(PusherBadStatus, match=r"413: The data content of this event exceeds .* \(10 bytes\)"):
        api.trigger("private-x", "n", "x" * 11)
    await sender.send("client-x", "x" * 11, "private-x")
    assert "(10 bytes)" in (await sender.expect("pusher:error"))["message"]
    await app.set(max_event_bytes=20_000)
    api.trigger("private-x", "n", "x" * 20_000)
    await sender.receive()
    await sender.send("client-x", "x" * 20_000, "private-x")
    assert [len((await other.receive())["data"]) for _ in range(2)] == [20_000, 20_000]


async def test_the_size_of_presence_channels(tune: Tune) -> None:
    app = await tune(max_presence_members=1)
    one, two = await app.connect(), await app.connect()
    await one.subscribe("presence-x", '{"user_id":"1"}')
    await two.ask("presence-x", '{"user_id":"2"}')
    full = "Presence channel presence-x is over its limit of 1 members"
    await two.expect_refusal("presence-x", full, 403, "LimitReached")
    await app.set(max_presence_members=2)
    await two.subscribe("presence-x", '{"user_id":"2"}')
    await one.expect(MEMBER_ADDED)
    await app.set(max_presence_members=1)
    for socket in (one, two):
        await socket.expect_nothing()


async def test_extra_frames_of_errors(tune: Tune) -> None:
    app = await tune()
    socket = await app.connect()
    text = "Invalid format: auth must have the format key:signature"
    await socket.ask("private-x", auth="")
    await socket.expect_refusal("private-x", text, 401)
    await app.set(subscription_error_frames=False)
    await socket.ask("private-x", auth="")
    await socket.expect_error(text)
    await socket.expect_nothing()


async def test_allowed_origins_concern_those_who_come(tune: Tune) -> None:
    app = await tune()
    page = await (await app.dial(Origin="https://evil.example")).welcome()
    await app.set(allowed_origins="https://example.com")
    refused = await app.dial(Origin="https://evil.example")
    await refused.expect_end(4009, "Pages of origin 'https://evil.example' may not connect to this application")
    await (await app.dial(Origin="https://example.com")).welcome()
    await page.expect_nothing()
    await app.set(allowed_origins=None)
    await (await app.dial(Origin="https://evil.example")).welcome()


async def test_how_long_cache_channels_keep(tune: Tune, sdk: Sdk) -> None:
    app = await tune()
    api = sdk(app)
    api.trigger("cache-long", "n", "x")
    await app.set(cache_ttl=60)
    api.trigger("cache-short", "n", "x")
    ttls = [api.channel_info(name, ["cache"])["cache"]["ttl"] for name in ("cache-long", "cache-short")]
    assert ttls[0] > 1000
    assert 0 < ttls[1] <= 60


async def test_events_per_second(tune: Tune, sdk: Sdk) -> None:
    app = await tune()
    api = sdk(app)

    async def publish(times: int) -> None:
        for _ in range(times):
            await asyncio.to_thread(api.trigger, "x", "n", "x")

    await publish(50)
    await app.set(events_per_second=1)
    with pytest.raises(PusherBadStatus, match="429: Over the limit of 1 events per second for this application"):
        await publish(10_000)
    await app.set(events_per_second=0)
    await publish(50)


async def test_subscriptions_of_a_connection(tune: Tune) -> None:
    app = await tune(max_subscriptions=1)
    socket = await app.connect()
    await socket.subscribe("a")
    await socket.ask("b")
    await socket.expect_refusal("b", "This connection is at its limit of 1 subscriptions", 403, "LimitReached")
    await app.set(max_subscriptions=2)
    await socket.subscribe("b")


@pytest.mark.parametrize(
    ("assignment", "message", "code"),
    [
        ("enabled=false", "Application disabled", 4003),
        ("force_tls=true", "Application only accepts TLS connections, reconnect using wss://", 4000),
        ("max_connections=1", "Application is over its connection quota of 1", 4004),
    ],
)
async def test_a_command_beside_the_server_is_felt_within_a_moment(
    tune: Tune, assignment: str, message: str, code: int
) -> None:
    app = await tune()
    there = await app.connect()
    await asyncio.to_thread(app.server.command, "app", "set", app.key, assignment)
    async with asyncio.timeout(LIMIT):
        while True:
            socket = await app.dial()
            if (await socket.receive())["event"] == "pusher:error":
                break
            await socket.close()
            await asyncio.sleep(0.05)
    assert await socket.expect_close(code) == message
    if code == 4003:
        await there.expect_end(4003, message)
    else:
        await there.expect_nothing()
