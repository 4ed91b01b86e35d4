"""pusher-js where neither a WebSocket nor a stream gets through: requests that wait, and requests that send."""

import asyncio
import json
import time

import aiohttp
import pytest

from conftest import Start
from running import Running
from sockets.client import LIMIT, Dial
from sockets.conftest import Publish
from sockets.fallbacks.client import ORIGIN, event
from sockets.fallbacks.conftest import Fall


async def test_a_request_with_very_many_messages_does_not_keep_others_waiting(
    start_server: Start, fall: Fall, connect: Dial
) -> None:
    """They are obeyed a hundred at a time. These take seconds."""
    server = start_server(max_body_bytes=2_000_000, max_backlog_bytes=100_000_000)
    session, other = await fall(server).open(), await connect(server)
    sending = asyncio.create_task(session.send(*[""] * 250_000))
    served = 0
    while not sending.done():
        await other.send("pusher:ping")
        assert (await other.receive())["event"] == "pusher:pong"
        served += 1
    await sending
    assert served > 20


async def test_a_client_given_up_is_obeyed_no_more(start_server: Start, fall: Fall, connect: Dial, name: str) -> None:
    """The rest of a request is thrown away once too much waits."""
    server = start_server(max_backlog_bytes=2_000, app_client_events_per_second=100)
    room = f"private-{name}"
    session, other = await fall(server).open(), await connect(server)
    await session.subscribe(room)
    await other.subscribe(room)
    event = {"event": "client-x", "channel": room, "data": {}}
    await session.send(*[{"event": "pusher:ping"}] * 200, event)
    assert (await session.expect_close(4100)).startswith("Closed: more than 2000 bytes")
    await other.expect_nothing()


async def test_a_session_opens_with_the_first_poll(server: Running, fall: Fall) -> None:
    session = await fall(server).open()
    assert session.socket_id


async def test_messages_are_sent_by_requests_and_answered_by_polls(server: Running, fall: Fall) -> None:
    session = await fall(server).open()
    await session.send({"event": "pusher:ping", "data": {}})
    assert await session.poll() == [{"event": "pusher:pong", "data": "{}"}]
    await session.send()
    await session.send({"event": "pusher:ping", "data": {}}, {"event": "pusher:ping", "data": {}})
    assert await session.poll() == [{"event": "pusher:pong", "data": "{}"}] * 2


async def test_a_poll_waits_for_something_to_say_and_ends_then(
    server: Running, fall: Fall, publish: Publish, name: str
) -> None:
    session = await fall(server).open()
    await session.subscribe(name)
    polling = await session.waiting()
    assert not polling.done()
    await asyncio.to_thread(publish, server, name, "news", "Grüße 🎉")
    [line] = await polling
    assert json.loads(json.loads(line[1:])[0]) == event("news", name, "Grüße 🎉")


async def test_what_comes_between_two_polls_is_kept(server: Running, fall: Fall, publish: Publish, name: str) -> None:
    session = await fall(server).open()
    await session.subscribe(name)
    for number in range(3):
        await asyncio.to_thread(publish, server, name, "news", str(number))
    assert await session.poll() == [event("news", name, str(number)) for number in range(3)]


async def test_one_answer_is_not_much_larger_than_64_kb(
    server: Running, fall: Fall, publish: Publish, name: str
) -> None:
    """What is more waits for the next one, each message whole, once and in its turn."""
    session = await fall(server).open()
    await session.subscribe(name)
    sent = [f"{number}: " + "x" * 9_000 for number in range(30)]
    for text in sent:
        await asyncio.to_thread(publish, server, name, "news", text)
    arrived: list[str] = []
    while len(arrived) < len(sent):
        status, body = await session.request("POST", "xhr")
        assert status == 200
        assert len(body) < 75_000
        arrived += [json.loads(json.loads(line[1:])[0])["data"] for line in body.splitlines()]
    assert arrived == sent


async def test_of_two_polls_at_once_one_is_sent_away(server: Running, fall: Fall, publish: Publish, name: str) -> None:
    session = await fall(server).open()
    await session.subscribe(name)
    polling = await session.waiting()
    assert await session.lines() == ['c[2010,"Another connection still open"]']
    await asyncio.to_thread(publish, server, name, "news", "1")
    assert len(await polling) == 1


async def test_a_poll_sees_a_sign_of_life(start_server: Start, fall: Fall) -> None:
    session = await fall(start_server(fallback_heartbeat=0.5)).open()
    began = time.monotonic()
    assert await session.lines() == ["h"]
    assert time.monotonic() - began >= 0.5
    assert await session.lines() == ["h"]


async def test_a_client_that_breaks_off_a_poll_is_gone(start_server: Start, fall: Fall, name: str) -> None:
    server = start_server()
    room = f"presence-{name}"
    ann, bob = await fall(server).open(), await fall(server).open()
    await ann.subscribe(room, '{"user_id":"ann"}')
    await bob.subscribe(room, '{"user_id":"bob"}')
    [added] = await ann.poll()
    assert added["event"] == "pusher_internal:member_added"
    (await bob.waiting()).cancel()
    [removed] = await ann.poll()
    assert json.loads(removed["data"]) == {"user_id": "bob"}
    assert await bob.expect_close(1002) == "Connection interrupted"
    assert await bob.request("POST", "xhr_send", b"[]") == (404, "404 NOT FOUND\n")


async def test_a_client_that_polls_no_more_is_gone(start_server: Start, fall: Fall, name: str) -> None:
    server = start_server(poll_timeout=3, ping_after=60, close_timeout=LIMIT)
    room = f"presence-{name}"
    ann, bob = await fall(server).open(), await fall(server).open()
    await ann.subscribe(room, '{"user_id":"ann"}')
    await bob.subscribe(room, '{"user_id":"bob"}')
    assert [frame["event"] for frame in await ann.poll()] == ["pusher_internal:member_added"]
    assert [frame["event"] for frame in await ann.poll()] == ["pusher_internal:member_removed"]
    assert await bob.expect_close(4202) == "Closed after inactivity"


async def test_a_client_for_whom_too_much_waits_is_closed(
    start_server: Start, fall: Fall, publish: Publish, name: str
) -> None:
    server = start_server(max_backlog_bytes=50_000)
    session = await fall(server).open()
    await session.subscribe(name)
    for _ in range(10):
        await asyncio.to_thread(publish, server, name, "news", "x" * 9_000)
    assert await session.expect_close(4100) == "Closed: more than 50000 bytes were waiting to be read by this client"


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"", "Input data was truncated"),
        (b"[nonsense]", "JSON is malformed: invalid character (byte 5)"),
        (b'["half', "Input data was truncated"),
        (b'{"event":"pusher:ping"}', "Expected `array`, got `object`"),
        (b'[{"event":"pusher:ping"}]', "Expected `str`, got `object` - at `$[0]`"),
        (b'["\xff"]', None),
        (b'["\\ud800"]', None),
        (b"[" * 100_000, None),
    ],
)
async def test_what_is_no_list_of_messages_is_refused(
    server: Running, fall: Fall, body: bytes, problem: str | None
) -> None:
    session = await fall(server).open()
    status, text = await session.request("POST", "xhr_send", body)
    assert status == 400
    beginning = "Bad request: expected a JSON list of messages: "
    assert text.startswith(beginning)
    assert problem is None or text == f"{beginning}{problem}\n"
    await session.send({"event": "pusher:ping", "data": {}})
    assert await session.poll() == [{"event": "pusher:pong", "data": "{}"}]


async def test_a_message_that_is_no_json_is_told_as_over_a_websocket(server: Running, fall: Fall) -> None:
    session = await fall(server).open()
    await session.send("nonsense")
    [frame] = await session.poll()
    assert frame == {"event": "pusher:error", "data": {"code": None, "message": "Received invalid JSON"}}


async def test_a_message_over_the_limit_closes_as_over_a_websocket(start_server: Start, fall: Fall) -> None:
    session = await fall(start_server(max_message_bytes=1000)).open()
    why = "The message exceeds the allowed maximum (1000 bytes)"
    assert await session.request("POST", "xhr_send", json.dumps(["ü" * 501]).encode()) == (413, f"{why}\n")
    assert await session.expect_close(1009) == why


async def test_a_body_over_the_limit_is_refused(start_server: Start, http: aiohttp.ClientSession, fall: Fall) -> None:
    session = await fall(start_server(max_body_bytes=1000)).open()
    async with http.post(f"{session.url}/xhr_send", data=b"x" * 1001) as answer:
        assert answer.status == 413


async def test_an_unknown_session_takes_no_messages(server: Running, fall: Fall) -> None:
    assert await fall(server).request("POST", "xhr_send", b"[]") == (404, "404 NOT FOUND\n")


async def test_another_application_s_session_of_the_same_name_is_another(server: Running, fall: Fall) -> None:
    session, other = await fall(server).open(), fall(server, "other")
    other.url = session.url.replace(f"/{server.key}/", "/other/")
    assert await other.request("POST", "xhr_send", b"[]") == (404, "404 NOT FOUND\n")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/pusher/app/KEY/1/abc/jsonp", 404),
        ("/pusher/app/KEY/1/abc/nonsense", 404),
        ("/pusher/app/KEY/1/a.c/xhr", 404),
        ("/pusher/app/KEY/a.c/1/xhr", 404),
        ("/pusher/app/KEY/1//xhr", 404),
        ("/pusher/app//1/abc/xhr", 404),
        (f"/pusher/app/KEY/1/{'x' * 65}/xhr", 404),
        ("/pusher/1/abc/htmlfile", 404),
        ("/pusher/1/a%0ac/xhr", 404),
        ("/pusher/iframe.html", 404),
    ],
)
async def test_there_are_no_other_paths(server: Running, http: aiohttp.ClientSession, path: str, status: int) -> None:
    async with http.post(f"{server.url}{path.replace('KEY', server.key)}") as answer:
        assert answer.status == status


@pytest.mark.parametrize(
    ("kind", "method"), [("xhr", "GET"), ("xhr_streaming", "GET"), ("xhr_send", "PUT"), ("eventsource", "POST")]
)
async def test_another_method_is_refused(
    server: Running, http: aiohttp.ClientSession, fall: Fall, kind: str, method: str
) -> None:
    async with http.request(method, f"{fall(server).url}/{kind}") as answer:
        assert answer.status == 405
        assert answer.headers["Allow"] == ("GET, OPTIONS" if kind == "eventsource" else "POST, OPTIONS")


@pytest.mark.parametrize("kind", ["xhr", "xhr_streaming", "xhr_send"])
async def test_a_page_of_any_origin_may_ask(
    server: Running, http: aiohttp.ClientSession, fall: Fall, kind: str
) -> None:
    asked = {
        "Origin": ORIGIN,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type",
    }
    async with http.options(f"{fall(server).url}/{kind}?t=1&n=1", headers=asked) as answer:
        assert answer.status == 204
        assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
        assert answer.headers["Access-Control-Allow-Credentials"] == "true"
        assert answer.headers["Access-Control-Allow-Methods"] == "POST, OPTIONS"
        assert answer.headers["Access-Control-Allow-Headers"] == "content-type"
        assert answer.headers["Vary"] == "Origin"


async def test_answers_are_neither_stored_nor_held_back_on_the_way(
    server: Running, http: aiohttp.ClientSession, fall: Fall
) -> None:
    async with http.post(f"{fall(server).url}/xhr") as answer:
        assert answer.headers["Content-Type"] == "application/javascript; charset=UTF-8"
        assert answer.headers["Cache-Control"] == "no-store, no-transform"
        assert answer.headers["X-Accel-Buffering"] == "no"
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
