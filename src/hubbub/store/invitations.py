"""Questions about invitations that can still be accepted, in one transaction."""

from datetime import datetime

from sqlalchemy import Select, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import contains_eager

from hubbub.accounts.domain import Invitation, Page
from hubbub.store import models, references, values
from hubbub.store.paging import page


class Invitations:
    """Invitations, by the questions of `hubbub.accounts.seam.Invitations`."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def page(self, organization_id: int, *, limit: int, offset: int) -> Page[Invitation]:
        """Give those of an organization, the newest first."""
        invitation = models.Invitation
        found = _open().where(invitation.organization_id == organization_id).order_by(invitation.id.desc())
        return await page(self._session, found, values.invitation, limit, offset)

    async def find(self, organization_id: int, reference: str) -> Invitation | None:
        """Give one of an organization, by id."""
        number = references.id_of(reference)
        if number is None:
            return None
        invitation = models.Invitation
        row = await self._session.scalar(
            _open().where(invitation.id == number, invitation.organization_id == organization_id)
        )
        return None if row is None else values.invitation(row)

    async def by_hash(self, token_hash: str) -> Invitation | None:
        """Give the one that is accepted by the text with this hash."""
        row = await self._session.scalar(_open().where(models.Invitation.token_hash == token_hash))
        return None if row is None else values.invitation(row)

    async def add(  # noqa: PLR0913 - a row's columns
        self,
        organization_id: int,
        *,
        invited_by_id: int | None,
        email: str,
        name: str | None,
        is_admin: bool,
        can_publish: bool,
        token_hash: str,
        expires_at: datetime,
    ) -> Invitation:
        """Create one; an earlier one of that organization to that address is revoked."""
        invitation = models.Invitation
        await self._session.execute(
            update(invitation)
            .where(
                invitation.organization_id == organization_id,
                invitation.email == email,
                invitation.accepted_at.is_(None),
                invitation.revoked_at.is_(None),
            )
            .values(revoked_at=models.now())
        )
        row = invitation(
            organization=await self._session.get_one(models.Organization, organization_id),
            invited_by_id=invited_by_id,
            email=email,
            name=name,
            is_admin=is_admin,
            can_publish=can_publish,
            token_hash=token_hash,
            expires_at=expires_at,
        )
        self._session.add(row)
        await self._session.flush()
        return values.invitation(row)

    async def revoke(self, invitation_id: int) -> None:
        """End one."""
        row = await self._session.get_one(models.Invitation, invitation_id)
        row.revoked_at = models.now()
        await self._session.flush()

    async def accept(self, invitation_id: int) -> None:
        """Note that one was accepted."""
        row = await self._session.get_one(models.Invitation, invitation_id)
        row.accepted_at = models.now()
        await self._session.flush()


def _open() -> Select[models.Invitation]:
    invitation = models.Invitation
    return (
        select(invitation)
        .join(invitation.organization)
        .where(
            invitation.accepted_at.is_(None),
            invitation.revoked_at.is_(None),
            invitation.expires_at > models.now(),
            models.Organization.archived_at.is_(None),
        )
        .options(contains_eager(invitation.organization))
    )
