"""Questions about who did what, in one transaction."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from hubbub.accounts.domain import Page
from hubbub.accounts.people import AuditEntry
from hubbub.store import models, values
from hubbub.store.journal import LONGEST
from hubbub.store.people import LONGEST_ADDRESS

_entry = models.AuditEntry


class Audit:
    """The entries, by the questions of `hubbub.accounts.seam_people.Audit`."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(
        self,
        user_id: int | None,
        action: str,
        subject: str,
        *,
        address: str | None,
        organization_id: int | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        """Keep an entry that has the network address of who did it."""
        self._session.add(
            _entry(
                user_id=user_id,
                action=action,
                subject=subject[:LONGEST],
                address=None if address is None else address[:LONGEST_ADDRESS],
                organization_id=organization_id,
                details=dict(details or {}),
            )
        )

    async def page(self, *, organization_id: int | None, limit: int, offset: int) -> Page[AuditEntry]:
        """Give those of an organization, or all, the newest first."""
        found = select(_entry, models.User).outerjoin(models.User, models.User.id == _entry.user_id)
        count = select(func.count(_entry.id))
        if organization_id is not None:
            found = found.where(_entry.organization_id == organization_id)
            count = count.where(_entry.organization_id == organization_id)
        rows = (await self._session.execute(found.order_by(_entry.id.desc()).limit(limit).offset(offset))).all()
        items = tuple(_value(entry, user) for entry, user in rows)
        return Page(items, await self._session.scalar(count) or 0)


def _value(row: models.AuditEntry, user: models.User | None) -> AuditEntry:
    return AuditEntry(
        id=row.id,
        user=None if user is None else values.user(user),
        organization_id=row.organization_id,
        application_id=row.application_id,
        action=row.action,
        subject=row.subject,
        address=row.address,
        details=row.details,
        created_at=row.created_at,
    )
