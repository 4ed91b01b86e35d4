"""How many frames come in a second, and how many fields a request has: alike with the compiled module and without."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from hubbub import native
from hubbub.native import pure_frames
from hubbub.transports.kind import MOST_FIELDS

FRAMES = [native.Frames, pure_frames.Frames]
TEXT, EMPTY, MORE = b"\x81\x81\0\0\0\0x", b"\x89\x80\0\0\0\0", b"\x01\x80\0\0\0\0"
TOO_MANY = (4100).to_bytes(2) + b"Closed: more than 3 messages in a second came from this client"


def beginning() -> None:
    """Come back right after a second of the clock has begun, so that a test is over before the next one does."""
    while time.monotonic() % 1 > 0.5:
        time.sleep(0.01)


@pytest.mark.parametrize("kind", FRAMES)
@pytest.mark.parametrize("frame", [TEXT, EMPTY, MORE], ids=["text", "ping", "fragment"])
def test_one_frame_too_many_is_a_failure(kind: Callable[..., Any], frame: bytes) -> None:
    frames = kind(100, False, 3)
    parts = [frame] + [frame if frame is not MORE else b"\x00\x80\0\0\0\0"] * 3
    beginning()
    items = [item for part in parts for item in frames.feed(part)]
    assert items[-1] == (pure_frames.FAILED, TOO_MANY)
    assert len(items) == (4 if frame is not MORE else 1)
    assert frames.feed(TEXT) == []


@pytest.mark.parametrize("kind", FRAMES)
def test_what_is_read_in_one_go_counts_too(kind: Callable[..., Any]) -> None:
    frames = kind(100, False, 3)
    beginning()
    read = [frames.text(TEXT) or frames.feed(TEXT)[0] for _ in range(4)]
    assert read == ["x", "x", "x", (pure_frames.FAILED, TOO_MANY)]


@pytest.mark.parametrize("kind", FRAMES)
def test_in_the_next_second_there_are_as_many_again(kind: Callable[..., Any]) -> None:
    frames = kind(100, False, 3)
    beginning()
    assert frames.feed(TEXT * 3) == ["x"] * 3
    second = int(time.monotonic())
    while int(time.monotonic()) == second:
        time.sleep(0.01)
    time.sleep(0.01)  # the clock that is cheaper to ask is some milliseconds late
    assert frames.feed(TEXT * 3) == ["x"] * 3


@pytest.mark.parametrize("kind", FRAMES)
def test_without_a_limit_any_number_comes(kind: Callable[..., Any]) -> None:
    assert len(kind(100).feed(TEXT * 10_000)) == 10_000


@pytest.mark.skipif(not native.IS_COMPILED, reason="without the compiled module all is left to the parser")
def test_a_request_with_too_many_fields_is_left_to_the_parser() -> None:
    def fields(count: int) -> bytes:
        return b"".join(b"a%d: b\r\n" % number for number in range(count))

    key = b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    opening = b"GET /app/k HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" + key
    post = b"POST /apps/1/events HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n"
    assert native.plain_opening(opening + fields(MOST_FIELDS - 5) + b"\r\n") is not None
    assert native.plain_opening(opening + fields(MOST_FIELDS - 4) + b"\r\n") is None
    assert native.plain_post(post + fields(MOST_FIELDS - 2) + b"\r\n", 10_000, 10) is not None
    assert native.plain_post(post + fields(MOST_FIELDS - 1) + b"\r\n", 10_000, 10) is None
