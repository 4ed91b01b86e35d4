"""How often something may be done."""


class Rate:
    """At most `limit` times in a second, which begins with the first use after the one before has ended.

    Two numbers, no timer: it costs nothing while nothing happens. Times are seconds of any steady clock.
    """

    __slots__ = ("_began", "_limit", "_used")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._began = float("-inf")
        self._used = 0

    def use(self, now: float) -> bool:
        """Count one use at time `now`; False, and not counted, when it is one too many."""
        if now - self._began >= 1:
            self._began = now
            self._used = 0
        if self._used >= self._limit:
            return False
        self._used += 1
        return True
