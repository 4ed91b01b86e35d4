"""What the console asks of where incidents are kept.

Knows: the questions. Does not know the database, nor what is asked afterwards: that is `accounts.seam_incidents`.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from hubbub.taps.incident import Incident


class IncidentLog(Protocol):
    """Where incidents are kept. Every question raises STORE_UNAVAILABLE while that is away."""

    async def keep(self, incidents: Sequence[Incident]) -> None:
        """Keep some, in this order."""

    async def prune(self, before: datetime, most: int) -> int:
        """Forget those of before then, and of each application all but the newest `most`; give how many that were."""
