"""Invitations: an organization's word to an e-mail address.

Knows: how long one is good, how it is accepted, and that a letter brings it. Does not know mail.
"""

from datetime import UTC, datetime, timedelta

from hubbub.accounts.domain import Enrollment, Identity, Invitation, NewInvitation, Organization, Page, User
from hubbub.accounts.fields import TAKEN, Fields, Slice, invalid
from hubbub.accounts.password_rule import new_password
from hubbub.accounts.passwords import apart, hash_password
from hubbub.accounts.people import Letter
from hubbub.accounts.permissions import Need, enter
from hubbub.accounts.post import Post
from hubbub.accounts.proofs import hash_of, new_invitation
from hubbub.accounts.seam import Work
from hubbub.accounts.transactions import Transactions
from hubbub.errors import UNKNOWN

GOOD_FOR = timedelta(days=7)
"""How long an invitation can be accepted."""


class Invitations:
    """The use-cases of invitations. `organization` is an id or a slug."""

    def __init__(self, transactions: Transactions, post: Post) -> None:
        self._transactions = transactions
        self._post = post

    async def list(
        self, who: Identity, organization: str, *, limit: object = None, offset: object = None
    ) -> Page[Invitation]:
        """Give those that can still be accepted, the newest first. Needs an admin."""
        part = Slice.of(limit, offset)
        async with self._transactions.reading(who) as work:
            found = (await enter(work, who, organization, Need.ADMIN)).organization
            return await work.invitations.page(found.id, limit=part.limit, offset=part.offset)

    async def get(self, who: Identity, organization: str, invitation: str) -> Invitation:
        """Give one that can still be accepted, by id. Needs an admin."""
        async with self._transactions.reading(who) as work:
            found = (await enter(work, who, organization, Need.ADMIN)).organization
            one = await work.invitations.find(found.id, invitation)
            if one is None:
                raise UNKNOWN()
            return one

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
        """Invite the holder of `email`, by a letter; an earlier invitation of theirs ends. Needs an admin.

        INVALID in the field `email` when they are enrolled already.
        """
        with Fields() as fields:
            address = fields.email("email", email)
            called = None if name in (None, "") else fields.text("name", name)
            as_admin, as_publisher = fields.flag("is_admin", is_admin), fields.flag("can_publish", can_publish)
        async with self._transactions.writing(who) as work:
            found = (await enter(work, who, organization, Need.ADMIN)).organization
            made = await _invite(
                work, who, found, email=address, name=called, is_admin=as_admin, can_publish=as_publisher
            )
        await self._post(_letter(who, made))
        return made

    async def resend(self, who: Identity, organization: str, invitation: str) -> NewInvitation:
        """Send the letter of an invitation, by id, once more: another one takes its place. Needs an admin.

        INVALID in the field `email` when they are enrolled by now.
        """
        async with self._transactions.writing(who) as work:
            found = (await enter(work, who, organization, Need.ADMIN)).organization
            before = await work.invitations.find(found.id, invitation)
            if before is None:
                raise UNKNOWN()
            made = await _invite(
                work,
                who,
                found,
                email=before.email,
                name=before.name,
                is_admin=before.is_admin,
                can_publish=before.can_publish,
            )
        await self._post(_letter(who, made))
        return made

    async def revoke(self, who: Identity, organization: str, invitation: str) -> None:
        """End an invitation, by id. Needs an admin."""
        async with self._transactions.writing(who) as work:
            found = (await enter(work, who, organization, Need.ADMIN)).organization
            one = await work.invitations.find(found.id, invitation)
            if one is None:
                raise UNKNOWN()
            await _audit(work, who.row_id, "invitation.revoke", one)
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

    async def accept_as_new(
        self, text: str, *, name: object, password: object, address: str | None = None
    ) -> Enrollment:
        """Create a user with the invitation's address, which is thereby confirmed, and enroll them. Bids them welcome.

        INVALID in the field `email` when there is a user with that address: they accept after signing in.
        """
        looked_at = await self.look(text)  # before the work of hashing a password
        with Fields() as fields:
            checked = fields.text("name", name)
            secret = new_password(fields, "password", password, looked_at.email)
        password_hash = await apart(hash_password, secret)
        async with self._transactions.writing_for_anybody(address) as work:
            invitation = await _invitation(work, text)
            if await work.users.find(invitation.email) is not None:
                raise invalid("email", TAKEN)
            user = await work.users.add(
                name=checked, email=invitation.email, password_hash=password_hash, is_root=False
            )
            enrollment = await _accept(work, invitation, user)
        await self._post(Letter(errand="welcome", user=user, email=user.email))
        return enrollment


async def _invite(
    work: Work,
    who: Identity,
    organization: Organization,
    *,
    email: str,
    name: str | None,
    is_admin: bool,
    can_publish: bool,
) -> NewInvitation:
    user = await work.users.find(email)
    if user is not None and await work.enrollments.find(organization.id, user.id) is not None:
        raise invalid("email", "is enrolled already")
    text = new_invitation()
    invitation = await work.invitations.add(
        organization.id,
        invited_by_id=who.row_id,
        email=email,
        name=name,
        is_admin=is_admin,
        can_publish=can_publish,
        token_hash=hash_of(text),
        expires_at=datetime.now(UTC) + GOOD_FOR,
    )
    await _audit(work, who.row_id, "invitation.invite", invitation)
    return NewInvitation(text=text, invitation=invitation)


def _letter(who: Identity, made: NewInvitation) -> Letter:
    invitation = made.invitation
    return Letter(errand="invitation", user=who.user, email=invitation.email, text=made.text, invitation=invitation)


async def _audit(work: Work, user_id: int | None, action: str, invitation: Invitation) -> None:
    await work.journal.audit(
        user_id,
        action,
        f"invitation:{invitation.id}",
        organization_id=invitation.organization.id,
        details={"email": invitation.email},
    )


async def _invitation(work: Work, text: str) -> Invitation:
    invitation = await work.invitations.by_hash(hash_of(text))
    if invitation is None:
        raise UNKNOWN()
    return invitation


async def _accept(work: Work, invitation: Invitation, user: User) -> Enrollment:
    organization = invitation.organization
    await work.invitations.accept(invitation.id)
    await _audit(work, user.id, "invitation.accept", invitation)
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
