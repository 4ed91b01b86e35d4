"""Everything that can be wrong with what comes over HTTP, by accident or on purpose.

Each of these is answered clearly where it can be, costs the server little, and leaves everybody else unhurt: after
every test the same server must still answer. That no secret is told and no traceback printed is seen to by `Line` and
by `Running`.
"""

import asyncio
import json
import os
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from rest.driver import LIMIT, Answer, Backend, Keys, Line, listening, raw, request
from running import Running

MEGABYTE = 2**20
HEALTH = raw("GET", "/health")


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with Running(head_timeout=1, body_timeout=1, keep_alive_timeout=3, close_timeout=1) as running:
        yield running


@pytest.fixture(autouse=True)
async def _unhurt(server: Running) -> AsyncIterator[None]:
    yield
    async with Line(server) as line:
        assert (await line.ask(unknown(server))).json == {"occupied": False}
        assert (await line.ask(HEALTH)).json == {"status": "ok"}


@pytest.fixture
async def api(server: Running) -> AsyncIterator[Backend]:
    async with Backend(server) as backend:
        yield backend


def unknown(server: Running) -> bytes:
    return request(Keys.of(server), "GET", "/channels/unknown")


def memory(server: Running) -> int:
    """Give the resident bytes of the server."""
    pages = Path(f"/proc/{server.pid}/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def files(server: Running) -> int:
    """Count the files, and so the sockets, that the server has open."""
    return len(list(Path(f"/proc/{server.pid}/fd").iterdir()))


async def ends(line: Line, answer: Answer) -> None:
    """Check that an answer says what will be done, and that it is: nothing more comes."""
    assert answer.headers["connection"] == "close"
    assert await line.rest() == b""


# Bodies

DEEP = 100_000


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"not json",
        b"{'name':'n'}",
        b"{} {}",
        b'{"name":"n","channel":"c","data":"d"} x',
        b'{"name":"n","channel":"c","data":"d",}',
        b'{"name":"n","channel":"c","data":NaN}',
        b'{"name":"n","channel":"c","data":Infinity}',
        b'{"name":"n","channel":"c","data":01}',
        b'{"name":"n","channel":"c","data":"d\n"}',
        b'{"name":"n","channel":"c","data":"\\x"}',
        b'{"name":"n","channel":"c","data":"\\ud800"}',
        b'{"name":"n","channel":"c","data":"\\udc00\\ud800"}',
        b'{"name":"\\ud800","channel":"c","data":"d"}',
        b'{"name":"n","channel":"\\ud800","data":"d"}',
        b'{"name":"n","channel":"c","data":["\\ud800"]}',
        b'{"name":"n","channel":"c","data":{"\\ud800":1}}',
        b'{"name":"n","channel":"c","data":"\xff"}',
        b'{"name":"n","channel":"c","data":["\xff"]}',
        b'{"name":"n","channel":"c","data":"\xed\xa0\x80"}',
        b'{"name":"n","channel":"c","data":"\xc0\x80"}',
        b'{"name":"\xc3","channel":"c","data":"d"}',
        b"\xff\xfe{\x00}\x00",
        b"\xef\xbb\xbf{}",
        b"\x00",
        b" ",
        b"[" * DEEP,
        b"[" * DEEP + b"]" * DEEP,
        b'{"a":' * 50_000,
        b'{"name":"n","channel":"c","data":' + b"[" * DEEP + b"]" * DEEP + b"}",
        b'{"name":"n","channel":"c","data":' + b'{"a":' * 20_000 + b"1" + b"}" * 20_000 + b"}",
        b'{"name":"n","channels":' + b"[" * DEEP + b"]" * DEEP + b',"data":"d"}',
        b'{"name":"n","channel":"c","data":"d","x":' + b"[" * DEEP + b"]" * DEEP + b"}",
        b'{"name":"n","channel":"c","data":1e999999}',
        b'{"name":"n","channel":"c","data":-1e999999}',
        b'{"name":' + b"9" * 5_000 + b"}",
        b'{"name":"n","channel":"c","data":"d","socket_id":1e400}',
    ],
    ids=lambda body: f"{len(body)} {body[:48]!r}",
)
async def test_a_body_that_cannot_be_read_is_refused(api: Backend, body: bytes) -> None:
    for route in ("/events", "/batch_events"):
        status, text = (await api.post(route, body)).refusal
        assert status == 400
        assert len(text) < 300


@pytest.mark.parametrize("digits", [20, 309, 4300, 4301, 10_240, 10_241, 300_000])
@pytest.mark.parametrize("sign", [b"", b"-", b"0.", b"1e-"])
async def test_a_number_of_any_length_is_taken_or_refused(api: Backend, digits: int, sign: bytes) -> None:
    answer = await api.post("/events", b'{"name":"n","channel":"c","data":' + sign + b"9" * digits + b"}")
    assert answer.status in ((200, 400) if digits + len(sign) <= 10_240 else (400, 413))


async def test_a_body_in_utf_16_is_refused(api: Backend) -> None:
    body = json.dumps({"name": "n", "channel": "c", "data": "d"}).encode("utf-16")
    assert (await api.post("/events", body)).status == 400


@pytest.mark.parametrize(
    "hostile", ["{}", "{0}", "{0.__class__}", "{channel}", "%s", "\r\nX: y\r\n\r\n", "\x00", "\x1b[2J"]
)
async def test_hostile_names_are_told_back_as_they_are(api: Backend, hostile: str) -> None:
    body = {"name": "n", "channel": hostile, "data": "d"}
    assert (await api.post("/events", body)).refusal == (400, f"Invalid channel name '{hostile}'")
    body = {"name": "pusher:" + hostile, "channel": "c", "data": "d"}
    assert (await api.post("/events", body)).refusal == (
        400,
        f"Event name 'pusher:{hostile}' is reserved: names starting with pusher: are Pusher's own",
    )
    body = {"name": "n", "channel": "c", "data": "d", "socket_id": hostile}
    assert (await api.post("/events", body)).refusal == (400, f"Invalid socket id '{hostile}'")
    assert (await api.get("/channels", info=hostile)).status in (200, 400)
    assert (await api.get("/channels/unknown")).status == 200


async def test_a_line_break_in_a_path_splits_no_answer(server: Running) -> None:
    async with Line(server) as line:
        for path in ("/apps/%0d%0aX:y/events", "/apps/1/%0d%0aX:%20y", "/apps/1/channels/%0d%0aX:%20y%0d%0a%0d%0a"):
            answer = await line.ask(request(Keys.of(server), "GET", path.removeprefix("/apps/1")))
            assert 400 <= answer.status < 500
            assert "x" not in answer.headers
        assert (await line.ask(unknown(server))).status == 200


# Sizes


async def test_the_largest_body_fits_and_one_byte_more_does_not(server: Running) -> None:
    with Running(max_body_bytes=1000) as small:
        body = json.dumps({"name": "n", "channel": "c", "data": "d"}).encode()
        async with Line(small) as line:
            fits = body + b" " * (1000 - len(body))
            assert (await line.ask(request(Keys.of(small), "POST", "/events", fits))).status == 200
            answer = await line.ask(request(Keys.of(small), "POST", "/events", fits + b" "))
            assert answer.refusal == (413, "The request body exceeds the allowed maximum (1000 bytes)")
            await ends(line, answer)


ENDLESS = [
    pytest.param("Content-Length: 10000000000", b"x" * 65536, id="with its length"),
    pytest.param("Transfer-Encoding: chunked", b"10000\r\n" + b"x" * 65536 + b"\r\n", id="in chunks"),
    pytest.param("Transfer-Encoding: chunked", b"1\r\nx\r\n" * 10_000, id="in tiny chunks"),
    pytest.param("Transfer-Encoding: chunked", b"FFFFFFFFFFFFFFF\r\n" + b"x" * 65536, id="in one endless chunk"),
]


@pytest.mark.parametrize(("coding", "part"), ENDLESS)
@pytest.mark.parametrize("offer", [(), ("Connection: Upgrade", "Upgrade: h2c")], ids=["", "with an offer"])
async def test_a_body_without_end_is_refused(server: Running, offer: tuple[str, ...], coding: str, part: bytes) -> None:
    before = memory(server)
    async with Line(server) as line:
        await line.send(raw("GET", "/apps/1/events", b"", coding, *offer).replace(b"GET", b"POST", 1))
        answer = await line.flood(part, times=1000)
        assert answer.refusal == (413, "The request body exceeds the allowed maximum (327680 bytes)")
        await ends(line, answer)
    assert memory(server) - before < 16 * MEGABYTE


@pytest.mark.parametrize("offer", [(), ("Connection: Upgrade", "Upgrade: h2c")], ids=["", "with an offer"])
@pytest.mark.parametrize(("coding", "part"), ENDLESS)
@pytest.mark.parametrize("path", ["/health", "/api/session"])
async def test_a_body_without_end_ends_the_connection_elsewhere_too(
    server: Running, path: str, offer: tuple[str, ...], coding: str, part: bytes
) -> None:
    before = memory(server)
    async with Line(server) as line:
        await line.send(raw("GET", path, b"", coding, *offer).replace(b"GET", b"POST", 1))
        answer = await line.flood(part, times=1000)
        # A page that takes no body may say so before it is there.
        assert answer.status == 413 or (answer.status == 405 and path == "/health" and "Length" not in coding)
        await line.send(*[part] * 100)
        assert await line.rest() == b""
    assert memory(server) - before < 16 * MEGABYTE


@pytest.mark.parametrize("path", ["/apps/1/events", "/", "/app/app-key"])
async def test_a_request_line_of_a_megabyte_is_refused(server: Running, path: str) -> None:
    async with Line(server) as line:
        answer = await line.flood(f"GET {path}?{'x' * MEGABYTE} HTTP/1.1\r\nHost: x\r\n\r\n".encode(), times=1)
        assert answer.status in (414, 431)
        assert await line.rest() == b""


@pytest.mark.parametrize("path", ["/apps/1/events", "/", "/app/app-key"])
@pytest.mark.parametrize(
    "part",
    [b"x" * 65536, b"X-Header: value\r\n" * 4096, b"x: " + b"y" * 1000 + b"\r\n"],
    ids=["one header", "many headers", "large headers"],
)
async def test_a_head_without_end_is_refused(server: Running, path: str, part: bytes) -> None:
    before = memory(server)
    async with Line(server) as line:
        await line.send(f"GET {path} HTTP/1.1\r\nHost: x\r\nX-Endless: ".encode())
        answer = await line.flood(part, times=1000)
        assert answer.status == 431
        assert await line.rest() == b""
    assert memory(server) - before < 16 * MEGABYTE


@pytest.mark.parametrize("path", ["/apps/1/events", "/"])
async def test_a_head_that_is_too_large_but_whole_is_refused(server: Running, path: str) -> None:
    async with Line(server) as line:
        headers = "".join(f"X-{number}: {'y' * 290}\r\n" for number in range(90))
        await line.send(f"GET {path} HTTP/1.1\r\nHost: x\r\n{headers}\r\n".encode())
        answer = await line.answer()
        assert answer.refusal == (431, "The request line and headers exceed the allowed maximum (16384 bytes)")
        await ends(line, answer)


@pytest.mark.parametrize("start", [b"\r\n", b"GET http://"])
async def test_a_request_that_never_says_what_it_is_is_not_read_for_ever(server: Running, start: bytes) -> None:
    async with Line(server) as line:
        await line.send(start + (b"a" if start.startswith(b"G") else b"\r\n") * 20_000)
        answer = await line.answer()
        assert answer.status == 431
        await ends(line, answer)


@pytest.mark.parametrize("part", [b"y" * 65536, b"X-Trailer: value\r\n" * 4096], ids=["one trailer", "many trailers"])
async def test_trailers_without_end_are_refused(server: Running, part: bytes) -> None:
    before = memory(server)
    async with Line(server) as line:
        await line.send(b"POST /apps/1/events HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: ")
        answer = await line.flood(part, times=1000)
        assert answer.status in (408, 413, 431)
        assert await line.rest() == b""
    assert memory(server) - before < 16 * MEGABYTE


async def test_a_chunk_extension_without_end_costs_no_memory(server: Running) -> None:
    before = memory(server)
    async with Line(server) as line:
        await line.send(b"POST /apps/1/events HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1;")
        answer = await line.flood(b"y" * 65536, times=200)
        assert answer.status in (400, 408, 413, 431)
    assert memory(server) - before < 16 * MEGABYTE


# Time


DRIPS = {
    "a method": (b"", b"G"),
    "a path of the API": (b"POST /apps/1/events", b"x"),
    "a header to the API": (b"POST /apps/1/events HTTP/1.1\r\nHost: x\r\n", b"x"),
    "a header to the site": (b"GET / HTTP/1.1\r\nHost: x\r\n", b"x"),
    "a header of an upgrade": (b"GET /app/app-key HTTP/1.1\r\nHost: x\r\n", b"x"),
    "a body": (b"POST /apps/1/events HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n", b"x"),
    "a chunked body": (
        b"POST /apps/1/events HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"
    ),
}  # fmt: skip
"""What comes at once, and what then comes by and by. All are waited for side by side."""


@pytest.mark.parametrize("after", [b"", HEALTH], ids=["at first", "after a request"])
async def test_what_drips_is_cut_off(server: Running, after: bytes) -> None:
    async def is_cut_off(first: bytes, part: bytes) -> None:
        async with Line(server) as line:
            if after:
                assert (await line.ask(after)).status == 200
            if first:
                await line.send(first)
            began = time.monotonic()
            answer = await line.flood(part, times=100, pause=0.2)
            assert answer.refusal == (408, "The request did not arrive within 1 seconds")
            assert time.monotonic() - began < 15  # the drip would go on for 20
            assert answer.headers["connection"] == "close"
            assert await line.rest() == b""

    outcomes = await asyncio.gather(*(is_cut_off(*drip) for drip in DRIPS.values()), return_exceptions=True)
    assert dict(zip(DRIPS, outcomes, strict=True)) == dict.fromkeys(DRIPS)


async def test_connections_that_say_nothing_are_closed_in_silence(server: Running) -> None:
    async with Line(server) as one, Line(server) as other:
        assert list(await asyncio.gather(one.rest(), other.rest())) == [b"", b""]


@pytest.mark.parametrize(
    "begun",
    [
        b"",
        b"P",
        b"POST /apps/1/events HTT",
        b"POST /apps/1/events HTTP/1.1\r\nHost: x\r\nHo",
        b"POST /apps/1/events HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf",
        b"POST /apps/1/events HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhe",
        b"GET / HTTP/1.1\r\nHost: x\r\nHo",
        b"GET /app/app-key HTTP/1.1\r\nHost: x\r\nHo",
    ],
)
@pytest.mark.parametrize("way", ["ends its side", "is cut off"])
async def test_a_request_that_is_given_up_leaves_nothing_behind(server: Running, begun: bytes, way: str) -> None:
    before = files(server)
    async with Line(server) as line:
        await line.send(begun)
        if way == "ends its side":
            line.end()
        else:
            line.cut()
        await line.rest()
    await until(lambda: files(server) <= before)


async def until(happens: Callable[[], bool], limit: float = LIMIT) -> None:
    """Look again and again."""
    async with asyncio.timeout(limit):
        while not happens():  # noqa: ASYNC110 - another process: nothing tells of it
            await asyncio.sleep(0.05)


# Framing

POST = b"POST /apps/1/events HTTP/1.1\r\nHost: x\r\n"
GET = b"GET /apps/1/channels HTTP/1.1\r\nHost: x\r\n"
NEXT = b"GET /apps/1/smuggled HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", id="CL and TE"),
        pytest.param(POST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", id="TE and CL"),
        pytest.param(POST + b"Content-Length: 0\r\nContent-Length: 5\r\n\r\nhello", id="two lengths"),
        pytest.param(POST + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", id="a length twice"),
        pytest.param(POST + b"Content-Length: 5, 5\r\n\r\nhello", id="a list of lengths"),
        pytest.param(POST + b"Content-Length: +5\r\n\r\nhello", id="a plus"),
        pytest.param(POST + b"Content-Length: -5\r\n\r\nhello", id="a minus"),
        pytest.param(POST + b"Content-Length: 5x\r\n\r\nhello", id="a letter"),
        pytest.param(POST + b"Content-Length: 0x5\r\n\r\nhello", id="hexadecimal"),
        pytest.param(POST + b"Content-Length: \r\n\r\n", id="an empty length"),
        pytest.param(POST + b"Content-Length: 99999999999999999999999\r\n\r\n", id="a length beyond 64 bits"),
        pytest.param(POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", id="another coding"),
        pytest.param(POST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", id="chunked not last"),
        pytest.param(POST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", id="a space before the colon"),
        pytest.param(POST + b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n", id="a folded coding"),
        pytest.param(POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n\r\n", id="a chunk of zz"),
        pytest.param(POST + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n", id="a chunk of -1"),
        pytest.param(POST + b"Transfer-Encoding: chunked\r\n\r\n0x1\r\nx\r\n", id="a chunk of 0x1"),
        pytest.param(POST + b"Transfer-Encoding: chunked\r\n\r\n11111111111111111\r\n", id="a chunk beyond 64 bits"),
        pytest.param(POST + b"Transfer-Encoding: chunked\r\n\r\n1\r\nxx\r\n0\r\n\r\n", id="a chunk too long"),
        pytest.param(POST + b"Transfer-Encoding: chunked\r\n\r\n1\nx\n0\n\n", id="chunks with lone LF"),
        pytest.param(POST + b"Transfer-Encoding: chunked\r\n\r\n\r\n", id="a chunk without a size"),
        pytest.param(GET + b"X: a\r\n folded\r\n\r\n", id="a folded header"),
        pytest.param(GET.replace(b"\r\n", b"\n") + b"\n", id="lone LF"),
        pytest.param(GET + b"X: a\rb\r\n\r\n", id="a lone CR in a value"),
        pytest.param(GET + b"X: a\x00b\r\n\r\n", id="NUL in a value"),
        pytest.param(GET + b"X\x00: a\r\n\r\n", id="NUL in a name"),
        pytest.param(GET + b"no colon\r\n\r\n", id="a header without a colon"),
        pytest.param(GET + b": nameless\r\n\r\n", id="a header without a name"),
        pytest.param(GET + b"X(Y): a\r\n\r\n", id="a bad header name"),
        pytest.param(b"GET /apps/1/channels HTTP/9.9\r\n\r\n", id="a version to come"),
        pytest.param(b"GET /apps/1/channels HTTP/1.1 \r\n\r\n", id="a space at the end"),
        pytest.param(b"GET /apps/1/channels HTTP/x\r\n\r\n", id="no version"),
        pytest.param(b"GET /apps/1/cha nnels HTTP/1.1\r\nHost: x\r\n\r\n", id="a space in the path"),
        pytest.param(b"GET\t/apps/1/channels\tHTTP/1.1\r\n\r\n", id="tabs"),
        pytest.param(b"GET /apps/1/\x00 HTTP/1.1\r\n\r\n", id="NUL in the path"),
        pytest.param(b"BREW /apps/1/events HTTP/1.1\r\n\r\n", id="an unknown method"),
        pytest.param(b"get /apps/1/channels HTTP/1.1\r\n\r\n", id="a method in lower case"),
        pytest.param(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", id="HTTP/2"),
        pytest.param(bytes.fromhex("16030100c8010000c40303") + b"\x00" * 100, id="TLS"),
        pytest.param(b"\x00" * 100, id="zeros"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: x\r\nX: a\r\n folded\r\n\r\n", id="a folded header to the site"),
        pytest.param(
            b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
            id="both to the site",
        ),
        pytest.param(
            b"POST / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 5\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            id="both to the site, with an offer",
        ),
        pytest.param(
            b"POST / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 5\r\n"
            b"Content-Length: 0\r\n\r\nhello",
            id="two lengths to the site, with an offer",
        ),
    ],
)
async def test_a_request_of_which_two_readers_could_think_differently_ends_the_connection(
    server: Running, sent: bytes
) -> None:
    async with Line(server) as line:
        await line.send(sent + NEXT)
        answer = await line.answer()
        assert answer.status in (400, 501, 505), answer
        assert answer.headers["content-type"].startswith("text/plain")
        await ends(line, answer)


async def test_a_bad_request_behind_good_ones_does_not_take_their_answers(server: Running) -> None:
    async with Line(server) as line:
        await line.send(unknown(server) * 3 + b"GET /apps/ \x00\r\n\r\n" + unknown(server))
        for _ in range(3):
            assert (await line.answer()).json == {"occupied": False}
        answer = await line.answer()
        assert answer.status == 400
        await ends(line, answer)


async def test_a_length_that_is_too_short_publishes_nothing(server: Running, api: Backend) -> None:
    body = json.dumps({"name": "n", "channel": "smuggled", "data": "d"}).encode()
    whole = request(Keys.of(server), "POST", "/events", body)
    size = b"Content-Length: %d" % len(body)
    async with listening(server, "smuggled") as listener, Line(server) as line:
        await line.send(whole.replace(size, b"Content-Length: %d" % (len(body) - 5)))
        assert (await line.answer()).status == 401
        answer = await line.answer()  # what is left over begins no request
        assert answer.status == 400
        await ends(line, answer)
        assert await listener.events_until(api, "smuggled") == []


async def test_a_length_that_is_too_long_runs_out_of_time(server: Running) -> None:
    body = json.dumps({"name": "n", "channel": "c", "data": "d"}).encode()
    whole = request(Keys.of(server), "POST", "/events", body)
    size = b"Content-Length: %d" % len(body)
    async with Line(server) as line:
        answer = await line.ask(whole.replace(size, b"Content-Length: %d" % (len(body) + 5)))
        assert answer.refusal == (408, "The request did not arrive within 1 seconds")
        await ends(line, answer)


# Crowds


@pytest.mark.parametrize("kind", ["known", "asked of the database", "a page"])
async def test_a_client_that_never_reads_its_answers_is_not_kept_in_memory(server: Running, kind: str) -> None:
    stranger = Keys("1", "nobody-" + "x" * 500, "x")
    one = {
        "known": raw("GET", "/apps/1/channels?auth_key=app-key&auth_version=" + "x" * 200),
        "asked of the database": request(stranger, "GET", "/channels"),
        "a page": HEALTH,
    }[kind]
    before, open_before = memory(server), files(server)
    most = 64 * MEGABYTE
    with socket.socket() as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.connect((server.host, server.port))
        deaf.setblocking(False)
        sent = await pour(deaf, one * 100, most)
        assert sent < most, "the server read all of it"
        assert memory(server) - before < 32 * MEGABYTE
        await until(lambda: files(server) <= open_before)


async def pour(into: socket.socket, part: bytes, most: int) -> int:
    """Write without reading until no more is taken, for a second, or the server hangs up; give how much that was."""
    loop = asyncio.get_running_loop()
    sent = 0
    while sent < most:
        try:
            async with asyncio.timeout(1):
                await loop.sock_sendall(into, part)
        except (TimeoutError, OSError):
            break
        sent += len(part)
    return sent


async def test_a_thousand_idle_connections_hurt_nobody(server: Running) -> None:
    async with asyncio.timeout(LIMIT):
        # The database's pool opens its files when it is first asked by many.
        early = [Line(server) for _ in range(100)]
        await asyncio.gather(*(line.__aenter__() for line in early))
        await asyncio.gather(*(line.ask(unknown(server)) for line in early))
        before, open_before = memory(server), files(server) - len(early)
        await asyncio.gather(*(line.__aexit__(None, None, None) for line in early))
        lines = [Line(server) for _ in range(1000)]
        for begin in range(0, 1000, 100):
            await asyncio.gather(*(line.__aenter__() for line in lines[begin : begin + 100]))
        await asyncio.gather(*(line.ask(unknown(server)) for line in lines))
        assert memory(server) - before < 32 * MEGABYTE
        async with Line(server) as line:
            began = time.monotonic()
            assert (await line.ask(unknown(server))).status == 200
            assert time.monotonic() - began < 1
        assert await asyncio.gather(*(line.rest() for line in lines)) == [b""] * 1000
        await asyncio.gather(*(line.__aexit__(None, None, None) for line in lines))
    await until(lambda: files(server) <= open_before)


async def test_many_who_break_off_leave_nothing_behind(server: Running) -> None:
    open_before = files(server)
    for _ in range(300):
        with socket.create_connection((server.host, server.port), LIMIT) as one:
            one.sendall(request(Keys("1", "nobody", "x"), "GET", "/channels") * 3)
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    await until(lambda: files(server) <= open_before)
