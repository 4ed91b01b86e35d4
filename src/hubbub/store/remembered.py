"""Questions about browsers that stay signed in, in one transaction."""

from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import joinedload

from hubbub.accounts.domain import Page
from hubbub.accounts.people import RememberedSignIn, Series
from hubbub.store import models, references
from hubbub.store.paging import page
from hubbub.store.people import profile

_remembered = models.RememberedSignIn


class Remembered:
    """Browsers that stay signed in, by the questions of `hubbub.accounts.seam_people.Remembered`."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def page(self, user_id: int, *, limit: int, offset: int) -> Page[RememberedSignIn]:
        """Give those of a user, the one used last first."""
        found = select(_remembered).where(_remembered.user_id == user_id, _remembered.expires_at > models.now())
        ordered = found.order_by(_remembered.used_at.desc(), _remembered.id.desc())
        return await page(self._session, ordered, _value, limit, offset)

    async def by_series(self, series_hash: str) -> Series | None:
        """Give the one whose cookie has this series."""
        found = select(_remembered).where(_remembered.series_hash == series_hash, _remembered.expires_at > models.now())
        row = await self._session.scalar(found.options(joinedload(_remembered.user)))
        if row is None:
            return None
        return Series(remembered=_value(row), profile=profile(row.user), token_hash=row.token_hash)

    async def add(self, user_id: int, *, series_hash: str, token_hash: str, expires_at: datetime) -> RememberedSignIn:
        """Create one, and forget those of the user that have expired."""
        await self._session.execute(
            delete(_remembered).where(_remembered.user_id == user_id, _remembered.expires_at <= models.now())
        )
        row = _remembered(user_id=user_id, series_hash=series_hash, token_hash=token_hash, expires_at=expires_at)
        self._session.add(row)
        await self._session.flush()
        return _value(row)

    async def use(self, remembered_id: int, token_hash: str) -> None:
        """Give one another token, and note that it was used."""
        row = await self._session.get_one(_remembered, remembered_id)
        row.token_hash, row.used_at = token_hash, models.now()
        await self._session.flush()

    async def end(self, user_id: int, reference: str) -> bool:
        """End one of a user, by id; False if there is none."""
        number = references.id_of(reference)
        if number is None:
            return False
        ended = await self._session.scalars(
            delete(_remembered)
            .where(
                _remembered.user_id == user_id,
                _remembered.id == number,
                _remembered.expires_at > models.now(),
            )
            .returning(_remembered.id)
        )
        return ended.first() is not None

    async def end_all(self, user_id: int) -> None:
        """End all of a user."""
        await self._session.execute(delete(_remembered).where(_remembered.user_id == user_id))


def _value(row: models.RememberedSignIn) -> RememberedSignIn:
    return RememberedSignIn(id=row.id, created_at=row.created_at, used_at=row.used_at, expires_at=row.expires_at)
