"""`permessage-deflate`: offers, messages made whole, and messages written.

The first byte says how large a message may be; the rest is a header, a compressed message, and a text to compress.
"""

import time
import zlib
from typing import Final

from hubbub.errors import BAD_REQUEST, DEFLATE_INVALID, MESSAGE_TOO_LARGE, Refusal
from hubbub.native.pure_frames import COMPRESSED_BINARY, COMPRESSED_TEXT
from hubbub.transports.deflate import Deflate, Inflating, inflate, inflate_text, negotiate

LIMITS: Final = (0, 1, 100, 10_000, 1_000_000)
SLOWEST: Final = 5.0
"""Seconds of this process's own that any of it may take, however slow the machine."""

TAIL: Final = b"\x00\x00\xff\xff"


def _deflated(text: bytes, level: int = 6, end: int = zlib.Z_SYNC_FLUSH) -> bytes:
    compressor = zlib.compressobj(level, zlib.DEFLATED, -15)
    return (compressor.compress(text) + compressor.flush(end)).removesuffix(TAIL)


SEEDS: Final = (
    b"\3" + _deflated(b"Hello"),
    b"\3" + _deflated("é🎉".encode(), 0),
    b"\3" + _deflated(b"Hello", end=zlib.Z_FINISH),
    b"\3" + _deflated(b"Hello", end=zlib.Z_FINISH) + b"\x00",
    b"\4" + _deflated(_deflated(bytes(2_000_000))),
    b"\4" + _deflated(bytes(2_000_000)),
    b"\2" + _deflated(b"x" * 100),
    b"\1" + _deflated(b"x" * 2),
    b"\3\x00",
    b"\3\x01\x00\x00\xff\xff",
    b"\3permessage-deflate; client_max_window_bits",
    b'\3permessage-deflate; server_max_window_bits="10", permessage-deflate',
    b"\3x-webkit-deflate-frame, permessage-deflate; server_no_context_takeover; client_max_window_bits=8",
    b'\3a; b="c\\d";, e',
    b"\3" + b"a;" * 300,
)


def check(data: bytes) -> None:
    """Read it as each."""
    began = time.process_time()
    limit, rest = LIMITS[data[0] % len(LIMITS)] if data else 0, data[1:]
    _check_offer(rest.decode("latin-1"))
    _check_message(rest, limit)
    _check_written(rest, data[0] if data else 0)
    assert time.process_time() - began < SLOWEST


def _check_offer(header: str) -> None:
    try:
        agreed = negotiate(header, 6, 0)
    except Refusal as refusal:
        assert refusal.reason is BAD_REQUEST
        return
    if agreed is not None:
        assert 9 <= agreed.deflate.bits <= 15
        assert "permessage-deflate" in header
        # What is answered is itself an offer, of the same.
        again = negotiate(agreed.header, 6, 0)
        assert again is not None
        assert again.deflate == agreed.deflate


def _check_message(data: bytes, limit: int) -> None:
    message: bytes | None = None
    try:
        message = inflate(data, limit)
    except Refusal as refusal:
        assert refusal.reason in (DEFLATE_INVALID, MESSAGE_TOO_LARGE)
        if refusal.reason is MESSAGE_TOO_LARGE:
            # A stored block that is cut short takes what is put behind it for its own, and is refused either way.
            assert len(zlib.decompressobj(-15).decompress(data + TAIL, limit + 1)) > limit - 5
    else:
        assert len(message) <= limit
        assert zlib.decompressobj(-15).decompress(data + TAIL) == message
    for number in (COMPRESSED_TEXT, COMPRESSED_BINARY):
        waiting = Inflating(limit)
        waiting.put([(number, data), "after"])
        try:
            items = list(waiting.turn())
        except Refusal as refusal:
            assert message is None or number == COMPRESSED_TEXT
            assert refusal.reason in (DEFLATE_INVALID, MESSAGE_TOO_LARGE)
            continue
        assert message is not None
        assert items[0] == (message.decode() if number == COMPRESSED_TEXT else message)
        assert items[1:] == (["after"] if not waiting.has_more else [])


def _check_written(text: bytes, options: int) -> None:
    """What is written is read again, and is never longer than plain."""
    deflate = Deflate(9 + options % 7, 1 + options // 7 % 9, 0)
    for frame, first in ((deflate.text(text), 0x81), (deflate.binary(text), 0x82)):
        head = 2 if frame[1] < 126 else 4 if frame[1] == 126 else 10
        assert frame[0] in (first, first | 0x40)
        payload = frame[head:]
        assert len(payload) <= len(text)
        whole = inflate(payload, len(text)) if frame[0] & 0x40 else payload
        assert whole == text
        if frame[0] & 0x40:
            assert zlib.decompressobj(-deflate.bits).decompress(payload + TAIL) == text
    try:
        decoded = text.decode()
    except UnicodeDecodeError:
        return
    assert inflate_text(_deflated(text), len(text)) == decoded
