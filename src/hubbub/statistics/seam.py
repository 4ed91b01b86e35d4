"""What statistics ask of where they are kept, and the values that go both ways.

Knows: the resolutions, and for how long each is kept. Does not know the database. Times are Unix seconds, applications
go by the text of their id: one may be declared by settings and have no row.
"""

from collections.abc import Mapping, Sequence
from typing import Final, Protocol

import msgspec

from hubbub.statistics.figures import Figures

INTERVAL: Final = 10
"""Seconds of the finest resolution: how often figures are written down."""

MINUTE: Final = 60
HOUR: Final = 3600
DAY: Final = 86_400

KEPT: Final = {INTERVAL: 2 * HOUR, MINUTE: 2 * DAY, 10 * MINUTE: 15 * DAY, HOUR: 100 * DAY, DAY: 5 * 366 * DAY}
"""Seconds of each resolution, and for how many seconds its figures are kept. Each divides the next."""


class Noted(msgspec.Struct, frozen=True, gc=False):
    """Figures of an application in the interval that begins at `at`, a multiple of INTERVAL, of one node."""

    app_id: str
    at: int
    figures: Figures


class Refused(msgspec.Struct, frozen=True, gc=False):
    """How often something was refused for a reason, by its name, in the interval that begins at `at`."""

    app_id: str
    at: int
    reason: str
    count: int


class Ledger(Protocol):
    """Where figures are kept. Each call raises the refusal STORE_UNAVAILABLE while the store is away."""

    async def add(self, noted: Sequence[Noted], refused: Sequence[Refused]) -> None:
        """Add to what is there, of this node or another, in every resolution, all of it or nothing."""

    async def prune(self, now: int) -> bool:
        """Forget some of what is kept for too long; tell whether there may be more."""

    async def figures(self, app_id: str, resolution: int, since: int, until: int) -> Mapping[int, Figures]:
        """Give what is kept of an application from `since` on and before `until`, by the time that each begins."""

    async def refusals(self, app_id: str, resolution: int, since: int, until: int) -> Mapping[int, Mapping[str, int]]:
        """Give how often what was refused, by the time that each begins and the reason."""

    async def totals(self, app_ids: Sequence[str], resolution: int, since: int, until: int) -> Mapping[str, Figures]:
        """Give the figures of all that time for each of the applications that has any."""
