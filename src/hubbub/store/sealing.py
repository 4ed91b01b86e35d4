"""Sealing what is kept already, and which master keys that takes.

Knows: every column of secrets, the keys that were used on this database, and how little is done in one transaction.
Does not know how a secret is sealed: `Vault` does.
"""

import asyncio
import logging
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import msgspec
from sqlalchemy import ColumnElement, Table, Text, and_, cast, delete, func, select, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from hubbub.settings import ConfigurationError
from hubbub.store import database, journal
from hubbub.store.connections import Connections
from hubbub.store.kept import NOTHING, Kept
from hubbub.store.keys import SEALED, MasterKey, plain
from hubbub.store.models import KeyPair, ServerSecret, User
from hubbub.store.models_keys import SealingKey
from hubbub.store.models_webhooks import WebhookEndpoint
from hubbub.store.vault import Vault, current_key, factor_place, headers_place, pair_place, server_place

logger = logging.getLogger("hubbub.store")

AT_ONCE: Final = 100
"""Secrets sealed in one transaction: nobody is to wait long for it."""

BUSY_SECONDS: Final = 15.0
"""How long readers of an SQLite file are waited for before old copies are left in its log."""

REWRITE_WAIT: Final = "2s"
"""How long PostgreSQL waits to have a table alone: everybody else waits behind it."""


class Column(msgspec.Struct, frozen=True):
    """A column of secrets: what people call them, and the place of a row's. `needed` are the columns that tell it."""

    name: str
    table: Any
    column: Any
    row: Any
    needed: tuple[Any, ...]
    place: Callable[[Any], str]

    @property
    def text(self) -> ColumnElement[str]:
        """What is stored, as the database's own text; of JSON with the quotes."""
        return cast(self.column, Text)

    def sealed_by(self, key_id: str = "") -> ColumnElement[bool]:
        """Select what is sealed by a key, or by any."""
        head = f"{SEALED}{key_id}$" if key_id else SEALED
        return self.text.startswith(head, autoescape=True) | self.text.startswith(f'"{head}', autoescape=True)

    @property
    def is_secret(self) -> ColumnElement[bool]:
        """Select what holds a secret at all."""
        return and_(self.column.is_not(None), self.text != NOTHING.text)


COLUMNS: Final[Sequence[Column]] = (
    Column(
        *("application secrets", KeyPair.__table__, KeyPair.secret, KeyPair.id),
        (KeyPair.application_id, KeyPair.key),
        lambda row: pair_place(row.application_id, row.key),
    ),
    Column(
        *("headers of webhooks", WebhookEndpoint.__table__, WebhookEndpoint.headers, WebhookEndpoint.id),
        (WebhookEndpoint.application_id, WebhookEndpoint.url),
        lambda row: headers_place(row.application_id, row.id, row.url),
    ),
    Column(
        *("secrets of authenticators", User.__table__, User.second_factor_secret, User.id),
        (),
        lambda row: factor_place(row.id),
    ),
    Column(
        *("secrets of the server", ServerSecret.__table__, ServerSecret.value, ServerSecret.name),
        (),
        lambda row: server_place(row.name),
    ),
)


class KnownKey(msgspec.Struct, frozen=True, kw_only=True):
    """A master key that was used on this database, and whether this process has it."""

    id: str
    is_current: bool
    is_given: bool


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """How many secrets of each column are kept in plain text (`None`) and by each key; the keys that were used."""

    keys: tuple[KnownKey, ...]
    counts: Mapping[str, Mapping[str | None, int]]

    @property
    def plain(self) -> int:
        """How many secrets are kept in plain text."""
        return sum(of.get(None, 0) for of in self.counts.values())


class Sealing:
    """What an operator does about master keys, and what a server does at its start."""

    def __init__(self, connections: Connections, vault: Vault, file: Path | None) -> None:
        self._connections = connections
        self._vault = vault
        self._file = file

    async def check(self) -> int:
        """See that every key that secrets here may be sealed by is given; raises ConfigurationError otherwise.

        A database without any secret takes the first key into use. Gives how many secrets are in plain text although
        there is a key: nodes that have none yet go on reading them until `seal` is run.
        """
        async with self._connections.session() as session:
            used = await _used(session)
            plainly = 0 if self._vault.first is None else await _count_plain(session)
        self._need(used)
        if used or plainly or self._vault.first is None:
            return plainly
        async with self._writing() as session:
            used, plainly = await _used(session), await _count_plain(session)
            if not used and not plainly:
                await self._take(session, self._vault.first)
        self._need(used)
        return plainly

    async def status(self) -> Status:
        """Tell what is sealed by which key."""
        async with self._connections.session() as session:
            used = await _used(session)
            counts: dict[str, dict[str | None, int]] = {}
            for one in COLUMNS:
                of: dict[str | None, int] = {}
                # SEALED, the id and the `$` are the beginning, of JSON with a quote before them.
                head = func.substr(one.text, 1, len(SEALED) + 18)
                found = select(head.label("head"), func.count().label("number")).where(one.is_secret & one.sealed_by())
                for row in await session.execute(found.group_by(head)):
                    key_id = str(row.head).lstrip('"')[len(SEALED) :].partition("$")[0]
                    of[key_id] = of.get(key_id, 0) + row.number
                plainly = await session.scalar(
                    select(func.count()).select_from(one.table).where(one.is_secret & ~one.sealed_by())
                )
                if plainly:
                    of[None] = plainly
                counts[one.name] = of
        keys = (KnownKey(id=key, is_current=now, is_given=key in self._vault.keys) for key, now in used.items())
        return Status(keys=tuple(keys), counts=counts)

    async def seal(self) -> Mapping[str, int]:
        """Seal what is in plain text, by the current key or, the first time, by the first; give how many of each.

        What another key sealed stays. Raises ConfigurationError without a key.
        """
        first = self._first()
        async with self._writing() as session:
            self._need(await _used(session))
            if await current_key(session) is None:
                await self._take(session, first)
        return await self._go("master_key.seal", lambda one, _: one.is_secret & ~one.sealed_by())

    async def rotate(self) -> Mapping[str, int]:
        """Seal everything by the first key, and forget the others; give how many of each were not yet.

        Raises ConfigurationError without a key, and without one that is still needed.
        """
        first = self._first()
        async with self._writing() as session:
            self._need(await _used(session))
            if await current_key(session) != first.id:
                await self._take(session, first)
        done = await self._go("master_key.rotate", lambda one, key_id: one.is_secret & ~one.sealed_by(key_id))
        async with self._writing() as session:
            await self._retire(session)
        return done

    async def unseal(self) -> Mapping[str, int]:
        """Keep everything in plain text again, and forget all keys; give how many of each were sealed."""
        async with self._writing() as session:
            self._need(await _used(session))
            await session.execute(update(SealingKey).values(is_current=False))
        done = await self._go("master_key.unseal", lambda one, _: one.is_secret & one.sealed_by())
        async with self._writing() as session:
            await self._retire(session)
        return done

    async def clean(self) -> bool:
        """Be rid of old copies in the database's own files; False where somebody was in the way.

        An SQLite file is written anew, its log emptied; PostgreSQL's tables of secrets are written anew. Older
        backups, the log that PostgreSQL archives and the disk's own blocks are out of reach.
        """
        if self._file is not None:
            return await asyncio.to_thread(_clean_file, self._file)
        is_done = True
        for table in sorted({one.table.name for one in COLUMNS}):
            async with self._connections.unbound() as connection:
                await connection.execute(text(f"SET lock_timeout = '{REWRITE_WAIT}'"))
                try:
                    await connection.execute(text(f"VACUUM (FULL) {table}"))
                except (DBAPIError, TimeoutError) as error:
                    logger.warning("The table %s was not written anew: %s", table, type(error).__name__)
                    is_done = False
                finally:
                    await connection.execute(text("SET lock_timeout = DEFAULT"))
        return is_done

    # Parts of these

    def _first(self) -> MasterKey:
        if self._vault.first is None:
            raise ConfigurationError(
                "There is no master key: set HUBBUB_MASTER_KEY or HUBBUB_MASTER_KEY_FILE to what"
                " `hubbub master-key generate` prints, for all servers."
            )
        return self._vault.first

    def _need(self, used: Mapping[str, bool]) -> None:
        if missing := sorted(used.keys() - self._vault.keys.keys()):
            given = ", ".join(self._vault.keys) or "none"
            raise ConfigurationError(
                f"HUBBUB_MASTER_KEY: secrets in the database are sealed by {', '.join(missing)}; given: {given}. Give"
                " the missing key too, after the one to be used. A key may go when `hubbub master-key rotate` has"
                " sealed everything by another."
            )

    async def _take(self, session: AsyncSession, key: MasterKey) -> None:
        """Have a key seal from now on."""
        await session.execute(update(SealingKey).values(is_current=False))
        if await session.get(SealingKey, key.id) is None:
            session.add(SealingKey(id=key.id, is_current=True))
            await session.flush()
        else:
            await session.execute(update(SealingKey).where(SealingKey.id == key.id).values(is_current=True))
        await journal.audit(session, None, "master_key.use", f"master_key:{key.id}")

    async def _retire(self, session: AsyncSession) -> None:
        """Forget the keys, other than the current, that nothing is sealed by any more."""
        for key_id, is_current in (await _used(session)).items():
            if not is_current and not await _is_used(session, key_id):
                await session.execute(delete(SealingKey).where(SealingKey.id == key_id))
                await journal.audit(session, None, "master_key.retire", f"master_key:{key_id}")

    async def _go(self, action: str, unlike: Callable[[Column, str], ColumnElement[bool]]) -> Mapping[str, int]:
        """Keep anew what a condition selects, as the current key, or none, has it; give how many of each."""
        done = {one.name: 0 for one in COLUMNS}
        for one in COLUMNS:
            while count := await self._some(one, unlike):
                done[one.name] += count
        if any(done.values()):
            async with self._writing() as session:
                await journal.audit(session, None, action, "secrets", details=done)
        return done

    async def _some(self, one: Column, unlike: Callable[[Column, str], ColumnElement[bool]]) -> int:
        async with self._writing() as session:
            current = await current_key(session) or ""
            found = select(one.row, one.column.label("kept"), *one.needed).where(unlike(one, current)).limit(AT_ONCE)
            rows = (await session.execute(found.order_by(one.row))).all()
            # Not by the class: that would note the time of a change, and this is none.
            table: Table = one.table
            key = table.c[one.row.key]
            for row in rows:
                place = one.place(row)
                kept = await self._kept(session, self._vault.open(row.kept, place), place, current)
                values = {one.column.key: kept} | {name: table.c[name] for name in ("updated_at",) if name in table.c}
                await session.execute(update(table).where(key == getattr(row, one.row.key)).values(values))
            return len(rows)

    async def _kept(self, session: AsyncSession, secret: str, place: str, current: str) -> Kept:
        return await self._vault.seal(session, secret, place) if current else Kept(plain(secret))

    @asynccontextmanager
    async def _writing(self) -> AsyncIterator[AsyncSession]:
        """Give a transaction under the lock of accounts; SQLite overwrites with zeros what it replaces there."""
        async with self._connections.session(writing=True) as session:
            connection = await session.connection()
            if self._file is not None:
                await connection.execute(text("PRAGMA secure_delete = ON"))
            await database.limit_waiting(connection)
            await database.lock(connection)
            yield session


async def _used(session: AsyncSession) -> dict[str, bool]:
    """Give the ids of all keys that were used, the current first, and whether they are."""
    found = select(SealingKey.id, SealingKey.is_current).order_by(SealingKey.is_current.desc(), SealingKey.created_at)
    return {row.id: row.is_current for row in await session.execute(found)}


async def _count_plain(session: AsyncSession) -> int:
    """Tell how many secrets are in plain text."""
    total = 0
    for one in COLUMNS:
        wanted = one.is_secret & ~one.sealed_by()
        total += await session.scalar(select(func.count()).select_from(one.table).where(wanted)) or 0
    return total


async def _is_used(session: AsyncSession, key_id: str) -> bool:
    """Tell whether anything is sealed by a key."""
    for one in COLUMNS:
        if await session.scalar(select(one.row).where(one.sealed_by(key_id)).limit(1)) is not None:
            return True
    return False


def _clean_file(path: Path) -> bool:
    """Write an SQLite file anew and empty its log; False if readers kept the log in use."""
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
    try:
        end = time.monotonic() + BUSY_SECONDS
        try:
            connection.execute("VACUUM")
            while connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
                if time.monotonic() > end:
                    return False
                time.sleep(0.1)
        except sqlite3.OperationalError as error:
            logger.warning("The file was not written anew: %s", error)
            return False
    finally:
        connection.close()
    return True
