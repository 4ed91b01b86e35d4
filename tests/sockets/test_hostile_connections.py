"""Connections that never become a client: garbage, half a request, too much of one, silence by the thousand."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from running import Running
from sockets.client import LIMIT, Dial, RawSocket, allow_files, request, resident_bytes
from sockets.conftest import StillServes

Start = Callable[..., Running]

MEGABYTE = 1_000_000
HEAD_TIMEOUT = 1


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    """Give a server for these alone, so that a crash is found here. It does not wait long for the head of a request."""
    with Running(head_timeout=HEAD_TIMEOUT, close_timeout=3 * LIMIT) as running:
        yield running


@pytest.mark.parametrize(
    "noise",
    [
        b"\0" * 100,
        b"\xff" * 100_000,
        b"\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET /app/x\r\n\r\n",
        b"GET /app/x HTTP/9.9\r\n\r\n",
        b"GET /app/x HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET /app/x HTTP/1.1\r\n: no name\r\n\r\n",
        b"GET /app/x HTTP/1.1\r\nA: \0\r\n\r\n",
        b"GET /app/x HTTP/1.1\r\n" + b"\xff\xfe\r\n\r\n",
        b"GET /app/\0 HTTP/1.1\r\n\r\n",
        b"GET /app/x HTTP/1.1\n\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(100),
        b"SSH-2.0-OpenSSH_9.9\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"G" * 1_000_000,
        b"GET " + b"/" * 1_000_000,
    ],
    ids=lambda noise: ascii(noise[:40]),
)
async def test_noise_is_hung_up_on(server: Running, still_serves: StillServes, noise: bytes) -> None:
    async with RawSocket.open(server) as raw:
        await raw.send(noise)
        answer = await raw.expect_hang_up()
        assert not answer or answer.startswith((b"HTTP/1.1 4", b"HTTP/1.1 5"))
        assert b"Traceback" not in answer
    await still_serves(server)


async def test_what_follows_a_refused_request_is_not_read(server: Running, still_serves: StillServes) -> None:
    async with RawSocket.open(server) as raw:
        await raw.send(b"GET /app/x HTTP/1.1\r\nno colon\r\n\r\n")
        assert (await raw.head()).startswith("HTTP/1.1 400 ")
        for _ in range(10):
            await raw.send(request(server))
        await raw.expect_hang_up()
    await still_serves(server)


@pytest.mark.parametrize(
    ("offer", "statuses"),
    [
        ({"without": "Sec-WebSocket-Key"}, [400]),
        ({"without": "Sec-WebSocket-Version"}, [400, 426]),
        ({"without": "Upgrade"}, [426]),
        ({"without": "Connection"}, [426]),
        ({"Sec_WebSocket_Version": "8"}, [400, 426]),
        ({"Sec_WebSocket_Version": "thirteen"}, [400, 426]),
        ({"Sec_WebSocket_Key": "too short"}, [400]),
        ({"Sec_WebSocket_Key": "é"}, [400]),
        ({"Upgrade": "h2c"}, [426]),
        ({"Connection": "close"}, [426]),
        ({"Connection": ""}, [426, 400]),
        ({"Sec_WebSocket_Protocol": ",,="}, [400]),
        ({"Content_Length": "5"}, [400]),
        ({"Transfer_Encoding": "chunked"}, [400]),
    ],
    ids=str,
)
async def test_a_bad_offer_is_answered_in_http(
    server: Running, still_serves: StillServes, offer: dict[str, str], statuses: list[int]
) -> None:
    async with RawSocket.open(server) as raw:
        await raw.send(request(server, **offer))
        head = await raw.head()
        assert head.startswith(tuple(f"HTTP/1.1 {status} " for status in statuses)), head
        await raw.expect_hang_up()
    await still_serves(server)


@pytest.mark.parametrize(
    "path", ["/app/\xff", "/app/\xff\xfe?protocol=7", "/app/{}?protocol=\xff", "/app/{}?\xff=\xff"]
)
async def test_bytes_that_belong_in_no_path_are_no_crash(server: Running, still_serves: StillServes, path: str) -> None:
    """Whatever is answered: a close code, an HTTP status, even a welcome."""
    async with RawSocket.open(server) as raw:
        await raw.send(request(server, path.format(server.key)))
        raw.end()
        answer = await raw.expect_hang_up()
        assert answer.startswith(b"HTTP/1.1 ")
        assert b"\x03\xf3" not in answer, "closed with 1011, the code for a bug of the server's"
    await still_serves(server)


@pytest.mark.parametrize("key", ["%00", "%ff", "%F0%9F%8E%89", "..", "%2e%2e%2f", "' OR 1=1 --".replace(" ", "%20")])
async def test_strange_keys_are_unknown(server: Running, dial: Dial, still_serves: StillServes, key: str) -> None:
    socket = await dial(server, f"/app/{key}")
    assert (await socket.expect("pusher:error"))["code"] == 4001
    await socket.expect_close(4001)
    await still_serves(server)


@pytest.mark.parametrize("start", [b"GET /app/x?", b"GET /apps/1/channels?", b"GET /?", b"GET /nope/"])
@pytest.mark.parametrize("is_finished", [True, False])
async def test_a_request_line_of_a_megabyte_is_refused(
    server: Running, still_serves: StillServes, start: bytes, is_finished: bool
) -> None:
    before = resident_bytes(server)
    async with RawSocket.open(server) as raw:
        end = b" HTTP/1.1\r\nHost: x\r\n\r\n" if is_finished else b""
        sending = asyncio.create_task(raw.send(start + b"x" * MEGABYTE + end))
        head = await raw.head()
        await sending
        assert head.startswith(("HTTP/1.1 414 ", "HTTP/1.1 431 ")), head
        await raw.expect_hang_up()
    assert resident_bytes(server) - before < 10 * MEGABYTE
    await still_serves(server)


@pytest.mark.parametrize("path", ["/app/x", "/apps/1/channels", "/"])
@pytest.mark.parametrize("header", [b"A: " + b"x" * MEGABYTE, b"A: x\r\n" * 170_000], ids=["long", "many"])
@pytest.mark.parametrize("is_finished", [True, False])
async def test_a_megabyte_of_headers_is_refused(
    server: Running, still_serves: StillServes, path: str, header: bytes, is_finished: bool
) -> None:
    before = resident_bytes(server)
    async with RawSocket.open(server) as raw:
        end = b"\r\n\r\n" if is_finished else b""
        sending = asyncio.create_task(raw.send(f"GET {path} HTTP/1.1\r\nHost: x\r\n".encode() + header + end))
        head = await raw.head()
        await sending
        assert head.startswith("HTTP/1.1 431 "), head
        await raw.expect_hang_up()
    assert resident_bytes(server) - before < 10 * MEGABYTE
    await still_serves(server)


HALVES = (
    b"",
    b"G",
    b"GET /ap",
    b"GET /app/x",
    b"GET /app/x HTTP/1.1\r\nUpgrade: web",
    b"GET /apps/1/ch",
    b"GET /",
    b"POST",
)


async def test_half_a_request_is_waited_for_no_longer_than_told(server: Running, still_serves: StillServes) -> None:
    async def answer_to(start: bytes) -> bytes:
        async with RawSocket.open(server) as raw:
            await raw.send(start)
            return (await raw.expect_hang_up())[: len(b"HTTP/1.1 408 ")]

    answers = await asyncio.gather(*map(answer_to, HALVES))
    assert dict(zip(HALVES, answers, strict=True)) == {start: b"HTTP/1.1 408 " if start else b"" for start in HALVES}
    await still_serves(server)


async def test_headers_that_drip_are_waited_for_no_longer_than_told(server: Running, still_serves: StillServes) -> None:
    """Each drop is a sign of life, and yet the whole has one deadline."""

    async def head_of_answer(path: str) -> str:
        async with RawSocket.open(server) as raw:
            await raw.send(f"GET {path} HTTP/1.1\r\n".encode())

            async def drip() -> None:
                while True:
                    await raw.send(b"A: x\r\n")
                    await asyncio.sleep(HEAD_TIMEOUT / 10)

            dripping = asyncio.create_task(drip())
            try:
                return await raw.head()
            finally:
                dripping.cancel()

    for head in await asyncio.gather(*map(head_of_answer, ("/app/x", "/apps/1/channels", "/"))):
        assert head.startswith("HTTP/1.1 408 "), head
    await still_serves(server)


async def test_an_upgrade_may_be_left_half_open(server: Running, still_serves: StillServes) -> None:
    """The request is whole, and then nothing is read or said but the end."""
    async with RawSocket.open(server) as raw:
        await raw.send(request(server))
        raw.end()
        assert (await raw.expect_hang_up()).startswith(b"HTTP/1.1 101 ")
    async with RawSocket.open(server) as raw:
        await raw.send(request(server))
        raw.cut()
    await still_serves(server)


@asynccontextmanager
async def crowd(server: Running, size: int) -> AsyncIterator[list[RawSocket]]:
    """Open so many connections, in groups that the system's queue of unaccepted ones can hold."""
    async with AsyncExitStack() as stack:
        raws: list[RawSocket] = []
        for _ in range(size // 50):
            opening = (stack.enter_async_context(RawSocket.open(server)) for _ in range(50))
            raws += await asyncio.gather(*opening)
        yield raws


@pytest.mark.parametrize("start", [b"", b"GET /app/x HTTP/1.1\r\nA: "], ids=["silent", "half"])
async def test_thousands_who_say_nothing_hurt_nobody(
    start_server: Start, connect: Dial, still_serves: StillServes, start: bytes
) -> None:
    size = min(2000, allow_files(3000) // 2)
    server = start_server(head_timeout=2)
    client = await connect(server)
    before = resident_bytes(server)
    async with crowd(server, size) as raws:
        for raw in raws:
            await raw.send(start)
        await client.expect_nothing()
        await still_serves(server)
        assert resident_bytes(server) - before < size * 20_000
        answers = await asyncio.wait_for(asyncio.gather(*(raw.expect_hang_up() for raw in raws)), 2 * LIMIT)
        assert all(answer.startswith(b"HTTP/1.1 408 ") if start else answer == b"" for answer in answers)
    await client.expect_nothing()
    await still_serves(server)
