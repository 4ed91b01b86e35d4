"""Invitations: an organization's word to an e-mail address.

Knows: how long one is good, and how it is accepted. Does not know how it is delivered.
"""

import asyncio
from datetime import UTC, datetime, timedelta

from hubbub.accounts.domain import Enrollment, Identity, Invitation, NewInvitation, Page, User
from hubbub.accounts.fields import TAKEN, Fields, Slice, invalid
from hubbub.accounts.password_rule import new_password
from hubbub.accounts.passwords import hash_password
from hubbub.accounts.permissions import Need, enter
from hubbub.accounts.proofs import hash_of, new_invitation
from hubbub.accounts.seam import Work
from hubbub.accounts.transactions import Transactions
from hubbub.errors import UNKNOWN

GOOD_FOR = timedelta(days=7)
"""How long an invitation can be accepted."""


class Invitations:
    """The use-cases of invitations. `organization` is an id or a slug."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    async def list(
        self, who: Identity, organization: str, *, limit: object = None, offset: object = None
    ) -> Page[Invitation]:
        """Give those that can still be accepted, the newest first. Needs an admin."""
        part = Slice.of(limit, offset)
        async with self._transactions.reading(who) as work:
            found = (await enter(work, who, organization, Need.ADMIN)).organization
            return await work.invitations.page(found.id, limit=part.limit, offset=part.offset)

    async def invite(
        self,
        who: Identity,
        organization: str,
        *,
        email: object,
        name: object = None,
        is_admin: object = False,
        can_publish: object = True,
    ) -> NewInvitation:
        """Invite the holder of `email`; an earlier invitation of theirs ends. Needs an admin.

        INVALID in the field `email` when they are enrolled already.
        """
        with Fields() as fields:
            address = fields.email("email", email)
            called = None if name in (None, "") else fields.text("name", name)
            as_admin, as_publisher = fields.flag("is_admin", is_admin), fields.flag("can_publish", can_publish)
        text = new_invitation()
        async with self._transactions.writing(who) as work:
            found = (await enter(work, who, organization, Need.ADMIN)).organization
            user = await work.users.find(address)
            if user is not None and await work.enrollments.find(found.id, user.id) is not None:
                raise invalid("email", "is enrolled already")
            invitation = await work.invitations.add(
                found.id,
                invited_by_id=who.row_id,
                email=address,
                name=called,
                is_admin=as_admin,
                can_publish=as_publisher,
                token_hash=hash_of(text),
                expires_at=datetime.now(UTC) + GOOD_FOR,
            )
            await work.journal.audit(
                who.row_id, "invitation.invite", f"invitation:{invitation.id}", organization_id=found.id
            )
            return NewInvitation(text=text, invitation=invitation)

    async def revoke(self, who: Identity, organization: str, invitation: str) -> None:
        """End an invitation, by id. Needs an admin."""
        async with self._transactions.writing(who) as work:
            found = (await enter(work, who, organization, Need.ADMIN)).organization
            one = await work.invitations.find(found.id, invitation)
            if one is None:
                raise UNKNOWN()
            await work.journal.audit(who.row_id, "invitation.revoke", f"invitation:{one.id}", organization_id=found.id)
            await work.invitations.revoke(one.id)

    async def look(self, text: str) -> Invitation:
        """Give the invitation that `text` accepts, for the page that asks whether to. UNKNOWN when it no longer can."""
        async with self._transactions.reading_for_anybody() as work:
            return await _invitation(work, text)

    async def accept(self, who: Identity, text: str) -> Enrollment:
        """Enroll `who`, whatever their address: who holds the text has read the mail. One already in gets no less."""
        async with self._transactions.writing(who) as work:
            if who.row_id is None:
                raise UNKNOWN()
            return await _accept(work, await _invitation(work, text), who.user)

    async def accept_as_new(self, text: str, *, name: object, password: object) -> Enrollment:
        """Create a user with the invitation's address, which is thereby confirmed, and enroll them.

        INVALID in the field `email` when there is a user with that address: they accept after signing in.
        """
        looked_at = await self.look(text)  # before the work of hashing a password
        with Fields() as fields:
            checked = fields.text("name", name)
            secret = new_password(fields, "password", password, looked_at.email)
        password_hash = await asyncio.to_thread(hash_password, secret)
        async with self._transactions.writing_for_anybody() as work:
            invitation = await _invitation(work, text)
            if await work.users.find(invitation.email) is not None:
                raise invalid("email", TAKEN)
            user = await work.users.add(
                name=checked, email=invitation.email, password_hash=password_hash, is_root=False
            )
            return await _accept(work, invitation, user)


async def _invitation(work: Work, text: str) -> Invitation:
    invitation = await work.invitations.by_hash(hash_of(text))
    if invitation is None:
        raise UNKNOWN()
    return invitation


async def _accept(work: Work, invitation: Invitation, user: User) -> Enrollment:
    organization = invitation.organization
    await work.invitations.accept(invitation.id)
    await work.journal.audit(
        user.id, "invitation.accept", f"invitation:{invitation.id}", organization_id=organization.id
    )
    before = await work.enrollments.find(organization.id, user.id)
    if before is None:
        return await work.enrollments.add(
            organization.id, user.id, is_admin=invitation.is_admin, can_publish=invitation.can_publish
        )
    await work.journal.note("user", user.id)
    return await work.enrollments.change(
        organization.id,
        user.id,
        is_admin=before.is_admin or invitation.is_admin,
        can_publish=before.can_publish or invitation.can_publish,
    )
