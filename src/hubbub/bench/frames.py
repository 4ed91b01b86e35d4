"""WebSocket frames as a client has them: masked ones out, unmasked ones in.

Pure. Knows RFC 6455. Does not know what is in a frame.
"""

import os
from typing import Final

CONTINUED: Final = 0
TEXT: Final = 1
CLOSE: Final = 8
PING: Final = 9
PONG: Final = 10

FINAL: Final = 0x80
WHOLE_TEXT: Final = FINAL | TEXT


class Unreadable(Exception):
    """What came is no frame that a server may send."""


def masked(opcode: int, content: bytes) -> bytes:
    """Give a whole frame, masked with bytes that cannot be foreseen (section 5.3)."""
    length = len(content)
    if length < 126:
        head = bytes((FINAL | opcode, 0x80 | length))
    elif length < 65536:
        head = bytes((FINAL | opcode, 0x80 | 126)) + length.to_bytes(2)
    else:
        head = bytes((FINAL | opcode, 0x80 | 127)) + length.to_bytes(8)
    mask = os.urandom(4)
    cover = (mask * (length // 4 + 1))[:length]
    hidden = (int.from_bytes(content) ^ int.from_bytes(cover)).to_bytes(length)
    return head + mask + hidden


def span(data: bytes, at: int) -> tuple[int, int] | None:
    """Tell where the content of the frame that begins at `at` begins and ends; None while its head is not all there.

    The end may lie beyond the data. Raises Unreadable for a masked frame, which no server sends (section 5.1).
    """
    if len(data) - at < 2:
        return None
    length = data[at + 1]
    if length < 126:
        return at + 2, at + 2 + length
    if length > 127:
        raise Unreadable("a frame of the server is masked")
    start = at + (4 if length == 126 else 10)
    if len(data) < start:
        return None
    return start, start + int.from_bytes(data[at + 2 : start])
