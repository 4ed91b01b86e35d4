"""What is written down beside the data: changes that live sockets may feel, and who did what."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from hubbub.changes import Change
from hubbub.logs import request_id
from hubbub.store import models

LONGEST = 255
"""Characters kept of an audited subject."""

LONGEST_ADDRESS = 45
"""Characters kept of a network address."""

LONGEST_REQUEST_ID = 64
"""Characters kept of a request's id."""

PRUNED_AT_ONCE = 1000
"""Entries of the audit forgotten in one transaction: nobody is to wait long for it."""

_change = models.Change


class Journal:
    """What one transaction writes down, by the questions of `hubbub.accounts.seam.Journal`."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session
        self._has_changes = False
        self._address: str | None = None

    @property
    def has_changes(self) -> bool:
        """Whether this transaction noted any change."""
        return self._has_changes

    async def note(self, kind: Literal["application", "user"], *subject_ids: int) -> None:
        """Note, for all nodes, that live sockets may feel a change to these."""
        self._session.add_all([_change(kind=kind, subject_id=subject_id) for subject_id in subject_ids])
        self._has_changes = self._has_changes or bool(subject_ids)

    def place(self, address: str | None) -> None:
        """Give every entry of this transaction the network address that it is asked from."""
        self._address = None if address is None else address[:LONGEST_ADDRESS]

    async def audit(
        self,
        user_id: int | None,
        action: str,
        subject: str,
        *,
        organization_id: int | None = None,
        application_id: int | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        """Keep who did what to what. No secret belongs in `details`."""
        await audit(
            self._session,
            user_id,
            action,
            subject,
            address=self._address,
            organization_id=organization_id,
            application_id=application_id,
            details=details,
        )


async def audit(  # noqa: PLR0913 - the columns
    session: AsyncSession,
    user_id: int | None,
    action: str,
    subject: str,
    *,
    address: str | None = None,
    organization_id: int | None = None,
    application_id: int | None = None,
    details: Mapping[str, Any] | None = None,
) -> None:
    """Keep who did what to what, from which network address, asked for by which request.

    What is kept is never changed: nothing but `prune_audit` and this touches the table.
    """
    session.add(
        models.AuditEntry(
            user_id=user_id,
            action=action,
            subject=subject[:LONGEST],
            organization_id=organization_id,
            application_id=application_id,
            address=None if address is None else address[:LONGEST_ADDRESS],
            details=dict(details or {}),
            request_id=request_id()[:LONGEST_REQUEST_ID] or None,
        )
    )


async def last_change(connection: AsyncConnection) -> int:
    """Give the newest id, 0 for an empty journal."""
    return await connection.scalar(select(func.max(_change.id))) or 0


async def changes_since(connection: AsyncConnection, change_id: int, limit: int) -> list[Change]:
    """Give those after `change_id`, oldest first, `limit` at most."""
    columns = select(_change.id, _change.kind, _change.subject_id)
    found = columns.where(_change.id > change_id).order_by(_change.id).limit(limit)
    return [Change(row.id, row.kind, row.subject_id) for row in await connection.execute(found)]


async def prune_changes(connection: AsyncConnection, before: datetime) -> None:
    """Forget those older than `before`."""
    await connection.execute(delete(_change).where(_change.created_at < before))


async def prune_audit(session: AsyncSession, before: datetime) -> int:
    """Forget some of the entries older than `before`, the oldest first, and give how many; an entry tells of it."""
    entry = models.AuditEntry
    old = select(entry.id).where(entry.created_at < before).order_by(entry.id).limit(PRUNED_AT_ONCE)
    ids = (await session.scalars(old)).all()
    if ids:
        await session.execute(delete(entry).where(entry.id.in_(ids)))
        await audit(session, None, "audit.forget", "audit", details={"entries": len(ids), "before": before.isoformat()})
    return len(ids)
