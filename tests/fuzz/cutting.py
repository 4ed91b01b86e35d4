"""Cuts bytes into pieces, as networks do. The same bytes are always cut in the same way: what failed fails again."""

import random
import zlib
from collections.abc import Iterator


def pieces(data: bytes, most: int = 8) -> Iterator[bytes]:
    """Give the bytes in up to `most` + 1 pieces, some of which may be empty."""
    dice = random.Random(zlib.crc32(data))
    places = sorted(dice.randrange(len(data) + 1) for _ in range(dice.randrange(most + 1)))
    start = 0
    for place in [*places, len(data)]:
        yield data[start:place]
        start = place
