"""What is refused is counted by reason, and shown to who has the token."""

import asyncio
import contextlib
import json
import re
import socket
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
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
from seeded import ORGANIZATION, Seeded
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


def say(server: Running, *parts: bytes) -> bytes:
    """Send something by a connection of its own, in parts, and give all that is answered."""
    with socket.create_connection((server.host, server.port), timeout=30) as connection:
        for part in parts:
            connection.sendall(part)
        answer = b""
        while more := connection.recv(65536):
            answer += more
    return answer


HEAD = b"Host: localhost\r\n"

EARLY: dict[str, tuple[list[bytes], bytes]] = {
    "request_timeout": ([b"POST /apps/1/events HTTP/1.1\r\nHost: "], b"408"),
    "body_too_large": (
        [b"POST /apps/1/events HTTP/1.1\r\n" + HEAD + b"Content-Length: 5000\r\n\r\n" + b"x" * 5000],
        b"413",
    ),
    "head_too_large": ([b"GET /apps/1/channels HTTP/1.1\r\n" + HEAD + b"X: " + b"x" * 9000 + b"\r\n\r\n"], b"431"),
    "upgrade_required": ([b"GET /app/key HTTP/1.1\r\n" + HEAD + b"\r\n"], b"426"),
    "bad_request": ([b"GET /apps/1/channels HTTP/1.1\r\n\r\n"], b"400"),
}
"""What is refused before anybody knows of which application it is, and its status."""

EARLY_PAGES: dict[str, tuple[list[bytes], bytes]] = {
    "request_timeout": ([b"POST /sign-in HTTP/1.1\r\nHost: "], b"408"),
    "body_too_large": ([b"POST /sign-in HTTP/1.1\r\n" + HEAD + b"Content-Length: 5000\r\n\r\n"], b"413"),
    "head_too_large": ([b"GET /sign-in HTTP/1.1\r\n" + HEAD + b"X: " + b"x" * 9000 + b"\r\n\r\n"], b"431"),
}
"""The same of what is neither a socket nor the signed API."""

JSON_API: dict[str, tuple[str, str, dict[str, str], bytes]] = {
    "unauthenticated": ("GET", "/api/organizations", {}, b""),
    "unknown": ("GET", "/api/nothing-of-the-kind", {}, b""),
    "method": ("DELETE", "/api/session", {}, b""),
    "invalid": ("POST", "/api/session", {"Content-Type": "application/json"}, b"[]"),
    "bad_request": ("POST", "/api/session", {"Content-Type": "application/json"}, b"{"),
}
"""What the JSON API refuses."""


@pytest.fixture(scope="module")
def strict() -> Iterator[Running]:
    with Running(metrics_token=TOKEN, head_timeout=0.5, max_body_bytes=4000, max_head_bytes=4096) as server:
        yield server


@pytest.mark.parametrize("reason", EARLY)
def test_what_is_refused_before_a_session_is_counted(strict: Running, reason: str) -> None:
    parts, status = EARLY[reason]
    before = refused(metrics(strict), "", reason)
    assert say(strict, *parts).split(b" ", 2)[1] == status
    assert refused(metrics(strict), "", reason) == before + 1


@pytest.mark.parametrize("reason", EARLY_PAGES)
def test_what_is_refused_to_who_asks_for_a_page_is_counted(strict: Running, reason: str) -> None:
    parts, status = EARLY_PAGES[reason]
    before = refused(metrics(strict), "", reason)
    assert say(strict, *parts).split(b" ", 2)[1] == status
    assert refused(metrics(strict), "", reason) == before + 1


@pytest.mark.parametrize("reason", JSON_API)
def test_what_the_json_api_refuses_is_counted(strict: Running, reason: str) -> None:
    method, path, headers, body = JSON_API[reason]
    before = refused(metrics(strict), "", reason)
    request = urllib.request.Request(strict.url + path, body or None, headers, method=method)
    with pytest.raises(urllib.error.HTTPError) as error:
        urllib.request.urlopen(request, timeout=30)
    error.value.close()
    assert refused(metrics(strict), "", reason) == before + 1


async def test_too_high_a_rate_of_the_json_api_is_counted_once_and_for_its_application(measured: Seeded) -> None:
    settings = ("--set", "events_per_second=1", "--org", ORGANIZATION)
    made = json.loads(measured.command("app", "create", "Fast", "--json", *settings))
    headers = {"Authorization": f"Bearer {measured.jwt()}", "Content-Type": "application/json"}

    def publish() -> int:
        url = f"{measured.url}/api/organizations/{ORGANIZATION}/applications/{made['id']}/event/n"
        try:
            with urllib.request.urlopen(urllib.request.Request(url, b"{}", headers), timeout=30) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            with error:
                return error.code

    statuses = [await asyncio.to_thread(publish) for _ in range(6)]
    text = metrics(measured)
    assert statuses.count(429) > 0
    assert refused(text, str(made["id"]), "event_rate") == statuses.count(429)
    assert refused(text, "", "event_rate") == 0


def test_a_port_of_its_own_has_metrics_and_health_without_a_token_and_nothing_else() -> None:
    # Limits of addresses are for strangers, on the one port.
    with Running(metrics_port=0, requests_per_second_per_address=1) as server:
        told = re.search(r"Metrics and health are told on (http://127\.0\.0\.1:\d+)", server.log)
        assert told is not None
        with urllib.request.urlopen(f"{told[1]}/metrics", timeout=30) as answer:
            assert "hubbub_connections 0.0" in answer.read().decode()
        for path in ("/health", "/health/live", "/health/ready"):
            with urllib.request.urlopen(told[1] + path, timeout=30) as answer:
                assert json.load(answer)["status"] in ("ok", "live")
        for path in ("/", "/sign-in", "/api/organizations", "/apps/1/channels", "/app/app-key"):
            with pytest.raises(urllib.error.HTTPError) as refusal:
                urllib.request.urlopen(told[1] + path, timeout=30)
            assert refusal.value.code == 404
            refusal.value.close()
        with pytest.raises(urllib.error.HTTPError) as refusal:
            metrics(server)
        assert refusal.value.code == 404
        refusal.value.close()


def test_a_port_for_metrics_that_is_taken_stops_the_start() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(AssertionError, match="ended with status 2") as ended, Running(metrics_port=port):
            pass
        assert f"Hubbub cannot listen on 127.0.0.1:{port} for metrics" in str(ended.value)
        assert "Traceback" not in str(ended.value)


def test_looks_at_the_same_time_do_not_disturb_each_other(strict: Running) -> None:
    with ThreadPoolExecutor(8) as many:
        told = list(many.map(lambda _: metrics(strict), range(24)))
    assert all("hubbub_webhook_backlog_events 0.0" in text for text in told)
