"""What must be unlike anything before it: ids of sockets, marks of stays.

Knows: the operating system's random numbers, asked for many at a time, as one question takes 1 µs whatever it asks for.
"""

import os
import struct
from collections.abc import Iterator
from typing import Final

AT_ONCE: Final = 256
"""Pairs of numbers that are asked for."""

_pair: Final = struct.Struct("=II")


def _pairs() -> Iterator[tuple[int, int]]:
    while True:
        yield from _pair.iter_unpack(os.urandom(AT_ONCE * _pair.size))


def socket_id() -> str:
    """Make an id no connection had before: 2 × 30 random bits, as a signature for an id must never fit another."""
    one, other = next(_stock)
    return f"{one >> 2}.{other >> 2}"


def ref() -> str:
    """Make a mark that tells a member's stay from any other: 64 random bits."""
    one, other = next(_stock)
    return f"{one:x}{other:08x}"


def _restock() -> None:
    global _stock  # noqa: PLW0603 - a child process must not go on with its parent's numbers
    _stock = _pairs()


_stock = _pairs()
os.register_at_fork(after_in_child=_restock)
