"""How often each thing was refused, by application, since the start.

Knows numbers only. Does not know who reads them, nor what was refused to whom.
"""

from collections import Counter

from hubbub.errors import Reason, Refusal, name_of


class Tally:
    """Counts refusals."""

    def __init__(self) -> None:
        self.refusals: Counter[tuple[str, str]] = Counter()
        """By the application's id, empty where none is known, and the reason's name."""

    def refused(self, app_id: str, refusal: Refusal | Reason) -> None:
        """Count one."""
        reason = refusal.reason if isinstance(refusal, Refusal) else refusal
        self.refusals[app_id, name_of(reason)] += 1
