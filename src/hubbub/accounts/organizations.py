"""Organizations: what can be done with them.

Knows: slugs and archiving. Does not know who may: `permissions` does.
"""

import secrets

import msgspec

from hubbub.accounts.domain import Identity, Organization, Page, Place, Standing
from hubbub.accounts.fields import Fields, Slice, invalid
from hubbub.accounts.permissions import Need, enter, need_root
from hubbub.accounts.seam import Work
from hubbub.accounts.slugs import free_slug, slug_of
from hubbub.accounts.transactions import Transactions


class Organizations:
    """The use-cases of organizations. `organization` is an id or a slug."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    async def list(
        self,
        who: Identity,
        *,
        everyones: bool = False,
        archived: bool = False,
        limit: object = None,
        offset: object = None,
    ) -> Page[Organization]:
        """Give those `who` is enrolled in, by id; `everyones` for root: all. `archived`: the archived ones instead.

        Archived ones are seen by their admins only. Without `limit` it gives 100.
        """
        if everyones:
            need_root(who)
        part = Slice.of(limit, offset)
        async with self._transactions.reading(who) as work:
            return await work.organizations.page(
                None if everyones else who.user.id, archived=archived, limit=part.limit, offset=part.offset
            )

    async def places(
        self, who: Identity, *, archived: bool = False, limit: object = None, offset: object = None
    ) -> Page[Place]:
        """Give those `who` is enrolled in, by name, and what they may do there; or the `archived` ones, to admins."""
        part = Slice.of(limit, offset)
        async with self._transactions.reading(who) as work:
            return await work.organizations.places(who.user.id, archived=archived, limit=part.limit, offset=part.offset)

    async def stand(self, who: Identity, organization: str) -> Standing:
        """Give one and what `who` may do there, which for root users is everything; an archived one to its admins."""
        async with self._transactions.reading(who) as work:
            standing = await enter(work, who, organization, Need.ENROLLED, even_archived=True)
        if who.user.is_root:
            return msgspec.structs.replace(standing, is_admin=True, can_publish=True)
        return msgspec.structs.replace(standing, can_publish=standing.can_publish or standing.is_admin)

    async def create(self, who: Identity, *, name: object, owner: object = None) -> Organization:
        """Create one, with `who` as its admin. Its slug is made from the name, with a number if that is taken.

        `owner` is for root: another user, by e-mail address or id, who becomes its admin instead.
        """
        if owner is not None:
            need_root(who)
        with Fields() as fields:
            checked = fields.text("name", name)
            other = None if owner is None else fields.text("owner", owner)
        slug = slug_of(checked) or f"org-{secrets.token_hex(4)}"
        async with self._transactions.writing(who) as work:
            first = who.row_id if other is None else await _user_id(work, other)
            free = free_slug(slug, await work.organizations.slugs_like(slug))
            organization = await work.organizations.add(name=checked, slug=free)
            if first is not None:
                await work.enrollments.add(organization.id, first, is_admin=True, can_publish=True)
            await work.journal.audit(who.row_id, "organization.create", free, organization_id=organization.id)
            return organization

    async def get(self, who: Identity, organization: str) -> Organization:
        """Give one; an archived one to its admins only."""
        async with self._transactions.reading(who) as work:
            return (await enter(work, who, organization, Need.ENROLLED, even_archived=True)).organization

    async def rename(self, who: Identity, organization: str, *, name: object) -> Organization:
        """Give it another name; the slug stays. Needs an admin."""
        with Fields() as fields:
            checked = fields.text("name", name)
        async with self._transactions.writing(who) as work:
            found = (await enter(work, who, organization, Need.ADMIN)).organization
            await work.journal.audit(
                who.row_id, "organization.rename", found.slug, organization_id=found.id, details={"name": checked}
            )
            return await work.organizations.rename(found.id, checked)

    async def archive(self, who: Identity, organization: str) -> Organization:
        """Archive it, and with it what it owns. Needs an admin; one that is archived already stays as it is."""
        return await self._archive(who, organization, archived=True)

    async def unarchive(self, who: Identity, organization: str) -> Organization:
        """Bring it back. Needs an admin."""
        return await self._archive(who, organization, archived=False)

    async def _archive(self, who: Identity, organization: str, *, archived: bool) -> Organization:
        async with self._transactions.writing(who) as work:
            found = (await enter(work, who, organization, Need.ADMIN, even_archived=True)).organization
            if (found.archived_at is not None) == archived:
                return found
            action = "organization.archive" if archived else "organization.unarchive"
            await work.journal.audit(who.row_id, action, found.slug, organization_id=found.id)
            await work.journal.note("application", *await work.applications.held_by(found.id))
            return await work.organizations.archive(found.id, archived=archived)


async def _user_id(work: Work, reference: str) -> int:
    user = await work.users.find(reference)
    if user is None or user.archived_at is not None:
        raise invalid("owner", "does not exist")
    return user.id
