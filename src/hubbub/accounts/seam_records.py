"""What the administration asks of where accounts are kept, beside `seam_people.Register`.

Knows: the questions, as `seam` does. Does not know the database.
"""

from typing import Protocol

from hubbub.accounts.domain import Page
from hubbub.accounts.domain_register import Counts, KeptEndpoint, KeptInvitation, State
from hubbub.accounts.listing import Listing
from hubbub.accounts.people import AuditEntry, UserToken


class Records(Protocol):
    """Invitations whatever became of them, the audit, tokens, endpoints: of everybody."""

    async def counts(self) -> Counts:
        """Tell how much there is of everything."""

    async def token(self, reference: str) -> UserToken | None:
        """Give a token, by id."""

    async def invitation(self, reference: str) -> KeptInvitation | None:
        """Give an invitation, by id."""

    async def invitations(
        self, listing: Listing, *, organization_id: int | None, state: State | None
    ) -> Page[KeptInvitation]:
        """Give invitations, searched by address, name and the organization; None is any."""

    async def entry(self, reference: str) -> AuditEntry | None:
        """Give an entry of the audit, by id."""

    async def entries(
        self,
        listing: Listing,
        *,
        user_id: int | None,
        organization_id: int | None,
        application_id: int | None,
        subject: str | None,
    ) -> Page[AuditEntry]:
        """Give entries of the audit, searched by action, subject and address; None is any."""

    async def endpoint(self, reference: str) -> KeptEndpoint | None:
        """Give an endpoint, by id."""

    async def endpoints(self, listing: Listing, *, application_id: int | None) -> Page[KeptEndpoint]:
        """Give endpoints, searched by address and the application; None is any."""
