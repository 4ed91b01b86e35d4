"""The publish that is read in one go: only what a parser would read alike, and nobody could read in another way."""

from types import ModuleType
from typing import NamedTuple

import httptools
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from native.twins import COMPILED, needs_compiled, twins

MOST_HEAD, MOST_BODY = 16_384, 100_000
many = settings(max_examples=1500, suppress_health_check=list(HealthCheck), deadline=None)

TARGET = b"/apps/1/events?auth_key=k&auth_timestamp=1&auth_version=1.0&body_md5=x&auth_signature=y"
BODY = b'{"name":"n"}'


def post(*headers: bytes, target: bytes = TARGET, body: bytes = BODY, first: bytes = b"") -> bytes:
    """Write a request as libraries do, with headers of one's own in place of the length."""
    given = headers or (b"Content-Length: %d" % len(body),)
    return b"\r\n".join([first or b"POST %s HTTP/1.1" % target, b"Host: a", *given, b"", b""]) + body


class Message(NamedTuple):
    method: bytes
    version: str
    target: bytes
    body: bytes
    headers: list[tuple[bytes, bytes]]
    keeps_alive: bool
    upgrades: bool


class Reading:
    """What httptools finds in some bytes, if nothing is wrong with them."""

    def __init__(self, data: bytes) -> None:
        self.messages: list[Message] = []
        self.begun = 0
        self._parser = httptools.HttpRequestParser(self)
        self.on_message_begin()
        self.begun = 0
        self._parser.feed_data(data)

    def on_message_begin(self) -> None:
        self.begun += 1
        self._target = self._body = b""
        self._headers: list[tuple[bytes, bytes]] = []

    def on_url(self, part: bytes) -> None:
        self._target += part

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name, value))

    def on_body(self, part: bytes) -> None:
        self._body += part

    def on_message_complete(self) -> None:
        parser = self._parser
        self.messages.append(
            Message(
                parser.get_method(),
                parser.get_http_version(),
                self._target,
                self._body,
                self._headers,
                parser.should_keep_alive(),
                parser.should_upgrade(),
            )
        )


def check(data: bytes) -> bool:
    """Compare with the parser, and with RFC 9112; tell whether the bytes were read in one go."""
    assert COMPILED is not None
    read = COMPILED.plain_post(data, MOST_HEAD, MOST_BODY)
    if read is None:
        return False
    target, body = read
    reading = Reading(data)
    assert reading.begun == len(reading.messages) == 1
    message = reading.messages[0]
    assert message[:4] == (b"POST", "1.1", target, body)
    assert message.keeps_alive
    assert not message.upgrades
    assert target.startswith(b"/apps/")
    # RFC 9112, 2.2, 5, 6: line ends are CRLF, lines begin with a name right before its colon, one length says how long
    # the body is, and nothing else has a say in that; one Host. So nobody can find another end, or another request.
    head, end, rest = data.partition(b"\r\n\r\n")
    assert (end, rest) == (b"\r\n\r\n", body)
    assert not set(head.replace(b"\r\n", b"")) & {*range(0x20), *range(0x7F, 0x100)}
    first, *lines = head.split(b"\r\n")
    assert first == b"POST %s HTTP/1.1" % target
    assert not set(target) & set(b' "#<>\\^`{|}')
    names = [line.partition(b":")[0].lower() for line in lines]
    assert all(name and not set(name) & set(b' "(),/;<=>?@[\\]{}') for name in names)
    assert names.count(b"content-length") == names.count(b"host") == 1
    assert not {b"transfer-encoding", b"upgrade", b"expect", b"te", b"trailer"} & set(names)
    length = next(value for name, value in message.headers if name.lower() == b"content-length").strip()
    assert length.isdigit()
    assert int(length) == len(body)
    assert all(
        value.strip().lower() == b"keep-alive" for name, value in message.headers if name.lower() == b"connection"
    )
    return True


# By name

PLAIN = {
    "as libraries send it": post(),
    "no body": post(body=b""),
    "keep-alive": post(b"Content-Length: 12", b"Connection: keep-alive"),
    "Keep-Alive": post(b"Content-Length: 12", b"CONNECTION:Keep-Alive "),
    "no space": post(b"Content-Length:12"),
    "spaces": post(b"Content-Length:   12  "),
    "leading zeros": post(b"Content-Length: 000000012"),
    "lower case": post(b"content-length: 12", b"x-a:"),
    "every letter of a name": post(b"Content-Length: 12", b"!#$%&'*+-.^_`|~09azAZ: x"),
    "a body that looks like a request": post(body=post()),
    "an empty query": post(target=b"/apps/1/events?"),
    "nothing behind the prefix": post(target=b"/apps/"),
}

OTHER = {
    "nothing": b"",
    "a part": post()[:-1],
    "more": post() + b"x",
    "an empty line behind": post() + b"\r\n",
    "an empty line before": b"\r\n" + post(),
    "two": post() + post(),
    "lower case method": post(first=b"post %s HTTP/1.1" % TARGET),
    "GET": post(first=b"GET %s HTTP/1.1" % TARGET),
    "HTTP/1.0": post(first=b"POST %s HTTP/1.0" % TARGET),
    "HTTP/2.0": post(first=b"POST %s HTTP/2.0" % TARGET),
    "HTTP/0.9": post(first=b"POST %s" % TARGET),
    "http/1.1": post(first=b"POST %s http/1.1" % TARGET),
    "two spaces": post(first=b"POST %s  HTTP/1.1" % TARGET),
    "tab": post(first=b"POST %s\tHTTP/1.1" % TARGET),
    "space behind": post(first=b"POST %s HTTP/1.1 " % TARGET),
    "absolute": post(target=b"http://a" + TARGET),
    "fragment": post(target=TARGET + b"#x"),
    "obs-text in the target": post(target=TARGET + b"\xff"),
    "another path": post(target=b"/app/1"),
    "no length": post(b"X: 1"),
    "length twice": post(b"Content-Length: 12", b"Content-Length: 12"),
    "two lengths": post(b"Content-Length: 12", b"Content-Length: 0"),
    "a list of lengths": post(b"Content-Length: 12, 12"),
    "empty length": post(b"Content-Length:"),
    "+": post(b"Content-Length: +12"),
    "-": post(b"Content-Length: -12"),
    "hex": post(b"Content-Length: 0xc"),
    "underscore": post(b"Content-Length: 1_2"),
    "decimal": post(b"Content-Length: 12.0"),
    "a space within": post(b"Content-Length: 1 2"),
    "huge": post(b"Content-Length: 99999999999999999999999999999999"),
    "over 64 bits": post(b"Content-Length: 18446744073709551628"),
    "over 32 bits": post(b"Content-Length: 4294967308"),
    "more than there is": post(b"Content-Length: 13"),
    "less than there is": post(b"Content-Length: 11"),
    "space before the colon": post(b"Content-Length : 12"),
    "tab before the colon": post(b"Content-Length\t: 12"),
    "space before a name": post(b"Content-Length: 12", b" X: 1"),
    "folded": post(b"Content-Length: 12", b"X: 1\r\n 2"),
    "folded by a tab": post(b"Content-Length: 12", b"X: 1\r\n\t2"),
    "tab in a value": post(b"Content-Length: 12", b"X: 1\t2"),
    "obs-text": post(b"Content-Length: 12", "X: ü".encode()),
    "NUL": post(b"Content-Length: 12", b"X: a\0b"),
    "NUL in a name": post(b"Content-Length: 12", b"X\0: a"),
    "DEL": post(b"Content-Length: 12", b"X: a\x7f"),
    "bare CR": post(b"Content-Length: 12", b"X: a\rb"),
    "bare LF": post(b"Content-Length: 12", b"X: a\nb"),
    "lines end in LF": post().replace(b"\r\n", b"\n"),
    "lines end in CR": post().replace(b"\r\n", b"\r"),
    "the head ends in LF": post(b"Content-Length: 12\r\n\n"),
    "no colon": post(b"Content-Length: 12", b"X"),
    "no name": post(b"Content-Length: 12", b": x"),
    "a name of 33 letters": post(b"Content-Length: 12", b"x" * 33 + b": x"),
    "no host": post().replace(b"Host: a\r\n", b""),
    "two hosts": post(b"Content-Length: 12", b"host: b"),
    "chunked": post(b"Transfer-Encoding: chunked", body=b"0\r\n\r\n"),
    "chunked and a length": post(b"Content-Length: 12", b"Transfer-Encoding: chunked"),
    "CHUNKED": post(b"Content-Length: 12", b"TRANSFER-ENCODING:CHUNKED"),
    "identity": post(b"Content-Length: 12", b"Transfer-Encoding: identity"),
    "empty coding": post(b"Content-Length: 12", b"Transfer-Encoding:"),
    "xchunked": post(b"Content-Length: 12", b"Transfer-Encoding: xchunked"),
    "close": post(b"Content-Length: 12", b"Connection: close"),
    "keep-alive and close": post(b"Content-Length: 12", b"Connection: keep-alive, close"),
    "close and keep-alive": post(b"Content-Length: 12", b"Connection: keep-alive", b"Connection: close"),
    "upgrade": post(b"Content-Length: 12", b"Connection: upgrade", b"Upgrade: h2c"),
    "upgrade alone": post(b"Content-Length: 12", b"Upgrade: h2c"),
    "empty connection": post(b"Content-Length: 12", b"Connection:"),
    "proxy-connection": post(b"Content-Length: 12", b"Proxy-Connection: close"),
    "expect": post(b"Content-Length: 12", b"Expect: 100-continue"),
    "trailer": post(b"Content-Length: 12", b"Trailer: x"),
    "te": post(b"Content-Length: 12", b"TE: trailers"),
    "a head that is too large": post(b"Content-Length: 12", *[b"X: " + b"x" * 1000] * 17),
    "a body that is too large": post(body=b"x" * (MOST_BODY + 1)),
}


@needs_compiled
@pytest.mark.parametrize("data", PLAIN.values(), ids=PLAIN)
def test_what_is_plain_is_read(data: bytes) -> None:
    assert check(data)


@twins
@pytest.mark.parametrize("data", OTHER.values(), ids=OTHER)
def test_what_is_not_is_left_to_the_parser(native: ModuleType, data: bytes) -> None:
    assert native.plain_post(data, MOST_HEAD, MOST_BODY) is None


@needs_compiled
def test_every_cut_is_left_to_the_parser() -> None:
    assert COMPILED is not None
    data = post(b"Content-Length: 12", b"Connection: keep-alive", b"X: 1")
    assert [size for size in range(len(data) + 1) if COMPILED.plain_post(data[:size], MOST_HEAD, MOST_BODY)] == [
        len(data)
    ]


@needs_compiled
def test_limits_are_reached_and_not_passed() -> None:
    assert COMPILED is not None
    data, head = post(), len(post()) - len(BODY)
    assert COMPILED.plain_post(data, head, len(BODY)) == (TARGET, BODY)
    assert COMPILED.plain_post(data, head - 1, len(BODY)) is None
    assert COMPILED.plain_post(data, head, len(BODY) - 1) is None
    assert COMPILED.plain_post(data, -1, -1) is None


@needs_compiled
@pytest.mark.parametrize("letter", range(256))
@pytest.mark.parametrize("where", ["target", "name", "value", "length", "line", "version"])
def test_every_byte_everywhere_is_read_as_the_parser_does(letter: int, where: str) -> None:
    byte = bytes([letter])
    odd = {
        "target": post(target=b"/apps/1/" + byte + b"?a=b"),
        "name": post(b"Content-Length: 12", b"X" + byte + b"Y: z"),
        "value": post(b"Content-Length: 12", b"X: y" + byte + b"z"),
        "length": post(b"Content-Length: 12" + byte),
        "line": post(b"Content-Length: 12" + b"\r\n" + byte + b"X: y"),
        "version": post(first=b"POST %s HTTP/1.1%s" % (TARGET, byte)),
    }
    is_read = check(odd[where])
    if where == "value":
        assert is_read == (0x20 <= letter < 0x7F)


# By chance

names = st.sampled_from(
    [
        b"Content-Length",
        b"content-length",
        b"Host",
        b"Connection",
        b"Transfer-Encoding",
        b"Expect",
        b"Upgrade",
        b"TE",
        b"X-A",
        b"Content-Type",
        b"Keep-Alive",
        b"Trailer",
        b"Proxy-Connection",
        b"Content_Length",
        b"ConTent-LengtH",
    ]
)
values = st.sampled_from(
    [
        b"12",
        b"0",
        b"012",
        b"+12",
        b"12, 12",
        b"keep-alive",
        b"close",
        b"Keep-Alive",
        b"chunked",
        b"a",
        b"",
        b"h2c",
        b"100-continue",
        b"identity",
        b"12 ",
        b"\t12",
        b"99999999999",
        b"upgrade",
        b"x\xffy",
        b"a\x00b",
        b"1\r\n 2",
    ]
)
colons = st.sampled_from([b": ", b": ", b": ", b": ", b":", b":  ", b" : ", b":\t", b"", b": \t"])
ends = st.sampled_from([b"\r\n"] * 12 + [b"\n", b"\r", b"\r\r\n", b"\r\n ", b"\n\r\n"])
firsts = st.sampled_from(
    [b"POST %s HTTP/1.1" % TARGET] * 6
    + [
        b"POST /apps/%2e%2e/[x]@!?a=%zz HTTP/1.1",
        b"POST /apps/1#x HTTP/1.1",
        b"POST /apps/1 HTTP/1.0",
        b"post /apps/1 HTTP/1.1",
        b"POST http://a/apps/1 HTTP/1.1",
        b"POST /apps/ HTTP/1.1",
        b"POST  /apps/ HTTP/1.1",
    ]
)
lines = st.tuples(names, colons, values, ends).map(b"".join)


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    """Draw something like a request."""
    body = draw(st.sampled_from([b"", BODY, BODY, b"x" * 300, b"0\r\n\r\n", post()]))
    fair = [b"Host: a\r\n", b"Content-Length: %d\r\n" % len(body)]
    extra = draw(st.lists(lines, max_size=3))
    whole = draw(st.permutations([*(line for line in fair if draw(st.integers(0, 9))), *extra]))
    return (
        draw(firsts) + draw(ends) + b"".join(whole) + b"\r\n" + body + draw(st.sampled_from([b""] * 5 + [b"x", post()]))
    )


@st.composite
def mutations(draw: st.DrawFn) -> bytes:
    """Draw a good request with a few bytes changed, put in, or taken out."""
    data = bytearray(draw(st.sampled_from(list(PLAIN.values()))))
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(data)))
        part = draw(
            st.one_of(st.binary(max_size=3), st.sampled_from([b"\r\n", b"\n", b" ", b"\t", b":", b"\0", b",", b"0"]))
        )
        data[at : at + draw(st.integers(0, 3))] = part
    return bytes(data)


@needs_compiled
@many
@given(requests())
@example(post())
def test_something_like_a_request_is_read_as_the_parser_does_or_left_to_it(data: bytes) -> None:
    check(data)


@needs_compiled
@many
@given(mutations())
def test_a_request_with_a_fault_is_read_as_the_parser_does_or_left_to_it(data: bytes) -> None:
    check(data)


@needs_compiled
@settings(deadline=None)
@given(st.binary())
def test_any_bytes_are_no_crash(data: bytes) -> None:
    check(data)
    check(b"POST /apps/" + data)
    check(post(data))


# Misuse


@needs_compiled
def test_it_takes_bytes_and_two_limits() -> None:
    assert COMPILED is not None
    for wrong in (
        (),
        (b"",),
        (b"", 1),
        ("", 1, 1),
        (bytearray(b"x"), 1, 1),
        (b"", "1", 1),
        (b"", 1, None),
        (b"", 1, 1, 1),
    ):
        with pytest.raises(TypeError):
            COMPILED.plain_post(*wrong)
    with pytest.raises(OverflowError):
        COMPILED.plain_post(b"", 2**70, 1)
