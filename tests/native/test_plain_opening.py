"""The opening that is read in one go: only what the parser and the rules of all requests would take alike."""

import base64
from types import ModuleType

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hubbub.transports.handshake import Request, parameters, switching
from native.twins import COMPILED, needs_compiled, twins

many = settings(max_examples=1500, suppress_health_check=list(HealthCheck), deadline=None)
KEY = b"dGhlIHNhbXBsZSBub25jZQ=="  # RFC 6455, 1.3
FIELDS = {
    b"Host": b"a",
    b"Upgrade": b"websocket",
    b"Connection": b"Upgrade",
    b"Sec-WebSocket-Key": KEY,
    b"Sec-WebSocket-Version": b"13",
}


def opening(*more: bytes, target: bytes = b"/app/key?protocol=7", first: bytes = b"", **fields: bytes | None) -> bytes:
    """Write a request as libraries do; `fields` are other values for those it has, None to leave one out."""
    chosen = {name: fields.get(name.decode().lower().replace("-", "_"), value) for name, value in FIELDS.items()}
    lines = [b"%s: %s" % (name, value) for name, value in chosen.items() if value is not None]
    return b"\r\n".join([first or b"GET %s HTTP/1.1" % target, *lines, *more, b"", b""])


def check(head: bytes) -> bool:
    """Compare with the parser and the rules; tell whether the request was read in one go."""
    assert COMPILED is not None
    read = COMPILED.plain_opening(head)
    if read is None:
        return False
    key, query, answer, origin, forwarded_proto, forwarded_for, agent = read
    request = Request(head)
    assert answer == switching(request)
    assert request.path == f"/app/{key}"
    assert key
    assert not set(key) & set("/%+?")
    assert query == parameters(request.query)
    assert origin == request.header("origin")
    assert forwarded_proto == request.header("x-forwarded-proto")
    assert forwarded_for == request.header("x-forwarded-for")
    assert agent == request.header("user-agent")
    return True


PLAIN = {
    "as libraries send it": opening(),
    "no query": opening(target=b"/app/key"),
    "an empty query": opening(target=b"/app/key?"),
    "a query of many parts": opening(target=b"/app/key?protocol=7&client=js&&a&b=&=c&d=e=f&protocol=5&"),
    "as many parameters as are read": opening(target=b"/app/key?" + b"a=b&" * 63),
    "a browser's": opening(
        b"Origin: https://example.org",
        b"User-Agent: Mozilla/5.0 (X11; Linux x86_64)",
        b"Accept-Encoding: gzip, deflate, br, zstd",
        b'Sec-CH-UA: "Chromium";v="120"',
        b"Cookie: a=b; c=d",
        b"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits",
    ),
    "Firefox's": opening(connection=b"keep-alive, Upgrade"),
    "upper case": opening(upgrade=b"WebSocket", connection=b"UPGRADE"),
    "a proxy's": opening(b"X-Forwarded-Proto: https,http", b"X-Forwarded-For: 1.2.3.4"),
    "empty values": opening(b"Origin:", b"X-Forwarded-Proto:   ", b"X:"),
    "spaces": opening(connection=b"  Upgrade  "),
    "a host with a port": opening(host=b"[::1]:4000"),
    "another key": opening(sec_websocket_key=base64.b64encode(bytes(range(0xF0, 0x100)))),
    "a key of letters": opening(target=b"/app/a-b_c.d~e!$'()*,;:@"),
}

OTHER = {
    "nothing": b"",
    "a part": opening()[:-1],
    "more": opening() + b"x",
    "an empty line before": b"\r\n" + opening(),
    "POST": opening(first=b"POST /app/key HTTP/1.1"),
    "HTTP/1.0": opening(first=b"GET /app/key HTTP/1.0"),
    "HTTP/2.0": opening(first=b"GET /app/key HTTP/2.0"),
    "two spaces": opening(first=b"GET  /app/key HTTP/1.1"),
    "no application": opening(target=b"/app/"),
    "a longer path": opening(target=b"/app/key/x"),
    "a slash at the end": opening(target=b"/app/key/"),
    "another path": opening(target=b"/apps/key"),
    "Phoenix's path": opening(target=b"/socket/websocket"),
    "absolute": opening(target=b"http://a/app/key"),
    "an escape in the key": opening(target=b"/app/k%65y"),
    "an escape in the query": opening(target=b"/app/key?a=%20"),
    "a plus in the query": opening(target=b"/app/key?a=b+c"),
    "a fragment": opening(target=b"/app/key#x"),
    "obs-text in the target": opening(target=b"/app/key?\xff"),
    "a long key": opening(target=b"/app/" + b"k" * 513),
    "too many parameters": opening(target=b"/app/key?" + b"a=b&" * 64),
    "no host": opening(host=None),
    "an empty host": opening(host=b""),
    "two hosts": opening(b"Host: b"),
    "a list of hosts": opening(host=b"a, b"),
    "no upgrade": opening(upgrade=None),
    "another upgrade": opening(upgrade=b"h2c"),
    "two upgrades": opening(b"Upgrade: websocket"),
    "no connection": opening(connection=None),
    "close": opening(connection=b"close"),
    "upgrade and close": opening(connection=b"Upgrade, close"),
    "two connections": opening(b"Connection: close"),
    "no key": opening(sec_websocket_key=None),
    "a short key": opening(sec_websocket_key=b"dGhlIHNhbXBsZSBub25j"),
    "a long nonce": opening(sec_websocket_key=b"dGhlIHNhbXBsZSBub25jZXM="),
    "a key with a bit too many": opening(sec_websocket_key=b"dGhlIHNhbXBsZSBub25jZR=="),
    "a key of other letters": opening(sec_websocket_key=b"dGhlIHNhbXBsZSBub25j-Q=="),
    "two keys": opening(b"Sec-WebSocket-Key: " + KEY),
    "no version": opening(sec_websocket_version=None),
    "another version": opening(sec_websocket_version=b"8"),
    "two versions": opening(b"Sec-WebSocket-Version: 8"),
    "a subprotocol": opening(b"Sec-WebSocket-Protocol: pusher-channels-protocol-7"),
    "two origins": opening(b"Origin: a", b"Origin: b"),
    "a list of origins": opening(b"Origin: a, b"),
    "two schemes": opening(b"X-Forwarded-Proto: https", b"X-Forwarded-Proto: http"),
    "no body": opening(b"Content-Length: 0"),
    "a body": opening(b"Content-Length: 1"),
    "chunked": opening(b"Transfer-Encoding: chunked"),
    "expect": opening(b"Expect: 100-continue"),
    "te": opening(b"TE: trailers"),
    "space before the colon": opening(b"X : y"),
    "folded": opening(b"X: y\r\n z"),
    "tab in a value": opening(b"X: y\tz"),
    "obs-text": opening(b"X: \xff"),
    "NUL": opening(b"X: a\0b"),
    "bare LF": opening(b"X: a\nb"),
    "bare CR": opening(b"X: a\rb"),
    "lines end in LF": opening().replace(b"\r\n", b"\n"),
    "no colon": opening(b"X"),
    "no name": opening(b": x"),
    "a name of 33 letters": opening(b"x" * 33 + b": x"),
}


@needs_compiled
@pytest.mark.parametrize("head", PLAIN.values(), ids=PLAIN)
def test_what_is_plain_is_read(head: bytes) -> None:
    assert check(head)


@twins
@pytest.mark.parametrize("head", OTHER.values(), ids=OTHER)
def test_what_is_not_is_left_to_the_parser(native: ModuleType, head: bytes) -> None:
    assert native.plain_opening(head) is None


@needs_compiled
def test_every_cut_is_left_to_the_parser() -> None:
    head = opening(b"Origin: a")
    assert [size for size in range(len(head) + 1) if check(head[:size])] == [len(head)]


@needs_compiled
@pytest.mark.parametrize("where", ["key", "query", "name", "value", "host", "origin", "line", "version", "upgrade"])
def test_every_byte_everywhere_is_read_as_the_parser_does(where: str) -> None:
    for byte in (bytes([letter]) for letter in range(256)):
        odd = {
            "key": opening(target=b"/app/k" + byte + b"y?a=b"),
            "query": opening(target=b"/app/key?a" + byte + b"=" + byte + b"&c"),
            "name": opening(b"X" + byte + b"Y: z"),
            "value": opening(b"X: y" + byte + b"z"),
            "host": opening(host=b"a" + byte),
            "origin": opening(b"Origin: " + byte + b"z"),
            "line": opening(byte + b"X: y"),
            "version": opening(sec_websocket_version=b"13" + byte),
            "upgrade": opening(upgrade=byte + b"websocket"),
        }
        check(odd[where])


@needs_compiled
@many
@given(nonce=st.binary(min_size=15, max_size=17))
def test_every_nonce_is_answered_as_the_rules_say(nonce: bytes) -> None:
    assert check(opening(sec_websocket_key=base64.b64encode(nonce))) == (len(nonce) == 16)


names = st.sampled_from(
    [*FIELDS, b"Origin", b"origin", b"X-Forwarded-Proto", b"Content-Length", b"X", b"Cookie", b"TE"]
)
field_values = st.sampled_from([*FIELDS.values(), b"", b"0", b"https", b"a, b", b"keep-alive, Upgrade", b" x "])


@needs_compiled
@many
@given(fields=st.lists(st.tuples(names, field_values), max_size=4), target=st.text("ab/?&=%+.-", max_size=12))
def test_whatever_comes_is_read_as_the_parser_does(fields: list[tuple[bytes, bytes]], target: str) -> None:
    more = [b"%s: %s" % field for field in fields]
    check(opening(*more, target=b"/app/k" + target.encode()))
    check(b"\r\n".join([b"GET /app/k%s HTTP/1.1" % target.encode(), *more, b"", b""]))


@needs_compiled
def test_what_is_no_bytes_is_a_type_error() -> None:
    assert COMPILED is not None
    with pytest.raises(TypeError):
        COMPILED.plain_opening("GET /app/key HTTP/1.1\r\n\r\n")
