"""What is counted of each application: one meter for it, kept as long as the process.

Knows numbers only. Does not know who reads them, nor how often.
"""

from collections.abc import Callable
from typing import Protocol

from hubbub import native


class Timed(Protocol):
    """What can tell when it is done: a channel."""

    def when_written(self, call: Callable[[], object]) -> None:
        """Call when what is on its way now has been written."""


class Meter(native.Meter):
    """Numbers of one application that only grow, of this process. What is counted for each message, native.Meter does.

    Times are seconds of any steady clock.
    """

    __slots__ = ("_count", "_peak", "_ways", "presence", "queries", "watch")

    def __init__(self) -> None:
        super().__init__()
        self.presence = 0
        """Members who came or went, each told to a channel by this node."""
        self.queries = 0
        """Requests of the signed API that ask something."""
        self.watch: Callable[[Timed], object] | None = None
        """Called with the channel that has received the next message; None while nobody times it."""
        self._ways: dict[str, _Way] = {}
        self._count = 0
        self._peak = 0

    def came(self, way: str, now: float) -> None:
        """Count a connection that is open from now on, by its way here."""
        there = self._ways.get(way)
        if there is None:
            there = self._ways[way] = _Way()
        there.open += 1
        there.ever += 1
        there.balance -= now
        count = self._count = self._count + 1
        if count > self._peak:  # noqa: PLR1730 - a third of the time of a call
            self._peak = count

    def went(self, way: str, now: float) -> None:
        """Count that it is open no more."""
        there = self._ways[way]
        there.open -= 1
        there.balance += now
        self._count -= 1

    def open_by_way(self) -> dict[str, int]:
        """Give how many are open, by their way here."""
        return {way: there.open for way, there in self._ways.items() if there.open}

    def ever_by_way(self) -> dict[str, int]:
        """Give how many were ever opened, by their way here."""
        return {way: there.ever for way, there in self._ways.items()}

    def seconds(self, way: str, now: float) -> float:
        """Give for how many seconds connections of a way have been open so far, all together."""
        there = self._ways.get(way)
        return there.balance + there.open * now if there is not None else 0.0

    def take_peak(self) -> int:
        """Give how many were open at once, at most, since this was asked last."""
        peak, self._peak = self._peak, self._count
        return peak


class _Way:
    """Connections of one way: how many are open, and were ever, and when they went less when they came, summed up."""

    __slots__ = ("balance", "ever", "open")

    def __init__(self) -> None:
        self.open = self.ever = 0
        self.balance = 0.0
