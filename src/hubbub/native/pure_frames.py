"""Frames of RFC 6455 as a client sends them, in Python: what runs where the native module could not be compiled.

Knows bytes. Does not know what a message means, nor who is to be answered and how.
"""

import time
from typing import Final

_CONTINUATION: Final = 0
_TEXT: Final = 1
_CONTROL: Final = 8
CLOSE: Final = 8
PING: Final = 9
PONG: Final = 10
COMPRESSED_TEXT: Final = 0x41
COMPRESSED_BINARY: Final = 0x42
FAILED: Final = 0
"""The client broke the rules: the bytes are the payload of the close frame that it is owed."""

Item = str | bytes | tuple[int, bytes]
"""What was read: a text message; a binary one; or a number above and its bytes.

The bytes of a control frame are its payload; those of a compressed message are as they came, to be inflated and, if
they are text, to be checked.
"""

_KNOWN: Final = frozenset((0, 1, 2, 8, 9, 10))
_LONGEST_CONTROL: Final = 125
_PROTOCOL_ERROR: Final = 1002
_NOT_UTF8: Final = 1007
_TOO_LONG: Final = 1009
_TOO_MANY: Final = 4100
_CODES: Final = frozenset((1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014))
"""Those below 3000 that may be sent (RFC 6455, 7.4.2, and the registry it founded)."""


class _Broken(Exception):
    """The client broke the rules; `code` and text are for it."""

    def __init__(self, code: int, why: str) -> None:
        super().__init__(why)
        self.code = code


class Frames:
    """Reads the frames of one client, however they are cut, and keeps nothing but what is unfinished.

    A message may have at most `limit` bytes, in all its fragments; its frame's length tells, before any of it is kept.
    `takes_compressed` is whether permessage-deflate was agreed on (RFC 7692): the limit is then that of what is sent.
    No more than `most` frames may come in a second of the clock, of whatever kind; 0 is any number. After a close
    frame, or FAILED, everything is ignored.
    """

    __slots__ = (
        "_is_over",
        "_kind",
        "_limit",
        "_message",
        "_most",
        "_second",
        "_taken",
        "_takes_compressed",
        "_unread",
    )

    def __init__(self, limit: int, takes_compressed: bool = False, most: int = 0) -> None:
        self._limit = limit
        self._most = most
        self._second = self._taken = 0
        self._takes_compressed = takes_compressed
        self._unread = bytearray()
        self._message = bytearray()
        self._kind = 0  # of the message whose fragments are coming
        self._is_over = False

    @property
    def held(self) -> int:
        """How many bytes are kept of what is unfinished."""
        return len(self._unread) + len(self._message)

    def text(self, data: bytes) -> str | None:
        """Give the one text message that these bytes are, whole and after nothing unfinished.

        None leaves them to `feed`, as they are left to it here.
        """
        return None

    def feed(self, data: bytes) -> list[Item]:
        """Give what these bytes complete, in the order it came."""
        items: list[Item] = []
        if self._is_over:
            return items
        unread = self._unread
        unread += data
        position = 0
        try:
            while not self._is_over and (end := self._frame(unread, position, items)) is not None:
                position = end
        except _Broken as broken:
            items.append((FAILED, broken.code.to_bytes(2, "big") + str(broken).encode()))
            self._is_over = True
        if self._is_over:
            self._unread, self._message = bytearray(), bytearray()
        else:
            del unread[:position]
        return items

    def _frame(self, data: bytearray, start: int, items: list[Item]) -> int | None:
        """Read one frame, and give where it ends; None while it is not all there."""
        if len(data) < start + 2:
            return None
        first, second = data[start], data[start + 1]
        self._check(first, second)
        size, mask = second & 0x7F, start + 2
        if size > _LONGEST_CONTROL:
            mask += 2 if size == 126 else 8
            if len(data) < mask:
                return None
            size = int.from_bytes(data[start + 2 : mask], "big")
        opcode = first & 0x0F
        if opcode < _CONTROL and len(self._message) + size > self._limit:
            raise _Broken(_TOO_LONG, f"message over {self._limit} bytes")
        begin = mask + 4
        if len(data) < begin + size:
            return None
        self._count()
        payload = _unmasked(data[begin : begin + size], data[mask:begin])
        if opcode >= _CONTROL:
            self._control(opcode, payload, items)
        else:
            self._data(first, payload, items)
        return begin + size

    def _count(self) -> None:
        """Count a frame. Raises when it is one too many."""
        if self._most:
            second = int(time.monotonic())
            if second != self._second:
                self._second, self._taken = second, 0
            if self._taken >= self._most:
                raise _Broken(_TOO_MANY, f"Closed: more than {self._most} messages in a second came from this client")
            self._taken += 1

    def _check(self, first: int, second: int) -> None:
        """Raise unless the first two bytes may come here."""
        opcode = first & 0x0F
        if opcode not in _KNOWN:
            raise _Broken(_PROTOCOL_ERROR, "unknown opcode")
        if not second & 0x80:
            raise _Broken(_PROTOCOL_ERROR, "frame without a mask")
        # RFC 7692, 6: RSV1 is set on "the first frame" of a compressed message, and on no other.
        allowed = 0x40 if self._takes_compressed and opcode in (1, 2) else 0
        if first & 0x70 & ~allowed:
            raise _Broken(_PROTOCOL_ERROR, "reserved bits must be 0")
        if opcode >= _CONTROL:
            if second & 0x7F > _LONGEST_CONTROL:
                raise _Broken(_PROTOCOL_ERROR, "control frame too long")
            if not first & 0x80:
                raise _Broken(_PROTOCOL_ERROR, "fragmented control frame")
        elif opcode == _CONTINUATION:
            if not self._kind:
                raise _Broken(_PROTOCOL_ERROR, "unexpected continuation frame")
        elif self._kind:
            raise _Broken(_PROTOCOL_ERROR, "expected a continuation frame")

    def _data(self, first: int, payload: bytes, items: list[Item]) -> None:
        kind = self._kind or first & 0x4F
        if not first & 0x80:
            self._kind = kind
            self._message += payload
            return
        if self._kind:
            payload = bytes(self._message + payload)
            self._kind, self._message = 0, bytearray()
        if kind == _TEXT:
            try:
                items.append(payload.decode())
            except UnicodeDecodeError:
                raise _Broken(_NOT_UTF8, "invalid UTF-8") from None
        else:
            items.append((kind, payload) if kind & 0x40 else payload)

    def _control(self, opcode: int, payload: bytes, items: list[Item]) -> None:
        if opcode == CLOSE:
            _check_close(payload)
            if self._kind:
                raise _Broken(_PROTOCOL_ERROR, "incomplete fragmented message")
            self._is_over = True
        items.append((opcode, payload))


def _check_close(payload: bytes) -> None:
    if not payload:
        return
    if len(payload) == 1:
        raise _Broken(_PROTOCOL_ERROR, "close frame too short")
    code = int.from_bytes(payload[:2], "big")
    if code not in _CODES and not 3000 <= code < 5000:
        raise _Broken(_PROTOCOL_ERROR, "invalid close code")
    try:
        payload[2:].decode()
    except UnicodeDecodeError:
        raise _Broken(_NOT_UTF8, "invalid UTF-8") from None


def _unmasked(payload: bytearray, mask: bytearray) -> bytes:
    size = len(payload)
    pattern = (bytes(mask) * (size // 4 + 1))[:size]
    # Native order costs nothing; whichever it is, it is the same for all three.
    return (int.from_bytes(payload, "little") ^ int.from_bytes(pattern, "little")).to_bytes(size, "little")
