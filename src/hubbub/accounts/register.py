"""The register: everything there is, for root users.

Knows: what can be searched and ordered by what. Does not know the queries. Secrets are left out.

`search` is a text that some column must have in it, `sort` a column, with a `-` before it for the reverse order.
"""

from hubbub.accounts.domain import Enrollment, HeldApplication, Identity, Organization, Page
from hubbub.accounts.fields import Fields, invalid
from hubbub.accounts.listing import Listing
from hubbub.accounts.people import Holding, Profile, UserToken
from hubbub.accounts.permissions import need_root
from hubbub.accounts.seam import Work
from hubbub.accounts.transactions import Transactions
from hubbub.errors import UNKNOWN

USERS = ("id", "name", "email", "created_at", "sign_in_count", "current_sign_in_at")
ORGANIZATIONS = ("id", "name", "slug", "created_at")
ENROLLMENTS = ("id", "user", "organization", "created_at")
APPLICATIONS = ("id", "name", "created_at")
OWNERSHIPS = ("id", "organization", "application", "created_at")
TOKENS = ("id", "user", "prefix", "created_at", "invalidated_at")


class Register:
    """The use-cases of the administration. All need root. `archived` None is both; a reference None is any."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    async def users(
        self,
        who: Identity,
        *,
        search: object = None,
        sort: object = None,
        archived: bool | None = None,
        limit: object = None,
        offset: object = None,
    ) -> Page[Profile]:
        """Give users, searched by name and e-mail address."""
        need_root(who)
        listing = Listing.of(USERS, search=search, sort=sort, limit=limit, offset=offset)
        async with self._transactions.reading(who) as work:
            return await work.register.users(listing, archived=archived)

    async def organizations(
        self,
        who: Identity,
        *,
        search: object = None,
        sort: object = None,
        archived: bool | None = None,
        limit: object = None,
        offset: object = None,
    ) -> Page[Organization]:
        """Give organizations, searched by name and slug."""
        need_root(who)
        listing = Listing.of(ORGANIZATIONS, search=search, sort=sort, limit=limit, offset=offset)
        async with self._transactions.reading(who) as work:
            return await work.register.organizations(listing, archived=archived)

    async def enrollments(
        self,
        who: Identity,
        *,
        user: str | None = None,
        organization: str | None = None,
        search: object = None,
        sort: object = None,
        limit: object = None,
        offset: object = None,
    ) -> Page[Enrollment]:
        """Give enrollments, searched by the user's name and address and the organization's name."""
        need_root(who)
        listing = Listing.of(ENROLLMENTS, search=search, sort=sort, limit=limit, offset=offset)
        async with self._transactions.reading(who) as work:
            return await work.register.enrollments(
                listing,
                user_id=None if user is None else await _user(work, user),
                organization_id=None if organization is None else await _organization(work, organization),
            )

    async def applications(
        self,
        who: Identity,
        *,
        search: object = None,
        sort: object = None,
        archived: bool | None = None,
        limit: object = None,
        offset: object = None,
    ) -> Page[HeldApplication]:
        """Give applications, searched by name and active key."""
        need_root(who)
        listing = Listing.of(APPLICATIONS, search=search, sort=sort, limit=limit, offset=offset)
        async with self._transactions.reading(who) as work:
            found = await work.register.applications(listing, archived=archived)
        return Page(tuple(held.without_secrets() for held in found.items), found.total)

    async def ownerships(
        self,
        who: Identity,
        *,
        organization: str | None = None,
        application: str | None = None,
        search: object = None,
        sort: object = None,
        limit: object = None,
        offset: object = None,
    ) -> Page[Holding]:
        """Give ownerships, searched by the names of organization and application."""
        need_root(who)
        listing = Listing.of(OWNERSHIPS, search=search, sort=sort, limit=limit, offset=offset)
        async with self._transactions.reading(who) as work:
            return await work.register.ownerships(
                listing,
                organization_id=None if organization is None else await _organization(work, organization),
                application_id=None if application is None else await _application(work, application),
            )

    async def tokens(
        self,
        who: Identity,
        *,
        user: str | None = None,
        invalidated: bool | None = None,
        search: object = None,
        sort: object = None,
        limit: object = None,
        offset: object = None,
    ) -> Page[UserToken]:
        """Give user tokens, searched by prefix and the user's name and address."""
        need_root(who)
        listing = Listing.of(TOKENS, search=search, sort=sort, limit=limit, offset=offset)
        async with self._transactions.reading(who) as work:
            owner = None if user is None else await _user(work, user)
            return await work.register.tokens(listing, user_id=owner, invalidated=invalidated)

    async def own(self, who: Identity, application: str, organization: str, *, is_owned: object) -> Holding:
        """Make an organization that holds an application its owner, or a borrower.

        An application that has an owner keeps one: INVALID in the field `is_owned`.
        """
        need_root(who)
        with Fields() as fields:
            as_owner = fields.flag("is_owned", is_owned)
        async with self._transactions.writing(who) as work:
            application_id = await _application(work, application)
            organization_id = await _organization(work, organization)
            holders = await work.applications.ownerships(application_id)
            before = [one for one in holders if one.organization.id == organization_id]
            if not before:
                raise UNKNOWN()
            if before[0].is_owned and not as_owner and sum(one.is_owned for one in holders) == 1:
                raise invalid("is_owned", "is the application's last owner")
            if before[0].is_owned != as_owner:
                await work.journal.note("application", application_id)
                await work.journal.audit(
                    who.row_id,
                    "application.own" if as_owner else "application.disown",
                    f"application:{application_id}",
                    organization_id=organization_id,
                    application_id=application_id,
                )
            return await work.register.own(application_id, organization_id, is_owned=as_owner)


async def _user(work: Work, reference: str) -> int:
    found = await work.users.find(reference)
    if found is None:
        raise UNKNOWN()
    return found.id


async def _organization(work: Work, reference: str) -> int:
    found = await work.organizations.find(reference)
    if found is None:
        raise UNKNOWN()
    return found.id


async def _application(work: Work, reference: str) -> int:
    found = await work.applications.find(None, reference)
    if found is None:
        raise UNKNOWN()
    return found.id
