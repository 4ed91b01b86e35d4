"""Sending by hand: somebody who looks after an application publishes an event in its name.

Knows: who may, and that it is kept who did, though not what they sent. Does not know what may be sent, nor sends it.
"""

from collections.abc import Sequence

from hubbub.accounts.domain import Identity
from hubbub.accounts.permissions import Need, hold, need_root
from hubbub.accounts.transactions import Transactions

MOST_CHANNELS = 20
"""Channels of one event that the audit names."""


class Sending:
    """The use-case of sending by hand."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    async def note(
        self, who: Identity, organization: str | None, application: str, *, event: str, channels: Sequence[str]
    ) -> None:
        """Keep that `who` sends an event. Needs an enrollment that can publish. Raises what keeps them from it.

        `organization` and `application` are as in `Applications`.
        """
        async with self._transactions.writing(who) as work:
            owner, held = await hold(work, who, organization, application, Need.PUBLISHER)
            await work.journal.audit(
                who.row_id,
                "event.send",
                f"application:{held.id}",
                organization_id=None if owner is None else owner.id,
                application_id=held.id,
                details=_details(event, channels),
            )

    async def note_declared(self, who: Identity, application: str, *, event: str, channels: Sequence[str]) -> None:
        """Keep that `who` sends an event of the application that settings declare, by its id. Needs root."""
        need_root(who)
        async with self._transactions.writing(who) as work:
            subject = f"application:{application}"
            await work.journal.audit(who.row_id, "event.send", subject, details=_details(event, channels))


def _details(event: str, channels: Sequence[str]) -> dict[str, object]:
    more = {} if len(channels) <= MOST_CHANNELS else {"more_channels": len(channels) - MOST_CHANNELS}
    return {"event": event, "channels": list(channels[:MOST_CHANNELS]), **more}
