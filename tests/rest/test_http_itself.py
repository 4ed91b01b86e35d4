"""HTTP/1.1 as it goes over the one port: keep-alive, pipelining, odd but legal requests, and changes of owner."""

import asyncio
import contextlib
import json
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from time import time

import pytest

from rest.driver import Keys, Line, listening, raw, request
from running import Running

JAVA = (
    "Connection: Upgrade, HTTP2-Settings",
    "Upgrade: h2c",
    "HTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA",
)
HEALTH = raw("GET", "/health")


def page_head(*headers: str) -> bytes:
    """Give the head of a POST to a page that takes none."""
    return "\r\n".join(["POST /health HTTP/1.1", "Host: hubbub.test", *headers, "", ""]).encode()


def publish(server: Running, channel: str, data: str = "d", *headers: str, version: str = "1.1") -> bytes:
    body = json.dumps({"name": "n", "channel": channel, "data": data}).encode()
    return request(Keys.of(server), "POST", "/events", body, *headers, version=version)


def channel(server: Running, name: str = "unknown", *headers: str, version: str = "1.1") -> bytes:
    return request(Keys.of(server), "GET", f"/channels/{name}", b"", *headers, version=version)


def upgrade(server: Running) -> bytes:
    return raw(
        "GET",
        f"/app/{server.key}?protocol=7",
        b"",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    )


async def assert_upgraded(line: Line) -> None:
    assert (await line.answer()).status == 101
    assert b"pusher:connection_established" in await line.until(b"}")


# One connection, many requests


async def test_a_connection_takes_one_request_after_another(server: Running) -> None:
    async with Line(server) as line:
        for _ in range(3):
            answer = await line.ask(publish(server, "keep-alive"))
            assert (answer.status, answer.body) == (200, b"{}")
            assert "connection" not in answer.headers
            assert (await line.ask(channel(server))).json == {"occupied": False}


async def test_a_refusal_does_not_end_the_connection(server: Running) -> None:
    async with Line(server) as line:
        for route, status in (("/nothing", 404), ("/events", 405), ("/channels/a%20b", 400), ("/channels", 200)):
            assert (await line.ask(request(Keys.of(server), "GET", route))).status == status
        assert (await line.ask(raw("GET", "/apps/1/channels"))).status == 401
        assert (await line.ask(publish(server, "a", "x" * 10241))).status == 413
        assert (await line.ask(publish(server, "a"))).status == 200


async def test_an_answer_has_a_date_a_type_and_its_length(server: Running) -> None:
    async with Line(server) as line:
        for asked in (channel(server), raw("GET", "/apps/1/events"), raw("GET", "/apps/1/channels")):
            answer = await line.ask(asked)
            assert abs(parsedate_to_datetime(answer.headers["date"]).timestamp() - time()) < 5
            assert answer.headers["date"].endswith(" GMT")
            assert int(answer.headers["content-length"]) == len(answer.body) > 0
            assert set(answer.headers) - {"allow", "x-request-id"} == {"date", "content-type", "content-length"}
            assert answer.version == "HTTP/1.1"


async def test_fifty_pipelined_requests_are_answered_in_their_order(server: Running) -> None:
    async with listening(server, "pipelined") as listener, Line(server) as line:
        parts = []
        for number in range(50):
            parts.append(publish(server, "pipelined", str(number)))
            parts.append(request(Keys.of(server), "GET", "/channels/" + "a" * (number + 1) + "%20"))
        await line.send(b"".join(parts))
        for number in range(50):
            assert (await line.answer()).body == b"{}"
            assert (await line.answer()).refusal == (400, f"Invalid channel name '{'a' * (number + 1)} '")
        assert [int((await listener.event())[2]) for _ in range(50)] == list(range(50))


async def test_pipelined_requests_that_have_to_wait_keep_their_order(server: Running) -> None:
    stranger = Keys("1", "asked-of-the-database", "x")
    async with Line(server) as line:
        await line.send(b"".join(request(stranger, "GET", "/channels") + channel(server) for _ in range(20)))
        for _ in range(20):
            assert (await line.answer()).status == 401
            assert (await line.answer()).json == {"occupied": False}


async def test_a_pipeline_may_be_longer_than_any_buffer(server: Running) -> None:
    asked = channel(server)
    async with Line(server) as line:
        sending = asyncio.ensure_future(line.send(asked * 3000))
        assert {(await line.answer()).status for _ in range(3000)} == {200}
        await sending


async def test_a_request_may_come_byte_by_byte(server: Running) -> None:
    async with listening(server, "bytewise") as listener, Line(server) as line:
        for data in ("1", "2"):
            await line.send(*(bytes([byte]) for byte in publish(server, "bytewise", data)))
            assert (await line.answer()).status == 200
            assert await listener.event() == ("bytewise", "n", data)


async def test_a_pipeline_may_be_cut_anywhere(server: Running) -> None:
    requests = publish(server, "cut", "☃" * 50) + channel(server) + publish(server, "cut")
    for size in (7, 64, 333):
        async with Line(server) as line:
            await line.send(*(requests[at : at + size] for at in range(0, len(requests), size)))
            assert [(await line.answer()).body for _ in range(3)] == [b"{}", b'{"occupied":false}', b"{}"]


async def test_an_empty_line_before_a_request_is_ignored(server: Running) -> None:
    # RFC 9112, 2.2: a server "SHOULD ignore at least one empty line (CRLF) received prior to the request-line".
    async with Line(server) as line:
        assert (await line.ask(b"\r\n" + channel(server))).status == 200
        assert (await line.ask(b"\r\n" + channel(server))).status == 200
        assert (await line.ask(channel(server) + b"\r\n")).status == 200
        assert (await line.ask(channel(server))).status == 200


async def test_a_connection_closes_when_asked_to(server: Running) -> None:
    async with Line(server) as line:
        answer = await line.ask(channel(server, "x", "Connection: close") + channel(server))
        assert (answer.status, answer.headers["connection"]) == (200, "close")
        assert await line.rest() == b""


async def test_http_1_0_closes_after_one_answer(server: Running) -> None:
    async with Line(server) as line:
        answer = await line.ask(publish(server, "old", version="1.0"))
        assert (answer.status, answer.headers["connection"]) == (200, "close")
        assert await line.rest() == b""


async def test_http_1_0_may_ask_to_go_on(server: Running) -> None:
    async with Line(server) as line:
        for _ in range(2):
            answer = await line.ask(publish(server, "old", "d", "Connection: keep-alive", version="1.0"))
            assert (answer.status, answer.headers["connection"]) == (200, "keep-alive")


async def test_a_client_that_ends_its_side_still_gets_its_answer(server: Running) -> None:
    async with Line(server) as line:
        await line.send(channel(server) + publish(server, "half"))
        line.end()
        assert (await line.answer()).status == 200
        assert (await line.answer()).status == 200
        assert await line.rest() == b""


async def test_a_client_that_ends_its_side_still_gets_an_answer_that_had_to_wait(server: Running) -> None:
    async with Line(server) as line:
        await line.send(request(Keys("1", "half-asked", "x"), "GET", "/channels"))
        line.end()
        assert (await line.answer()).status == 401
        assert await line.rest() == b""


async def test_an_idle_connection_is_closed_in_silence() -> None:
    with Running(keep_alive_timeout=1, head_timeout=1) as server:
        async with Line(server) as api, Line(server) as site:
            assert (await api.ask(channel(server))).status == 200
            assert (await site.ask(HEALTH)).status == 200
            assert list(await asyncio.gather(api.rest(), site.rest())) == [b"", b""]


# Odd but legal


async def test_head_gets_the_head_alone(server: Running) -> None:
    async with Line(server) as line:
        await line.send(raw("HEAD", "/apps/1/channels"))
        answer = await line.answer(to="HEAD")
        assert answer.body == b""
        assert int(answer.headers["content-length"]) > 0
        assert (await line.ask(channel(server))).json == {"occupied": False}


async def test_a_client_that_waits_for_continue_is_told_to(server: Running) -> None:
    sent = publish(server, "continue", "d", "Expect: 100-continue")
    head, _, body = sent.partition(b"\r\n\r\n")
    async with listening(server, "continue") as listener, Line(server) as line:
        for _ in range(2):
            assert (await line.ask(head + b"\r\n\r\n")).status == 100
            assert (await line.ask(body)).body == b"{}"
            assert await listener.event() == ("continue", "n", "d")


async def test_a_client_that_does_not_wait_for_continue_gets_its_answer_too(server: Running) -> None:
    async with Line(server) as line:
        await line.send(publish(server, "continue", "d", "Expect: 100-continue"))
        answer = await line.answer()
        if answer.status == 100:
            answer = await line.answer()
        assert answer.body == b"{}"


@pytest.mark.parametrize("size", [1, 10, 4096])
async def test_a_body_may_come_in_chunks(server: Running, size: int) -> None:
    sent = publish(server, "chunked", "☃" * 100, "Transfer-Encoding: chunked")
    head, _, body = sent.partition(b"\r\n\r\n")
    head = b"\r\n".join(line for line in head.split(b"\r\n") if not line.startswith(b"Content-Length"))
    chunks = [body[at : at + size] for at in range(0, len(body), size)]
    coded = b"".join(b"%X;note=%d\r\n%s\r\n" % (len(part), at, part) for at, part in enumerate(chunks))
    async with listening(server, "chunked") as listener, Line(server) as line:
        await line.send(head + b"\r\n\r\n" + coded + b"0\r\nTrailer: yes\r\n\r\n" + channel(server))
        assert (await line.answer()).body == b"{}"
        assert (await line.answer()).json == {"occupied": False}
        assert await listener.event() == ("chunked", "n", "☃" * 100)


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_an_offer_to_speak_http_2_is_ignored(server: Running, method: str) -> None:
    asked = publish(server, "java", "d", *JAVA) if method == "POST" else channel(server, "unknown", *JAVA)
    body = b"{}" if method == "POST" else b'{"occupied":false}'
    async with listening(server, "java") as listener, Line(server) as line:
        for _ in range(2):
            answer = await line.ask(asked)
            assert (answer.status, answer.body) == (200, body)
        await line.send(asked + channel(server) + asked)
        assert [(await line.answer()).body for _ in range(3)] == [body, b'{"occupied":false}', body]
        await line.send(*(bytes([byte]) for byte in asked + asked))
        assert [(await line.answer()).body for _ in range(2)] == [body, body]
        heard = [await listener.event() for _ in range(6 if method == "POST" else 0)]
        assert all(event == ("java", "n", "d") for event in heard)


async def test_an_offer_to_speak_http_2_is_ignored_elsewhere_too(server: Running) -> None:
    async with Line(server) as line:
        assert (await line.ask(raw("GET", "/health", b"", *JAVA))).status == 200
        assert (await line.ask(channel(server))).status == 200


async def test_an_offer_to_speak_http_2_takes_no_body_from_the_json_api(server: Running) -> None:
    async with Line(server) as line:
        for offer in ((), JAVA):
            answer = await line.ask(raw("POST", "/api/session", b"{", *offer))
            assert (answer.status, "JSON cannot be read" in answer.text) == (400, True)
            assert (await line.ask(raw("POST", "/api/session", b'{"token":"x"}', *offer))).status == 401
            assert (await line.ask(channel(server))).json == {"occupied": False}


async def test_an_offer_of_a_websocket_to_the_api_is_ignored(server: Running) -> None:
    async with Line(server) as line:
        asked = channel(server, "unknown", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13")
        for _ in range(2):
            assert (await line.ask(asked)).json == {"occupied": False}


@pytest.mark.parametrize("host", ["http://hubbub.test", "http://hubbub.test:4000", "HTTP://hubbub.test"])
async def test_a_target_may_be_in_absolute_form(server: Running, host: str) -> None:
    # RFC 9112, 3.2.2: "a server MUST accept the absolute-form in requests".
    async with Line(server) as line:
        answer = await line.ask(request(Keys.of(server), "GET", "/channels/unknown", host=host))
        assert (answer.status, answer.body) == (200, b'{"occupied":false}')


@pytest.mark.parametrize(
    "asked",
    [raw("OPTIONS", "*"), raw("CONNECT", "hubbub.test:443"), raw("CONNECT", "/apps/"), raw("TRACE", "/apps/1/events")],
    ids=["OPTIONS *", "CONNECT host", "CONNECT path", "TRACE"],
)
async def test_methods_of_proxies_are_refused(start_server: Callable[..., Running], asked: bytes) -> None:
    server = start_server()  # one that loops over CONNECT for ever must not fail all other tests too
    async with Line(server) as line:
        assert 400 <= (await line.ask(asked)).status < 502
    async with Line(server) as line:
        assert (await line.ask(HEALTH)).status == 200


@pytest.mark.parametrize("hosts", ["", "Host: a\r\nHost: b\r\n"], ids=["none", "two"])
async def test_a_request_names_one_host(server: Running, hosts: str) -> None:
    # RFC 9112, 3.2: "A server MUST respond with a 400 (Bad Request) status code to any HTTP/1.1 request message that
    # lacks a Host header field and to any request message that contains more than one Host header field line".
    async with Line(server) as line:
        answer = await line.ask(channel(server).replace(b"Host: hubbub.test\r\n", hosts.encode()))
        assert answer.status == 400
    async with Line(server) as line:
        answer = await line.ask(channel(server, version="1.0").replace(b"Host: hubbub.test\r\n", b""))
        assert answer.status == 200


async def test_unknown_headers_of_every_shape_are_ignored(server: Running) -> None:
    headers = ["X-Pusher-Library: pusher-http-test 1.0", "X-Empty:", "x:  spaced\t ", "X-Value: ü", "Cookie: a=b"]
    async with Line(server) as line:
        assert (await line.ask(channel(server, "unknown", *headers))).status == 200


# Changes of owner


async def test_a_connection_may_go_from_owner_to_owner(server: Running) -> None:
    async with Line(server) as line:
        for _ in range(2):
            assert (await line.ask(HEALTH)).json == {"status": "ok"}
            assert (await line.ask(channel(server))).json == {"occupied": False}
            assert (await line.ask(publish(server, "owners"))).body == b"{}"
        await line.send(upgrade(server))
        await assert_upgraded(line)


@pytest.mark.parametrize("first", ["the site", "the API", "nobody"])
async def test_a_connection_may_become_a_websocket(server: Running, first: str) -> None:
    async with Line(server) as line:
        if first != "nobody":
            assert (await line.ask(HEALTH if first == "the site" else channel(server))).status == 200
        await line.send(upgrade(server))
        await assert_upgraded(line)


async def test_a_connection_may_change_owners_byte_by_byte(server: Running) -> None:
    async with Line(server) as line:
        for asked, body in ((HEALTH, b'{"status":"ok"}'), (channel(server), b'{"occupied":false}')) * 2:
            await line.send(*(bytes([byte]) for byte in asked))
            assert (await line.answer()).body == body
        await line.send(*(bytes([byte]) for byte in upgrade(server)))
        await assert_upgraded(line)


async def test_what_is_pipelined_for_another_owner_is_not_answered_and_may_be_sent_again(server: Running) -> None:
    # RFC 9112, 9.3.2: a client "SHOULD retry unanswered requests" on a connection that closes.
    for other in (HEALTH, upgrade(server), raw("GET", "/")):
        async with Line(server) as line:
            await line.send(channel(server) + publish(server, "mixed") + other + channel(server))
            assert (await line.answer()).json == {"occupied": False}
            assert (await line.answer()).body == b"{}"
            assert await line.rest() == b""


async def test_what_is_pipelined_behind_a_page_is_not_answered_by_the_wrong_owner(server: Running) -> None:
    async with Line(server) as line:
        await line.send(HEALTH + channel(server))
        assert (await line.answer()).json == {"status": "ok"}
        answer = await line.answer_or_end()
        assert answer is None or answer.json == {"occupied": False}


async def test_what_is_pipelined_before_a_websocket_is_answered_before_it(server: Running) -> None:
    for _ in range(5):
        async with Line(server) as line:
            await line.send(HEALTH + upgrade(server))
            assert (await line.answer()).status == 200
            answer = await line.answer_or_end()
            assert answer is None or answer.status == 101


async def test_of_pipelined_pages_the_first_is_answered_and_the_others_may_be_sent_again(server: Running) -> None:
    async with Line(server) as line:
        await line.send(HEALTH * 20)
        assert (await line.answer()).json == {"status": "ok"}
        assert await line.rest() == b""


async def test_a_socket_path_fetched_as_a_page_gets_a_word_of_explanation(server: Running) -> None:
    async with Line(server) as line:
        await line.send(raw("GET", f"/app/{server.key}"))
        heard = await line.rest()
        assert heard.startswith(b"HTTP/1.1 426 ")
        assert b"\r\n\r\n" in heard


@pytest.mark.parametrize("offer", [(), JAVA, ("Connection: Upgrade", "Upgrade: foo")], ids=["none", "h2c", "unknown"])
async def test_the_late_body_of_a_page_is_never_read_as_a_request(server: Running, offer: tuple[str, ...]) -> None:
    hidden = channel(server)
    async with Line(server) as line:
        await line.send(page_head(f"Content-Length: {len(hidden)}", *offer))
        assert (await line.answer()).status == 405
        with contextlib.suppress(ConnectionError):
            await line.send(hidden)
            await line.send(HEALTH)
            answer = await line.answer_or_end()
            assert answer is None or answer.json == {"status": "ok"}


async def test_two_heads_that_are_too_large_in_one_segment_are_refused_once(server: Running) -> None:
    large = raw("GET", "/health", b"", f"X: {'x' * 17_000}")
    async with Line(server) as line:
        await line.send(large + large)
        assert (await line.answer()).status == 431
        assert await line.rest() == b""


@pytest.mark.parametrize("behind", [b"\x00\x01garbage\r\n\r\n", raw("GET", "/health", b"", f"X: {'x' * 17_000}")])
async def test_a_page_is_answered_whatever_comes_behind_it(server: Running, behind: bytes) -> None:
    async with Line(server) as line:
        await line.send(HEALTH + behind)
        assert (await line.answer()).json == {"status": "ok"}
        assert await line.rest() == b""


@pytest.mark.parametrize("trailer", [b"a: " + b"x" * 200 + b"\r\n", b"x" * 200])
async def test_endless_trailers_of_a_page_are_cut_off(server: Running, trailer: bytes) -> None:
    async with Line(server) as line:
        await line.send(page_head("Transfer-Encoding: chunked") + b"0\r\n" + b"a: ")
        assert (await line.answer()).status == 405
        with contextlib.suppress(ConnectionError):
            for _ in range(200):
                await line.send(trailer * 10)
        with contextlib.suppress(ConnectionError):
            assert b"200 OK" not in await line.rest()


async def test_an_answered_request_whose_body_never_comes_is_not_answered_again(
    start_server: Callable[..., Running],
) -> None:
    server = start_server(body_timeout=0.5, close_timeout=0.5)
    async with Line(server) as line:
        await line.send(page_head("Content-Length: 10"))
        assert (await line.answer()).status == 405
        assert await line.rest() == b""
