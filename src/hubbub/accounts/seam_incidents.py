"""What the use-cases ask of where incidents are kept.

Knows: the questions, as `seam` does, of which this is a part. Does not know the database, nor who keeps incidents.
"""

from collections.abc import Sequence
from typing import Protocol

from hubbub.accounts.domain_incidents import Kept, Sought


class Incidents(Protocol):
    """Incidents of applications, which go by the text of their id; empty where no application was known."""

    async def find(self, app_id: str, sought: Sought, limit: int) -> Sequence[Kept]:
        """Give the newest that fit, `limit` at most."""

    async def get(self, app_id: str, reference: str) -> Kept | None:
        """Give one by its reference."""

    async def reasons(self, app_id: str) -> Sequence[str]:
        """Name the reasons that an application's have."""
