"""SockJS over JSONP: each answer is a script that calls the page with one frame, and forms bring messages."""

import asyncio
import json
import re
from typing import Any
from urllib.parse import quote_plus, urlencode

import aiohttp
import pytest

from conftest import Start
from running import Running
from sockets.client import SUCCEEDED, eventually
from sockets.conftest import Publish
from sockets.fallbacks.client import Fallback, event
from sockets.fallbacks.conftest import Fall

CALLBACK = "_jp.a1b_2c3"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


async def script(session: Fallback, **headers: str) -> tuple[int, str]:
    """Ask as a script element does, which tells no origin: give status and body of the answer."""
    async with session.http.get(f"{session.url}/jsonp?c={CALLBACK}", headers=headers) as answer:
        return answer.status, (await answer.read()).decode("ascii")


async def frame(session: Fallback, **headers: str) -> str:
    """Poll once, and give what the script calls the page with."""
    status, body = await script(session, **headers)
    assert status == 200, body
    found = re.fullmatch(r'/\*\*/_jp\.a1b_2c3\((".*")\);\r\n', body)
    assert found, body
    return str(json.loads(found[1]))


async def messages(session: Fallback) -> list[Any]:
    text = await frame(session)
    assert text.startswith("a["), text
    return [json.loads(message) for message in json.loads(text[1:])]


async def submit(session: Fallback, body: bytes, **headers: str) -> tuple[int, str]:
    async with session.http.post(f"{session.url}/jsonp_send?i=a1", data=body, headers=headers or FORM) as answer:
        return answer.status, await answer.text()


async def send(session: Fallback, *frames: dict[str, Any]) -> None:
    """Bring messages as the form of SockJS does."""
    texts = json.dumps([json.dumps(frame) for frame in frames])
    assert await submit(session, urlencode({"d": texts}).encode()) == (200, "ok")


async def opened(session: Fallback) -> Fallback:
    assert await frame(session) == "o"
    await send(session, {"path": f"/app/{session.server.key}?protocol=7&client=js&version=8.6.0"})
    [welcome] = await messages(session)
    session.greet(welcome)
    return session


async def subscribe(session: Fallback, channel: str, channel_data: str | None = None) -> None:
    await send(session, session.subscription(channel, channel_data))
    [frame] = await messages(session)
    assert (frame["event"], frame["channel"]) == (SUCCEEDED, channel), frame


async def waiting(session: Fallback) -> "asyncio.Task[str]":
    """Give a poll that waits at the server for certain: of two at once the other was sent away."""
    done, [task] = await asyncio.wait(
        {asyncio.create_task(frame(session)) for _ in range(2)}, return_when=asyncio.FIRST_COMPLETED
    )
    assert [task.result() for task in done] == ['c[2010,"Another connection still open"]']
    return task


async def test_scripts_bring_what_is_said_and_forms_what_clients_say(
    server: Running, fall: Fall, publish: Publish, name: str
) -> None:
    session = await opened(fall(server, None))
    await subscribe(session, name)
    polling = await waiting(session)
    assert not polling.done()
    await asyncio.to_thread(publish, server, name, "news", "1")
    assert [json.loads(text) for text in json.loads((await polling)[1:])] == [event("news", name, "1")]


async def test_what_waits_comes_in_one_frame(server: Running, fall: Fall, publish: Publish, name: str) -> None:
    session = await opened(fall(server, None))
    await subscribe(session, name)
    for number in range(3):
        await asyncio.to_thread(publish, server, name, "news", f"{number}\n]")
    assert await messages(session) == [event("news", name, f"{number}\n]") for number in range(3)]


async def test_frames_of_other_kinds_come_alone(server: Running, fall: Fall) -> None:
    session = fall(server, None)
    assert await frame(session) == "o"
    await send(session, {"path": "/app/wrong?protocol=7"})
    [told] = await messages(session)
    assert told["data"]["code"] == 4001
    assert json.loads((await frame(session)).removeprefix("c")) == [4001, told["data"]["message"]]
    assert await submit(session, b"d=[]") == (404, "404 NOT FOUND\n")


async def test_one_answer_brings_not_much_more_than_64_kb(
    server: Running, fall: Fall, publish: Publish, name: str
) -> None:
    session = await opened(fall(server, None))
    await subscribe(session, name)
    sent = [f"{number}: " + "x" * 9_000 for number in range(30)]
    for text in sent:
        await asyncio.to_thread(publish, server, name, "news", text)
    arrived: list[str] = []
    while len(arrived) < len(sent):
        text = await frame(session)
        assert len(text) < 75_000
        arrived += [json.loads(message)["data"] for message in json.loads(text[1:])]
    assert arrived == sent


async def test_any_text_is_harmless_in_a_script(server: Running, fall: Fall, publish: Publish, name: str) -> None:
    session = await opened(fall(server, None))
    await subscribe(session, name)
    text = "</script><!-- \u2028\u2029 \"quoted\" 'single' \\ \r\n Grüße 🎉 \x7f"
    await asyncio.to_thread(publish, server, name, "news", text)
    _, body = await script(session)
    assert not re.search(r"[<\x00-\x09\x0b\x0c\x0e-\x1f\x7f-\uffff]", body)
    assert body.index("\r\n") == len(body) - 2
    argument = body.removeprefix(f"/**/{CALLBACK}(").removesuffix(");\r\n")
    assert json.loads(json.loads(json.loads(argument)[1:])[0]) == event("news", name, text)


async def test_answers_are_scripts_and_nothing_else(server: Running, http: aiohttp.ClientSession, fall: Fall) -> None:
    async with http.get(f"{fall(server, None).url}/jsonp?c={CALLBACK}") as answer:
        assert answer.headers["Content-Type"] == "application/javascript; charset=UTF-8"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cache-Control"] == "no-store, no-transform"
        assert await answer.text() == f'/**/{CALLBACK}("o");\r\n'


@pytest.mark.parametrize(
    "query",
    [
        "",
        "?c=",
        "?callback=_jp.a",
        "?c=alert",
        "?c=document.body.click",
        "?c=_jp",
        "?c=_jp.",
        "?c=a_jp.b",
        "?c=_jp.a(1)",
        "?c=_jp.a%0a",
        "?c=_jp.a%20b",
        "?c=_jp.a%2f%2f",
        "?c=_jp.%C3%BC",
        f"?c=_jp.{'a' * 125}",
    ],
)
async def test_a_callback_has_a_name_that_is_sockjs_s(
    server: Running, http: aiohttp.ClientSession, fall: Fall, query: str
) -> None:
    session = fall(server, None)
    async with http.get(f"{session.url}/jsonp{query}") as answer:
        assert (answer.status, await answer.text()) == (400, "Bad request: c must name a callback in _jp\n")
        assert answer.headers["Content-Type"].startswith("text/plain")
    assert await submit(session, b"d=[]") == (404, "404 NOT FOUND\n")  # none was opened


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"d=%5B%22%7B%5C%22event%5C%22%3A%5C%22pusher:ping%5C%22%7D%22%5D", "application/x-www-form-urlencoded"),
        (b'i=1&d=["{\\"event\\":+\\"pusher:ping\\"}"]', "Application/X-WWW-Form-Urlencoded; charset=UTF-8"),
        (b'["{\\"event\\":\\"pusher:ping\\"}"]', "text/plain;charset=UTF-8"),
    ],
)
async def test_messages_come_in_a_form_or_as_they_are(server: Running, fall: Fall, body: bytes, kind: str) -> None:
    session = await opened(fall(server, None))
    assert await submit(session, body, **{"Content-Type": kind}) == (200, "ok")
    assert await messages(session) == [{"event": "pusher:pong", "data": "{}"}]


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"", "a JSON list of messages: Input data was truncated"),
        (b"d=", "a JSON list of messages: Input data was truncated"),
        (b"x=[]", "a JSON list of messages: Input data was truncated"),
        (b"d=nonsense", "a JSON list of messages: JSON is malformed: invalid character (byte 4)"),
        (b"d={}", "a JSON list of messages: Expected `array`, got `object`"),
        (b"d=" + b"[" * 100_000, "a JSON list of messages: "),
        (b'd=["%ff"]', "a form: "),
        (b'd=["\xff"]', "a form: "),
        (b"&".join([b"d=[]"] * 65), "a form: Max number of fields exceeded"),
    ],
)
async def test_what_is_no_form_of_messages_is_refused(server: Running, fall: Fall, body: bytes, problem: str) -> None:
    session = await opened(fall(server, None))
    status, text = await submit(session, body)
    assert status == 400
    assert text.startswith(f"Bad request: expected {problem}")
    await send(session, {"event": "pusher:ping"})
    assert await messages(session) == [{"event": "pusher:pong", "data": "{}"}]


async def test_a_message_over_the_limit_closes(start_server: Start, fall: Fall) -> None:
    session = await opened(fall(start_server(max_message_bytes=1000), None))
    why = "The message exceeds the allowed maximum (1000 bytes)"
    assert await submit(session, f"d={quote_plus(json.dumps(['ü' * 501]))}".encode()) == (413, f"{why}\n")
    assert await frame(session) == f'c[1009,"{why}"]'


async def test_an_unknown_session_takes_no_messages(server: Running, fall: Fall) -> None:
    assert await submit(fall(server, None), b"d=[]") == (404, "404 NOT FOUND\n")


async def test_a_page_that_goes_away_is_gone_at_once(server: Running, fall: Fall, name: str) -> None:
    room = f"presence-{name}"
    ann, bob = await opened(fall(server, None)), await opened(fall(server, None))
    await subscribe(ann, room, '{"user_id":"ann"}')
    await subscribe(bob, room, '{"user_id":"bob"}')
    assert [frame["event"] for frame in await messages(ann)] == ["pusher_internal:member_added"]
    (await waiting(bob)).cancel()
    assert [frame["event"] for frame in await messages(ann)] == ["pusher_internal:member_removed"]
    assert await frame(bob) == 'c[1002,"Connection interrupted"]'


async def test_one_that_polls_no_more_is_gone(start_server: Start, fall: Fall) -> None:
    session = await opened(fall(start_server(poll_timeout=1, close_timeout=1), None))

    async def is_gone() -> bool:
        return await submit(session, b"d=[]") == (404, "404 NOT FOUND\n")

    await eventually(is_gone, "the session is kept")


async def test_a_poll_sees_a_sign_of_life_and_a_silent_client_is_asked(start_server: Start, fall: Fall) -> None:
    server = start_server(fallback_heartbeat=0.5, ping_after=60)
    session = await opened(fall(server, None))
    assert [await frame(session), await frame(session)] == ["h", "h"]
    session = await opened(fall(start_server(ping_after=0.5, pong_timeout=0.5), None))
    waits = asyncio.create_task(messages(session))
    assert await waits == [{"event": "pusher:ping", "data": "{}"}]


async def test_a_full_server_opens_no_session(start_server: Start, fall: Fall) -> None:
    server = start_server(max_connections=1)
    await opened(fall(server, None))
    assert await script(fall(server, None)) == (503, "Over capacity, try again later\n")


@pytest.mark.parametrize(("method", "kind"), [("POST", "jsonp"), ("GET", "jsonp_send")])
async def test_another_method_is_refused(
    server: Running, http: aiohttp.ClientSession, fall: Fall, method: str, kind: str
) -> None:
    async with http.request(method, f"{fall(server, None).url}/{kind}?c={CALLBACK}") as answer:
        assert answer.status == 405


@pytest.mark.parametrize(("method", "kind"), [("GET", "jsonp"), ("POST", "jsonp_send")])
async def test_it_is_sockjs_s_alone(
    server: Running, http: aiohttp.ClientSession, fall: Fall, method: str, kind: str
) -> None:
    async with http.request(method, f"{fall(server).url}/{kind}?c={CALLBACK}") as answer:
        assert answer.status == 404


@pytest.mark.parametrize(
    ("headers", "is_allowed"),
    [
        ({"Referer": "https://example.com/page?x=1"}, True),
        ({"Referer": "https://example.com"}, True),
        ({"Origin": "https://example.com", "Referer": "https://elsewhere.example/"}, True),
        ({"Origin": "https://elsewhere.example", "Referer": "https://example.com/"}, False),
        ({"Referer": "https://elsewhere.example/https://example.com"}, False),
        ({"Referer": "https://example.com@elsewhere.example/"}, False),
        ({"Referer": "https://example.com.elsewhere.example/"}, False),
        ({"Referer": "nonsense"}, False),
        ({}, False),
    ],
)
@pytest.mark.parametrize("kind", ["jsonp", "eventsource"])
async def test_where_the_origin_is_not_told_the_address_of_the_page_tells(
    guarded: Running, fall: Fall, kind: str, headers: dict[str, str], is_allowed: bool
) -> None:
    """Browsers ask for scripts, and for what a page cannot read, without an origin."""
    session = fall(guarded, None)
    greeting = {"path": f"/app/{guarded.key}?protocol=7"}
    if kind == "jsonp":
        assert await frame(session, **headers) == "o"
        await send(session, greeting)
        [told] = await messages(session)
    else:
        async with session.http.get(f"{session.url}/eventsource", headers=headers) as answer:
            await send(session, greeting)
            while not (line := await answer.content.readline()).startswith(b"data: a"):
                assert line
            told = json.loads(json.loads(line.removeprefix(b"data: a"))[0])
    assert told["event"] == ("pusher:connection_established" if is_allowed else "pusher:error")
    assert is_allowed or told["data"]["code"] == 4009


@pytest.fixture
def guarded(start_server: Start) -> Running:
    return start_server(app_allowed_origins="https://example.com")
