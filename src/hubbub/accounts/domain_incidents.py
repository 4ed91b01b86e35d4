"""What went wrong at applications, as use-cases take and give it.

Knows: how incidents are looked for. Does not know the table, nor who may see them.
"""

from datetime import datetime

import msgspec

from hubbub.taps.incident import Incident


class Sought(msgspec.Struct, frozen=True, kw_only=True):
    """Which incidents are looked for: those that fit everything that is not None.

    `text` is looked for in all texts, whatever its case; the others must be equal. `since` and `until` are both in.
    `older_than` is the number of an incident, given with it: only earlier ones are given. With `is_nameless` only sums
    are: of those who were concerned their number was noted, and no more.
    """

    text: str | None = None
    socket_id: str | None = None
    user_id: str | None = None
    channel: str | None = None
    address: str | None = None
    reason: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    older_than: int | None = None
    is_nameless: bool = False

    @property
    def is_of_somebody(self) -> bool:
        """Whether it is looked for somebody, or for something that a sum does not have."""
        return any((self.text, self.socket_id, self.user_id, self.channel, self.address))


class Kept(msgspec.Struct, frozen=True):
    """An incident as it is kept, and its number, by which they are in order."""

    number: int
    incident: Incident
