"""The schema of the database: bringing it to the newest revision, and asking whether it is there.

Knows: where the migrations are and how Alembic runs them. Does not know what they do.
"""

import asyncio

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncConnection

from hubbub.errors import STORE_UNAVAILABLE
from hubbub.settings import ConfigurationError
from hubbub.store import database, outage


def head() -> str:
    """Give the newest revision that this version of Hubbub knows."""
    revision = _scripts().get_current_head()
    assert revision is not None, "there is no migration"
    return revision


def is_known(revision: str) -> bool:
    """Tell whether a revision is one that this version of Hubbub has been at, or is."""
    return revision in {script.revision for script in _scripts().walk_revisions()}


def migrate(url: str) -> str:
    """Bring the database at `url` to the newest revision, which is given; nothing is changed if it is there already.

    All or nothing, and safe when several processes do it at once: one works, the others wait. Must not be called where
    an event loop runs. Raises ConfigurationError for a database that is not supported or was made by a newer Hubbub,
    and the refusal STORE_UNAVAILABLE, with the cause logged, if it is away.
    """
    try:
        asyncio.run(_migrate(url))
    except outage.RAISED as error:
        if not outage.is_outage(error):
            raise
        outage.report(error)
        raise STORE_UNAVAILABLE() from error
    return head()


async def revision_of(connection: AsyncConnection) -> str | None:
    """Give the revision the database is at, None if it was never migrated."""
    return await connection.run_sync(lambda sync: MigrationContext.configure(sync).get_current_revision())


async def _migrate(url: str) -> None:
    engine = database.connect(url, enforce_foreign_keys=False)
    try:
        async with database.for_writing(engine).begin() as connection:
            await database.lock(connection)
            revision = await revision_of(connection)
            if revision is not None and not is_known(revision):
                raise ConfigurationError(
                    f"The database is at revision {revision}, which this version of Hubbub does not know:"
                    " a newer one made it."
                )
            await connection.run_sync(_upgrade)
            if connection.dialect.name == "sqlite":
                broken = (await connection.execute(text("PRAGMA foreign_key_check"))).all()
                assert not broken, f"a migration broke foreign keys: {broken}"
    finally:
        await engine.dispose()


def _upgrade(connection: Connection) -> None:
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", "hubbub.store:migrations")
    return config


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())
