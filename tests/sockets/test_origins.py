"""Which pages may connect."""

import asyncio
from collections.abc import Callable

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from hubbub.session.origins import is_allowed
from running import Running
from seeded import Seeded
from sockets.client import Dial
from sockets.phoenix.client import path_of

Start = Callable[..., Running]

HOME = "https://example.com"


@pytest.mark.parametrize(
    ("allowed", "origin"),
    [
        ("", "https://anywhere.example"),
        (HOME, HOME),
        ("https://example.com/", HOME),
        (" https://other.example , https://example.com ", HOME),
        ("HTTPS://Example.COM", HOME),
        (HOME, "https://EXAMPLE.com"),
        ("example.com", HOME),
        ("example.com", "http://example.com"),
        ("example.com", "https://example.com:8443"),
        ("https://example.com:8443", "https://example.com:8443"),
        ("*.example.com", "https://www.example.com"),
        ("*.example.com", "https://a.b.example.com:1"),
        ("https://*.example.com", "https://www.example.com"),
        ("https://*.example.com:8443", "https://www.example.com:8443"),
        ("*", "https://anywhere.example:1"),
        ("*", "null"),
        ("null", "null"),
        ("localhost", "http://localhost:3000"),
        ("localhost:3000", "http://localhost:3000"),
        ("127.0.0.1", "http://127.0.0.1:3000"),
        ("[::1]", "http://[::1]:3000"),
        ("[::1]", "http://[::1]"),
        ("http://[::1]:3000", "http://[::1]:3000"),
        ("capacitor://localhost", "capacitor://localhost"),
    ],
)
def test_these_may_connect(allowed: str, origin: str) -> None:
    assert is_allowed(origin, allowed)


@pytest.mark.parametrize(
    ("allowed", "origin"),
    [
        (HOME, "http://example.com"),
        (HOME, "https://example.com:8443"),
        (HOME, "https://www.example.com"),
        (HOME, "https://example.com.evil.example"),
        (HOME, "https://evil-example.com"),
        (HOME, "https://exampleXcom"),
        (HOME, "null"),
        (HOME, ""),
        (HOME, "https://example.com@evil.example"),
        (HOME, "https://evil.example/https://example.com"),
        ("example.com", "https://evil.example:example.com"),
        ("example.com", "https://evil.example?example.com"),
        ("example.com", "https://example.com@evil.example"),
        ("*.example.com", "https://example.com"),
        ("*.example.com", "https://evil.example/.example.com"),
        ("*.example.com", "https://evil.example#.example.com"),
        ("*.example.com", "https://evil.example:1.example.com"),
        ("https://*.example.com", "https://evil.example:8443#.example.com"),
        ("https://*.example.com:8443", "https://www.example.com"),
        ("localhost:3000", "http://localhost:3001"),
        ("localhost:3000", "http://localhost"),
        (".*", HOME),
        ("[a-z]+", HOME),
        ("example.com", "https://example.com\n"),
    ],
)
def test_these_may_not(allowed: str, origin: str) -> None:
    assert not is_allowed(origin, allowed)


@pytest.mark.parametrize("allowed", ["", HOME, "nowhere"])
def test_who_tells_no_origin_is_no_browser(allowed: str) -> None:
    assert is_allowed(None, allowed)


@pytest.mark.parametrize("allowed", ["*a" * 40 + "b", "https://" + "*a*" * 40 + "b", "*.*.*.*.*.*.*.*.b"])
def test_matching_takes_no_time_whatever_the_wildcards(allowed: str) -> None:
    """It would not end, if each wildcard tried all lengths."""
    assert not is_allowed("https://" + "a" * 500, allowed)
    assert not is_allowed("a" * 512, allowed)
    assert not is_allowed("." * 512, allowed)


@given(st.text(), st.text())
def test_any_two_texts_are_compared(origin: str, allowed: str) -> None:
    assert is_allowed(origin, allowed) in (True, False)


async def test_a_page_from_elsewhere_is_told_and_closed(start_server: Start, dial: Dial) -> None:
    server = start_server(app_allowed_origins=f"{HOME}, *.example.org")
    for origin in (HOME, "https://a.example.org:8443"):
        socket = await (await dial(server, headers={"Origin": origin})).welcome()
        await socket.subscribe("news")
    await (await dial(server)).welcome()
    for origin in ("https://evil.example", "null", "x" * 2000):
        socket = await dial(server, headers={"Origin": origin})
        error = await socket.expect("pusher:error")
        text = f"Pages of origin '{origin[:512]}' may not connect to this application"
        assert error == {"code": 4009, "message": text}
        assert await socket.expect_close(4009) == text[:123]
    # The signed API has no pages: whoever holds the secret may publish.
    url, headers = f"{server.url}/apps/{server.app_id}/events", {"Origin": "https://evil.example"}
    answer = await asyncio.to_thread(requests.post, url, headers=headers, timeout=10)
    assert (answer.status_code, answer.text) == (401, "Missing parameter: auth_key\n")


async def test_by_default_any_page_may_connect(server: Running, dial: Dial) -> None:
    await (await dial(server, headers={"Origin": "https://anywhere.example"})).welcome()


async def test_pages_with_phoenix_clients_are_refused_alike() -> None:
    with Seeded() as server:
        server.command("app", "set", server.key, f"allowed_origins={HOME}")
        path = path_of(server, guardian_token=server.jwt(), unique_identifier="ada")
        poll = server.url + path.replace("/websocket", "/longpoll")
        for origin, is_let_in in ((HOME, True), ("https://evil.example", False), (None, True)):
            headers = {"Origin": origin} if origin is not None else {}
            answer = await asyncio.to_thread(requests.get, poll, headers=headers, timeout=10)
            assert answer.json()["status"] == (410 if is_let_in else 403), answer.text
            opened = connect(f"ws://{server.host}:{server.port}{path}", additional_headers=headers, proxy=None)
            if is_let_in:
                await (await opened).close()
            else:
                with pytest.raises(InvalidStatus, match="403"):
                    await opened
