"""What the rest of Hubbub asks of the database.

Knows: the queries, and what is no longer to be found. Gives Structs, never rows. Does not know who may ask, nor what is
kept in memory.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Self
from uuid import uuid4

from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncEngine

from hubbub.apps import Application
from hubbub.changes import Change
from hubbub.durations import Durations
from hubbub.store import database, journal, models, references, schema, values
from hubbub.store.applications import FINDABLE
from hubbub.store.connections import Connections
from hubbub.store.incidents import IncidentLog
from hubbub.store.keys import MasterKey
from hubbub.store.outbox import Outbox
from hubbub.store.pulse import Pulse
from hubbub.store.sealing import Sealing
from hubbub.store.statistics import Statistics
from hubbub.store.vault import Vault, pair_place, server_place
from hubbub.store.work import Work


class Store:
    """The database, by questions.

    `outbox` has those of webhooks, `incidents` of what goes wrong, `statistics` those of figures over time, `sealing`
    those of master keys.

    Every question raises the refusal STORE_UNAVAILABLE while the database is away. The first one logs why, the first
    that succeeds again logs that it is back.
    """

    def __init__(self, engine: AsyncEngine, keys: Sequence[MasterKey] = ()) -> None:
        self._vault = Vault(keys)
        self._connections = Connections(engine, self._vault)
        self.outbox = Outbox(self._connections)
        self.incidents = IncidentLog(self._connections)
        self.statistics = Statistics(self._connections)
        file = database.file_of(engine)
        self.sealing = Sealing(self._connections, self._vault, file)
        self._pulse = None if file is None else Pulse(file)
        self._idle: tuple[int | None, int] | None = None

    @classmethod
    def open(cls, url: str, keys: Sequence[MasterKey] = ()) -> Self:
        """Give the store at `url`, `sqlite:///PATH` or `postgresql://…`; connects with the first question.

        `keys` are the master keys by which secrets in it may be sealed, the one to be used first; `sealing.check` sees
        that none is missing. Raises ConfigurationError for any other database, without the URL.
        """
        return cls(database.connect(url), keys)

    @property
    def away(self) -> float | None:
        """For how many seconds the database has been away; None if it answered last time."""
        return self._connections.away

    @property
    def pool(self) -> tuple[int, int]:
        """How many connections are used at this moment, and how many are open and idle."""
        return self._connections.pool

    @property
    def durations(self) -> Mapping[bool, Durations]:
        """How long transactions took since the start, by whether they may write."""
        return self._connections.durations

    async def close(self) -> None:
        """End all connections."""
        if self._pulse is not None:
            self._pulse.close()
        await self._connections.close()

    async def is_current(self) -> bool:
        """Tell whether the schema is the one this version of Hubbub works with; `migrate` makes it so."""
        async with self._connections.session() as session:
            return await schema.revision_of(await session.connection()) == schema.head()

    async def application_by_key(self, key: str) -> Application | None:
        """Find the application that `key`, any text, is an active key of."""
        if not references.KEY.fullmatch(key):  # as a client sent it
            return None
        return await self._application(references.application_of_key(key))

    async def application_by_id(self, app_id: str) -> Application | None:
        """Find the application with this id, any text. Only the usual spelling of a number is one: not `01`."""
        number = references.id_of(app_id)
        return None if number is None else await self._application(models.Application.id == number)

    async def applications(self) -> list[Application]:
        """Give all applications that are not archived, by id."""
        async with self._connections.session() as session:
            rows = await session.scalars(FINDABLE.order_by(models.Application.id))
            return [values.application(row, self._vault) for row in rows]

    async def create_example(
        self, *, email: str, password_hash: str, token_hash: str, token_prefix: str
    ) -> Application | None:
        """Create what a new installation starts with, or give None if there is a user already.

        That is a root user who must change the password, the organization "Acme Inc." with that user as its admin, its
        "Test App" with client events, which is given, and one token of the user.
        """
        user = models.User(
            name="Administrator",
            email=email,
            password_hash=password_hash,
            is_root=True,
            must_change_password=True,
            confirmed_at=models.now(),
        )
        organization = models.Organization(name="Acme Inc.", slug="acme-inc")
        application = models.Application(name="Test App", settings={"client_events": True}, key_pairs=[])
        key, secret = str(uuid4()), str(uuid4())
        async with self._connections.session(writing=True) as session:
            await database.lock(await session.connection())
            if await session.scalar(select(models.User.id).limit(1)) is not None:
                return None
            session.add_all(
                [
                    models.Enrollment(user=user, organization=organization, is_admin=True),
                    models.Ownership(organization=organization, application=application),
                    models.UserToken(user=user, token_hash=token_hash, prefix=token_prefix),
                ]
            )
            await session.flush()
            kept = await self._vault.seal(session, secret, pair_place(application.id, key))
            application.key_pairs.append(models.KeyPair(application_id=application.id, key=key, secret=kept))
            await session.flush()
            return values.application(application, self._vault)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Work]:
        """Give a transaction that only reads, by the questions of each noun."""
        async with self._connections.session() as session:
            yield Work(session, self._vault)

    @asynccontextmanager
    async def work(self) -> AsyncIterator[Work]:
        """Give a transaction that may write, committed at the end of the block unless it raises.

        One at a time, whichever the database and however many processes: what was read stays true until the end, and
        changes are numbered in the order in which they can be seen.
        """
        async with self._connections.session(writing=True) as session:
            connection = await session.connection()
            await database.limit_waiting(connection)
            await database.lock(connection)
            yield Work(session, self._vault)

    async def server_secret(self, name: str, value: str) -> str:
        """Give the secret kept under `name`; `value` is kept, and given, if there was none. Safe between processes."""
        async with self._connections.session() as session:
            kept = await session.get(models.ServerSecret, name)
        if kept is None:
            async with self._connections.session(writing=True) as session:
                await database.lock(await session.connection())
                kept = await session.get(models.ServerSecret, name)
                if kept is None:
                    sealed = await self._vault.seal(session, value, server_place(name))
                    kept = models.ServerSecret(name=name, value=sealed)
                    session.add(kept)
        return self._vault.open(kept.value, server_place(name))

    async def last_change(self) -> int:
        """Give the id of the newest change, 0 if there is none."""
        async with self._connections.connection() as connection:
            return await journal.last_change(connection)

    async def changes_since(self, change_id: int, limit: int) -> Sequence[Change]:
        """Give the changes after `change_id`, oldest first, `limit` at most."""
        # Asked several times a second, nearly always in vain. The beat comes first: what is written after it is not
        # taken for read.
        idle = None if self._pulse is None else (self._pulse.beat(), change_id)
        if idle is not None and idle == self._idle and idle[0] is not None:
            return []
        async with self._connections.connection() as connection:
            found = await journal.changes_since(connection, change_id, limit)
        self._idle = None if found else idle
        return found

    async def prune_changes(self, before: datetime) -> None:
        """Forget the changes older than `before`."""
        async with self._connections.connection(writing=True) as connection:
            await journal.prune_changes(connection, before)

    async def prune_audit(self, before: datetime) -> int:
        """Forget some of the audit's entries older than `before`, and give how many; 0 when there are no more."""
        async with self._connections.session(writing=True) as session:
            return await journal.prune_audit(session, before)

    async def _application(self, condition: ColumnElement[bool]) -> Application | None:
        async with self._connections.session() as session:
            row = await session.scalar(FINDABLE.where(condition))
            return None if row is None else values.application(row, self._vault)
