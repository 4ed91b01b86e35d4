"""Questions about users, in one transaction."""

from collections.abc import Sequence

from sqlalchemy import exists, select
from sqlalchemy.ext.asyncio import AsyncSession

from hubbub.accounts.domain import Page, User
from hubbub.store import models, references, values
from hubbub.store.applications import ALIVE
from hubbub.store.paging import page


class Users:
    """Users, by the questions of `hubbub.accounts.seam.Users`."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def find(self, reference: str) -> User | None:
        """Give one, by id or e-mail address."""
        row = await self._session.scalar(select(models.User).where(references.user(reference)))
        return None if row is None else values.user(row)

    async def page(self, *, archived: bool, limit: int, offset: int) -> Page[User]:
        """Give those archived, or those not, by id."""
        found = select(models.User).where(models.User.archived_at.is_not(None) == archived).order_by(models.User.id)
        return await page(self._session, found, values.user, limit, offset)

    async def signed_in(self, user_id: int, token_id: int | None) -> User | None:
        """Give one who is not archived, and whose token, unless that is None, is not invalidated."""
        found = select(models.User).where(models.User.id == user_id, models.User.archived_at.is_(None))
        if token_id is not None:
            token = models.UserToken
            found = found.where(
                exists().where(token.id == token_id, token.user_id == user_id, token.invalidated_at.is_(None))
            )
        row = await self._session.scalar(found)
        return None if row is None else values.user(row)

    async def bearer(self, token_hash: str) -> tuple[User, int] | None:
        """Give the user, not archived, of a token, not invalidated, and the token's id."""
        token = models.UserToken
        found = (
            select(models.User, token.id)
            .join(token, token.user_id == models.User.id)
            .where(token.token_hash == token_hash, token.invalidated_at.is_(None), models.User.archived_at.is_(None))
        )
        row = (await self._session.execute(found)).one_or_none()
        return None if row is None else (values.user(row[0]), row[1])

    async def is_admin_somewhere(self, user_id: int) -> bool:
        """Tell whether they are an admin of any organization that is not archived."""
        enrollment = models.Enrollment
        found = (
            select(enrollment.id)
            .join(enrollment.organization)
            .where(enrollment.user_id == user_id, enrollment.is_admin, models.Organization.archived_at.is_(None))
        )
        return await self._session.scalar(found.limit(1)) is not None

    async def may_publish_to(self, user_id: int, application_id: str, keys: Sequence[str]) -> bool | None:
        """Tell whether any of their enrollments lets them publish to an application; None without any.

        Those count whose organization, not archived, holds the application, not archived.
        One of `keys` must be an active key of it: an id alone may be that of an application declared by settings.
        """
        number = references.id_of(application_id)
        if number is None:
            return None
        pair, holding, enrollment = models.KeyPair, models.Ownership, models.Enrollment
        enrollments = (
            select(enrollment.is_admin, enrollment.can_publish)
            .join(models.Organization, models.Organization.id == enrollment.organization_id)
            .join(holding, holding.organization_id == models.Organization.id)
            .join(models.Application, models.Application.id == holding.application_id)
            .where(
                enrollment.user_id == user_id,
                models.Organization.archived_at.is_(None),
                models.Application.id == number,
                ALIVE,
                exists().where(pair.application_id == number, pair.key.in_(keys), pair.revoked_at.is_(None)),
            )
        )
        found = (await self._session.execute(enrollments)).all()
        return any(is_admin or can_publish for is_admin, can_publish in found) if found else None

    async def another_root(self, user_id: int) -> bool:
        """Tell whether there is a root user, not archived, other than this one."""
        user = models.User
        found = select(user.id).where(user.is_root, user.archived_at.is_(None), user.id != user_id)
        return await self._session.scalar(found.limit(1)) is not None

    async def add(self, *, name: str, email: str, password_hash: str, is_root: bool) -> User:
        """Create one whose address is confirmed. The caller has seen that no other has it."""
        row = models.User(
            name=name, email=email, password_hash=password_hash, is_root=is_root, confirmed_at=models.now()
        )
        self._session.add(row)
        await self._session.flush()
        return values.user(row)

    async def archive(self, user_id: int, *, archived: bool) -> User:
        """Archive one, or bring one back."""
        row = await self._session.get_one(models.User, user_id)
        row.archived_at = models.now() if archived else None
        await self._session.flush()
        return values.user(row)
