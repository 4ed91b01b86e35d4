"""How often something may be done: refused beyond a rate, or held back to a pace."""


class Rate:
    """At most `limit` times in a second, which begins with the first use after the one before has ended.

    Two numbers, no timer: it costs nothing while nothing happens. Times are seconds of any steady clock.
    """

    __slots__ = ("_began", "_limit", "_used")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._began = float("-inf")
        self._used = 0

    def use(self, now: float, times: int = 1) -> bool:
        """Count so many uses at time `now`; False, and none counted, when they are too many."""
        if now - self._began >= 1:
            self._began = now
            self._used = 0
        if self._used + times > self._limit:
            return False
        self._used += times
        return True


class Pace:
    """So many at once, then so many in a second; pauses give credit anew. Times are seconds of any steady clock."""

    __slots__ = ("_at_once", "_free_at", "_interval")

    def __init__(self, at_once: int, per_second: float) -> None:
        self._interval = 1 / per_second
        self._at_once = at_once
        self._free_at = float("-inf")

    def use(self, now: float) -> float:
        """Count one at time `now`; give how many seconds it should wait, 0 for none."""
        self._free_at = max(self._free_at, now - self._at_once * self._interval) + self._interval
        return max(self._free_at - now, 0.0)
