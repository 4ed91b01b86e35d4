"""Applications: what an organization does with those it holds.

Knows: key pairs, settings, lending. Does not know who may: `permissions` does.
"""

from collections.abc import Collection, Mapping, Sequence
from uuid import uuid4

import msgspec

from hubbub.accounts.domain import HeldApplication, Hold, Identity, Organization, Ownership, Page
from hubbub.accounts.fields import Fields, Slice, invalid
from hubbub.accounts.permissions import Need, check, enter, hold, level, need_root, owns, seen
from hubbub.accounts.seam import Work
from hubbub.accounts.transactions import Transactions
from hubbub.apps import Application
from hubbub.errors import APP_DISABLED, UNKNOWN

MOST_PAIRS = 10
"""Active key pairs of one application."""


class Applications:
    """The use-cases of applications. `organization` is an id or a slug, `application` an id or any active key.

    Where `organization` may be None, that is for root: the application is meant whoever owns it, if anybody does.
    Secrets are None unless `who` is an admin of an organization that owns the application.
    """

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    async def list(
        self,
        who: Identity,
        organization: str | None,
        *,
        archived: bool = False,
        limit: object = None,
        offset: object = None,
    ) -> Page[HeldApplication]:
        """Give those the organization owns or borrows, by id; or the `archived` ones it owns, to its admins.

        Without an organization all, or those `archived` by themselves or with all of their owners.
        """
        part = Slice.of(limit, offset)
        if organization is None:
            need_root(who)
            async with self._transactions.reading(who) as work:
                return await work.applications.page(None, archived=archived, limit=part.limit, offset=part.offset)
        async with self._transactions.reading(who) as work:
            standing = await enter(work, who, organization, Need.ADMIN if archived else Need.ENROLLED)
            found = await work.applications.page(
                standing.organization.id, archived=archived, limit=part.limit, offset=part.offset
            )
            return Page(tuple(seen(who, standing, held) for held in found.items), found.total)

    async def create(
        self, who: Identity, organization: str | None, *, name: object, settings: object = None
    ) -> HeldApplication:
        """Create one with one key pair. `settings`: those that differ from the defaults, by name. Needs an admin."""
        with Fields() as fields:
            checked = fields.text("name", name)
            changed = {} if settings is None else fields.settings("settings", settings)
        kept = {setting: value for setting, value in changed.items() if value is not None}
        async with self._transactions.writing(who) as work:
            owner = await _owner(work, who, organization)
            key, secret = _pair()
            held = await work.applications.add(_id(owner), name=checked, settings=kept, key=key, secret=secret)
            await _audit(work, who, "application.create", owner, held)
            return held

    async def get(self, who: Identity, organization: str | None, application: str) -> HeldApplication:
        """Give one; an archived one to admins of its owner only."""
        async with self._transactions.reading(who) as work:
            return (await hold(work, who, organization, application, Need.ENROLLED, even_archived=True))[1]

    async def hold(self, who: Identity, application: str) -> Hold:
        """Give one by the organization through which `who` may do most; an archived one to admins of its owner only.

        Raises UNKNOWN for one that no organization of theirs holds.
        """
        async with self._transactions.reading(who) as work:
            found = await work.applications.find(None, application)
            if found is None:
                raise UNKNOWN()
            best: Hold | None = None
            for ownership in await work.applications.ownerships(found.id):
                one = await _hold(work, who, ownership, found)
                if one is not None and (best is None or _weight(one) > _weight(best)):
                    best = one
        if best is None and who.user.is_root:
            return Hold(organization=None, application=found, may_edit=True, may_publish=True)
        if best is None or (best.application.archived_at is not None and not best.may_edit):
            raise UNKNOWN()
        return best

    async def update(
        self, who: Identity, organization: str | None, application: str, *, name: object = None, settings: object = None
    ) -> HeldApplication:
        """Change the name, the settings, or both; None leaves it. Needs an admin of the owner.

        Settings not named stay; one that is None goes back to its default.
        """
        with Fields() as fields:
            new_name = None if name is None else fields.text("name", name)
            changed = {} if settings is None else fields.settings("settings", settings)
        async with self._transactions.writing(who) as work:
            owner, held = await _owned(work, who, organization, application)
            merged = {**held.settings, **changed}
            kept = {setting: value for setting, value in merged.items() if value is not None}
            if new_name in {None, held.name} and kept == held.settings:
                return held
            await work.applications.update(held.id, name=new_name, settings=kept)
            return await _changed(work, who, "application.update", owner, held)

    async def archive(self, who: Identity, organization: str | None, application: str) -> HeldApplication:
        """Archive it. Needs an admin of the owner; one that is archived already stays as it is."""
        return await self._archive(who, organization, application, archived=True)

    async def unarchive(self, who: Identity, organization: str | None, application: str) -> HeldApplication:
        """Bring it back. Needs an admin of the owner."""
        return await self._archive(who, organization, application, archived=False)

    async def rotate(self, who: Identity, organization: str | None, application: str) -> HeldApplication:
        """Add a key pair; the old ones stay valid until they are revoked. Needs an admin of the owner."""
        async with self._transactions.writing(who) as work:
            owner, held = await _owned(work, who, organization, application)
            if len(held.key_pairs) >= MOST_PAIRS:
                raise invalid("key", f"there are {MOST_PAIRS} key pairs already, revoke one first")
            key, secret = _pair()
            await work.applications.add_pair(held.id, key=key, secret=secret)
            return await _changed(work, who, "application.rotate", owner, held)

    async def revoke(self, who: Identity, organization: str | None, application: str, key: str) -> HeldApplication:
        """End a key pair. Needs an admin of the owner. The last one stays: INVALID in the field `key`."""
        async with self._transactions.writing(who) as work:
            owner, held = await _owned(work, who, organization, application)
            if all(pair.key != key for pair in held.key_pairs):
                raise UNKNOWN()
            if len(held.key_pairs) == 1:
                raise invalid("key", "is the last key pair")
            await work.applications.revoke_pair(held.id, key)
            return await _changed(work, who, "application.revoke", owner, held)

    async def lend(self, who: Identity, organization: str | None, application: str, *, to: object) -> Ownership:
        """Lend it to another organization, by slug; by id only to one of one's own. Needs an admin of the owner.

        INVALID in the field `organization` when there is none, or it holds the application already.
        """
        with Fields() as fields:
            reference = fields.text("organization", to)
        async with self._transactions.writing(who) as work:
            owner, held = await _owned(work, who, organization, application)
            standing = await work.organizations.standing(who.user.id, reference)
            # By id anybody could read, number after number, the name of every organization.
            is_named = standing is not None and (
                standing.is_enrolled or who.user.is_root or standing.organization.slug == reference
            )
            if standing is None or not is_named or standing.organization.archived_at is not None:
                raise invalid("organization", "does not exist")
            borrower = standing.organization
            if any(one.organization.id == borrower.id for one in await work.applications.ownerships(held.id)):
                raise invalid("organization", "holds the application already")
            ownership = await work.applications.lend(held.id, borrower.id)
            await _changed(work, who, "application.lend", owner, held, to=borrower)
            return ownership

    async def take_back(self, who: Identity, organization: str | None, application: str, borrower: str) -> None:
        """End the loan to `borrower`, an id or a slug. Needs an admin of the owner."""
        async with self._transactions.writing(who) as work:
            owner, held = await _owned(work, who, organization, application)
            found = await work.organizations.find(borrower)
            if found is None or not await work.applications.end_loan(held.id, found.id):
                raise UNKNOWN()
            await _changed(work, who, "application.take_back", owner, held, to=found)

    async def give_back(self, who: Identity, organization: str, application: str) -> None:
        """End the loan to `organization` itself. Needs an admin there; INVALID for one that it owns."""
        async with self._transactions.writing(who) as work:
            _, held = await hold(work, who, organization, application, Need.ENROLLED)
            borrower = (await enter(work, who, organization, Need.ADMIN)).organization
            if not await work.applications.end_loan(held.id, borrower.id):
                raise invalid("application", "is owned, not borrowed")
            await work.journal.note("application", held.id)
            await _audit(work, who, "application.give_back", borrower, held)

    async def ownerships(self, who: Identity, organization: str | None, application: str) -> Page[Ownership]:
        """Give who owns and who borrows it, in the order it came to them. Needs an admin of the owner."""
        async with self._transactions.reading(who) as work:
            _, held = await _owned(work, who, organization, application)
            found = tuple(await work.applications.ownerships(held.id))
            return Page(found, len(found))

    async def holders(self, who: Identity, applications: Collection[int]) -> Mapping[int, Sequence[Ownership]]:
        """Give who owns and who borrows each of some applications, in the order it came to them. Needs root."""
        need_root(who)
        async with self._transactions.reading(who) as work:
            return await work.applications.holders(applications)

    async def may_publish(self, who: Identity, organization: str, application: str) -> Application:
        """Give the application to publish to. Needs an enrollment with `can_publish` or `is_admin`.

        Raises APP_DISABLED too.
        """
        return await self._usable(who, organization, application, Need.PUBLISHER)

    async def may_read_presence(self, who: Identity, organization: str, application: str) -> Application:
        """Give the application whose presence may be read. Needs an enrollment. Raises APP_DISABLED too."""
        return await self._usable(who, organization, application, Need.ENROLLED)

    async def _archive(
        self, who: Identity, organization: str | None, application: str, *, archived: bool
    ) -> HeldApplication:
        async with self._transactions.writing(who) as work:
            owner, held = await hold(work, who, organization, application, Need.ADMIN, even_archived=True)
            if (held.archived_at is not None) == archived:
                return held
            await work.applications.archive(held.id, archived=archived)
            action = "application.archive" if archived else "application.unarchive"
            return await _changed(work, who, action, owner, held)

    async def _usable(self, who: Identity, organization: str, application: str, need: Need) -> Application:
        async with self._transactions.reading(who) as work:
            # What is not there is UNKNOWN even to who may not publish: they can list what is.
            standing = await enter(work, who, organization, Need.ENROLLED)
            found = await work.applications.publishable(standing.organization.id, application)
            if found is None:
                raise UNKNOWN()
            check(who, standing, need)
        if not found.settings.enabled:
            raise APP_DISABLED()
        return found


def _pair() -> tuple[str, str]:
    return str(uuid4()), str(uuid4())


def _id(organization: Organization | None) -> int | None:
    return None if organization is None else organization.id


async def _owner(work: Work, who: Identity, organization: str | None) -> Organization | None:
    """Give the organization that is to own a new application; None is nobody, and for root."""
    if organization is not None:
        return (await enter(work, who, organization, Need.ADMIN)).organization
    need_root(who)
    return None


async def _hold(work: Work, who: Identity, ownership: Ownership, found: HeldApplication) -> Hold | None:
    """Give how `who` reaches an application by one of its holders; None if not at all."""
    standing = await work.organizations.standing(who.user.id, str(ownership.organization.id))
    reached = 0 if standing is None else level(who, standing)
    if standing is None or not reached or standing.organization.archived_at is not None:
        return None
    held = msgspec.structs.replace(found, is_owned=ownership.is_owned)
    return Hold(
        organization=standing.organization,
        application=seen(who, standing, held),
        may_edit=owns(who, standing, held),
        may_publish=reached >= Need.PUBLISHER,
    )


def _weight(hold: Hold) -> tuple[bool, bool, bool]:
    return hold.may_edit, hold.application.is_owned, hold.may_publish


async def _owned(
    work: Work, who: Identity, organization: str | None, application: str
) -> tuple[Organization | None, HeldApplication]:
    return await hold(work, who, organization, application, Need.ADMIN)


async def _changed(
    work: Work,
    who: Identity,
    action: str,
    organization: Organization | None,
    held: HeldApplication,
    *,
    to: Organization | None = None,
) -> HeldApplication:
    """Note and audit a change, and give the application as it is after it."""
    await work.journal.note("application", held.id)
    await _audit(work, who, action, organization, held, to=to)
    # Not by the organization: root may have archived what it only borrows, and then does not hold it any more.
    after = await work.applications.find(None, str(held.id))
    assert after is not None, "applications are archived, never deleted"
    return msgspec.structs.replace(after, is_owned=held.is_owned)


async def _audit(
    work: Work,
    who: Identity,
    action: str,
    organization: Organization | None,
    held: HeldApplication,
    *,
    to: Organization | None = None,
) -> None:
    await work.journal.audit(
        who.row_id,
        action,
        f"application:{held.id}",
        organization_id=_id(organization),
        application_id=held.id,
        details=None if to is None else {"organization": to.id},
    )
