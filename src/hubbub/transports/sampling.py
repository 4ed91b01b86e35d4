"""Some of many requests, to be timed: the first in a quarter of a second, and of more every EVERYth.

Knows when one is to be timed. Timing all would cost a hundredth of what a publish costs; of few, each tells something.
"""

import time
from typing import Final

from hubbub.durations import Durations

EVERY: Final = 64


class Sampling:
    """Counts requests down: who takes one off `left` and finds it at nothing is to `begin`."""

    __slots__ = ("durations", "left")

    def __init__(self) -> None:
        self.durations = Durations()
        """What the sample took."""
        self.left = 1
        """Requests until the next is timed, that one included."""

    def begin(self) -> float:
        """Time this request, and give when it began."""
        self.left = EVERY
        return time.perf_counter()

    def end(self, began: float) -> None:
        """Count a request that is answered now."""
        self.durations.took(time.perf_counter() - began)

    def soon(self) -> None:
        """Let the next request be timed."""
        self.left = 1
