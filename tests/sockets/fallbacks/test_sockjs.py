"""SockJS, which pusher-js can use: the same sessions, but the client's first message names the application."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as dial
from websockets.exceptions import ConnectionClosed

from conftest import Start
from running import Running
from sockets.client import LIMIT
from sockets.conftest import Publish
from sockets.fallbacks.client import Fallback, event
from sockets.fallbacks.conftest import Fall

NOT_FOUND = {"event": "pusher:error", "data": {"code": 4005, "message": "Path not found"}}


def greeting(server: Running) -> dict[str, str]:
    return {"path": f"/app/{server.key}?protocol=7&client=js&version=8.6.0&flash=false"}


async def opened(session: Fallback) -> Fallback:
    assert await session.lines() == ["o"]
    await session.send({"path": f"/app/{session.server.key}?protocol=7&client=js&version=8.6.0"})
    [frame] = await session.poll()
    session.greet(frame)
    return session


async def test_a_session_begins_by_its_first_message(server: Running, fall: Fall, publish: Publish, name: str) -> None:
    session = await opened(fall(server, None))
    await session.subscribe(name)
    await asyncio.to_thread(publish, server, name, "news", "1")
    assert await session.poll() == [event("news", name, "1")]


async def test_commands_may_come_with_the_first_message(server: Running, fall: Fall) -> None:
    session = fall(server, None)
    async with session.stream() as stream:
        await stream.expect("o")
        await session.send(greeting(server), {"event": "pusher:ping", "data": {}})
        assert [frame["event"] for frame in await stream.frames(2)] == ["pusher:connection_established", "pusher:pong"]


async def test_an_unknown_key_is_told(server: Running, fall: Fall) -> None:
    session = fall(server, None)
    async with session.stream() as stream:
        await stream.expect("o")
        await session.send({"path": "/app/wrong?protocol=7"})
        assert (await stream.frames())[0]["data"]["code"] == 4001
        assert (await stream.expect_close(4001)).startswith("App key wrong not in this cluster.")


@pytest.mark.parametrize(
    "first",
    [
        "nonsense",
        {},
        {"path": 1},
        {"path": ""},
        {"path": "/app/"},
        {"path": "/nope/KEY"},
        {"path": "/app/KEY/more"},
        {"path": "//app/KEY"},
        {"path": "/app/KEY?" + "&".join(f"p{number}=1" for number in range(100))},
        {"event": "pusher:ping"},
    ],
)
async def test_a_first_message_that_names_no_application_ends_the_session(
    server: Running, fall: Fall, first: dict[str, Any] | str
) -> None:
    session = fall(server, None)
    async with session.stream() as stream:
        await stream.expect("o")
        await session.send(first if isinstance(first, str) else json.dumps(first).replace("KEY", server.key))
        assert await stream.frames() == [NOT_FOUND]
        assert await stream.expect_close(4005) == "Path not found"


async def test_the_first_message_is_not_waited_for_for_ever(start_server: Start, fall: Fall) -> None:
    session = fall(start_server(head_timeout=0.5), None)
    async with session.stream() as stream:
        await stream.expect("o")
        assert await stream.frames() == [NOT_FOUND]
        assert await stream.expect_close(4005) == "Path not found"


async def test_an_event_source_gets_lines_as_events(server: Running, fall: Fall, publish: Publish, name: str) -> None:
    session = fall(server, None)
    async with session.stream("GET", "eventsource") as stream:
        assert stream.response.headers["Content-Type"] == "text/event-stream; charset=UTF-8"
        await stream.expect("\r", "data: o\r", "\r")
        await session.send(greeting(server))
        assert (await stream.line()).startswith('data: a["')
        await stream.expect("\r")
        await session.send({"event": "pusher:subscribe", "data": {"channel": name}})
        assert "subscription_succeeded" in await stream.line()
        await stream.expect("\r")
        await asyncio.to_thread(publish, server, name, "news", "two\r\nlines\u2028")
        data = (await stream.line()).removeprefix("data: a").removesuffix("\r")
        assert json.loads(json.loads(data)[0]) == event("news", name, "two\r\nlines\u2028")
        await stream.expect("\r")


async def test_clients_are_told_what_there_is(server: Running, http: aiohttp.ClientSession) -> None:
    async with http.get(f"{server.url}/pusher/info?t=1", headers={"Origin": "null"}) as answer:
        assert answer.headers["Access-Control-Allow-Origin"] == "null"
        assert answer.headers["Access-Control-Allow-Credentials"] == "true"
        assert answer.headers["Content-Type"] == "application/json"
        info = await answer.json()
        entropy = info.pop("entropy")
        assert info == {"websocket": True, "origins": ["*:*"], "cookie_needed": False}
    async with http.get(f"{server.url}/pusher/info") as answer:
        assert (await answer.json())["entropy"] != entropy
    for path in ("/pusher", "/pusher/"):
        async with http.get(f"{server.url}{path}") as answer:
            assert await answer.text() == "Welcome to SockJS!\n"
    async with http.post(f"{server.url}/pusher/info") as answer:
        assert answer.status == 405
    async with http.options(f"{server.url}/pusher/info") as answer:
        assert answer.headers["Access-Control-Allow-Methods"] == "GET, OPTIONS"


# Over WebSocket


@asynccontextmanager
async def websocket(server: Running, **options: Any) -> AsyncIterator[ClientConnection]:
    """Open one, and take its first frame."""
    url = f"ws://{server.host}:{server.port}/pusher/123/abcdefgh/websocket"
    async with dial(url, open_timeout=LIMIT, close_timeout=LIMIT, proxy=None, **options) as connection:
        assert await receive(connection) == "o"
        yield connection


async def receive(connection: ClientConnection) -> str:
    text = await asyncio.wait_for(connection.recv(), LIMIT)
    assert isinstance(text, str)
    return text


async def messages(connection: ClientConnection) -> list[Any]:
    text = await receive(connection)
    assert text.startswith("a["), text
    return [json.loads(message) for message in json.loads(text[1:])]


async def send(connection: ClientConnection, *frames: dict[str, Any]) -> None:
    await connection.send(json.dumps([json.dumps(frame) for frame in frames]))


async def begin(connection: ClientConnection, server: Running) -> None:
    await send(connection, greeting(server))
    [frame] = await messages(connection)
    assert frame["event"] == "pusher:connection_established"


async def expect_close(connection: ClientConnection, code: int, reason: str) -> None:
    text = await receive(connection)
    assert text.startswith("c["), text
    assert json.loads(text[1:]) == [code, reason]
    with pytest.raises(ConnectionClosed) as closed:
        await receive(connection)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == code


async def test_a_websocket_carries_frames_of_sockjs(server: Running, publish: Publish, name: str) -> None:
    async with websocket(server) as connection:
        await begin(connection, server)
        await send(connection, {"event": "pusher:subscribe", "data": {"channel": name}})
        assert (await messages(connection))[0]["event"] == "pusher_internal:subscription_succeeded"
        for number in range(3):
            await asyncio.to_thread(publish, server, name, "news", str(number))
            assert await messages(connection) == [event("news", name, str(number))]


async def test_a_websocket_message_may_hold_several_one_or_none(server: Running) -> None:
    pong = [{"event": "pusher:pong", "data": "{}"}]
    async with websocket(server) as connection:
        await begin(connection, server)
        await connection.send("")
        await connection.send("[]")
        await connection.send(json.dumps(json.dumps({"event": "pusher:ping"})))
        await send(connection, {"event": "pusher:ping"}, {"event": "pusher:ping"})
        for _ in range(3):
            assert await messages(connection) == pong


async def test_a_websocket_message_that_is_no_list_is_told(server: Running) -> None:
    async with websocket(server) as connection:
        await begin(connection, server)
        for text in ("nonsense", "{}", "[1]", "[" * 10_000):
            await connection.send(text)
            [frame] = await messages(connection)
            assert frame["event"] == "pusher:error"
            assert frame["data"]["message"].startswith("Bad request: expected a JSON list of messages: ")


async def test_a_websocket_message_holds_at_most_a_thousand(server: Running) -> None:
    """They are obeyed at one go, and nobody else is served meanwhile."""
    ping = json.dumps({"event": "pusher:ping"})
    async with websocket(server) as connection:
        await begin(connection, server)
        await connection.send(json.dumps([ping] * 1001))
        [frame] = await messages(connection)
        assert frame["data"]["message"] == "Bad request: more than 1000 messages in one"
        await connection.send(json.dumps([ping] * 1000))
        for _ in range(1000):
            assert await messages(connection) == [{"event": "pusher:pong", "data": "{}"}]


async def test_a_websocket_whose_first_message_names_no_application_is_closed(server: Running) -> None:
    async with websocket(server) as connection:
        await send(connection, {"path": "/nope"})
        assert await messages(connection) == [NOT_FOUND]
        await expect_close(connection, 4005, "Path not found")


async def test_a_websocket_that_says_nothing_is_closed(start_server: Start) -> None:
    async with websocket(start_server(head_timeout=0.5)) as connection:
        assert await messages(connection) == [NOT_FOUND]
        await expect_close(connection, 4005, "Path not found")


async def test_a_websocket_s_page_must_be_of_an_allowed_origin(start_server: Start) -> None:
    server = start_server(app_allowed_origins="example.org")
    async with websocket(server, origin="http://example.org") as connection:
        await begin(connection, server)
    async with websocket(server, origin="http://example.com") as connection:
        await send(connection, greeting(server))
        assert (await messages(connection))[0]["data"]["code"] == 4009
        await expect_close(connection, 4009, "Pages of origin 'http://example.com' may not connect to this application")


async def test_a_websocket_that_does_not_answer_is_closed(start_server: Start) -> None:
    server = start_server(ping_after=0.5, pong_timeout=0.5)
    async with websocket(server) as connection:
        await begin(connection, server)
        assert await messages(connection) == [{"event": "pusher:ping", "data": "{}"}]
        await expect_close(connection, 4201, "Pong reply not received in time")


async def test_a_websocket_is_told_to_come_back_when_the_server_stops(start_server: Start) -> None:
    server = start_server()
    async with websocket(server) as connection:
        await begin(connection, server)
        stopping = asyncio.create_task(asyncio.to_thread(server.stop))
        await expect_close(connection, 4200, "Server is restarting, please reconnect")
    assert await stopping in (0, -15)
