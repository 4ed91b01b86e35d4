"""How often something may be done: refused beyond a rate, or held back to a pace."""

from hubbub.native import Rate

__all__ = ["Pace", "Rate"]


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
