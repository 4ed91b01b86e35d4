"""Requests to the ASGI application, as it gets them: with their bodies, whatever else was offered, up to a limit."""

import asyncio
import json
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any, cast

import pytest
from uvicorn.config import Config
from uvicorn.server import ServerState

from hubbub.settings import Settings
from hubbub.tally import Tally
from hubbub.transports.answers import Answers
from hubbub.transports.front import Doorman, Front
from hubbub.transports.proxies import Proxies
from hubbub.transports.services import Services
from hubbub.transports.wheel import Wheel
from rest.driver import Answer, Keys, Line, raw, request
from running import Running

LARGEST = 30_000
TOO_LARGE = (413, f"The request body exceeds the allowed maximum ({LARGEST} bytes)")

# As java.net.http.HttpClient of Java 17 writes them; the body comes in a segment of its own.
JAVA = (
    b"POST /echo HTTP/1.1\r\nConnection: Upgrade, HTTP2-Settings\r\nContent-Length: %d\r\nHost: 127.0.0.1:4000\r\n"
    b"HTTP2-Settings: AAEAAEAAAAIAAAAAAAMAAAAAAAQBAAAAAAUAAEAAAAYABgAA\r\nUpgrade: h2c\r\n"
    b"User-Agent: Java-http-client/17.0.15\r\nContent-Type: application/json\r\n\r\n"
)
JAVA_IN_CHUNKS = JAVA.replace(b"Content-Length: %d\r\n", b"").replace(
    b"Upgrade: h2c", b"Transfer-encoding: chunked\r\nUpgrade: h2c"
)
OFFER = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAEAAEAAAAIAAAAB")


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Tell what came: method, path and body. `/early` begins to answer before it has read."""
    start = {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]}
    if scope["path"] == "/early":
        await send(start)
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        body += message["body"]
        more = message["more_body"]
    told = json.dumps([scope["method"], scope["path"], body.decode()]).encode()
    start["headers"] = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(told))]
    if scope["path"] != "/early":
        await send(start)
    await send({"type": "http.response.body", "body": told})


@pytest.fixture
async def site() -> AsyncIterator[Running]:
    """Give a server that has nothing but pages."""
    loop = asyncio.get_running_loop()
    wheel = Wheel(loop)
    wheel.start()
    settings, doors = Settings.model_construct(max_body_bytes=LARGEST), SimpleNamespace(tally=Tally())
    services = Services(settings, wheel, cast("Any", doors), cast("Any", None), Proxies(""), Answers(loop.call_soon))
    config, state = Config(echo, ws="none", lifespan="off", log_config=None, access_log=False), ServerState()
    config.load()
    doorman = Doorman(services, config, state, {})
    async with await loop.create_server(lambda: Front(services, doorman, state), "127.0.0.1", 0) as listening:
        host, port = listening.sockets[0].getsockname()
        yield cast("Running", SimpleNamespace(host=host, port=port, app_id="1", key="key", secret="of nobody"))
    wheel.stop()


def chunked(body: bytes, size: int) -> bytes:
    parts = [body[at : at + size] for at in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


def echoed(answer: Answer) -> str:
    method, path, body = answer.json
    assert (answer.status, method, path) == (200, "POST", "/echo")
    return str(body)


@pytest.mark.parametrize("body", ["", "x", '{"a":1}' * 4000], ids=["no body", "a byte", "28 kB"])
async def test_a_post_of_java_s_client_comes_with_its_body(site: Running, body: str) -> None:
    content = body.encode()
    async with Line(site) as line:
        for _ in range(2):
            await line.send(JAVA % len(content))
            assert echoed(await line.ask(content)) == body
            await line.send(JAVA_IN_CHUNKS)
            assert echoed(await line.ask(chunked(content, 16_384))) == body
            assert echoed(await line.ask(JAVA % len(content) + content)) == body
            assert (await line.ask(raw("GET", "/page", b"", *OFFER))).json == ["GET", "/page", ""]


async def test_it_may_come_byte_by_byte(site: Running) -> None:
    async with Line(site) as line:
        for sent in (JAVA % 3 + b"abc", JAVA_IN_CHUNKS + b"1\r\na\r\n2;x=y\r\nbc\r\n0\r\nTrailer: yes\r\n\r\n") * 2:
            await line.send(*(bytes([byte]) for byte in sent))
            assert echoed(await line.answer()) == "abc"


@pytest.mark.parametrize(
    "offer",
    [
        ("Connection: Upgrade", "Upgrade: foo"),
        ("Connection: Upgrade", "Upgrade: TLS/1.0, HTTP/2.0"),
        ("Connection: Upgrade", "Connection: keep-alive", "Upgrade: websocket"),
        ("Connection: keep-alive, Upgrade", "Upgrade: h2c", "Upgrade: foo", "X-Empty:", "X-Other: a: b\tc"),
    ],
    ids=" ".join,
)
async def test_any_offer_but_that_of_a_websocket_is_ignored(site: Running, offer: tuple[str, ...]) -> None:
    async with Line(site) as line:
        for _ in range(2):
            assert echoed(await line.ask(raw("POST", "/echo?a=b", b"body", *offer))) == "body"


@pytest.mark.parametrize("version", ["1.0", "1.1"])
async def test_an_offer_does_not_keep_a_connection_that_is_to_be_closed(site: Running, version: str) -> None:
    offer = ("Connection: Close, Upgrade" if version == "1.1" else "Connection: Upgrade", "Upgrade: h2c")
    async with Line(site) as line:
        answer = await line.ask(raw("POST", "/echo", b"body", *offer, version=version))
        assert (echoed(answer), answer.headers["connection"]) == ("body", "close")
        assert await line.rest() == b""


async def test_a_client_that_offers_and_waits_for_continue_is_told_to(site: Running) -> None:
    async with Line(site) as line:
        for _ in range(2):
            head = raw("POST", "/echo", b"body", "Expect: 100-continue", *OFFER).removesuffix(b"body")
            assert (await line.ask(head)).status == 100
            assert echoed(await line.ask(b"body")) == "body"


@pytest.mark.parametrize("size", [0, 1, 5000])
async def test_requests_that_are_hidden_in_a_body_stay_there(site: Running, size: int) -> None:
    hidden = request(Keys.of(site), "GET", "/channels") + JAVA % 3 + b"abc" + b"x" * size
    async with Line(site) as line:
        for _ in range(2):
            assert echoed(await line.ask(JAVA % len(hidden) + hidden)).encode() == hidden
            assert echoed(await line.ask(JAVA_IN_CHUNKS + chunked(hidden, 100))).encode() == hidden


async def test_what_is_pipelined_behind_an_offer_is_not_answered(site: Running) -> None:
    for sent in (JAVA % 3 + b"abc", JAVA_IN_CHUNKS + chunked(b"abc", 2)):
        for behind in (sent, request(Keys.of(site), "GET", "/channels"), raw("GET", "/app/key", b"", *OFFER)):
            async with Line(site) as line:
                assert echoed(await line.ask(sent + behind)) == "abc"
                assert await line.rest() == b""


@pytest.mark.parametrize("offer", [(), OFFER], ids=["no offer", "an offer"])
@pytest.mark.parametrize("before", [0, 1], ids=["first", "second"])
async def test_the_largest_body_fits_and_one_byte_more_does_not(
    site: Running, before: int, offer: tuple[str, ...]
) -> None:
    in_chunks = raw("PUT", "/echo", b"", "Transfer-Encoding: chunked", *offer).replace(b"PUT", b"POST", 1)
    for size in (LARGEST, LARGEST + 1):
        for sent in (raw("POST", "/echo", b"x" * size, *offer), in_chunks + chunked(b"x" * size, 7000)):
            async with Line(site) as line:
                for _ in range(before):
                    assert echoed(await line.ask(raw("POST", "/echo", b"first"))) == "first"
                answer = await line.ask(sent)
                if size == LARGEST:
                    assert echoed(answer) == "x" * LARGEST
                else:
                    assert answer.refusal == TOO_LARGE
                    assert answer.headers["connection"] == "close"
                    assert await line.rest() == b""


async def test_a_length_that_is_too_large_is_refused_before_the_body_comes(site: Running) -> None:
    for length in (LARGEST + 1, 10**18):
        head = raw("PUT", "/echo", b"", f"Content-Length: {length}", "Expect: 100-continue", *OFFER)
        async with Line(site) as line:
            assert (await line.ask(raw("GET", "/page"))).status == 200
            assert (await line.ask(head)).refusal == TOO_LARGE
            assert await line.rest() == b""


async def test_a_tunnel_is_refused(site: Running) -> None:
    for target in ("hubbub.test:443", "/page"):
        async with Line(site) as line:
            assert (await line.ask(raw("GET", "/page"))).status == 200
            assert (await line.ask(raw("CONNECT", target))).status == 405
            assert await line.rest() == b""


async def test_an_answer_that_has_begun_is_cut_off_by_a_body_that_is_too_large(site: Running) -> None:
    head = raw("PUT", "/early", b"", "Transfer-Encoding: chunked", *OFFER)
    async with Line(site) as line:
        await line.send(head)
        assert b" 200 OK\r\n" in await line.until(b"\r\n\r\n")
        await line.send(chunked(b"x" * (LARGEST + 1), 7000))
        assert await line.rest() == b""
