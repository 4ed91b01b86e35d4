"""Records: what else there is, for root users: invitations whatever became of them, the audit, tokens, endpoints.

Knows: what can be searched and ordered by what. Does not know the queries. It goes on where `register` ends.
"""

from typing import Final

from hubbub.accounts.domain import Identity, Page
from hubbub.accounts.domain_register import Counts, KeptEndpoint, KeptInvitation, State
from hubbub.accounts.fields import Fields, invalid
from hubbub.accounts.listing import Listing
from hubbub.accounts.people import AuditEntry, UserToken
from hubbub.accounts.permissions import need_root
from hubbub.accounts.register import application_id, organization_id, user_id
from hubbub.accounts.transactions import Transactions
from hubbub.errors import UNKNOWN

INVITATIONS: Final = ("id", "email", "organization", "is_admin", "can_publish", "created_at", "expires_at")
ENTRIES: Final = ("id", "action", "created_at", "address")
ENDPOINTS: Final = ("id", "url", "application", "created_at", "updated_at")

STATES: Final[dict[str, State]] = {one: one for one in ("open", "accepted", "revoked", "expired")}


class Records:
    """The use-cases of the administration that only read. All need root; a reference None is any.

    `search` and `sort` are as in `Register`. What is asked for by an id that there is not is UNKNOWN.
    """

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    async def counts(self, who: Identity) -> Counts:
        """Tell how much there is of everything."""
        need_root(who)
        async with self._transactions.reading(who) as work:
            return await work.records.counts()

    async def token(self, who: Identity, token: str) -> UserToken:
        """Give a user token, and whose it is."""
        need_root(who)
        async with self._transactions.reading(who) as work:
            found = await work.records.token(token)
        if found is None:
            raise UNKNOWN()
        return found

    async def invitation(self, who: Identity, invitation: str) -> KeptInvitation:
        """Give an invitation, whatever became of it."""
        need_root(who)
        async with self._transactions.reading(who) as work:
            found = await work.records.invitation(invitation)
        if found is None:
            raise UNKNOWN()
        return found

    async def invitations(
        self,
        who: Identity,
        *,
        organization: str | None = None,
        state: object = None,
        search: object = None,
        sort: object = None,
        limit: object = None,
        offset: object = None,
    ) -> Page[KeptInvitation]:
        """Give invitations in a state, searched by e-mail address, name and the organization's name."""
        need_root(who)
        listing = Listing.of(INVITATIONS, search=search, sort=sort, limit=limit, offset=offset)
        wanted = None if state is None else STATES.get(str(state))
        if state is not None and wanted is None:
            raise invalid("state", f"must be one of {', '.join(STATES)}")
        async with self._transactions.reading(who) as work:
            within = None if organization is None else await organization_id(work, organization)
            return await work.records.invitations(listing, organization_id=within, state=wanted)

    async def entry(self, who: Identity, entry: str) -> AuditEntry:
        """Give an entry of the audit."""
        need_root(who)
        async with self._transactions.reading(who) as work:
            found = await work.records.entry(entry)
        if found is None:
            raise UNKNOWN()
        return found

    async def entries(  # noqa: PLR0913 - what a list can be narrowed by
        self,
        who: Identity,
        *,
        user: str | None = None,
        organization: str | None = None,
        application: str | None = None,
        subject: str | None = None,
        search: object = None,
        sort: object = None,
        limit: object = None,
        offset: object = None,
    ) -> Page[AuditEntry]:
        """Give entries of the audit, what a user did, to a subject, searched by action, subject and network address."""
        need_root(who)
        listing = Listing.of(ENTRIES, search=search, sort=sort, limit=limit, offset=offset)
        with Fields() as fields:
            about = None if subject is None else fields.text("subject", subject)
        async with self._transactions.reading(who) as work:
            return await work.records.entries(
                listing,
                user_id=None if user is None else await user_id(work, user),
                organization_id=None if organization is None else await organization_id(work, organization),
                application_id=None if application is None else await application_id(work, application),
                subject=about,
            )

    async def endpoint(self, who: Identity, endpoint: str) -> KeptEndpoint:
        """Give an endpoint of webhooks, and of which application."""
        need_root(who)
        async with self._transactions.reading(who) as work:
            found = await work.records.endpoint(endpoint)
        if found is None:
            raise UNKNOWN()
        return found

    async def endpoints(
        self,
        who: Identity,
        *,
        application: str | None = None,
        search: object = None,
        sort: object = None,
        limit: object = None,
        offset: object = None,
    ) -> Page[KeptEndpoint]:
        """Give endpoints of webhooks, searched by address and the application's name."""
        need_root(who)
        listing = Listing.of(ENDPOINTS, search=search, sort=sort, limit=limit, offset=offset)
        async with self._transactions.reading(who) as work:
            of = None if application is None else await application_id(work, application)
            return await work.records.endpoints(listing, application_id=of)
