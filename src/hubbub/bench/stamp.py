"""What a message says of itself, so that who receives it knows which it is and when it was due, without reading JSON.

Pure. A stamp is MARK and 30 hexadecimal digits: whether it counts for latency (1), who published it (5), its number
among what that one published in the channel, from 1 (8), and the moment it was due, in nanoseconds of the monotonic
clock, which all processes of a machine share (16).
"""

from typing import Final

MARK: Final = b"@~"
SIZE: Final = 32
"""Bytes of a stamp, and so the least size of a payload."""

_TEXT: Final = "@~"


def payload(*, is_measured: bool, source: int, number: int, due: int, size: int) -> str:
    """Give data of `size` bytes that begins with a stamp. It needs no escaping in JSON."""
    return f"{_TEXT}{is_measured:1x}{source:05x}{number:08x}{due:016x}".ljust(size, "x")


def read(digits: bytes) -> tuple[bool, int, int, int]:
    """Read what follows MARK: whether it is measured, the source, the number and the moment. Raises ValueError."""
    value = int(digits, 16)
    return bool(value >> 116), value >> 96 & 0xFFFFF, value >> 64 & 0xFFFFFFFF, value & 0xFFFFFFFFFFFFFFFF
