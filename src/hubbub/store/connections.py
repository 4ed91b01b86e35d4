"""Transactions on the database, and what is made of it when it is away.

Knows: both ways to the database, reading and writing, and whether it answered last time. Does not know any question.
"""

import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession

from hubbub.errors import STORE_UNAVAILABLE, Refusal
from hubbub.store import database, outage

logger = logging.getLogger("hubbub.store")


class Connections:
    """Transactions, committed at the end of the block unless it raises.

    Each raises the refusal STORE_UNAVAILABLE while the database is away. The first one logs why, the first that
    succeeds again logs that it is back.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self._reading = engine
        self._writing = database.for_writing(engine)
        self._is_away = False

    async def close(self) -> None:
        """End all connections."""
        await self._reading.dispose()

    @asynccontextmanager
    async def session(self, *, writing: bool = False) -> AsyncIterator[AsyncSession]:
        """Give a session in a transaction."""
        engine = self._writing if writing else self._reading
        with self._watched():
            async with AsyncSession(engine, expire_on_commit=False) as session, session.begin():
                yield session

    @asynccontextmanager
    async def connection(self, *, writing: bool = False) -> AsyncIterator[AsyncConnection]:
        """Give a connection in a transaction: for what needs no objects."""
        engine = self._writing if writing else self._reading
        with self._watched():
            async with engine.begin() as connection:
                yield connection

    @contextmanager
    def _watched(self) -> Iterator[None]:
        """Turn what the database raises when it is away into the refusal, and log that it is, and that it is back."""
        try:
            yield
        except outage.RAISED as error:
            if not outage.is_outage(error):
                raise
            raise self._away(error) from error
        if self._is_away:
            self._is_away = False
            logger.warning("The database is back")

    def _away(self, error: BaseException) -> Refusal:
        if not self._is_away:
            self._is_away = True
            outage.report(error)
        return STORE_UNAVAILABLE()
