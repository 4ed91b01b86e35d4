"""What is refused is counted by reason, and shown to who has the token."""

import asyncio
import contextlib
import json
import re
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pusher  # type: ignore[import-untyped]
import pytest
from pusher.errors import PusherError  # type: ignore[import-untyped]
from websockets.exceptions import ConnectionClosed

from hubbub import reference
from hubbub.errors import name_of
from hubbub.settings import AppSettings
from running import Running
from seeded import Seeded
from sockets.client import PusherSocket, dial

TOKEN = "a-token-for-metrics"
SILENT = {
    "watchlists",
    "cache_ttl",
    "max_cached_channels",
    "webhook_batches",
    "subscription_error_frames",
    "leaves_per_second",
    "max_topic_members",
}
"""What refuses nothing."""


def metrics(server: Running, token: str | None = TOKEN) -> str:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    with urllib.request.urlopen(urllib.request.Request(f"{server.url}/metrics", headers=headers)) as answer:
        assert answer.headers["content-type"].startswith("text/plain")
        return str(answer.read().decode())


def refused(text: str, app_id: str, reason: str) -> float:
    found = re.search(rf'^hubbub_refusals_total\{{app="{app_id}",reason="{reason}"\}} (\S+)$', text, re.MULTILINE)
    return 0.0 if found is None else float(found[1])


class Tenant(msgspec.Struct):
    """An application of a server, and what may be done with it."""

    host: str
    port: int
    id: str
    key: str
    secret: str

    @asynccontextmanager
    async def open(self, origin: str | None = None) -> AsyncIterator[PusherSocket]:
        """Give a socket that has yet to be welcomed, and close it at the end."""
        socket = await dial(self, headers=None if origin is None else {"Origin": origin})
        async with socket.connection:
            yield socket

    async def end(self, socket: PusherSocket) -> None:
        """Come back when all that was said has been obeyed, or the socket is closed."""
        with contextlib.suppress(ConnectionClosed):
            await socket.send("pusher:ping")
            while (await socket.receive())["event"] != "pusher:pong":
                pass

    async def say(self, *messages: tuple[str, object, str]) -> None:
        """Subscribe to `private-x`, and send these events."""
        async with self.open() as socket:
            await socket.welcome()
            await socket.ask("private-x")
            for event, data, channel in messages:
                await socket.send(event, data, channel)
            await self.end(socket)

    async def subscribe(self, *channels: tuple[str, str | None]) -> None:
        async with self.open() as socket:
            await socket.welcome()
            for channel, channel_data in channels:
                await socket.ask(channel, channel_data)
            await self.end(socket)

    async def claim(self, **user_data: object) -> None:
        async with self.open() as socket:
            await socket.welcome()
            await socket.claim(json.dumps(user_data))
            await self.end(socket)

    async def knock(self, origin: str | None = None) -> None:
        """Connect, and be sent away."""
        async with self.open(origin) as socket:
            with contextlib.suppress(ConnectionClosed):
                while True:
                    await socket.receive()

    async def publish(self, *requests: Callable[[Any], object]) -> None:
        api = pusher.Pusher(self.id, self.key, self.secret, host=self.host, port=self.port, ssl=False)
        for request in requests:
            with contextlib.suppress(PusherError):
                await asyncio.to_thread(request, api)


def event(channel: str = "a", name: str = "n", data: str = "x") -> Callable[[Any], object]:
    return lambda api: api.trigger(channel, name, data)


async def crowd(tenant: Tenant) -> None:
    """Be two in a channel for one."""
    async with tenant.open() as first:
        await first.welcome()
        await first.ask("presence-x", '{"user_id":"1"}')
        await tenant.end(first)
        await tenant.subscribe(("presence-x", '{"user_id":"2"}'))


async def overrun(tenant: Tenant) -> None:
    """Be two connections where one may be."""
    async with tenant.open() as first:
        await first.welcome()
        await tenant.knock()


WAYS: dict[str, tuple[list[str], Callable[[Tenant], Awaitable[None]]]] = {
    "enabled": (["enabled=false"], lambda one: one.knock()),
    "force_tls": (["force_tls=true"], lambda one: one.knock()),
    "client_events": ([], lambda one: one.say(("client-x", "x", "private-x"))),
    "client_events_per_second": (
        ["client_events=true", "client_events_per_second=2"],
        lambda one: one.say(*[("client-x", "x", "private-x")] * 3),
    ),
    "subscription_counts": ([], lambda one: one.publish(lambda api: api.channel_info("x", ["subscription_count"]))),
    "max_user_id_length": (["max_user_id_length=5"], lambda one: one.claim(id="abcdef")),
    "max_watchlist": (["watchlists=true", "max_watchlist=1"], lambda one: one.claim(id="a", watchlist=["b", "c"])),
    "authorized_connections": (["authorized_connections=true", "authorization_timeout=0.1"], lambda one: one.knock()),
    "allowed_origins": (["allowed_origins=https://example.com"], lambda one: one.knock("https://evil.example")),
    "events_per_second": (["events_per_second=1"], lambda one: one.publish(*[event()] * 5)),
    "max_connections": (["max_connections=1"], overrun),
    "max_event_bytes": (["max_event_bytes=5"], lambda one: one.publish(event(data="x" * 6))),
    "max_event_name_length": (["max_event_name_length=5"], lambda one: one.publish(event(name="n" * 6))),
    "max_channel_name_length": (["max_channel_name_length=164"], lambda one: one.subscribe(("x" * 165, None))),
    "max_channels_per_event": (
        ["max_channels_per_event=1"],
        lambda one: one.publish(lambda api: api.trigger(["a", "b"], "n", "x")),
    ),
    "max_batch_events": (
        ["max_batch_events=1"],
        lambda one: one.publish(lambda api: api.trigger_batch([{"channel": "a", "name": "n", "data": "x"}] * 2)),
    ),
    "max_presence_members": (["max_presence_members=1"], crowd),
    "max_presence_user_id_length": (
        ["max_presence_user_id_length=3"],
        lambda one: one.subscribe(("presence-x", '{"user_id":"long"}')),
    ),
    "max_presence_member_bytes": (
        ["max_presence_member_bytes=9"],
        lambda one: one.subscribe(("presence-x", '{"user_id":"1"}')),
    ),
    "max_subscriptions": (["max_subscriptions=1"], lambda one: one.subscribe(("a", None), ("b", None))),
}
"""For each setting how an application is set, and what it then refuses."""


@pytest.fixture(scope="module")
def measured() -> Iterator[Seeded]:
    with Seeded(metrics_token=TOKEN) as server:
        yield server


@pytest.mark.parametrize("setting", WAYS)
async def test_what_a_setting_refuses_is_counted_for_its_application(measured: Seeded, setting: str) -> None:
    settings, provoke = WAYS[setting]
    options = [part for one in settings for part in ("--set", one)]
    made = json.loads(measured.command("app", "create", setting, "--json", *options))
    pair = made["key_pairs"][-1]
    tenant = Tenant(measured.host, measured.port, str(made["id"]), pair["key"], pair["secret"])
    reason = name_of(reference.REFUSALS[setting])
    assert refused(metrics(measured), tenant.id, reason) == 0
    await provoke(tenant)
    assert refused(metrics(measured), tenant.id, reason) >= 1


def test_each_setting_of_an_application_has_an_error_and_a_metric_or_refuses_nothing() -> None:
    assert set(AppSettings.model_fields) == reference.REFUSALS.keys() | SILENT
    assert not reference.REFUSALS.keys() & SILENT
    assert WAYS.keys() | {"authorization_timeout"} == reference.REFUSALS.keys()


async def test_a_key_that_nobody_has_is_counted_without_an_application(measured: Seeded) -> None:
    before = refused(metrics(measured), "", "unknown_key")
    await Tenant(measured.host, measured.port, "0", "unknown", "").knock()
    after = metrics(measured)
    assert refused(after, "", "unknown_key") == before + 1
    assert measured.secret not in after


def test_metrics_are_for_who_has_the_token() -> None:
    with Running(metrics_token=TOKEN) as server:
        for token in (None, "", "another-token", TOKEN + "x"):
            with pytest.raises(urllib.error.HTTPError) as refusal:
                metrics(server, token)
            assert refusal.value.code == 401
            refusal.value.close()


def test_without_a_token_there_are_no_metrics() -> None:
    with Running() as server:
        with pytest.raises(urllib.error.HTTPError) as refusal:
            metrics(server, "None")
        assert refusal.value.code == 404
        refusal.value.close()
