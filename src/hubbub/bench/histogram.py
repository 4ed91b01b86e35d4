"""Durations, counted in buckets of at most 1.6 % width, so that millions take no room and processes can be added up.

Pure. Knows nanoseconds. Values below 128 have a bucket each; above, each power of two has 64.
"""

from collections.abc import Mapping
from typing import Final

_HALF: Final = 64
_BUCKETS: Final = _HALF * (65 - 6)  # as far as 2**64


class Histogram:
    """Counts of durations in nanoseconds; negative ones count as 0."""

    def __init__(self, counts: Mapping[int, int] | None = None, longest: int = 0) -> None:
        self._counts = [0] * _BUCKETS
        self.longest = longest
        for index, count in (counts or {}).items():
            self._counts[index] = count

    def add(self, duration: int) -> None:
        """Count one duration."""
        if duration > self.longest:
            self.longest = duration
        elif duration < 0:
            duration = 0
        shift = duration.bit_length() - 7
        self._counts[duration if shift <= 0 else (shift << 6) + (duration >> shift)] += 1

    def merge(self, other: "Histogram") -> None:
        """Count all that another one has counted."""
        for index, count in other.counts.items():
            self._counts[index] += count
        self.longest = max(self.longest, other.longest)

    @property
    def total(self) -> int:
        """How many were counted."""
        return sum(self._counts)

    @property
    def counts(self) -> dict[int, int]:
        """The buckets that are not empty, by index."""
        return {index: count for index, count in enumerate(self._counts) if count}

    def quantile(self, share: float) -> int:
        """Give the duration that this share of them did not exceed, to a bucket's width; 0 when there are none."""
        wanted = share * self.total
        seen = 0
        for index, count in enumerate(self._counts):
            seen += count
            if count and seen >= wanted:
                return min(ceiling(index), self.longest)
        return 0


def floor(index: int) -> int:
    """Give the shortest duration that a bucket counts."""
    if index < 2 * _HALF:
        return index
    shift = (index >> 6) - 1
    return (index - (shift << 6)) << shift


def ceiling(index: int) -> int:
    """Give the longest duration that a bucket counts."""
    return floor(index + 1) - 1
