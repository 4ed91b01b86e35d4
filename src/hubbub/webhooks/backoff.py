"""When a webhook is tried again.

Pure. At the first, second, fourth second and so on after it was made, and a last time so that the answer comes just
within the window in which receivers take it: Pusher's Python library refuses what was made more than 300 s ago.
"""

from typing import Final

MARGIN: Final = 0.1
"""Seconds by which a timer may be early, without two tries for one."""


def next_try(age: float, window: float, timeout: float) -> float | None:
    """Give the age at which to try again what failed at `age`, None if that was the last time. All in seconds.

    The last try begins `timeout` before the end of `window`.
    """
    last = max(window - timeout, 0.0)
    if age >= last - MARGIN:
        return None
    at = 1.0
    while at <= age + MARGIN:
        at *= 2
    return min(at, last)
