"""Transactions on the database, and what is made of it when it is away.

Knows: both ways to the database, reading and writing, and whether it answered last time. Does not know any question.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from sqlalchemy import QueuePool
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession

from hubbub.durations import Durations
from hubbub.errors import STORE_UNAVAILABLE, Refusal
from hubbub.store import database, outage
from hubbub.store.vault import Vault

logger = logging.getLogger("hubbub.store")


class Connections:
    """Transactions, committed at the end of the block unless it raises; `vault` opens the secrets that they find.

    Each raises the refusal STORE_UNAVAILABLE while the database is away. The first one logs why, the first that
    succeeds again logs that it is back.
    """

    def __init__(self, engine: AsyncEngine, vault: Vault) -> None:
        self.vault = vault
        self._reading = engine
        self._writing = database.for_writing(engine)
        self._away_since: float | None = None
        self.durations = {True: Durations(), False: Durations()}
        """How long transactions took, by whether they may write."""

    @property
    def pool(self) -> tuple[int, int]:
        """How many connections are used at this moment, and how many are open and idle."""
        pool = self._reading.pool
        return (pool.checkedout(), pool.checkedin()) if isinstance(pool, QueuePool) else (0, 0)

    @property
    def away(self) -> float | None:
        """For how many seconds no question has been answered; None if the last one was."""
        return None if self._away_since is None else time.monotonic() - self._away_since

    async def close(self) -> None:
        """End all connections."""
        await self._reading.dispose()

    @asynccontextmanager
    async def session(self, *, writing: bool = False) -> AsyncIterator[AsyncSession]:
        """Give a session in a transaction."""
        engine = self._writing if writing else self._reading
        await _in_task()
        with self._watched(is_writing=writing):
            async with AsyncSession(engine, expire_on_commit=False) as session, session.begin():
                yield session

    @asynccontextmanager
    async def connection(self, *, writing: bool = False) -> AsyncIterator[AsyncConnection]:
        """Give a connection in a transaction: for what needs no objects."""
        engine = self._writing if writing else self._reading
        await _in_task()
        with self._watched(is_writing=writing):
            async with engine.begin() as connection:
                yield connection

    @asynccontextmanager
    async def unbound(self) -> AsyncIterator[AsyncConnection]:
        """Give a connection of which each statement is by itself: for what cannot be in a transaction."""
        await _in_task()
        with self._watched(is_writing=True):
            async with self._reading.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
                yield connection

    @contextmanager
    def _watched(self, *, is_writing: bool) -> Iterator[None]:
        """Turn what the database raises when it is away into the refusal, and log that it is, and that it is back."""
        began = time.perf_counter()
        try:
            yield
        except outage.RAISED as error:
            if not outage.is_outage(error):
                raise
            raise self._away(error) from error
        finally:
            self.durations[is_writing].took(time.perf_counter() - began)
        if self._away_since is not None:
            self._away_since = None
            logger.warning("The database is back")

    def _away(self, error: BaseException) -> Refusal:
        if self._away_since is None:
            self._away_since = time.monotonic()
            outage.report(error)
        return STORE_UNAVAILABLE()


async def _in_task() -> None:
    """Go on inside a task: asyncpg's timeouts want one, and what `eager` began has none before its first wait."""
    if asyncio.current_task() is None:
        await asyncio.sleep(0)
