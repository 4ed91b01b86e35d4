"""Questions about organizations, in one transaction."""

from sqlalchemy import and_, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from hubbub.accounts.domain import Organization, Page, Place, Standing
from hubbub.store import models, references, values
from hubbub.store.paging import page


class Organizations:
    """Organizations, by the questions of `hubbub.accounts.seam.Organizations`."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def find(self, reference: str) -> Organization | None:
        """Give one, by id or slug."""
        row = await self._session.scalar(select(models.Organization).where(references.organization(reference)))
        return None if row is None else values.organization(row)

    async def standing(self, user_id: int, reference: str) -> Standing | None:
        """Give one and where the user stands toward it, in a single question."""
        enrollment = models.Enrollment
        theirs = and_(enrollment.organization_id == models.Organization.id, enrollment.user_id == user_id)
        found = (
            select(models.Organization, enrollment)
            .outerjoin(enrollment, theirs)
            .where(references.organization(reference))
        )
        row = (await self._session.execute(found)).one_or_none()
        if row is None:
            return None
        organization, place = row
        return Standing(
            organization=values.organization(organization),
            is_enrolled=place is not None,
            is_admin=place is not None and place.is_admin,
            can_publish=place is not None and place.can_publish,
        )

    async def page(self, user_id: int | None, *, archived: bool, limit: int, offset: int) -> Page[Organization]:
        """Give those archived, or those not, by id; with a user those they are enrolled in, or archived: admin of."""
        organization, enrollment = models.Organization, models.Enrollment
        found = select(organization).where(organization.archived_at.is_not(None) == archived).order_by(organization.id)
        if user_id is not None:
            found = found.join(enrollment, enrollment.organization_id == organization.id).where(
                enrollment.user_id == user_id
            )
            if archived:
                found = found.where(enrollment.is_admin)
        return await page(self._session, found, values.organization, limit, offset)

    async def places(self, user_id: int, *, archived: bool, limit: int, offset: int) -> Page[Place]:
        """Give those that the user is enrolled in, by name, or the archived ones that they are an admin of."""
        organization, enrollment, ownership = models.Organization, models.Enrollment, models.Ownership
        application, other = models.Application, aliased(models.Enrollment)
        conditions = [enrollment.user_id == user_id, organization.archived_at.is_not(None) == archived]
        if archived:
            conditions.append(enrollment.is_admin.is_(True))
        applications = (
            select(func.count(ownership.id))
            .join(application, application.id == ownership.application_id)
            .where(ownership.organization_id == organization.id, application.archived_at.is_(None))
        )
        members = (
            select(func.count(other.id))
            .join(models.User, models.User.id == other.user_id)
            .where(other.organization_id == organization.id, models.User.archived_at.is_(None))
        )
        joined = enrollment.organization_id == organization.id
        found = (
            select(organization, enrollment, applications.scalar_subquery(), members.scalar_subquery())
            .join(enrollment, joined)
            .where(*conditions)
            .order_by(func.lower(organization.name), organization.id)
        )
        rows = (await self._session.execute(found.limit(limit).offset(offset))).all()
        items = tuple(
            Place(
                organization=values.organization(one),
                is_admin=place.is_admin,
                can_publish=place.can_publish or place.is_admin,
                applications=held,
                members=enrolled,
            )
            for one, place, held, enrolled in rows
        )
        total = select(func.count(organization.id)).join(enrollment, joined).where(*conditions)
        return Page(items, await self._session.scalar(total) or 0)

    async def slugs_like(self, slug: str) -> set[str]:
        """Give the slugs there are that begin with this one."""
        column = models.Organization.slug
        return set(await self._session.scalars(select(column).where(column.startswith(slug, autoescape=True))))

    async def add(self, *, name: str, slug: str) -> Organization:
        """Create one. The caller has seen that the slug is free."""
        row = models.Organization(name=name, slug=slug)
        self._session.add(row)
        await self._session.flush()
        return values.organization(row)

    async def rename(self, organization_id: int, name: str) -> Organization:
        """Give one another name."""
        row = await self._session.get_one(models.Organization, organization_id)
        row.name = name
        await self._session.flush()
        return values.organization(row)

    async def archive(self, organization_id: int, *, archived: bool) -> Organization:
        """Archive one, or bring one back."""
        row = await self._session.get_one(models.Organization, organization_id)
        row.archived_at = models.now() if archived else None
        await self._session.flush()
        return values.organization(row)
