"""Which requests become a WebSocket, and what the others are told (RFC 6455, 4.2; RFC 9112, 3.2)."""

import json
from contextlib import suppress
from urllib.parse import parse_qsl

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hubbub.errors import BAD_REQUEST, METHOD, UPGRADE_REQUIRED, Reason, Refusal
from hubbub.transports.handshake import Request, declining, parameters, switching, token_of
from running import Running
from sockets.client import RawSocket, accept_of, request

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
START = "GET /app/key?protocol=7 HTTP/1.1"
GOOD = {
    "Host": "localhost",
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Key": KEY,
    "Sec-WebSocket-Version": "13",
}

many = settings(max_examples=300, deadline=None)


def head(*lines: str, start: str = START, without: str = "", **headers: str) -> bytes:
    """Write a head; `Sec_WebSocket_Version="8"` replaces a header, `without` drops one, `lines` are more of them."""
    fields = {**GOOD, **{name.replace("_", "-"): value for name, value in headers.items()}}
    fields.pop(without, None)
    return "\r\n".join([start, *map(": ".join, fields.items()), *lines, "", ""]).encode("latin-1")


def answer(data: bytes, extensions: str = "") -> list[str]:
    """Give the lines of the answer that makes it a WebSocket."""
    return switching(Request(data), extensions).decode().split("\r\n")


def reason(data: bytes) -> Reason:
    """Give why a request does not become one."""
    with pytest.raises(Refusal) as refused:
        switching(Request(data))
    return refused.value.reason


def test_the_answer_is_that_of_the_standard() -> None:
    assert answer(head()) == [
        "HTTP/1.1 101 Switching Protocols",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
        "",
        "",
    ]
    assert accept_of(KEY) == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


@pytest.mark.parametrize(
    "data",
    [
        head(Upgrade="WebSocket"),
        head(Upgrade="h2c, websocket"),
        head(Connection="keep-alive, Upgrade"),
        head(Connection="keep-alive,  UPGRADE ,x"),
        head("Connection: Upgrade", Connection="keep-alive"),
        head("upgrade: websocket", without="Upgrade"),
        head("X: é", "Y:", "Z:   z   "),
        head("Content-Length: 0 "),
        head(Sec_WebSocket_Key=f" {KEY} ", Sec_WebSocket_Version="\t13\t"),
        head(start="GET http://example.com/app/key?protocol=7 HTTP/1.1"),
        b"\r\n" + head(),
    ],
)
def test_these_are_good_offers(data: bytes) -> None:
    assert answer(data) == answer(head())


@pytest.mark.parametrize(
    ("expected", "data"),
    [
        (METHOD, head(start="POST /app/key HTTP/1.1")),
        (METHOD, head(start="HEAD /app/key HTTP/1.1")),
        (BAD_REQUEST, head(start="GET /app/key HTTP/1.0")),
        (BAD_REQUEST, head(start="GET /app/key HTTP/1.0", without="Host")),
        (BAD_REQUEST, head(start="GET /app/key HTTP/2.0")),
        (BAD_REQUEST, head(start="GET /app/key")),
        (BAD_REQUEST, head(start="GET  HTTP/1.1")),
        (BAD_REQUEST, head(start="GET /app/a b HTTP/1.1")),
        (BAD_REQUEST, head(start="GET /app/é HTTP/1.1")),
        (BAD_REQUEST, b"\r\n\r\n"),
        (BAD_REQUEST, b"GET /app/key HTTP/1.1\r\n\r\n"),
        (BAD_REQUEST, head(without="Host")),
        (BAD_REQUEST, head("Host: other")),
        (BAD_REQUEST, head(Host="one, two")),
        (BAD_REQUEST, head("no colon")),
        (BAD_REQUEST, head(" folded: line")),
        (BAD_REQUEST, head("A : space before the colon")),
        (BAD_REQUEST, head("A: \0")),
        (BAD_REQUEST, head("A: b\nC: d")),
        (BAD_REQUEST, head("Transfer-Encoding: chunked")),
        (BAD_REQUEST, head("Content-Length: 5")),
        (BAD_REQUEST, head("Content-Length: x")),
        (BAD_REQUEST, head("Origin: https://a", "Origin: https://b")),
        (BAD_REQUEST, head(without="Sec-WebSocket-Key")),
        (BAD_REQUEST, head(f"Sec-WebSocket-Key: {KEY}")),
        (BAD_REQUEST, head(Sec_WebSocket_Key="too short")),
        (BAD_REQUEST, head(Sec_WebSocket_Key="dGhlIHNhbXBsZSBub25j")),
        (BAD_REQUEST, head(Sec_WebSocket_Key="é" * 24)),
        (BAD_REQUEST, head(Sec_WebSocket_Key="")),
        (BAD_REQUEST, head(without="Sec-WebSocket-Version")),
        (BAD_REQUEST, head(Sec_WebSocket_Protocol="")),
        (BAD_REQUEST, head(Sec_WebSocket_Protocol=",,=")),
        (BAD_REQUEST, head(Sec_WebSocket_Protocol="pusher-channels-protocol-7 x")),
        (UPGRADE_REQUIRED, head(Sec_WebSocket_Version="8")),
        (UPGRADE_REQUIRED, head(Sec_WebSocket_Version="013")),
        (UPGRADE_REQUIRED, head("Sec-WebSocket-Version: 8")),
        (UPGRADE_REQUIRED, head(without="Upgrade")),
        (UPGRADE_REQUIRED, head(Upgrade="h2c")),
        (UPGRADE_REQUIRED, head(Upgrade="websockets")),
        (UPGRADE_REQUIRED, head(without="Connection")),
        (UPGRADE_REQUIRED, head(Connection="keep-alive")),
        (UPGRADE_REQUIRED, head(Connection="")),
    ],
)
def test_these_are_not(expected: Reason, data: bytes) -> None:
    assert reason(data) == expected


def test_who_needs_another_version_is_told_which() -> None:
    lines = declining(UPGRADE_REQUIRED()).decode().split("\r\n")
    assert lines[0] == "HTTP/1.1 426 Upgrade Required"
    assert {"Upgrade: websocket", "Sec-WebSocket-Version: 13", "Connection: close"} <= set(lines)
    assert lines[-1] == "This address is for WebSocket clients, such as pusher-js\n"


def test_another_status_may_be_given_to_a_refusal() -> None:
    assert declining(BAD_REQUEST(problem="x"), 403).startswith(b"HTTP/1.1 403 Forbidden\r\n")
    assert declining(METHOD(method="PUT", allow="GET")).count(b"Allow: GET\r\n") == 1


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        ("pusher-channels-protocol-7", "pusher-channels-protocol-7"),
        ("soap, phoenix,pusher-channels-protocol-7", "phoenix"),
        (",\tphoenix ,", "phoenix"),
        ("soap", None),
        ("pusher-channels-protocol-8", None),
    ],
)
def test_the_first_subprotocol_that_is_known_is_chosen(offered: str, chosen: str | None) -> None:
    lines = answer(head(Sec_WebSocket_Protocol=offered))
    assert [line for line in lines if "Protocol:" in line] == ([f"Sec-WebSocket-Protocol: {chosen}"] if chosen else [])


def test_several_headers_of_one_name_are_one_list() -> None:
    data = head("Sec-WebSocket-Protocol: soap", "Sec-WebSocket-Protocol: phoenix")
    assert "Sec-WebSocket-Protocol: phoenix" in answer(data)
    assert Request(data).header("sec-websocket-protocol") == "soap, phoenix"


def test_extensions_are_told_when_some_were_agreed_on() -> None:
    assert "Sec-WebSocket-Extensions: a; b" in answer(head(), "a; b")


def test_a_request_tells_its_path_its_query_and_its_headers() -> None:
    read = Request(head("X-Forwarded-Proto:  https ", "Origin: https://é", start="GET /app/a%20b?c=%20?d HTTP/1.1"))
    assert (read.path, read.query) == ("/app/a%20b", "c=%20?d")
    assert read.header("x-forwarded-proto") == "https"
    assert read.header("origin") == "https://é"
    assert read.header("cookie") is None


def test_a_token_may_stand_among_the_subprotocols() -> None:
    def given(offered: str) -> str | None:
        return token_of(Request(head(Sec_WebSocket_Protocol=offered)))

    assert given("phoenix, base64url.bearer.phx.YS5iLmM") == "a.b.c"
    assert given("base64url.bearer.phx.YQ, phoenix") == "a"
    assert given("phoenix") is None
    assert given("base64url.bearer.phx.Y") is None
    assert token_of(Request(head())) is None


@many
@given(st.text(alphabet="ab=&%2+?;", max_size=30))
def test_a_query_is_read_as_the_standard_library_reads_it(query: str) -> None:
    assert parameters(query) == dict(parse_qsl(query, keep_blank_values=True))


def test_absurdly_many_parameters_are_none() -> None:
    assert len(parameters("&".join(f"a{number}=%20" for number in range(64)))) == 64
    assert parameters("&".join(f"a{number}=1" for number in range(65))) == {}


@many
@given(st.binary(max_size=300) | st.sampled_from([head(), head("A: b")]), st.integers(0, 400), st.binary(max_size=3))
def test_whatever_comes_is_read_or_refused(data: bytes, position: int, noise: bytes) -> None:
    with suppress(Refusal):
        switching(Request(data[:position] + noise + data[position + 1 :]))


async def test_the_welcome_comes_right_behind_the_answer(server: Running) -> None:
    async with RawSocket.open(server) as raw:
        await raw.send(request(server))
        assert (await raw.head()).startswith("HTTP/1.1 101 ")
        _, payload = await raw.frame()
        assert json.loads(payload)["event"] == "pusher:connection_established"


@pytest.mark.parametrize("offer", [{"Sec_WebSocket_Version": "8"}, {"Upgrade": "h2c"}])
async def test_a_refused_offer_is_told_the_version_that_is_spoken(server: Running, offer: dict[str, str]) -> None:
    async with RawSocket.open(server) as raw:
        await raw.send(request(server, **offer))
        told = await raw.head()
        assert told.startswith("HTTP/1.1 426 ")
        assert "Sec-WebSocket-Version: 13" in told.split("\r\n")
        await raw.expect_hang_up()


async def test_a_socket_may_be_asked_for_by_a_whole_address(server: Running) -> None:
    """RFC 9112, 3.2.2: a server "MUST accept" them."""
    async with RawSocket.open(server) as raw:
        await raw.upgrade(f"http://example.com/app/{server.key}?protocol=7")
        await raw.expect_event("pusher:connection_established")
