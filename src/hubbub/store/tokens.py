"""Questions about user tokens, in one transaction."""

from collections.abc import Sequence

from sqlalchemy import false, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from hubbub.accounts.domain import Page, Token
from hubbub.store import models, references, values
from hubbub.store.paging import page


class Tokens:
    """User tokens, by the questions of `hubbub.accounts.seam.Tokens`."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def page(self, user_id: int, *, limit: int, offset: int) -> Page[Token]:
        """Give those of a user, the newest first."""
        token = models.UserToken
        found = select(token).where(token.user_id == user_id).order_by(token.id.desc())
        return await page(self._session, found, values.token, limit, offset)

    async def owner_id(self, token_hash: str) -> int | None:
        """Give the id of the user whose token has this hash."""
        token = models.UserToken
        return await self._session.scalar(select(token.user_id).where(token.token_hash == token_hash))

    async def matching(self, user_id: int, *, reference: str, token_hash: str) -> Sequence[Token]:
        """Give those of a user with this id, prefix or hash."""
        token, number = models.UserToken, references.id_of(reference)
        # A whole token stays out of the statement, which a database may log.
        is_prefix = len(reference) == models.TOKEN_PREFIX and references.KEY.fullmatch(reference)
        by_prefix = token.prefix == reference if is_prefix else false()
        by_id = token.id == number if number is not None else false()
        found = select(token).where(token.user_id == user_id, or_(token.token_hash == token_hash, by_id, by_prefix))
        return [values.token(row) for row in await self._session.scalars(found.order_by(token.id))]

    async def add(self, user_id: int, *, token_hash: str, prefix: str) -> Token:
        """Create one."""
        row = models.UserToken(user_id=user_id, token_hash=token_hash, prefix=prefix)
        self._session.add(row)
        await self._session.flush()
        return values.token(row)

    async def invalidate(self, token_id: int) -> Token:
        """End one."""
        row = await self._session.get_one(models.UserToken, token_id)
        row.invalidated_at = models.now()
        await self._session.flush()
        return values.token(row)

    async def invalidate_all(self, user_id: int) -> None:
        """End those of a user."""
        token = models.UserToken
        valid = update(token).where(token.user_id == user_id, token.invalidated_at.is_(None))
        await self._session.execute(valid.values(invalidated_at=models.now()))
