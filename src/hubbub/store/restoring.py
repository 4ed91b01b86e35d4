"""Putting a backup in the place of an SQLite database.

Knows: how to tell that nobody uses a database, and how to change all of it at once. Does not know what is in the
tables.

A server keeps SQLite's shared lock on its file for as long as it runs. Who has the lock alone knows that there is
none; whoever starts meanwhile waits for it, and then finds what was restored. The new content is written as one
transaction: whatever ends it midway, SQLite takes it back when the file is next opened.
"""

import fcntl
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from hubbub.store import backup, backup_file, schema
from hubbub.store.backup_file import About, BackupError
from hubbub.store.workplace import workplace

BUSY = "has the file of the database open: stop it, then restore"

FIRST_LOCK, LOCKS = 0x40000000, 512
"""Bytes of the file that SQLite takes its locks on: PENDING_BYTE and what follows, of its os.h."""


class Restored(msgspec.Struct, frozen=True):
    """What was restored: what the backup says about itself, and where the database before it is kept, if there was.

    `sealed_by` are the ids of the master keys that its secrets may need.
    """

    about: About
    kept: Path | None
    sealed_by: frozenset[str]


def restore(url: str, path: Path) -> Restored:
    """Put the backup at `path` in the place of the database at `url`, and keep that one beside it.

    Tables of an older Hubbub are brought up to date. Must not be called where an event loop runs. Raises BackupError,
    having changed nothing: for a file that is no whole backup or was made by a newer Hubbub, and while anybody uses
    the database; ConfigurationError for the URL.
    """
    target = backup.file_at(url, "pg_restore --clean --if-exists --single-transaction --dbname={url} {file}", path)
    target = target.resolve()  # what a link leads to is changed, and never the link
    if not path.is_file():
        raise BackupError(f"There is no file {path}.")
    if path.exists() and target.exists() and path.samefile(target):
        raise BackupError(f"{path} is the database itself.")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with workplace(target.parent, ".hubbub-restore-") as folder:
            about, unpacked = backup_file.read(path, folder)
            _bring_up_to_date(about, unpacked)
            return Restored(about, sealed_by=_sealed_by(unpacked), kept=_put(unpacked, target))
    except sqlite3.DatabaseError as error:
        raise BackupError(f"The database cannot be written: {error}.") from None
    except OSError as error:
        raise BackupError(f"The backup cannot be restored to {target}: {error.strerror}.") from None


def _bring_up_to_date(about: About, unpacked: Path) -> None:
    if backup.revision_of(unpacked) != about.revision:
        raise BackupError("The backup's tables are not those that it says it has.")
    if not schema.is_known(about.revision):
        raise BackupError(
            f"The backup is of a newer Hubbub, {about.hubbub}: its tables are at revision {about.revision}, which this"
            f" one, {backup_file.running_version()}, does not know. Install {about.hubbub} or a later one, and restore"
            " by that."
        )
    schema.migrate(f"sqlite:///{unpacked}")
    with closing(sqlite3.connect(unpacked)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")


def _sealed_by(unpacked: Path) -> frozenset[str]:
    with closing(sqlite3.connect(unpacked)) as connection:
        return frozenset(str(key_id) for (key_id,) in connection.execute("SELECT id FROM master_keys"))


def _put(unpacked: Path, target: Path) -> Path | None:
    """Put a database in the place of another; give where that one is kept."""
    is_new = not target.exists() or target.stat().st_size == 0
    if is_new:
        target.touch(mode=backup_file.OWNERS_ONLY)
    elif _is_damaged(target):
        return _replace(unpacked, target)
    with closing(sqlite3.connect(target, timeout=0)) as connection, _alone(connection, target):
        kept = None if is_new else _beside(target)
        if kept is not None:
            _keep(connection, unpacked.with_name("before.db"), kept)
        with closing(sqlite3.connect(unpacked)) as source:
            source.backup(connection)
    return kept


@contextmanager
def _alone(connection: sqlite3.Connection, target: Path) -> Iterator[None]:
    """Have the database to oneself: nobody else has it open, nor reads or writes it until the connection ends."""
    try:
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        # Out of WAL, which asks for the file alone, and leaves no log beside it that would belong to what was there.
        [mode] = connection.execute("PRAGMA journal_mode = DELETE").fetchone()
        connection.execute("BEGIN EXCLUSIVE")
        connection.execute("COMMIT")  # the lock stays
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF not in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise
        raise BackupError(f"Somebody {BUSY} ({target}).") from None
    if mode != "delete":
        raise BackupError(f"Somebody {BUSY} ({target}).")
    yield


def _keep(connection: sqlite3.Connection, copied: Path, kept: Path) -> None:
    """Keep what is there as `kept`, whole or not at all; `copied` is what it is called until it is."""
    copied.touch(mode=backup_file.OWNERS_ONLY, exist_ok=False)
    with closing(sqlite3.connect(copied)) as copy:
        connection.backup(copy)
    copied.rename(kept)
    backup_file.sync_folder(kept.parent)


def _is_damaged(target: Path) -> bool:
    """Tell whether SQLite cannot even begin to read the file."""
    try:
        with closing(sqlite3.connect(f"{target.as_uri()}?mode=rw", uri=True)) as connection:
            connection.execute("SELECT count(*) FROM sqlite_schema")
    except sqlite3.DatabaseError as error:
        return error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT)
    return False


def _replace(unpacked: Path, target: Path) -> Path:
    """Put a database in the place of a file that is none any more: that is moved away, with what SQLite has beside."""
    kept = _beside(target)
    with target.open("r+b") as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, LOCKS, FIRST_LOCK)
        except OSError:
            raise BackupError(f"Somebody {BUSY} ({target}).") from None
        for ending in ("-wal", "-shm", "-journal"):
            beside = target.with_name(target.name + ending)
            if beside.exists():
                beside.rename(kept.with_name(kept.name + ending))
        kept.hardlink_to(target)
        unpacked.replace(target)
        backup_file.sync_folder(target.parent)
    return kept


def _beside(target: Path) -> Path:
    """Give a name for what was at `target` that nothing has yet."""
    name = f"{target.name}.before-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    number = 1
    while (kept := target.with_name(name if number == 1 else f"{name}-{number}")).exists():
        number += 1
    return kept
