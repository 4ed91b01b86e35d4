"""What the rest of Hubbub asks of the database.

Knows: the queries, and what is no longer to be found. Gives Structs, never rows. Does not know who may ask, nor what is
kept in memory.
"""

import logging
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Self
from uuid import uuid4

from pydantic import ValidationError
from sqlalchemy import ColumnElement, Select, select
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlalchemy.orm import selectinload

from hubbub.apps import Application, KeyPair
from hubbub.errors import STORE_UNAVAILABLE, Refusal
from hubbub.settings import AppSettings
from hubbub.store import database, models, outage, schema

logger = logging.getLogger("hubbub.store")

KEY = re.compile(r"[A-Za-z0-9_-]{1,64}")
ID = re.compile(r"[1-9][0-9]{0,9}")
LARGEST_ID = 2**31 - 1  # PostgreSQL's integer
LONGEST_NAME = 255


class UnknownOrganization(LookupError):
    """There is no organization with that slug, or it is archived."""


class Store:
    """The database, by questions.

    Every question raises the refusal STORE_UNAVAILABLE while the database is away. The first one logs why, the first
    that succeeds again logs that it is back.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self._reading = engine
        self._writing = database.for_writing(engine)
        self._is_away = False

    @classmethod
    def open(cls, url: str) -> Self:
        """Give the store at `url`, `sqlite:///PATH` or `postgresql://…`; connects with the first question.

        Raises ConfigurationError for any other database, without the URL.
        """
        return cls(database.connect(url))

    async def close(self) -> None:
        """End all connections."""
        await self._reading.dispose()

    async def is_current(self) -> bool:
        """Tell whether the schema is the one this version of Hubbub works with; `migrate` makes it so."""
        async with self._session(self._reading) as session:
            return await schema.revision_of(await session.connection()) == schema.head()

    async def application_by_key(self, key: str) -> Application | None:
        """Find the application that `key`, any text, is an active key of."""
        if not KEY.fullmatch(key):  # as a client sent it: PostgreSQL takes no NUL, neither takes a lone surrogate
            return None
        pair = models.KeyPair
        owner = select(pair.application_id).where(pair.key == key, pair.revoked_at.is_(None)).scalar_subquery()
        return await self._application(models.Application.id == owner)

    async def application_by_id(self, app_id: str) -> Application | None:
        """Find the application with this id, any text. Only the usual spelling of a number is one: not `01`."""
        if not ID.fullmatch(app_id) or int(app_id) > LARGEST_ID:
            return None
        return await self._application(models.Application.id == int(app_id))

    async def applications(self) -> list[Application]:
        """Give all applications that are not archived, by id."""
        async with self._session(self._reading) as session:
            rows = await session.scalars(_findable().order_by(models.Application.id))
            return [_application(row) for row in rows]

    async def create_application(
        self, name: str, *, organization_slug: str | None = None, overrides: Mapping[str, Any]
    ) -> Application:
        """Create an application with one key pair, owned by the organization if one is named.

        `name` has 1 to 255 characters; `overrides` are AppSettings by name. Raises ValueError for either (pydantic's
        ValidationError is one), UnknownOrganization.
        """
        if not 1 <= len(name.strip()) <= LONGEST_NAME:
            raise ValueError(f"an application's name has 1 to {LONGEST_NAME} characters")
        row = _new_application(name.strip(), overrides)
        async with self._session(self._writing) as session:
            session.add(row)
            if organization_slug is not None:
                owner = await _organization(session, organization_slug)
                session.add(models.Ownership(organization=owner, application=row))
            await session.flush()
            return _application(row)

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
        application = _new_application("Test App", {"client_events": True})
        async with self._session(self._writing) as session:
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
            return _application(application)

    async def _application(self, condition: ColumnElement[bool]) -> Application | None:
        async with self._session(self._reading) as session:
            row = await session.scalar(_findable().where(condition))
            return None if row is None else _application(row)

    @asynccontextmanager
    async def _session(self, engine: AsyncEngine) -> AsyncIterator[AsyncSession]:
        """Give a session in a transaction, committed at the end."""
        try:
            async with AsyncSession(engine, expire_on_commit=False) as session, session.begin():
                yield session
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


def _findable() -> Select[models.Application]:
    """Select the applications that are not archived themselves or through all of their owners, with active keys."""
    owned = select(models.Ownership).where(
        models.Ownership.application_id == models.Application.id, models.Ownership.is_owned
    )
    owned_by_active = owned.join(models.Ownership.organization).where(models.Organization.archived_at.is_(None))
    return (
        select(models.Application)
        .where(models.Application.archived_at.is_(None), ~owned.exists() | owned_by_active.exists())
        .options(selectinload(models.Application.key_pairs.and_(models.KeyPair.revoked_at.is_(None))))
    )


async def _organization(session: AsyncSession, slug: str) -> models.Organization:
    organization = await session.scalar(
        select(models.Organization).where(models.Organization.slug == slug, models.Organization.archived_at.is_(None))
    )
    if organization is None:
        raise UnknownOrganization(f"There is no organization {slug!r}, or it is archived")
    return organization


def _new_application(name: str, overrides: Mapping[str, Any]) -> models.Application:
    settings = AppSettings.model_validate(dict(overrides)).model_dump(mode="json", exclude_unset=True)
    pair = models.KeyPair(key=str(uuid4()), secret=str(uuid4()))
    return models.Application(name=name, settings=settings, key_pairs=[pair])


def _application(row: models.Application) -> Application:
    return Application(
        id=str(row.id),
        name=row.name,
        key_pairs=tuple(KeyPair(pair.key, pair.secret) for pair in row.key_pairs),
        settings=_settings(row),
    )


def _settings(row: models.Application) -> AppSettings:
    """Give the settings of `row`, without those that another version of Hubbub or an editor left there unfit."""
    overrides: object = row.settings  # JSON, so it may be anything
    if not isinstance(overrides, dict):
        logger.warning("Application %s: settings ignored, they are not a JSON object", row.id)
        return AppSettings.model_validate({})
    try:
        return AppSettings.model_validate(overrides)
    except ValidationError as error:
        unfit = {str(fault["loc"][0]) for fault in error.errors(include_input=False)}
        logger.warning("Application %s: settings ignored, unknown or invalid: %s", row.id, ", ".join(sorted(unfit)))
        return AppSettings.model_validate({name: value for name, value in overrides.items() if name not in unfit})
