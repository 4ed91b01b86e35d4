"""How long things took, counted by how long: a histogram that only grows.

Pure. Knows bounds and numbers; does not know what is timed, by which clock, nor who reads it.
"""

from bisect import bisect_left
from collections.abc import Sequence
from typing import Final

QUICK: Final = (
    *(0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05),
    *(0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
)
"""Bounds for what takes a millisecond when all is well."""

SLOW: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""Bounds for what others are asked for over the network."""


class Durations:
    """Seconds, by `bounds`, each of which is the longest that is counted there; a last place is for what is longer."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float] = QUICK) -> None:
        self.bounds: Final = tuple(bounds)
        self.counts = [0] * (len(self.bounds) + 1)
        self.total = 0.0
        """Seconds, all together."""

    def took(self, seconds: float) -> None:
        """Count one that took so long."""
        self.counts[bisect_left(self.bounds, seconds)] += 1
        self.total += seconds
