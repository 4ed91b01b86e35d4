"""The register: everything there is, for root users.

Knows: what can be searched and ordered by what. Does not know the queries. Secrets are left out.

`search` is a text that some column must have in it, `sort` a column, with a `-` before it for the reverse order.
"""

from collections.abc import Mapping

from hubbub.accounts.domain import Enrollment, HeldApplication, Identity, Organization, Page
from hubbub.accounts.fields import Fields, invalid
from hubbub.accounts.listing import Listing
from hubbub.accounts.people import Holding, Profile, UserToken
from hubbub.accounts.permissions import need_root
from hubbub.accounts.seam import Work
from hubbub.accounts.seam_people import Trait
from hubbub.accounts.transactions import Transactions
from hubbub.errors import UNKNOWN

USERS = ("id", "name", "email", "is_root", "created_at", "sign_in_count", "current_sign_in_at")
ORGANIZATIONS = ("id", "name", "slug", "created_at")
ENROLLMENTS = ("id", "user", "organization", "is_admin", "can_publish", "created_at")
APPLICATIONS = ("id", "name", "created_at")
OWNERSHIPS = ("id", "organization", "application", "is_owned", "created_at")
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
        traits: Mapping[Trait, bool] | None = None,
        limit: object = None,
        offset: object = None,
    ) -> Page[Profile]:
        """Give users that have these traits, or have them not, searched by name and e-mail address."""
        need_root(who)
        listing = Listing.of(USERS, search=search, sort=sort, limit=limit, offset=offset)
        async with self._transactions.reading(who) as work:
            return await work.register.users(listing, archived=archived, traits=traits or {})

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

    async def enrollments(  # noqa: PLR0913 - what a list can be narrowed by
        self,
        who: Identity,
        *,
        user: str | None = None,
        organization: str | None = None,
        is_admin: bool | None = None,
        can_publish: bool | None = None,
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
                user_id=None if user is None else await user_id(work, user),
                organization_id=None if organization is None else await organization_id(work, organization),
                is_admin=is_admin,
                can_publish=can_publish,
            )

    async def applications(
        self,
        who: Identity,
        *,
        search: object = None,
        sort: object = None,
        archived: bool | None = None,
        organization: str | None = None,
        limit: object = None,
        offset: object = None,
    ) -> Page[HeldApplication]:
        """Give applications that an organization owns or borrows, searched by name and active key."""
        need_root(who)
        listing = Listing.of(APPLICATIONS, search=search, sort=sort, limit=limit, offset=offset)
        async with self._transactions.reading(who) as work:
            within = None if organization is None else await organization_id(work, organization)
            found = await work.register.applications(listing, archived=archived, organization_id=within)
        return Page(tuple(held.without_secrets() for held in found.items), found.total)

    async def ownerships(  # noqa: PLR0913 - what a list can be narrowed by
        self,
        who: Identity,
        *,
        organization: str | None = None,
        application: str | None = None,
        is_owned: bool | None = None,
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
                organization_id=None if organization is None else await organization_id(work, organization),
                application_id=None if application is None else await application_id(work, application),
                is_owned=is_owned,
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
            owner = None if user is None else await user_id(work, user)
            return await work.register.tokens(listing, user_id=owner, invalidated=invalidated)

    async def hold(
        self, who: Identity, *, application: object, organization: object, is_owned: object = False
    ) -> Holding:
        """Have an organization own an application, or borrow it. INVALID for one that holds it already."""
        need_root(who)
        with Fields() as fields:
            of, to = fields.text("application", application), fields.text("organization", organization)
            as_owner = fields.flag("is_owned", is_owned)
        async with self._transactions.writing(who) as work:
            held = await work.applications.find(None, of)
            holder = await work.organizations.find(to)
            with Fields() as fields:
                if held is None or held.archived_at is not None:
                    fields.fault("application", "does not exist")
                elif holder is None or holder.archived_at is not None:
                    fields.fault("organization", "does not exist")
                elif any(one.organization.id == holder.id for one in await work.applications.ownerships(held.id)):
                    fields.fault("organization", "holds the application already")
            assert held is not None, "it is no fault of the field"
            assert holder is not None, "it is no fault of the field"
            await work.applications.lend(held.id, holder.id)
            await work.journal.note("application", held.id)
            await work.journal.audit(
                who.row_id,
                "application.own" if as_owner else "application.lend",
                f"application:{held.id}",
                organization_id=holder.id,
                application_id=held.id,
                details={"organization": holder.id},
            )
            return await work.register.own(held.id, holder.id, is_owned=as_owner)

    async def own(self, who: Identity, application: str, organization: str, *, is_owned: object) -> Holding:
        """Make an organization that holds an application its owner, or a borrower.

        An application that has an owner keeps one: INVALID in the field `is_owned`.
        """
        need_root(who)
        with Fields() as fields:
            as_owner = fields.flag("is_owned", is_owned)
        async with self._transactions.writing(who) as work:
            of, holder = await application_id(work, application), await organization_id(work, organization)
            holders = await work.applications.ownerships(of)
            before = [one for one in holders if one.organization.id == holder]
            if not before:
                raise UNKNOWN()
            if before[0].is_owned and not as_owner and sum(one.is_owned for one in holders) == 1:
                raise invalid("is_owned", "is the application's last owner")
            if before[0].is_owned != as_owner:
                await work.journal.note("application", of)
                await work.journal.audit(
                    who.row_id,
                    "application.own" if as_owner else "application.disown",
                    f"application:{of}",
                    organization_id=holder,
                    application_id=of,
                )
            return await work.register.own(of, holder, is_owned=as_owner)


async def user_id(work: Work, reference: str) -> int:
    """Give the id of the one that `reference` names. Raises UNKNOWN."""
    found = await work.users.find(reference)
    if found is None:
        raise UNKNOWN()
    return found.id


async def organization_id(work: Work, reference: str) -> int:
    """Give the id of the one that `reference` names. Raises UNKNOWN."""
    found = await work.organizations.find(reference)
    if found is None:
        raise UNKNOWN()
    return found.id


async def application_id(work: Work, reference: str) -> int:
    """Give the id of the one that `reference` names. Raises UNKNOWN."""
    found = await work.applications.find(None, reference)
    if found is None:
        raise UNKNOWN()
    return found.id
