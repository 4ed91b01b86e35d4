"""A backup of an SQLite database, made while servers write to it.

Knows: SQLite's own way to copy a database that is in use, all of one moment, what waits in its log included. Does not
know what is in the tables. PostgreSQL has programs of its own for this.
"""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from shlex import quote

from sqlalchemy import URL, make_url

from hubbub.store import backup_file, database
from hubbub.store.backup_file import About, BackupError
from hubbub.store.workplace import workplace

PATIENCE_SECONDS = 60.0
"""How long a backup waits for who has the database to itself."""


def make(url: str, path: Path, *, overwrite: bool = False) -> About:
    """Write a backup of the database at `url` to the file `path`, and give what is said about it there.

    Servers go on meanwhile. Raises BackupError with what stands in the way, and ConfigurationError for the URL.
    """
    source = file_at(url, "pg_dump --format=custom --file={file} {url}", path)
    if not source.is_file():
        raise BackupError(f"There is no database at {source}.")
    if path.exists() and not overwrite:
        raise BackupError(f"{path} is there already: choose another name, or say --overwrite.")
    if path.exists() and (not path.is_file() or path.samefile(source)):
        raise BackupError(f"{path} is not a file that a backup may take the place of.")
    try:
        with workplace(path.absolute().parent, ".hubbub-backup-") as folder:
            copied = folder / backup_file.DATABASE
            at = datetime.now(UTC)
            copy(source, copied)
            problem = backup_file.check(copied)
            if problem is not None:
                raise BackupError(f"The database is damaged, and no backup was made: {problem}.")
            return backup_file.write(path.absolute(), copied, revision=revision_of(copied), at=at)
    except sqlite3.DatabaseError as error:
        raise BackupError(f"The database cannot be read, or not be copied to where {path} is: {error}.") from None
    except OSError as error:
        raise BackupError(f"The backup cannot be written to {path}: {error.strerror}.") from None


def copy(source: Path, target: Path) -> None:
    """Copy a database into a new file, in one step, so that it is all of one moment. Raises sqlite3.DatabaseError."""
    target.touch(mode=backup_file.OWNERS_ONLY)
    uri = f"{source.absolute().as_uri()}?mode=rw"  # and not `ro`: what waits in the log needs a file beside it
    with (
        closing(sqlite3.connect(uri, uri=True, timeout=PATIENCE_SECONDS)) as read,
        closing(sqlite3.connect(target)) as written,
    ):
        read.backup(written)
        written.execute("PRAGMA journal_mode = DELETE")  # one file, without a log beside it


def revision_of(path: Path) -> str:
    """Give the revision of the tables in an SQLite file. Raises BackupError if they are not Hubbub's."""
    with closing(sqlite3.connect(path)) as connection:
        try:
            row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        except sqlite3.OperationalError:
            row = None
    if row is None:
        raise BackupError("The database has no tables of Hubbub: run `hubbub migrate` first.")
    return str(row[0])


def file_at(url: str, instead: str, path: Path) -> Path:
    """Give the SQLite file at `url`; for PostgreSQL raise BackupError with the line that does it there.

    The line has `{file}` and `{url}` in it, which get `path` and the URL without its password.
    """
    if database.is_sqlite(url):
        return Path(database.driver_url(url).database or "").absolute()
    given = make_url(url)
    shown = URL.create("postgresql", given.username, None, given.host, given.port, given.database, given.query)
    line = instead.format(file=quote(str(path)), url=quote(shown.render_as_string()))
    raise BackupError(
        f"The database is PostgreSQL, which has programs of its own for this: {line}\n"
        "It asks for the password, or takes it from PGPASSWORD or ~/.pgpass."
    )
