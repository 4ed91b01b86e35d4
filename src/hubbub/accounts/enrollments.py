"""Enrollments: who is in an organization.

Knows: that an organization keeps an admin. Does not know who may: `permissions` does.
"""

from hubbub.accounts.domain import Enrollment, Identity, Organization, Page, User
from hubbub.accounts.fields import Fields, Slice, invalid
from hubbub.accounts.permissions import Need, enter, is_oneself
from hubbub.accounts.seam import Work
from hubbub.accounts.transactions import Transactions
from hubbub.errors import UNKNOWN

LAST_ADMIN = "is the organization's last admin"


class Enrollments:
    """The use-cases of enrollments. `organization` is an id or a slug, `user` an id or an e-mail address."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    async def list(
        self, who: Identity, organization: str, *, limit: object = None, offset: object = None
    ) -> Page[Enrollment]:
        """Give those of an organization, by the user's id. Needs an admin: they show e-mail addresses."""
        part = Slice.of(limit, offset)
        async with self._transactions.reading(who) as work:
            found = (await enter(work, who, organization, Need.ADMIN)).organization
            return await work.enrollments.page(found.id, limit=part.limit, offset=part.offset)

    async def add(
        self, who: Identity, organization: str, *, user: object, is_admin: object = False, can_publish: object = True
    ) -> Enrollment:
        """Enroll a user there is, by e-mail address; by id only root. Needs an admin.

        INVALID in the field `user` when there is no such user, or they are enrolled already.
        """
        with Fields() as fields:
            reference = fields.text("user", user)
            as_admin, as_publisher = fields.flag("is_admin", is_admin), fields.flag("can_publish", can_publish)
        async with self._transactions.writing(who) as work:
            found = (await enter(work, who, organization, Need.ADMIN)).organization
            # By id anybody could read, number after number, the name and address of every user.
            other = await work.users.find(reference) if "@" in reference or who.user.is_root else None
            # Who has not shown that the address is theirs must not be taken for its owner.
            is_known = other is not None and (other.confirmed_at is not None or who.user.is_root)
            if other is None or not is_known or other.archived_at is not None:
                raise invalid("user", "does not exist")
            if await work.enrollments.find(found.id, other.id) is not None:
                raise invalid("user", "is enrolled already")
            await _audit(work, who, "enrollment.add", found, other, is_admin=as_admin, can_publish=as_publisher)
            return await work.enrollments.add(found.id, other.id, is_admin=as_admin, can_publish=as_publisher)

    async def change(
        self, who: Identity, organization: str, user: str, *, is_admin: object = None, can_publish: object = None
    ) -> Enrollment:
        """Change what is not None. Needs an admin. The last admin stays one: INVALID in the field `is_admin`."""
        with Fields() as fields:
            admin = None if is_admin is None else fields.flag("is_admin", is_admin)
            publisher = None if can_publish is None else fields.flag("can_publish", can_publish)
        async with self._transactions.writing(who) as work:
            found = (await enter(work, who, organization, Need.ADMIN)).organization
            before = await _enrollment(work, found, user)
            as_admin = before.is_admin if admin is None else admin
            as_publisher = before.can_publish if publisher is None else publisher
            if (as_admin, as_publisher) == (before.is_admin, before.can_publish):
                return before
            if not as_admin and await _is_last_admin(work, before):
                raise invalid("is_admin", LAST_ADMIN)
            await _audit(
                work, who, "enrollment.change", found, before.user, is_admin=as_admin, can_publish=as_publisher
            )
            await work.journal.note("user", before.user.id)
            return await work.enrollments.change(found.id, before.user.id, is_admin=as_admin, can_publish=as_publisher)

    async def remove(self, who: Identity, organization: str, user: str) -> None:
        """Un-enroll a user. Needs an admin, or to be that user. The last admin stays: INVALID in the field `user`."""
        async with self._transactions.writing(who) as work:
            need = Need.ENROLLED if is_oneself(who, user) else Need.ADMIN
            found = (await enter(work, who, organization, need)).organization
            before = await _enrollment(work, found, user)
            if await _is_last_admin(work, before):
                raise invalid("user", LAST_ADMIN)
            await _audit(work, who, "enrollment.remove", found, before.user)
            await work.journal.note("user", before.user.id)
            await work.enrollments.remove(found.id, before.user.id)


async def _enrollment(work: Work, organization: Organization, user: str) -> Enrollment:
    other = await work.users.find(user)
    found = None if other is None else await work.enrollments.find(organization.id, other.id)
    if found is None:
        raise UNKNOWN()
    return found


async def _is_last_admin(work: Work, enrollment: Enrollment) -> bool:
    organization, user = enrollment.organization, enrollment.user
    return enrollment.is_admin and not await work.enrollments.another_admin(organization.id, user.id)


async def _audit(
    work: Work, who: Identity, action: str, organization: Organization, user: User, **details: bool
) -> None:
    subject = f"user:{user.id}"
    await work.journal.audit(who.row_id, action, subject, organization_id=organization.id, details=details)
