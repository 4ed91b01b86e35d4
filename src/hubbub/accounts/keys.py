"""Key pairs: what one says one's password again for.

Knows: that whoever finds a browser open must not get at the secrets by that alone, nor make themselves some. Does not
know what a pair is: `applications` does.
"""

from hubbub.accounts.applications import Applications
from hubbub.accounts.domain import HeldApplication, Identity
from hubbub.accounts.permissions import Need, hold
from hubbub.accounts.proving import Proving
from hubbub.accounts.transactions import Transactions
from hubbub.errors import UNKNOWN


class Keys:
    """The use-cases of key pairs that need one's password: INVALID in the field `password` without it.

    A wrong one counts as one at signing in does. Both need an admin of the owner; `organization` and `application` are
    as in `Applications`.
    """

    def __init__(self, transactions: Transactions, applications: Applications, proving: Proving) -> None:
        self._transactions = transactions
        self._applications = applications
        self._proving = proving

    async def show(
        self, who: Identity, organization: str | None, application: str, *, password: object
    ) -> HeldApplication:
        """Give an application with the secrets of its pairs. The audit keeps that they were seen."""
        await self._prove(who, organization, application, password)
        async with self._transactions.writing(who) as work:
            owner, held = await hold(work, who, organization, application, Need.ADMIN)
            await work.journal.audit(
                who.row_id,
                "application.show_secrets",
                f"application:{held.id}",
                organization_id=None if owner is None else owner.id,
                application_id=held.id,
            )
            return held

    async def add(
        self, who: Identity, organization: str | None, application: str, *, password: object
    ) -> HeldApplication:
        """Add a pair, as `Applications.rotate` does, and give the application with the secrets."""
        await self._prove(who, organization, application, password)
        return await self._applications.rotate(who, organization, application)

    async def _prove(self, who: Identity, organization: str | None, application: str, password: object) -> None:
        """Raise unless `who` may, and knows their password."""
        if who.row_id is None:
            raise UNKNOWN()
        # Who may not is told so first: nobody is to be locked out by what could not have worked.
        async with self._transactions.reading(who) as work:
            await hold(work, who, organization, application, Need.ADMIN)
        await self._proving.prove(who, password)
