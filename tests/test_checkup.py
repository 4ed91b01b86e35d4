"""What an application is told of how it stands, and what the server sees of who asks: `GET /apps/ID/status`."""

import time
from typing import Any

import aiohttp
import pytest

from conftest import Start
from hubbub.checkup import Webhooks
from hubbub.signing import request_text, sign
from postgres import Cluster
from running import Running
from sockets.client import dial, eventually

FORGED = {"X-Forwarded-For": "192.0.2.7", "X-Forwarded-Proto": "https"}


async def ask(server: Running, headers: dict[str, str] | None = None, **wrong: str) -> tuple[int, Any]:
    """Ask as the application; give the status, and the JSON or the text."""
    path = f"/apps/{server.app_id}/status"
    pairs = [("auth_key", server.key), ("auth_timestamp", str(int(time.time()))), ("auth_version", "1.0")]
    pairs.append(("auth_signature", sign(wrong.get("secret", server.secret), request_text("GET", path, pairs))))
    query = "&".join(f"{name}={value}" for name, value in pairs)
    async with (
        aiohttp.ClientSession() as http,
        http.get(f"{server.url}{path}?{query}", headers=headers) as answer,
    ):
        is_json = answer.content_type == "application/json"
        return answer.status, await answer.json() if is_json else await answer.text()


async def test_an_application_is_told_how_it_stands(start_server: Start) -> None:
    server = start_server(app_max_connections=2, app_max_event_bytes=5000)
    status, told = await ask(server)
    assert status == 200
    assert told["enabled"] is True
    assert (told["connections"], told["max_connections"], told["at_quota"]) == (0, 2, False)
    assert told["webhooks"] == {"waiting": 0, "taken": 0, "failed": 0, "failing": False}
    assert told["limits"]["max_event_bytes"] == 5000
    assert told["limits"]["max_body_bytes"] == 327_680
    assert told["node"]["status"] == "ok"
    assert abs(told["time"] - time.time()) < 60
    first, second = await (await dial(server)).welcome(), await (await dial(server)).welcome()
    async with first.connection, second.connection:
        _, told = await ask(server)
        assert (told["connections"], told["at_quota"]) == (2, True)


async def test_nobody_else_is_told_anything(server: Running) -> None:
    status, said = await ask(server, secret="wrong")
    assert status == 401
    assert "Invalid signature" in said


@pytest.mark.parametrize(("taken", "failed", "is_failing"), [(0, 0, False), (3, 3, False), (3, 4, True), (0, 1, True)])
def test_webhooks_fail_when_more_are_given_up_than_taken(taken: int, failed: int, is_failing: bool) -> None:
    assert Webhooks(0, taken, failed).is_failing is is_failing


async def test_a_trusted_proxy_is_believed(server: Running) -> None:
    _, told = await ask(server)
    assert told["seen"] == {
        "address": "127.0.0.1",
        "secure": False,
        "forwarded_for": "missing",
        "forwarded_proto": "missing",
    }
    _, told = await ask(server, FORGED)
    assert told["seen"] == {
        "address": "192.0.2.7",
        "secure": True,
        "forwarded_for": "believed",
        "forwarded_proto": "believed",
    }


async def test_who_is_not_trusted_is_told_so(start_server: Start) -> None:
    _, told = await ask(start_server(trusted_proxies="192.0.2.1"), FORGED)
    assert told["seen"] == {
        "address": "127.0.0.1",
        "secure": False,
        "forwarded_for": "ignored",
        "forwarded_proto": "ignored",
    }


@pytest.mark.needs("postgresql programs")
async def test_without_its_database_all_else_is_told(start_server: Start) -> None:

    with Cluster() as cluster:
        server = start_server(database_url=cluster.url, migrate=True)
        assert (await ask(server))[1]["webhooks"] is not None
        cluster.stop()

        async def is_told() -> bool:
            status, told = await ask(server)
            assert status == 200
            return told["webhooks"] is None and told["node"]["status"] == "degraded"

        await eventually(is_told, "it does not notice")
        cluster.start()
