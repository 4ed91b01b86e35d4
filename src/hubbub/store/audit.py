"""Questions about who did what, in one transaction."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, false, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from hubbub.accounts.domain import Page
from hubbub.accounts.people import AuditEntry, Deeds
from hubbub.store import journal, models, references, values

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
        await journal.audit(
            self._session,
            user_id,
            action,
            subject,
            address=address,
            organization_id=organization_id,
            details=details,
        )

    async def page(self, *, organization_id: int | None, deeds: Deeds, limit: int, offset: int) -> Page[AuditEntry]:
        """Give those of an organization, or all, that are such deeds, the newest first, with names."""
        conditions = list(_conditions(deeds))
        if organization_id is not None:
            conditions.append(_entry.organization_id == organization_id)
        found = select(_entry, models.User).outerjoin(models.User, models.User.id == _entry.user_id).where(*conditions)
        rows = (await self._session.execute(found.order_by(_entry.id.desc()).limit(limit).offset(offset))).all()
        names = await self._names([entry for entry, _ in rows])
        items = tuple(
            msgspec.structs.replace(
                values.audit_entry(entry, user),
                names={one: names[one] for one in _spoken_of(entry) if one in names},
            )
            for entry, user in rows
        )
        return Page(items, await self._session.scalar(select(func.count(_entry.id)).where(*conditions)) or 0)

    async def _names(self, entries: Sequence[models.AuditEntry]) -> dict[str, str]:
        """Give the names of all that these entries speak of by number."""
        wanted: dict[str, set[int]] = {}
        for reference in {one for entry in entries for one in _spoken_of(entry)}:
            kind, _, number = reference.partition(":")
            if kind in _NAMED and (known := references.id_of(number)) is not None:
                wanted.setdefault(kind, set()).add(known)
        names: dict[str, str] = {}
        for kind, ids in wanted.items():
            table = _NAMED[kind]
            rows = await self._session.execute(select(table.id, table.name).where(table.id.in_(ids)))
            names |= {f"{kind}:{row.id}": row.name for row in rows}
        return names


_NAMED: Mapping[str, type[models.User] | type[models.Organization] | type[models.Application]] = {
    "user": models.User,
    "organization": models.Organization,
    "application": models.Application,
}


def _spoken_of(entry: models.AuditEntry) -> list[str]:
    """Give what an entry speaks of, as `user:7`: its subject, its application, and the ids among its details."""
    details: object = entry.details  # JSON, so it may be anything
    others = details if isinstance(details, dict) else {}
    about = [] if entry.application_id is None else [f"application:{entry.application_id}"]
    return [entry.subject, *about, *(f"{kind}:{others[kind]}" for kind in _NAMED if kind in others)]


def _conditions(deeds: Deeds) -> Iterator[ColumnElement[bool]]:
    if deeds.user is not None:
        yield _entry.user_id.in_(select(models.User.id).where(references.user(deeds.user)))
    if deeds.application is not None:
        number = references.id_of(deeds.application)
        yield false() if number is None else _entry.application_id == number
    if deeds.since is not None:
        yield _entry.created_at >= deeds.since
    if deeds.until is not None:
        yield _entry.created_at < deeds.until
    if deeds.action is not None:
        kind = _entry.action.startswith(f"{deeds.action}.", autoescape=True)
        yield or_(_entry.action == deeds.action, kind)
