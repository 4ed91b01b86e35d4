"""Who left, and when that is to be believed.

Pure: it is given the time. Knows that the last word on a channel or a member counts. Does not know whether anybody is
there.
"""

import heapq

from hubbub.webhooks.seam import Standing


class Departure:
    """`stay` was left; what stands of it had, or got, this `version`, which says that nobody has been back since."""

    __slots__ = ("stay", "version")

    def __init__(self, stay: Standing, version: int) -> None:
        self.stay = stay
        self.version = version


class Departures:
    """Departures by the time at which each is to be looked at. Times are seconds of any steady clock."""

    def __init__(self) -> None:
        self._of: dict[Standing, Departure] = {}
        # By time, then by number: who left first is looked at first. What is not in `_of` any more is passed over.
        self._queue: list[tuple[float, int, Departure]] = []
        self._number = 0

    def __contains__(self, stay: Standing) -> bool:
        return stay in self._of

    def left(self, stay: Standing, version: int, at: float) -> None:
        """Note that it is to be looked at, at that time; what was noted of it before no longer counts."""
        departure = self._of[stay] = Departure(stay, version)
        self.again(departure, at)

    def again(self, departure: Departure, at: float) -> None:
        """Look at it once more, unless it does not count by then."""
        self._number += 1
        heapq.heappush(self._queue, (at, self._number, departure))

    def back(self, stay: Standing) -> None:
        """Note that it is there."""
        self._of.pop(stay, None)

    def due(self, now: float, most: int) -> list[Departure]:
        """Give those to look at, in the order in which they left. They still count until `close`."""
        found: list[Departure] = []
        while self._queue and self._queue[0][0] <= now and len(found) < most:
            departure = heapq.heappop(self._queue)[2]
            if self._of.get(departure.stay) is departure:
                found.append(departure)
        return found

    def close(self, departure: Departure) -> bool:
        """Be done with one; False if it does not count any more."""
        if self._of.get(departure.stay) is not departure:
            return False
        del self._of[departure.stay]
        return True

    def next_at(self) -> float | None:
        """Give when to ask for the next, None while nobody is leaving."""
        return self._queue[0][0] if self._queue else None

    def forget(self, app_id: str) -> None:
        """Forget all of an application."""
        for stay in [stay for stay in self._of if stay.app_id == app_id]:
            del self._of[stay]

    def clear(self) -> None:
        """Forget all."""
        self._of.clear()
        self._queue.clear()
