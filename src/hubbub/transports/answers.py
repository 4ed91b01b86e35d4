"""Answers of the signed API, sent together at the end of the loop's turn.

Knows whose each is and that their order is kept. A client that is answered at once is woken at once, reads its answer
and asks the next; sixteen of them cost sixteen wakings, where the first would have done for most (0.9 against 1).
"""

from collections.abc import Callable

from hubbub.native import Outlet
from hubbub.transports.sampling import Sampling


class Answers:
    """What waits for the end of the turn. `schedule` takes a call to make soon, not now."""

    def __init__(self, schedule: Callable[[Callable[[], None]], object]) -> None:
        self._schedule = schedule
        self._waiting: list[tuple[Outlet, bytes]] = []
        self._timed: list[float] = []
        self.sampling = Sampling()
        """Which requests are timed, and what they took."""

    def put(self, outlet: Outlet, answer: bytes) -> None:
        """Send soon, after what was put before."""
        if not self._waiting:
            self._schedule(self.flush)
        self._waiting.append((outlet, answer))

    def time(self, began: float) -> None:
        """Count, when what was put last is sent, how long it took since `began`."""
        self._timed.append(began)

    def flush(self) -> None:
        """Send what waits, now: for who is about to write, close or hand over a connection past this."""
        waiting, self._waiting = self._waiting, []
        for outlet, answer in waiting:
            outlet(answer)
        if self._timed:
            timed, self._timed = self._timed, []
            for began in timed:
                self.sampling.end(began)
