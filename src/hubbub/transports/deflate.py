"""`permessage-deflate`, RFC 7692: what is agreed on, the wires of those who agreed, and reading what they send.

Knows zlib, and the header in which a client offers the extension. No context is taken over in either direction: each
message is compressed by itself, so that the same bytes serve all who agreed on one window, and nothing is kept for a
connection between two messages. Does not know sockets, nor the order of frames.
"""

import re
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from functools import cache, partial
from typing import Final

import msgspec

from hubbub.errors import BAD_REQUEST, DEFLATE_INVALID, MESSAGE_TOO_LARGE
from hubbub.hub.connection import Wire
from hubbub.messages import Fact, Reply
from hubbub.native.pure_frames import COMPRESSED_BINARY, COMPRESSED_TEXT, Item
from hubbub.protocols import pusher
from hubbub.protocols.phoenix import Encoding, Version
from hubbub.transports import sockjs
from hubbub.transports.frames import PHOENIX, frame

NAME: Final = "permessage-deflate"

LARGEST: Final = 131_072
"""Bytes of a message that may hold up the event loop to be compressed: 1.6 ms at level 6. A larger one goes plain."""

AT_ONCE: Final = 262_144
"""Bytes that one client's messages may inflate to in a turn of the loop, which takes 0.7 ms if they are obeyed."""

_NARROWEST: Final = 9  # zlib compresses by no window of 8 bits: https://github.com/madler/zlib/issues/171
_WIDEST: Final = 15
_LOOKAHEAD: Final = 262  # bytes of its window that zlib does not look back over
_WINDOWS: Final = {str(bits): bits for bits in range(8, _WIDEST + 1)}
"""RFC 7692, 7.1.2.1: "a decimal integer value without leading zeroes between 8 to 15, inclusive"."""

_TAIL: Final = b"\x00\x00\xff\xff"
"""RFC 7692, 7.2.1: what ends a flush is left out by who sends, and put back by who receives."""

_LAST: Final = b"\x01" + _TAIL
"""A last block, empty: zlib sees the end of the data if, and only if, it comes where a block may begin."""

_TEXT, _BINARY = b"\x81", b"\x82"
_DEFLATED_TEXT, _DEFLATED_BINARY = b"\xc1", b"\xc2"  # with RSV1, "Per-Message Compressed"

_SIGN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]"
_PART: Final = re.compile(
    rf'[ \t]*({_SIGN}+)[ \t]*(?:=[ \t]*(?:({_SIGN}+)|"((?:\\?{_SIGN})+)")[ \t]*)?(?:(;)|,[ \t,]*|\Z)'
)
"""A name, perhaps with a value, and what follows it. RFC 6455, 9.1: also what was quoted must be a token."""


class Deflate(msgspec.Struct, frozen=True):
    """How messages are compressed: the bits of the window, zlib's level, and the bytes from which on it is tried."""

    bits: int
    level: int
    threshold: int

    def text(self, payload: bytes) -> bytes:
        """Put UTF-8 text into one frame, compressed if that makes it smaller."""
        return self._frame(payload, _TEXT, _DEFLATED_TEXT)

    def binary(self, payload: bytes) -> bytes:
        """Put bytes into one frame, compressed if that makes it smaller."""
        return self._frame(payload, _BINARY, _DEFLATED_BINARY)

    def _frame(self, payload: bytes, plain: bytes, deflated: bytes) -> bytes:
        if self.threshold <= len(payload) <= LARGEST:
            # The window and tables that the payload can use: of the full ones, 256 kB, a small message pays for the
            # pages (300 bytes: 10 us in place of 60).
            bits = min(self.bits, max(_NARROWEST, (len(payload) + _LOOKAHEAD - 1).bit_length()))
            compressor = zlib.compressobj(self.level, zlib.DEFLATED, -bits, min(bits - 7, zlib.DEF_MEM_LEVEL))
            data = compressor.compress(payload) + compressor.flush(zlib.Z_SYNC_FLUSH)
            if len(data) - len(_TAIL) < len(payload):
                return frame(data[: -len(_TAIL)], deflated)
        return frame(payload, plain)


# What is agreed on


class Agreement(msgspec.Struct, frozen=True):
    """How a client is written to, and the header that answers its offer."""

    deflate: Deflate
    header: str


def negotiate(header: str, level: int, threshold: int) -> Agreement | None:
    """Accept the first offer in `Sec-WebSocket-Extensions` that can be kept; None: there is none.

    Several such headers are one, joined by commas. Raises BAD_REQUEST for what is no list of extensions: RFC 6455, 9.1
    wants the connection failed.
    """
    for name, parameters in _offers(header):
        if name == NAME and (agreed := _accept(parameters, level, threshold)) is not None:
            return agreed
    return None


def _offers(header: str) -> list[tuple[str, list[tuple[str, str | None]]]]:
    header = header.lstrip(" \t,")
    offers: list[tuple[str, list[tuple[str, str | None]]]] = []
    position, goes_on = 0, False
    while position < len(header) or goes_on or not offers:
        part = _PART.match(header, position)
        if part is None:
            raise BAD_REQUEST(problem="Sec-WebSocket-Extensions is no list of extensions")
        name, value, quoted, semicolon = part.groups()
        if quoted is not None:
            value = quoted.replace("\\", "")
        if goes_on:
            offers[-1][1].append((name, value))
        elif value is None:
            offers.append((name, []))
        else:
            raise BAD_REQUEST(problem="Sec-WebSocket-Extensions gives an extension a value")
        position, goes_on = part.end(), semicolon is not None
    return offers


def _accept(parameters: list[tuple[str, str | None]], level: int, threshold: int) -> Agreement | None:
    """Agree to one offer, or decline it, as RFC 7692, 7.1 demands for what is unknown, repeated or out of range."""
    given = dict(parameters)
    if len(given) != len(parameters):
        return None
    # 7.1.1: a server may answer both whether or not they were offered.
    bits, answer = _WIDEST, f"{NAME}; server_no_context_takeover; client_no_context_takeover"
    for name, value in given.items():
        match name, value:
            case ("server_no_context_takeover" | "client_no_context_takeover" | "client_max_window_bits", None):
                pass
            case ("client_max_window_bits", str()) if value in _WINDOWS:
                pass  # what it sends is read by the widest window
            case ("server_max_window_bits", str()) if _WINDOWS.get(value, 0) >= _NARROWEST:
                bits = _WINDOWS[value]
                answer += f"; {name}={value}"
            case _:
                return None
    return Agreement(Deflate(bits, level, threshold), answer)


# Out


@cache
def pusher_wire(deflate: Deflate) -> Wire:
    """Give the wire of all Pusher clients who are written to in this way."""
    return Wire(f"pusher over websocket, deflated by {deflate.bits} bits", partial(_pack, pusher.encode, deflate))


@cache
def sockjs_wire(deflate: Deflate) -> Wire:
    """Give the wire of all of SockJS's WebSockets who are written to in this way."""
    return Wire(f"pusher over sockjs, deflated by {deflate.bits} bits", partial(_pack, _line, deflate))


def _line(message: Fact | Reply) -> bytes:
    return sockjs.LINES.pack(message)[:-1]


def _pack(encode: Callable[[Fact | Reply], bytes], deflate: Deflate, message: Fact | Reply) -> bytes:
    text = encode(message)
    return deflate.text(text) if text else b""


@cache
def phoenix_encoding(deflate: Deflate, version: Version) -> Encoding:
    """Give the encoding of all Phoenix clients who are written to in this way; their wires are made of it."""
    return Encoding(version, deflate.text, deflate.binary if PHOENIX[version].binary is not None else None)


# In


def inflate(data: bytes, limit: int) -> bytes:
    """Make a compressed message whole again.

    Never makes more than `limit` bytes and one. Raises MESSAGE_TOO_LARGE for what would have more, DEFLATE_INVALID for
    what zlib does not understand, what is cut short, and what goes on after a last block.
    """
    inflater = zlib.decompressobj(-_WIDEST)
    try:
        message = inflater.decompress(data + _TAIL + _LAST, limit + 1)
    except zlib.error:
        raise DEFLATE_INVALID() from None
    if len(message) > limit:
        raise MESSAGE_TOO_LARGE(limit=limit)
    # RFC 7692, 7.2.3.4: a sender may have a last block of its own, and an empty one behind it.
    if not inflater.eof or inflater.unused_data not in (b"", _TAIL + _LAST, b"\x00" + _TAIL + _LAST):
        raise DEFLATE_INVALID()
    return message


def inflate_text(data: bytes, limit: int) -> str:
    """Make a compressed text whole again. Raises as `inflate` does; DEFLATE_INVALID too for what is not UTF-8."""
    try:
        return str(inflate(data, limit), "utf-8")
    except UnicodeDecodeError:
        raise DEFLATE_INVALID() from None


class Inflating:
    """What a client that compresses has sent, until it is its turn.

    A hundred bytes may stand for as many as a message may have. So it is kept as it came, and only some of it is made
    whole in one turn of the loop.
    """

    __slots__ = ("_items", "_limit")

    def __init__(self, limit: int) -> None:
        self._items: deque[Item] | None = None  # an empty one would be 600 bytes
        self._limit = limit

    @property
    def has_more(self) -> bool:
        """Whether something waits."""
        return bool(self._items)

    def put(self, items: Iterable[Item]) -> None:
        """Let what was read wait for its turn."""
        if self._items is None:
            self._items = deque(items)
        else:
            self._items.extend(items)

    def turn(self) -> Iterator[Item]:
        """Give what is next, and nothing of it compressed, as far as one turn of the loop goes.

        Raises as `inflate` and `inflate_text` do.
        """
        left = AT_ONCE
        while self._items and left > 0:
            item = self._items.popleft()
            if not self._items:
                self._items = None
            match item:
                case (number, bytes(data)) if number == COMPRESSED_TEXT:
                    item = inflate_text(data, self._limit)
                    left -= len(item)
                case (number, bytes(data)) if number == COMPRESSED_BINARY:
                    item = inflate(data, self._limit)
                    left -= len(item)
            yield item
