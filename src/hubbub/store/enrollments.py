"""Questions about enrollments, in one transaction."""

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import joinedload

from hubbub.accounts.domain import Enrollment, Page
from hubbub.store import models, values
from hubbub.store.paging import page


class Enrollments:
    """Enrollments, by the questions of `hubbub.accounts.seam.Enrollments`."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def find(self, organization_id: int, user_id: int) -> Enrollment | None:
        """Give that of a user in an organization."""
        row = await self._session.scalar(_enrollment(organization_id, user_id))
        return None if row is None else values.enrollment(row)

    async def page(self, organization_id: int, *, limit: int, offset: int) -> Page[Enrollment]:
        """Give those of an organization, by the user's id."""
        enrollment = models.Enrollment
        found = (
            select(enrollment)
            .where(enrollment.organization_id == organization_id)
            .order_by(enrollment.user_id)
            .options(joinedload(enrollment.user), joinedload(enrollment.organization))
        )
        return await page(self._session, found, values.enrollment, limit, offset)

    async def another_admin(self, organization_id: int, user_id: int) -> bool:
        """Tell whether the organization has an admin, not archived, other than this user."""
        enrollment = models.Enrollment
        found = (
            select(enrollment.id)
            .join(enrollment.user)
            .where(
                enrollment.organization_id == organization_id,
                enrollment.is_admin,
                enrollment.user_id != user_id,
                models.User.archived_at.is_(None),
            )
        )
        return await self._session.scalar(found.limit(1)) is not None

    async def add(self, organization_id: int, user_id: int, *, is_admin: bool, can_publish: bool) -> Enrollment:
        """Enroll a user. The caller has seen that they are not."""
        self._session.add(
            models.Enrollment(
                organization_id=organization_id, user_id=user_id, is_admin=is_admin, can_publish=can_publish
            )
        )
        await self._session.flush()
        return values.enrollment((await self._session.scalars(_enrollment(organization_id, user_id))).one())

    async def change(self, organization_id: int, user_id: int, *, is_admin: bool, can_publish: bool) -> Enrollment:
        """Change an enrollment that is there."""
        row = (await self._session.scalars(_enrollment(organization_id, user_id))).one()
        row.is_admin, row.can_publish = is_admin, can_publish
        await self._session.flush()
        return values.enrollment(row)

    async def remove(self, organization_id: int, user_id: int) -> None:
        """Remove an enrollment that is there."""
        await self._session.delete((await self._session.scalars(_enrollment(organization_id, user_id))).one())
        await self._session.flush()


def _enrollment(organization_id: int, user_id: int) -> Select[models.Enrollment]:
    enrollment = models.Enrollment
    return (
        select(enrollment)
        .where(enrollment.organization_id == organization_id, enrollment.user_id == user_id)
        .options(joinedload(enrollment.user), joinedload(enrollment.organization))
        # A row added in this transaction is in the session already, without what it refers to.
        .execution_options(populate_existing=True)
    )
