"""How often each thing was refused, by application, and how connections ended, since the start.

Knows numbers only. Does not know who reads them, nor what was refused to whom.
"""

from collections import Counter, defaultdict
from typing import Final

from hubbub.errors import INTERNAL, Reason, Refusal, name_of

CLIENT: Final = "client"
"""Stands for a reason where the client itself said goodbye."""

INTERNAL_CODE: Final = 1011
"""RFC 6455, 7.4.1: "an unexpected condition that prevented it from fulfilling the request"."""

NO_CODE: Final = 1005
"""RFC 6455, 7.4.1: for "a status code indicating that no status code was actually present"."""

GOODBYES: Final = (1000, 1001, NO_CODE)
"""Codes that clients say goodbye with. Others are of their own making, and counted as OTHER."""

OTHER: Final = "other"


class Tally:
    """Counts refusals, and ends of connections."""

    def __init__(self) -> None:
        self.refusals: Counter[tuple[str, str]] = Counter()
        """By the application's id, empty where none is known, and the reason's name."""
        self._closes: Counter[Reason] = Counter()
        self.goodbyes: defaultdict[bytes, int] = defaultdict(int)
        """Connections that clients ended, by the code with which they did: two bytes, or none."""

    def refused(self, app_id: str, refusal: Refusal | Reason) -> None:
        """Count one."""
        reason = refusal.reason if isinstance(refusal, Refusal) else refusal
        self.refusals[app_id, name_of(reason)] += 1

    def closed(self, refusal: Refusal) -> None:
        """Count a connection of a client that ends by a refusal."""
        self._closes[refusal.reason] += 1

    def closes(self) -> Counter[tuple[str, str]]:
        """Give how connections ended, by close code and the reason's name; CLIENT is no reason, but a goodbye."""
        told: Counter[tuple[str, str]] = Counter()
        for reason, count in self._closes.items():
            told[code_of(reason), name_of(reason)] += count
        for said, count in self.goodbyes.items():
            code = int.from_bytes(said, "big") if said else NO_CODE
            told[str(code) if code in GOODBYES else OTHER, CLIENT] += count
        return told


def closes(reason: Reason) -> bool:
    """Tell whether connections are closed with the code of this reason; others have it in an error, or in HTTP."""
    return reason.code is not None and (1000 <= reason.code < 2000 or 4000 <= reason.code < 4300)


def code_of(reason: Reason) -> str:
    """Give the code that a connection is closed with for this reason."""
    return str(INTERNAL_CODE if reason is INTERNAL or reason.code is None else reason.code)
