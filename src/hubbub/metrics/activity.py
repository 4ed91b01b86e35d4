"""Which applications are told of one by one: those of which anything happens.

Pure. Knows what was counted of each when it was looked at before. An application that is gone, or rests, leaves after
QUIET seconds, so that series do not pile up; if it comes back, its counters go on where they were.
"""

from collections.abc import Mapping
from typing import Final

QUIET: Final = 3600.0
"""Seconds without a connection and without anything that is counted, after which an application is told of no more."""


class Activity:
    """Remembers when the numbers of each application last changed."""

    def __init__(self) -> None:
        self._last: dict[str, tuple[tuple[float, ...], float]] = {}

    def active(self, numbers: Mapping[str, tuple[float, ...]], present: set[str], now: float) -> set[str]:
        """Give the applications to tell of. `numbers` are what is counted of each; of those `present` somebody is here.

        `now` is by any clock that does not go back.
        """
        found = set(present)
        for app_id, counted in numbers.items():
            before = self._last.get(app_id)
            if app_id in present or before is None or before[0] != counted:
                self._last[app_id] = (counted, now)
                found.add(app_id)
            elif now - before[1] < QUIET:
                found.add(app_id)
        return found
