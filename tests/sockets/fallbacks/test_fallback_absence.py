"""Sessions that cost their clients no connection: they must not keep others out, nor much of their messages waiting."""

import asyncio
import json

import pytest

from conftest import Start
from running import Running
from sockets.client import Dial, eventually
from sockets.fallbacks.client import Fallback
from sockets.fallbacks.conftest import Fall

PLACES = 40
PING = {"event": "pusher:ping", "data": {}}


async def expect_room(dial: Dial, server: Running) -> None:
    """Half of the places are there for WebSockets, one after the other, if each tries again."""

    async def gets_in() -> bool:
        return bool((await (await dial(server)).receive())["event"] == "pusher:connection_established")

    for _ in range(PLACES // 2):
        await eventually(gets_in, "who stays away keeps others out")


@pytest.mark.parametrize("setting", ["app_max_connections", "max_connections"])
async def test_who_stays_away_keeps_nobody_out(start_server: Start, fall: Fall, dial: Dial, setting: str) -> None:
    server = start_server(**{setting: PLACES}, poll_timeout=600)
    for _ in range(3 * PLACES):
        await fall(server).open()
    await expect_room(dial, server)


@pytest.mark.parametrize("setting", ["app_max_connections", "max_connections"])
async def test_who_came_back_and_stays_away_keeps_nobody_out(
    start_server: Start, fall: Fall, dial: Dial, setting: str
) -> None:
    server = start_server(**{setting: PLACES}, poll_timeout=600)
    for _ in range(3 * PLACES):
        session = await fall(server).open()
        await session.send(PING)
        await session.poll()
    await expect_room(dial, server)


async def test_who_names_no_application_keeps_nobody_out(start_server: Start, fall: Fall) -> None:
    server = start_server(max_connections=PLACES)
    for _ in range(3 * PLACES):
        assert await fall(server, None).lines() == ["o"]
    await fall(server).open()


async def test_who_was_refused_keeps_nobody_out(start_server: Start, fall: Fall) -> None:
    """Not even while why it was waits for it."""
    server = start_server(max_connections=PLACES)
    for _ in range(3 * PLACES):
        session = fall(server, None)
        assert await session.lines() == ["o"]
        await session.send("nonsense")
    await fall(server).open()


async def test_the_longest_away_is_given_up_and_begins_anew(start_server: Start, fall: Fall) -> None:
    server = start_server(app_max_connections=PLACES)
    sessions = [await fall(server).open() for _ in range(PLACES)]
    assert await sessions[0].request("POST", "xhr_send", b"[]") == (404, "404 NOT FOUND\n")
    await sessions[-1].send(PING)
    old = sessions[0].socket_id
    assert (await sessions[0].open()).socket_id != old


async def test_nobody_is_given_up_while_there_is_room(start_server: Start, fall: Fall) -> None:
    """However many are away: one event answers all polls at once."""
    server = start_server(app_max_connections=PLACES, max_connections=PLACES)
    sessions = [await fall(server).open() for _ in range(PLACES - PLACES // 16)]
    for session in sessions:
        await session.send(PING)
        assert await session.poll() == [{"event": "pusher:pong", "data": "{}"}]


async def test_who_waits_is_not_given_up(start_server: Start, fall: Fall) -> None:
    server = start_server(app_max_connections=PLACES)
    session = fall(server)
    async with session.stream() as stream:
        await stream.expect("o")
        session.greet((await stream.frames())[0])
        for _ in range(2 * PLACES):
            await fall(server).open()
        await session.send(PING)
        assert await stream.frames() == [{"event": "pusher:pong", "data": "{}"}]


async def test_sockets_are_not_given_up_for_sessions(start_server: Start, fall: Fall, connect: Dial) -> None:
    """A full application is full: a few of its places are the absent's all the same."""
    server = start_server(app_max_connections=PLACES)
    sockets = [await connect(server) for _ in range(PLACES - 5)]
    sessions = [await fall(server).open() for _ in range(5)]
    for socket in sockets:
        await socket.expect_nothing()
    for session in sessions:
        await session.send(PING)


async def test_who_made_one_request_only_is_waited_for_less(start_server: Start, fall: Fall) -> None:
    server = start_server(max_connections=2, poll_timeout=600, head_timeout=600, close_timeout=0.5)
    known, new = fall(server, None), fall(server, None)
    for session in (known, new):
        assert await session.lines() == ["o"]
    await known.send()

    async def is_gone() -> bool:
        return await fall(server, None).request("POST", "xhr") == (200, "o\n")

    await eventually(is_gone, "the session is kept")
    await known.send()


async def busy(session: Fallback, name: str, pairs: int) -> "asyncio.Task[None]":
    """Give the session something to do for as many seconds as there are `pairs`, less 10."""
    room = f"presence-{name}"
    come, go = session.subscription(room, '{"user_id":"1"}'), {"event": "pusher:unsubscribe", "data": {"channel": room}}
    sending = asyncio.create_task(session.send(*[come, go] * pairs))
    assert "subscription_succeeded" in (await session.lines())[0]
    return sending


async def test_messages_wait_for_those_of_earlier_requests(start_server: Start, fall: Fall, name: str) -> None:
    """pusher-js makes a request for each, and does not look at the answer."""
    session = await fall(start_server(app_leaves_per_second=1)).open()
    sending = await busy(session, name, 12)
    await asyncio.gather(*[session.send(PING) for _ in range(50)])
    await sending
    frames = [frame["event"] for frame in await session.poll()]
    assert frames.count("pusher:pong") == 50


async def test_who_lets_too_much_wait_is_closed(start_server: Start, fall: Fall, name: str) -> None:
    session = await fall(start_server(app_leaves_per_second=1, max_body_bytes=100_000)).open()
    sending = await busy(session, name, 100)
    body = json.dumps([" " * 40_000]).encode()
    answers = await asyncio.gather(*[session.request("POST", "xhr_send", body) for _ in range(3)])
    why = "Closed: more than 100000 bytes of this client were waiting to be obeyed"
    assert (503, f"{why}\n") in answers
    await sending
    lines = await session.lines()
    while not lines[-1].startswith("c"):
        lines += await session.lines()
    assert json.loads(lines[-1][1:]) == [4100, why]
