"""What is wrong without a proxy's doing: names, addresses, keys, clocks, settings, and who is no web server."""

import asyncio
import os
import re
import signal
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack, asynccontextmanager, closing, suppress
from pathlib import Path

import pytest

from conftest import Start
from doctor.command import command
from doctor.matrix import CADDY, HAPROXY, NGINX
from doctor.test_matrix import application, codes, told
from engine.redis.redisserver import Server as Redis
from engine.redis.redisserver import free_port
from hubbub.doctor.asking import SETTLING
from hubbub.doctor.faults import FAULTS
from hubbub.doctor.finding import Report
from hubbub.doctor.target import Application, Place, Target
from hubbub.doctor.visit import diagnose
from metrics.scrape import TOKEN
from metrics.scrape import look as scrape
from running import Running
from sockets.client import LIMIT, eventually

ELSEWHERE = {
    # By tests below.
    "name-unresolved", "address-dead", "ipv6-dead", "connection-refused", "connection-timeout", "not-http", "cut",
    "key-unknown", "app-disabled", "tls-required", "origin-refused", "quota-reached", "server-full", "message-limit",
    "secret-wrong", "app-id-wrong", "clock-off", "clock-drift", "draining", "degraded", "api-refused", "answer-unknown",
    "webhooks-failing",
}  # fmt: skip


async def look(
    node: Running | None, url: str = "", *, app: Application | None = None, off: float = 0.0, **others: object
) -> Report:
    """Have a node, or an address, looked at. `off` is by how many seconds this machine's clock is wrong."""
    if node is not None:
        app = app or application(node)
    target = Target(
        place=Place.of(url or (node.url if node is not None else "")),
        app=app or Application(),
        **{"patience": 15.0, "wait": 0.0, **others},  # type: ignore[arg-type]
    )
    return await diagnose(target, clock=lambda: time.time() + off)


async def expect(report: Report, *found: str) -> None:
    """These were found, and nothing else."""
    assert codes(report) == set(found), told(report)


def test_each_fault_is_in_the_matrix_or_has_a_test() -> None:
    by_proxies = {code for cases in (NGINX, HAPROXY, CADDY) for one in cases.values() for code in one.found}
    assert by_proxies | ELSEWHERE == set(FAULTS)


# How to get there


async def test_a_name_that_leads_nowhere() -> None:
    await expect(await look(None, "https://nobody.invalid"), "name-unresolved")


async def test_a_port_at_which_nobody_listens() -> None:
    await expect(await look(None, f"http://127.0.0.1:{free_port()}"), "connection-refused")


async def test_an_address_from_which_nothing_comes() -> None:
    # Who has as many as it lets wait, and takes none of them, lets others knock in vain: as a firewall does.
    with closing(socket.create_server(("127.0.0.1", 0), backlog=0)) as full, ExitStack() as waiting:
        for _ in range(4):
            one = waiting.enter_context(closing(socket.socket()))
            one.setblocking(False)
            one.connect_ex(full.getsockname())
        port = full.getsockname()[1]
        await expect(await look(None, f"http://127.0.0.1:{port}", patience=0.5), "connection-timeout")


async def test_one_address_of_several_is_dead(server: Running) -> None:
    report = await look(server, addresses=("127.0.0.77", "127.0.0.1"))
    await expect(report, "address-dead")
    assert "127.0.0.77" in report.findings[0].seen


async def test_the_address_of_ipv6_is_dead(server: Running) -> None:
    report = await look(server, f"http://localhost:{server.port}", addresses=("127.0.0.1", "::1"))
    await expect(report, "ipv6-dead")


@asynccontextmanager
async def saying(words: bytes, *, waits: bool = False, stays: bool = False) -> AsyncIterator[str]:
    """Give the address of one who says this to everybody, after their first words if it `waits`, and hangs up.

    If it `stays`, it does so only when the others do.
    """

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError), closing(writer):
            if waits:
                await reader.read(4096)
            writer.write(words)
            await writer.drain()
            if stays:
                await reader.read()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_who_is_no_web_server() -> None:
    async with saying(b"220 mail.example.com ESMTP\r\n") as url:
        await expect(await look(None, url), "not-http")


async def test_who_hangs_up_without_a_word() -> None:
    async with saying(b"", waits=True) as url:
        await expect(await look(None, url), "cut")


async def test_who_answers_in_its_own_way() -> None:
    answer = b"HTTP/1.1 418 I'm a teapot\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n\r\ntea\n"
    async with saying(answer, waits=True) as url:
        report = await look(None, url, app=Application("1", "key", "secret"))
        assert "answer-unknown" in codes(report), told(report)


@pytest.mark.parametrize(
    "answer",
    [
        b"Content-Length: 100\r\n\r\n{",
        b"Content-Length: 3\r\n\r\n{a}",
        b"Content-Length: 2\r\n\r\n[]",
        b'Content-Length: 32\r\n\r\n{"status":"degraded","engine":{}}',
        b'Content-Length: 10\r\n\r\n{"seen":1}',
        b"Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc",
        b"Transfer-Encoding: chunked\r\n\r\nZZ\r\n",
        b"Date: Mon, 99 Foo 9999999 99:99:99 GMT\r\nContent-Length: 2\r\n\r\n{}",
    ],
)
async def test_whatever_answers_the_report_is_whole(answer: bytes) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
    async with saying(head + answer, waits=True) as url:
        report = await look(None, url, app=Application("1", "key", "secret"), patience=2.0)
    assert report.findings


async def test_an_answer_that_never_ends_is_waited_for_no_longer_than_told() -> None:
    async with saying(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", waits=True, stays=True) as url:
        await expect(await look(None, url, patience=0.5), "cut")


# Who asks


async def test_nothing_is_wrong_and_nothing_is_asked_that_was_not_given(server: Running) -> None:
    report = await look(server, app=Application(server.app_id, ""))
    await expect(report)
    assert {step.name for step in report.steps if step.outcome == "skipped"} >= {"signature", "streams"}


@pytest.mark.parametrize("given", ["key", "secret", "id"])
async def test_what_of_an_application_is_wrong_is_named(server: Running, given: str) -> None:
    right = application(server)
    wrong, code = {
        "key": (Application(right.id, "no-such-key", right.secret), "key-unknown"),
        "secret": (Application(right.id, right.key, "not-the-secret"), "secret-wrong"),
        "id": (Application("12345", right.key, right.secret), "app-id-wrong"),
    }[given]
    report = await look(server, app=wrong)
    await expect(report, code)
    assert "not-the-secret" not in report.json().decode()


@pytest.mark.parametrize(("off", "code"), [(3600.0, "clock-off"), (-3600.0, "clock-off"), (90.0, "clock-drift")])
async def test_clocks_that_differ(server: Running, off: float, code: str) -> None:
    await expect(await look(server, off=off), code)


async def test_a_page_that_may_not_connect(start_server: Start) -> None:
    node = start_server(app_allowed_origins="https://shop.example")
    await expect(await look(node, origin="https://other.example"), "origin-refused")
    await expect(await look(node, origin="https://shop.example"))
    report = await look(node)
    await expect(report)
    assert [step.outcome for step in report.steps if step.name in ("origin", "streams")] == ["skipped", "skipped"]


# What comes late, or not at all: by a relay of this test's own, for no proxy of Debian waits within a socket.


@asynccontextmanager
async def relayed(node: Running, heard: Callable[[asyncio.StreamWriter], Awaitable[None]]) -> AsyncIterator[str]:
    """Give the address of one who passes on to a node, and does what `heard` does before a small event passes."""

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_back: bool) -> None:
        with suppress(OSError), closing(writer):
            while data := await reader.read(65536):
                if is_back and re.search(rb'"doctor-\d"', data):
                    await heard(writer)
                writer.write(data)
                await writer.drain()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back, far = await asyncio.open_connection(node.host, node.port)
        await asyncio.gather(carry(reader, far, is_back=False), carry(back, writer, is_back=True))

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as relay:
        yield f"http://127.0.0.1:{relay.sockets[0].getsockname()[1]}"


async def test_events_that_are_held_for_longer_than_others_are_waited_for_are_late_and_not_lost(
    server: Running,
) -> None:
    async def wait(_: asyncio.StreamWriter) -> None:
        await asyncio.sleep(SETTLING + 0.1)

    async with relayed(server, wait) as url:
        report = await look(server, url)
    await expect(report, "events-late")
    assert report.is_well


async def test_a_socket_that_ends_while_an_event_is_waited_for_is_cut_and_no_cluster_is_split(server: Running) -> None:
    async def end(writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()

    async with relayed(server, end) as url:
        await expect(await look(server, url), "cut")


# Settings


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ({"app_enabled": False}, "app-disabled"),
        ({"app_force_tls": True}, "tls-required"),
        ({"app_max_connections": 1}, "quota-reached"),
        ({"max_connections": 1}, "server-full"),
        ({"max_message_bytes": 2000}, "message-limit"),
        ({"app_events_per_second": 2}, "api-refused"),
    ],
)
async def test_a_setting_that_is_in_the_way(settings: dict[str, object], code: str, start_server: Start) -> None:
    await expect(await look(start_server(**settings)), code)


async def test_a_node_that_stops(start_server: Start) -> None:
    node = start_server(drain_delay=600)
    os.kill(node.pid, signal.SIGTERM)

    async def is_told() -> bool:
        return "draining" in codes(await look(node, app=Application()))

    await eventually(is_told, "it does not stop")
    await expect(await look(node), "draining")
    os.kill(node.pid, signal.SIGINT)


@pytest.mark.needs("redis")
async def test_a_node_without_its_engine(start_server: Start) -> None:
    with Redis() as redis:
        node = start_server(engine_url=redis.url)
        await expect(await look(node))
        redis.stop()

        async def is_told() -> bool:
            return "degraded" in codes(await look(node, app=Application()))

        await eventually(is_told, "it does not notice")
        await expect(await look(node), "degraded", "api-refused")
        redis.start()


def test_webhooks_that_nobody_takes(start_server: Start, tmp_path: Path) -> None:
    # Bound, and not listening: it refuses connections, and nobody else gets the port.
    with closing(socket.socket()) as endpoint:
        endpoint.bind(("127.0.0.1", 0))
        settings: dict[str, object] = {
            "app_secret": "a-secret-that-stays",
            "app_webhook_url": f"http://127.0.0.1:{endpoint.getsockname()[1]}/hook",
            "webhook_private": True,
            "webhook_timeout": 1,
            "webhook_window": 1,  # one try
            "metrics_token": TOKEN,
            "database_url": f"sqlite:///{tmp_path}/hubbub.db",
        }
        first = start_server(**settings)
        assert command(first, first.url, tmp_path)[:2] == (0, set())
        end = time.monotonic() + LIMIT
        while not scrape(first)("hubbub_webhooks_failed_total"):
            assert time.monotonic() < end, first.log
            time.sleep(0.05)
        first.stop()  # which writes down what it counted
        second = start_server(**settings)
        status, found, said = command(second, second.url, tmp_path)
        assert (status, found) == (0, {"webhooks-failing"}), said


async def test_a_socket_is_watched_until_the_server_pings(start_server: Start) -> None:
    """And not only for as long as an answer may take."""
    node = start_server(ping_after=5)
    report = await look(node, wait=None, patience=3.0)
    await expect(report)
    found = re.fullmatch(r"silent for (\d+) s, until the server pinged", report.steps[-1].note)
    assert found is not None, report.steps[-1].note
    assert int(found[1]) >= 5


async def test_a_socket_is_watched_for_as_long_as_was_told(server: Running) -> None:
    report = await look(server, wait=0.3)
    await expect(report)
    assert report.steps[-1].note.endswith("of 120 s that a client may be")
