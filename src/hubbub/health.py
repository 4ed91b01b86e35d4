"""Whether this process can be sent clients, as load balancers and those who start processes ask. Pure.

There are three questions. `live`: does the process answer at all, or must it be started anew; that depends on nothing
else. `ready`: may clients be sent here; what is away is told, and is no reason against it, see decision 0012.
`health`, the oldest, is the second one in fewer words.
"""

from collections.abc import Mapping
from typing import Any, Final

PATHS: Final = ("/health", "/health/live", "/health/ready")
"""Where they are asked."""

Away = Mapping[str, float | None]
"""Of each thing that is needed, for how many seconds it has been away; None while it is there."""

Told = tuple[int, dict[str, Any]]
"""An HTTP status, and JSON."""


def live() -> Told:
    """Give the answer of `/health/live`: who can give it is alive."""
    return 200, {"status": "live"}


def ready(*, is_draining: bool, away: Away) -> Told:
    """Give the answer of `/health/ready`.

    503 is a process that stops, and has told so: nobody is to be sent here. While something is away it is a 200 all the
    same: other nodes miss the same thing, and clients keep what they have.
    """
    parts = {
        name: {"status": "ok"} if seconds is None else {"status": "away", "seconds": round(seconds, 1)}
        for name, seconds in away.items()
    }
    status, told = health(is_draining=is_draining, away=away)
    return status, {"status": told["status"], "draining": is_draining, **parts}


def health(*, is_draining: bool, away: Away) -> Told:
    """Give the answer of `/health`: what is away, and nothing else if all is well."""
    missing = {name: {"away": round(seconds, 1)} for name, seconds in away.items() if seconds is not None}
    if is_draining:
        return 503, {"status": "draining", **missing}
    return 200, {"status": "degraded" if missing else "ok", **missing}
