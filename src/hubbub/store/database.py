"""The connection to the database.

Knows: which databases are supported, how the URL a user gives becomes the one SQLAlchemy needs, and what each
connection is set to. Does not know any table.
"""

import os
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, event, make_url, text
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from hubbub.settings import ConfigurationError

SUPPORTED = "sqlite:///PATH or postgresql://USER:PASSWORD@HOST/NAME"

# What asyncpg and its dialect take from a URL; anything else would be a TypeError with the first connection.
POSTGRES_PARAMETERS = frozenset({"host", "port", "ssl", "sslmode", "prepared_statement_cache_size"})

# Keys of PostgreSQL's advisory locks: that of accounts, of the schema and of the first user, "hubbub" in ASCII, and
# that of the outbox of webhooks, "outbox". Who needs both takes them in this order.
ADVISORY_LOCK = 0x687562627562
OUTBOX_LOCK = 0x6F7574626F78

LOCK_TIMEOUT = 10.0  # seconds a connection waits for another's transaction to end
IDLE_TIMEOUT = 5.0  # seconds a writing transaction may do nothing before PostgreSQL ends it
STATEMENT_TIMEOUT = 15.0  # seconds PostgreSQL has to answer: longer than one waits there for another's lock
CONNECT_TIMEOUT = 5.0  # seconds to reach PostgreSQL, or to get a connection of the pool

# What each of the pool's connections keeps of an SQLite file, instead of its own 2,000 KiB: the kernel keeps the same
# pages anyway, and a server that runs on is to stay as it was.
SQLITE_CACHE_KIB = 256

# Statements that each connection keeps prepared, of Python's own 128: one with a list of 260 ids takes 40 KiB.
SQLITE_STATEMENTS = 32


def connect(url: str, *, enforce_foreign_keys: bool = True) -> AsyncEngine:
    """Give an engine for the database at `url`; connects with its first use.

    Creates an SQLite file and its folder. Without `enforce_foreign_keys` SQLite lets a migration rebuild a table
    that others refer to. Raises ConfigurationError, which never holds the URL.
    """
    target = driver_url(url)
    if target.get_backend_name() == "sqlite":
        return _connect_sqlite(target, enforce_foreign_keys=enforce_foreign_keys)
    return create_async_engine(
        target,
        connect_args={"timeout": CONNECT_TIMEOUT, "command_timeout": STATEMENT_TIMEOUT},
        hide_parameters=True,
        pool_pre_ping=True,
        pool_timeout=CONNECT_TIMEOUT,
    )


def driver_url(url: str) -> URL:
    """Give the URL with the asynchronous driver for the plain `url` of a user.

    Raises ConfigurationError for any other database, an in-memory one, and parameters that the driver does not take.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):  # ValueError: a port that is no number
        parsed = None
    # Raised outside the `except`, so that no traceback shows the parser's error, which holds the URL.
    match parsed.drivername.partition("+")[0] if parsed else None:
        case "sqlite" if parsed:
            return _sqlite_url(parsed)
        case "postgresql" | "postgres" if parsed:
            return _postgres_url(parsed)
        case _:
            raise ConfigurationError(f"HUBBUB_DATABASE_URL: not a supported database, use {SUPPORTED}")


def is_sqlite(url: str) -> bool:
    """Tell whether `url` is that of an SQLite file. Raises ConfigurationError for any URL that is not supported."""
    return driver_url(url).get_backend_name() == "sqlite"


def missing_file(url: str) -> Path | None:
    """Give the whole path of the SQLite file at `url` if there is no such file; None for any other database."""
    if not is_sqlite(url):
        return None
    path = Path(driver_url(url).database or "").absolute()
    return None if path.exists() else path


def file_of(engine: AsyncEngine) -> Path | None:
    """Give the SQLite file of `engine`; None for any other database."""
    return Path(engine.url.database or "").absolute() if engine.dialect.name == "sqlite" else None


async def lock(connection: AsyncConnection, key: int = ADVISORY_LOCK) -> None:
    """Wait until nobody else who takes the lock of this key is writing; holds until the transaction ends.

    Everything that reads before it writes does so under a lock, on either database: there is one writer at a time. What
    is numbered under one can be seen in the order of its numbers.

    For SQLite there is nothing to do: a writing transaction (`for_writing`) is alone from its beginning.
    """
    if connection.dialect.name == "postgresql":
        await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": key})


async def limit_waiting(connection: AsyncConnection) -> None:
    """Let this transaction neither wait long for the lock nor hold it doing nothing; SQLite has the first always.

    Else one node that hangs in the middle of a transaction would hang all others.
    """
    if connection.dialect.name == "postgresql":
        # Both in one question, as the outbox asks it many times a second.
        await connection.execute(
            text(
                "SELECT set_config('lock_timeout', :lock, true),"
                " set_config('idle_in_transaction_session_timeout', :idle, true)"
            ),
            {"lock": f"{LOCK_TIMEOUT * 1000:.0f}", "idle": f"{IDLE_TIMEOUT * 1000:.0f}"},
        )


async def number_on(connection: AsyncConnection, table: str) -> None:
    """Number rows of a table on from the largest id there is: one may have been given. SQLite does so by itself."""
    if connection.dialect.name == "postgresql":
        await connection.execute(
            text(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), max(id)) FROM {table}")  # noqa: S608 - ours
        )


def for_writing(engine: AsyncEngine) -> AsyncEngine:
    """Give the same engine, whose SQLite transactions take the write lock at their beginning.

    One that reads first and writes later would fail at once, whatever the timeout, when another wrote in between.
    """
    return engine.execution_options(sqlite_begin="BEGIN IMMEDIATE")


def _sqlite_url(url: URL) -> URL:
    if url.host:
        raise ConfigurationError(
            "HUBBUB_DATABASE_URL: SQLite is a file, not a host; use sqlite:///PATH with three slashes,"
            " four before an absolute path"
        )
    if not url.database or url.database == ":memory:" or url.database.startswith("file:"):
        raise ConfigurationError("HUBBUB_DATABASE_URL: SQLite needs the path of a file, use sqlite:///PATH")
    return url.set(drivername="sqlite+aiosqlite")


def _postgres_url(url: URL) -> URL:
    unknown = sorted(url.query.keys() - POSTGRES_PARAMETERS)
    if unknown:
        raise ConfigurationError(
            f"HUBBUB_DATABASE_URL: parameters not supported: {', '.join(unknown)};"
            f" supported are {', '.join(sorted(POSTGRES_PARAMETERS))}"
        )
    query = {("ssl" if name == "sslmode" else name): value for name, value in url.query.items()}
    return url.set(drivername="postgresql+asyncpg", query=query)


def _connect_sqlite(url: URL, *, enforce_foreign_keys: bool) -> AsyncEngine:
    _make_file(Path(url.database or ""))
    engine = create_async_engine(
        url,
        connect_args={"timeout": LOCK_TIMEOUT, "cached_statements": SQLITE_STATEMENTS},
        hide_parameters=True,
        pool_timeout=CONNECT_TIMEOUT,
    )

    def prepare(connection: Any, _record: object) -> None:
        # Python's sqlite3 begins transactions late and never for DDL; without it, `begin` below decides.
        connection.isolation_level = None
        cursor = connection.cursor()
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
            cursor.execute(f"PRAGMA cache_size = -{SQLITE_CACHE_KIB}")  # less than nothing: not pages, KiB
            cursor.execute(f"PRAGMA foreign_keys = {'ON' if enforce_foreign_keys else 'OFF'}")
        except BaseException:
            connection.close()  # SQLAlchemy does not, and aiosqlite's thread would outlive the event loop
            raise
        cursor.close()

    def begin(connection: Connection) -> None:
        connection.exec_driver_sql(connection.get_execution_options().get("sqlite_begin", "BEGIN"))

    event.listen(engine.sync_engine, "connect", prepare)
    event.listen(engine.sync_engine, "begin", begin)
    return engine


def _make_file(path: Path) -> None:
    """Create the file at `path` and its folder, for the owner's eyes: there are secrets in it. Raise what prevents it.

    Without opening one that is there: closing it again would end the locks this process has on it.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
    except OSError as error:
        raise ConfigurationError(f"HUBBUB_DATABASE_URL: cannot create {path}: {error.strerror}") from None
    if not path.is_file() or not os.access(path, os.R_OK | os.W_OK):
        raise ConfigurationError(f"HUBBUB_DATABASE_URL: {path} is not a file that can be read and written")
