"""Answers that never end, or cannot be read, keep nobody waiting."""

import asyncio
import contextlib

import pytest

from hubbub.doctor.line import WHOLE, Answer, Broken, Way
from hubbub.doctor.standing import standing
from hubbub.doctor.target import Place

PATIENCE = 0.3


async def test_an_answer_that_comes_byte_by_byte_is_given_up() -> None:
    async def drip(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError), contextlib.closing(writer):
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
            while not writer.is_closing():
                writer.write(b"a")
                await writer.drain()
                await asyncio.sleep(PATIENCE / 10)

    server = await asyncio.start_server(drip, "127.0.0.1", 0)
    async with server:
        place = Place("127.0.0.1", server.sockets[0].getsockname()[1], tls=False)
        way = Way(place, "127.0.0.1", None, patience=PATIENCE)
        with pytest.raises(Broken, match=f"did not end within {WHOLE * PATIENCE:g} s"):
            await asyncio.wait_for(way.ask("GET", "/"), 15)


def test_json_within_json_without_end_is_nothing_that_is_known() -> None:
    answer = Answer(200, (("content-type", "application/json"),), b'{"status":' + b"[" * 200_000)
    assert standing(answer) is None
