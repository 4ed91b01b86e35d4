"""A live server: what is compiled and what is Python answer alike, and no client hears what is for another."""

import asyncio
import json
import socket
from collections.abc import Callable, Iterator

import pytest

from native.test_plain_post import OTHER, PLAIN
from rest.driver import LIMIT, Backend, Keys, Line, listening, request
from running import Running

Start = Callable[..., Running]

ROUNDS = 8
AT_ONCE = 25
RESET = b"\1\0\0\0\0\0\0\0"
"""For SO_LINGER: to close is to reset."""


@pytest.fixture(scope="module", params=["as installed", "Python"])
def server(request: pytest.FixtureRequest) -> Iterator[Running]:
    with Running(pure=1 if request.param == "Python" else None) as running:
        yield running


def publish(server: Running, channel: str, data: str, *headers: str) -> bytes:
    body = json.dumps({"name": "n", "channel": channel, "data": data}).encode()
    return request(Keys.of(server), "POST", "/events", body, *headers)


# Requests


@pytest.mark.parametrize("size", [1, 13, 100_000])
async def test_publishes_are_taken_however_they_are_cut_and_joined(server: Running, size: int) -> None:
    parts = [publish(server, "cut", str(number), *["X: y"] * (number % 3)) for number in range(6)]
    whole = b"".join(parts)
    async with listening(server, "cut") as listener, Line(server) as line:
        await line.send(*(whole[at : at + size] for at in range(0, len(whole), size)))
        for number in range(6):
            assert (await line.answer()).body == b"{}"
            assert await listener.event() == ("cut", "n", str(number))


async def test_plain_publishes_and_others_keep_their_order(server: Running) -> None:
    """Those that are read in one go and those that are not take turns on one connection, some in halves."""
    async with listening(server, "turns") as listener, Line(server) as line:
        for number in range(10):
            plain, other = (
                publish(server, "turns", f"{number}a"),
                publish(server, "turns", f"{number}b", "TE: trailers"),
            )
            await line.send(plain)
            assert (await line.answer()).body == b"{}"
            await line.send(other[:50])
            await line.send(other[50:] + plain[:50])
            await line.send(plain[50:])
            assert [(await line.answer()).body for _ in range(2)] == [b"{}", b"{}"]
            heard = [(await listener.event())[2] for _ in range(3)]
            assert heard == [f"{number}a", f"{number}b", f"{number}a"]


async def answered(server: Running, data: bytes) -> tuple[int, bytes, bool]:
    """Give how a server answers, and whether it goes on."""
    async with Line(server) as line:
        await line.send(data)
        line.end()
        answer = await line.answer_or_end()
        if answer is None:
            return 0, b"", False
        return answer.status, answer.body, answer.headers.get("connection") != "close"


async def test_both_answer_alike(start_server: Start) -> None:
    """Whatever stands in a request, plain or not: the same status, words, and fate of the connection."""
    compiled, pure = start_server(), start_server(pure=1)
    for name, data in (PLAIN | OTHER).items():
        assert await answered(compiled, data) == await answered(pure, data), name


# Sockets


async def churn(server: Running, channel: str) -> None:
    """Come, subscribe, and go by a reset, again and again, in the middle of what is being said."""
    loop = asyncio.get_running_loop()
    asked = (
        f"GET /app/{server.key}?protocol=7 HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    ).encode()
    payload = json.dumps({"event": "pusher:subscribe", "data": {"channel": channel}}).encode()
    frame = bytes([0x81, 0x80 | len(payload), 0, 0, 0, 0]) + payload
    for _ in range(ROUNDS):
        sock = socket.socket()
        try:
            sock.setblocking(False)
            async with asyncio.timeout(LIMIT):
                await loop.sock_connect(sock, (server.host, server.port))
                await loop.sock_sendall(sock, asked + frame)
                heard = b""
                while b'"n"' not in heard:
                    part = await loop.sock_recv(sock, 4096)
                    assert part, heard
                    heard += part
            assert heard.startswith(b"HTTP/1.1 101 ")
            assert heard.index(b"connection_established") < heard.index(b"subscription_succeeded") < heard.index(b'"n"')
            for other in range(2):
                if channel != f"churn-{other}":
                    assert f"churn-{other}".encode() not in heard
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        finally:
            sock.close()


async def test_nobody_hears_what_is_for_one_whose_file_number_is_taken_over(server: Running) -> None:
    """Clients of two channels reset their connections while both are written to; the numbers go from one to another."""

    async def say(channel: str) -> None:
        async with Backend(server) as api:
            while True:
                await api.publish(channel, "n", channel * 20)

    talking = [asyncio.create_task(say(f"churn-{number}")) for number in range(2)]
    try:
        async with asyncio.TaskGroup() as group:
            for number in range(AT_ONCE):
                group.create_task(churn(server, f"churn-{number % 2}"))
    finally:
        for task in talking:
            task.cancel()
        ended = await asyncio.gather(*talking, return_exceptions=True)
    assert all(isinstance(end, asyncio.CancelledError) for end in ended)
    async with listening(server, "after") as listener, Backend(server) as api:
        assert await listener.events_until(api, "after") == []
