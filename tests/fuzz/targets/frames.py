"""Frames of RFC 6455: the compiled reader and Python's give the same, however the bytes are cut.

The first byte says whether compression was agreed on, and how long a message may be; the rest is what the client sends.
"""

from typing import Final

from fuzz.cutting import pieces
from hubbub.native import Frames, pure_frames
from hubbub.native.pure_frames import CLOSE, FAILED, Item
from sockets.test_frames import masked

LIMITS: Final = (0, 1, 10, 125, 126, 1000, 70_000, 2**31)
HEAD: Final = 14
"""Bytes of the longest head of a frame, which may be kept besides what a message may have."""

ZERO: Final = bytes(4)
SEEDS: Final = (
    b"\x0a" + masked(b"hello"),
    b"\x0a" + masked(b"hello", mask=ZERO) * 2,
    b"\x0a" + masked("é🎉".encode(), mask=ZERO),
    b"\x0a" + masked(b"he", 0x01, ZERO) + masked(b"", 0x89, ZERO) + masked(b"llo", 0x80, ZERO),
    b"\x0b" + masked(b"\xf2H\xcd\xc9\xc9\x07\x00", 0xC1, ZERO),
    b"\x0b" + masked(b"\xf2H", 0x42, ZERO) + masked(b"\xcd\xc9\xc9\x07\x00", 0x80, ZERO),
    b"\x0a" + masked(b"\x03\xe8bye", 0x88, ZERO) + masked(b"x"),
    b"\x0a" + masked(b"\x03\xed", 0x88, ZERO),
    b"\x0a" + masked(b"x", 0x82, ZERO) + masked(b"y", 0x8A, ZERO),
    b"\x0c" + masked(b"x" * 200, mask=ZERO),
    b"\x0c" + b"\x81\xff" + (300).to_bytes(8) + ZERO + b"y" * 300,
    b"\x06" + b"\x81\xff" + (2**63).to_bytes(8) + ZERO,
    b"\x08" + masked(b"x" * 126, mask=ZERO),
    b"\x0a" + masked(b"\xff", mask=ZERO),
)


def check(data: bytes) -> None:
    """Read them by both, whole and in pieces."""
    options = data[0] if data else 0
    takes_compressed, limit, stream = bool(options & 1), LIMITS[options >> 1 & 7], data[1:]
    whole = pure_frames.Frames(limit, takes_compressed)
    items = whole.feed(stream)
    assert all(map(_is_right, items))
    for item in items[:-1]:
        assert not (isinstance(item, tuple) and item[0] in (FAILED, CLOSE)), "something came after the end"
    assert sum(_size(item) for item in items) + whole.held <= len(stream) + 125  # a failure's text is our own
    assert whole.held <= limit + HEAD + 125
    for reader in (pure_frames.Frames, Frames):
        once, cut = reader(limit, takes_compressed), reader(limit, takes_compressed)
        assert once.feed(stream) == items, reader
        assert _in_pieces(cut, stream, limit) == items, reader
        assert once.held == cut.held == whole.held, reader


def _in_pieces(frames: pure_frames.Frames, stream: bytes, limit: int) -> list[Item]:
    """Read as a connection does: a piece that is one text by itself is asked for first."""
    items: list[Item] = []
    for piece in pieces(stream):
        text = frames.text(piece)
        items += frames.feed(piece) if text is None else [text]
        assert frames.held <= limit + HEAD + 125
    return items


def _is_right(item: Item) -> bool:
    match item:
        case (number, bytes(payload)) if number == FAILED:
            payload[2:].decode()
            return 2 < len(payload) <= 125
        case (number, bytes(payload)) if number == CLOSE:
            payload[2:].decode()
            return len(payload) != 1
    return isinstance(item, (str, bytes, tuple))


def _size(item: Item) -> int:
    match item:
        case str():
            return len(item.encode())
        case bytes():
            return len(item)
        case (_, payload):
            return len(payload)
