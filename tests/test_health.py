"""What `/health` tells load balancers: that all is well, that something is missing, that nobody is to be sent here."""

import asyncio
import json
import os
import re
import signal
import urllib.error
import urllib.request
from typing import Any

import pytest

from conftest import Start
from engine.redis.redisserver import Server
from postgres import Cluster
from running import STOP_LIMIT, Running
from sockets.client import LIMIT, dial, eventually

TOKEN = "a-token-for-metrics"
LONG = 600  # seconds that no test waits
ALIVE = {"status": "live"}
READY = {"status": "ok", "draining": False, "database": {"status": "ok"}, "engine": {"status": "ok"}}


async def health(server: Running, path: str = "") -> tuple[int, dict[str, Any]]:
    """Give status and body."""

    def ask() -> tuple[int, dict[str, Any]]:
        try:
            with urllib.request.urlopen(f"{server.url}/health{path}", timeout=LIMIT) as answer:
                assert answer.headers["cache-control"] == "no-store"
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)

    return await asyncio.to_thread(ask)


async def metric(server: Running, name: str) -> float:
    """Give the value of a metric without labels."""
    request = urllib.request.Request(f"{server.url}/metrics", headers={"Authorization": f"Bearer {TOKEN}"})

    def ask() -> str:
        with urllib.request.urlopen(request, timeout=LIMIT) as answer:
            return str(answer.read().decode())

    found = re.search(rf"^{name} (\S+)$", await asyncio.to_thread(ask), re.MULTILINE)
    assert found is not None
    return float(found[1])


async def ended(server: Running) -> int:
    """Wait for the server's end, and give its exit status."""
    async with asyncio.timeout(STOP_LIMIT):
        while (status := server.status) is None:  # noqa: ASYNC110 - a process tells nobody
            await asyncio.sleep(0.02)
    return status


async def test_all_is_well(start_server: Start) -> None:
    server = start_server(metrics_token=TOKEN)
    assert await health(server) == (200, {"status": "ok"})
    assert await health(server, "/live") == (200, ALIVE)
    assert await health(server, "/ready") == (200, READY)
    assert await metric(server, "hubbub_nodes") == 1
    assert await metric(server, "hubbub_engine_away_seconds") == 0
    assert await metric(server, "hubbub_database_away_seconds") == 0
    socket = await (await dial(server)).welcome()
    async with socket.connection:
        assert await metric(server, "hubbub_connections") == 1


async def test_who_asks_is_answered_however_busy_the_address_is(start_server: Start) -> None:
    server = start_server(requests_per_second_per_address=1, max_connections_per_address=1)

    def page(path: str = "/sign-in") -> int:
        try:
            with urllib.request.urlopen(server.url + path, timeout=LIMIT) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            with error:
                return error.code

    async def is_busy() -> bool:
        return await asyncio.to_thread(page) == 429

    await eventually(is_busy, "the limit does not hold")
    socket = await (await dial(server)).welcome()  # of its address no other connection may be there
    for _ in range(5):
        assert await health(server) == (200, {"status": "ok"})
        assert await health(server, "/live") == (200, ALIVE)
        assert await health(server, "/ready?by=balancer") == (200, READY)
        assert await is_busy(), "the others are counted"
    for path in ("/healthy", "/health/other", "/health/live/"):
        assert await asyncio.to_thread(page, path) == 429
    await socket.connection.close()


@pytest.mark.needs("redis")
async def test_without_its_engine_a_server_is_degraded_and_says_for_how_long(start_server: Start) -> None:
    with Server() as redis:
        server = start_server(engine_url=redis.url, metrics_token=TOKEN)
        assert await health(server) == (200, {"status": "ok"})
        assert await metric(server, "hubbub_engine_gaps_total") == 0

        async def is_degraded() -> bool:
            status, told = await health(server)
            assert status == 200
            return bool(told["status"] == "degraded")

        async def is_well() -> bool:
            return not await is_degraded()

        redis.stop()
        await eventually(is_degraded, "the server did not notice")
        _, told = await health(server)
        assert told.keys() == {"status", "engine"}
        assert await health(server, "/live") == (200, ALIVE), "that depends on nobody else"
        status, told_in_full = await health(server, "/ready")
        assert (status, told_in_full["status"]) == (200, "degraded"), "other nodes miss the same"
        assert told_in_full["engine"]["status"] == "away"
        assert told_in_full["database"] == {"status": "ok"}
        assert await metric(server, "hubbub_engine_away_seconds") > 0
        before = told["engine"]["away"]

        async def is_longer() -> bool:
            return bool((await health(server))[1]["engine"]["away"] > before)

        await eventually(is_longer, "the time does not go on")
        redis.start()
        await eventually(is_well, "the server did not come back")
        assert await metric(server, "hubbub_engine_away_seconds") == 0
        assert await metric(server, "hubbub_engine_gaps_total") == 1
        assert await metric(server, "hubbub_engine_gap_seconds_total") >= before
        assert server.log.count("Redis is away: ") == 1
        assert len(re.findall(r"Redis is back after \d+\.\d s", server.log)) == 1


@pytest.mark.needs("postgresql programs")
async def test_without_its_database_a_server_is_degraded(start_server: Start) -> None:
    with Cluster() as cluster:
        server = start_server(database_url=cluster.url, migrate=True)

        async def is_degraded() -> bool:
            status, told = await health(server)
            assert status == 200
            return told["status"] == "degraded" and bool(told["database"]["away"] >= 0)

        async def is_well() -> bool:
            return await health(server) == (200, {"status": "ok"})

        assert await is_well()
        cluster.stop()
        await eventually(is_degraded, "the server did not notice")
        assert (await health(server, "/ready"))[1]["database"]["status"] == "away"
        assert await health(server, "/live") == (200, ALIVE)
        cluster.start()
        await eventually(is_well, "the server did not come back")


async def test_a_server_told_to_stop_says_so_and_goes_on_for_as_long_as_it_was_told(start_server: Start) -> None:
    server = start_server(drain_delay=LONG)
    early = await (await dial(server)).welcome()
    os.kill(server.pid, signal.SIGTERM)

    async def is_draining() -> bool:
        return await health(server) == (503, {"status": "draining"})

    await eventually(is_draining, "it does not say that it stops")
    assert await health(server, "/ready") == (503, {**READY, "status": "draining", "draining": True})
    assert await health(server, "/live") == (200, ALIVE), "who stops in peace is not to be killed for it"
    # Whoever did not look is let in as before.
    late = await (await dial(server)).welcome()
    for socket in (early, late):
        assert await socket.subscribe("room") == {}
    os.kill(server.pid, signal.SIGINT)  # enough
    assert await ended(server) == 0
    await asyncio.gather(early.connection.wait_closed(), late.connection.wait_closed())


async def test_after_the_delay_everyone_is_told_to_come_back(start_server: Start) -> None:
    server = start_server(drain_delay=0.5)
    socket = await (await dial(server)).welcome()
    began = asyncio.get_running_loop().time()
    os.kill(server.pid, signal.SIGTERM)
    await socket.expect_close(4200)
    assert asyncio.get_running_loop().time() - began >= 0.5
    assert await ended(server) == 0


async def test_an_interrupt_has_no_delay(start_server: Start) -> None:
    server = start_server(drain_delay=LONG)
    socket = await (await dial(server)).welcome()
    os.kill(server.pid, signal.SIGINT)
    await socket.expect_close(4200)
    assert await ended(server) == 0
