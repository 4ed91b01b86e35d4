"""Questions about browsers that are signed in, and about recovery codes, in one transaction."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import joinedload

from hubbub.accounts.people import BrowserSession, KeptBrowser
from hubbub.store import models, references
from hubbub.store.journal import LONGEST_ADDRESS
from hubbub.store.models_people import LONGEST_AGENT, RecoveryCode
from hubbub.store.models_people import BrowserSession as Session
from hubbub.store.people import profile


class Browsers:
    """Browsers that are signed in, by the questions of `hubbub.accounts.seam_people.Browsers`."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def by_token(self, token_hash: str) -> KeptBrowser | None:
        """Give the one whose cookie has a text with this hash, however old."""
        row = await self._session.scalar(
            select(Session).where(Session.token_hash == token_hash).options(joinedload(Session.user))
        )
        if row is None:
            return None
        return KeptBrowser(
            session=_value(row),
            profile=profile(row.user),
            is_halfway=row.is_halfway,
            wants_remembering=row.wants_remembering,
        )

    async def add(
        self,
        user_id: int,
        *,
        token_hash: str,
        at: datetime,
        address: str | None,
        user_agent: str | None,
        remembered_id: int | None,
    ) -> BrowserSession:
        """Create one, of somebody who signed in at that time."""
        row = Session(user_id=user_id, token_hash=token_hash, created_at=at, remembered_id=remembered_id)
        return await self._add(row, address, user_agent)

    async def add_halfway(
        self,
        user_id: int,
        *,
        token_hash: str,
        at: datetime,
        address: str | None,
        user_agent: str | None,
        wants_remembering: bool,
    ) -> BrowserSession:
        """Create one, of somebody who gave the right password at that time, and has a code to give."""
        row = Session(
            user_id=user_id,
            token_hash=token_hash,
            created_at=at,
            is_halfway=True,
            wants_remembering=wants_remembering,
        )
        return await self._add(row, address, user_agent)

    async def _add(self, row: Session, address: str | None, user_agent: str | None) -> BrowserSession:
        row.address = None if address is None else address[:LONGEST_ADDRESS]
        row.user_agent = None if user_agent is None else user_agent[:LONGEST_AGENT]
        self._session.add(row)
        await self._session.flush()
        return _value(row)

    async def use(self, session_id: int, address: str | None) -> None:
        """Note that one, if it is still there, was used now, and from where."""
        where = None if address is None else address[:LONGEST_ADDRESS]
        used = update(Session).where(Session.id == session_id).values(used_at=models.now(), address=where)
        await self._session.execute(used)

    async def of(self, user_id: int, since: datetime) -> Sequence[BrowserSession]:
        """Give those of a user, not halfway, that were used since then or stay signed in, the one used last first."""
        remembered = models.RememberedSignIn
        found = (
            select(Session)
            .outerjoin(remembered, remembered.id == Session.remembered_id)
            .where(
                Session.user_id == user_id,
                ~Session.is_halfway,
                (Session.used_at > since) | (remembered.expires_at > models.now()),
            )
            .order_by(Session.used_at.desc(), Session.id.desc())
        )
        return [_value(row) for row in await self._session.scalars(found)]

    async def find(self, user_id: int, reference: str) -> BrowserSession | None:
        """Give one of a user, by id, however old."""
        number = references.id_of(reference)
        if number is None:
            return None
        row = await self._session.scalar(select(Session).where(Session.user_id == user_id, Session.id == number))
        return None if row is None else _value(row)

    async def end(self, session_id: int) -> None:
        """End one; if it stays signed in, that too."""
        remembered_id = await self._session.scalar(select(Session.remembered_id).where(Session.id == session_id))
        await self._session.execute(delete(Session).where(Session.id == session_id))
        if remembered_id is not None:  # the rows of its other sessions go with it
            remembered = models.RememberedSignIn
            await self._session.execute(delete(remembered).where(remembered.id == remembered_id))

    async def end_all(self, user_id: int, *, but: int | None = None) -> None:
        """End all of a user, those that stay signed in too, but for this one."""
        remembered = models.RememberedSignIn
        kept = await self._session.scalar(select(Session.remembered_id).where(Session.id == (but or 0)))
        others = delete(Session).where(Session.user_id == user_id, Session.id != (but or 0))
        staying = delete(remembered).where(remembered.user_id == user_id)
        if kept is not None:  # other sessions of the same browser go on too
            others = others.where(Session.remembered_id.is_distinct_from(kept))
            staying = staying.where(remembered.id != kept)
        await self._session.execute(others)
        await self._session.execute(staying)

    async def forget(self, before: datetime, *, remembered_id: int | None) -> None:
        """Forget those last used before then that do not stay signed in, and those that stay so by this row."""
        over = Session.remembered_id.is_(None) | (Session.remembered_id == remembered_id)
        await self._session.execute(delete(Session).where(Session.used_at <= before, over))


class RecoveryCodes:
    """Recovery codes, by the questions of `hubbub.accounts.seam_people.RecoveryCodes`."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def replace(self, user_id: int, hashes: Collection[str]) -> None:
        """Give a user those with these hashes in place of any others."""
        await self._session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user_id))
        self._session.add_all([RecoveryCode(user_id=user_id, code_hash=one) for one in hashes])
        await self._session.flush()

    async def use(self, user_id: int, code_hash: str) -> bool:
        """Use one up; False if there is none, or it was used."""
        used = await self._session.scalars(
            update(RecoveryCode)
            .where(
                RecoveryCode.user_id == user_id,
                RecoveryCode.code_hash == code_hash,
                RecoveryCode.used_at.is_(None),
            )
            .values(used_at=models.now())
            .returning(RecoveryCode.id)
        )
        return used.first() is not None

    async def left(self, user_id: int) -> int:
        """Tell how many of a user's were not used."""
        unused = select(func.count(RecoveryCode.id)).where(
            RecoveryCode.user_id == user_id, RecoveryCode.used_at.is_(None)
        )
        return await self._session.scalar(unused) or 0


def _value(row: Session) -> BrowserSession:
    return BrowserSession(
        id=row.id,
        remembered_id=row.remembered_id,
        address=row.address,
        user_agent=row.user_agent,
        created_at=row.created_at,
        used_at=row.used_at,
    )
