"""What the connections of one process have received: how much, how late, and what was wrong with it.

Knows stamps. Does not know sockets. Numbers of one publisher in one channel follow each other, so each listener knows
which comes next; a hole is remembered, so that what fills it late is told from what comes twice.
"""

from hubbub.bench import stamp
from hubbub.bench.histogram import Histogram


class Inbox:
    """What one listener has had of each publisher: the next number, and the holes."""

    __slots__ = ("holes", "next")

    def __init__(self) -> None:
        self.next: dict[int, int] = {}
        self.holes: set[tuple[int, int]] | None = None


class Score:
    """The sums of one process."""

    def __init__(self) -> None:
        self.received = 0
        """Messages that had not come before, one for each listener that has it."""
        self.duplicates = 0
        self.disordered = 0
        self.latency = Histogram()

    def count(self, inbox: Inbox, digits: bytes, now: int) -> None:
        """Count a message that came at `now`. What has no stamp of ours is not counted."""
        try:
            is_measured, source, number, due = stamp.read(digits)
        except ValueError:
            return
        expected = inbox.next.get(source, 1)
        if number == expected:
            inbox.next[source] = number + 1
        elif not self._is_new(inbox, source, number, expected):
            return
        self.received += 1
        if is_measured:
            self.latency.add(now - due)

    def _is_new(self, inbox: Inbox, source: int, number: int, expected: int) -> bool:
        holes = inbox.holes
        if holes is None:
            holes = inbox.holes = set()
        if number > expected:
            # What was refused leaves a hole for good: a number is not used again.
            holes.update((source, missing) for missing in range(expected, number))
            inbox.next[source] = number + 1
            return True
        if (source, number) in holes:
            holes.discard((source, number))
            self.disordered += 1
            return True
        self.duplicates += 1
        return False
