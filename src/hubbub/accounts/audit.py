"""Reading who did what.

Knows: who may. Does not know what is written down: each use-case says so itself.
"""

from hubbub.accounts.domain import Identity, Page
from hubbub.accounts.fields import Slice
from hubbub.accounts.people import AuditEntry
from hubbub.accounts.permissions import Need, enter, need_root
from hubbub.accounts.transactions import Transactions


class Audit:
    """The use-case of reading the audit. `organization` is an id or a slug."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    async def list(
        self, who: Identity, organization: str | None, *, limit: object = None, offset: object = None
    ) -> Page[AuditEntry]:
        """Give the entries of an organization, the newest first, to its admins; without one all, to root users."""
        part = Slice.of(limit, offset)
        if organization is None:
            need_root(who)
        async with self._transactions.reading(who) as work:
            found = None if organization is None else (await enter(work, who, organization, Need.ADMIN)).organization.id
            return await work.audit.page(organization_id=found, limit=part.limit, offset=part.offset)
