"""Who may come in over the HTTP fallbacks: the same rules as over a WebSocket, told after the opening."""

import json
from typing import Any

import aiohttp
import pytest

from conftest import Start
from running import Running
from sockets.client import Dial, eventually
from sockets.fallbacks.client import ORIGIN, Fallback
from sockets.fallbacks.conftest import Fall


async def expect_refusal(session: Fallback, code: int, message: str) -> None:
    """The session opens, says why it ends, and ends."""
    lines = await session.lines()
    while not lines[-1].startswith("c"):
        lines += await session.lines()
    assert lines[0] == "o"
    assert json.loads(json.loads(lines[1][1:])[0]) == {
        "event": "pusher:error",
        "data": {"code": code, "message": message},
    }
    assert json.loads(lines[2][1:]) == [code, message]
    assert len(lines) == 3


async def test_an_unknown_key_is_told(server: Running, fall: Fall) -> None:
    why = "App key wrong not in this cluster. Did you forget to specify the cluster?"
    await expect_refusal(fall(server, "wrong"), 4001, why)


async def test_an_unknown_key_is_told_in_a_stream(server: Running, fall: Fall) -> None:
    async with fall(server, "wrong").stream() as stream:
        await stream.expect("o")
        [frame] = await stream.frames()
        assert frame["data"]["code"] == 4001
        assert await stream.expect_close(4001) == frame["data"]["message"]


@pytest.mark.parametrize(
    ("query", "code", "message"),
    [
        ("protocol=99", 4007, "Unsupported protocol version: 99, this server speaks 4 to 7"),
        ("protocol=x", 4006, "Invalid version string format: 'x'"),
        ("protocol=", 4008, "No protocol version supplied"),
    ],
)
async def test_the_version_of_the_protocol_is_looked_at(
    server: Running, fall: Fall, query: str, code: int, message: str
) -> None:
    await expect_refusal(fall(server, query=query), code, message)


@pytest.mark.parametrize(
    ("setting", "code", "message"),
    [
        ({"app_enabled": False}, 4003, "Application disabled"),
        ({"app_force_tls": True}, 4000, "Application only accepts TLS connections, reconnect using wss://"),
        (
            {"app_allowed_origins": "https://example.org"},
            4009,
            f"Pages of origin '{ORIGIN}' may not connect to this application",
        ),
    ],
)
async def test_the_application_s_settings_hold(
    start_server: Start, fall: Fall, setting: dict[str, Any], code: int, message: str
) -> None:
    await expect_refusal(fall(start_server(**setting)), code, message)


async def test_a_proxy_tells_that_the_way_is_encrypted(
    start_server: Start, http: aiohttp.ClientSession, fall: Fall
) -> None:
    session = fall(start_server(app_force_tls=True))
    async with http.post(f"{session.url}/xhr?protocol=7", headers={"X-Forwarded-Proto": "https"}) as answer:
        assert "pusher:connection_established" in await answer.text()


async def test_sessions_count_as_connections(start_server: Start, fall: Fall, dial: Dial) -> None:
    server = start_server(app_max_connections=1)
    first = await fall(server).open()
    await expect_refusal(fall(server), 4004, "Application is over its connection quota of 1")
    async with first.stream() as stream:
        await first.send({"event": "pusher:ping", "data": {}})
        await stream.frames()
        stream.break_off()

    async def is_free() -> bool:
        return bool((await (await dial(server)).receive())["event"] == "pusher:connection_established")

    await eventually(is_free, "the place of a session that is gone is taken")


async def test_a_full_server_opens_no_session(start_server: Start, fall: Fall) -> None:
    server = start_server(max_connections=1)
    await fall(server).open()
    assert await fall(server).request("POST", "xhr") == (503, "Over capacity, try again later\n")
