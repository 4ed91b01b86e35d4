"""What a backup is, as a file: a compressed tar with the database and what is known about it.

    about.json   the version of Hubbub, the revision of the tables, when, and the database's length and SHA-256
    hubbub.db    the database, whole: SQLite opens it without Hubbub

Knows: how the file is written, and what makes one good. Does not know a running server, nor what is in the tables.
"""

import contextlib
import gzip
import hashlib
import os
import sqlite3
import tarfile
import zlib
from contextlib import closing
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from io import BytesIO
from pathlib import Path
from typing import Annotated, BinaryIO

import msgspec

ABOUT, DATABASE = "about.json", "hubbub.db"
FORMAT = 1
LARGEST_ABOUT = 65_536
PIECE = 1 << 20
LEVEL = 6  # of gzip: 9 takes three times as long for a hundredth less

OWNERS_ONLY = 0o600
"""The mode of every file that has secrets in it."""


class BackupError(Exception):
    """Why a backup is not made, or not restored: a sentence for who asked for it."""


Shown = Annotated[str, msgspec.Meta(pattern=r"^[\w.+-]{1,64}$")]
"""What is told to whoever restores the file, and cannot act on a terminal."""


class About(msgspec.Struct, frozen=True, kw_only=True):
    """What is known about a backup without opening its database."""

    format: int = FORMAT
    hubbub: Shown
    revision: Shown
    created_at: datetime
    size: int
    sha256: Shown


def running_version() -> str:
    """Give the version of Hubbub that runs."""
    try:
        return version("hubbub")
    except PackageNotFoundError:  # run from its source, without being installed
        return "unknown"


def write(path: Path, database: Path, *, revision: str, at: datetime) -> About:
    """Make the backup at `path` of a database that nobody writes to. There is a whole file in the end, or none.

    Raises OSError.
    """
    about = About(
        hubbub=running_version(),
        revision=revision,
        created_at=at,
        size=database.stat().st_size,
        sha256=digest(database),
    )
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNERS_ONLY), "wb") as file:
            _pack(file, about, database)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
        sync_folder(path.parent)
    finally:
        part.unlink(missing_ok=True)
    return about


def read(path: Path, folder: Path) -> tuple[About, Path]:
    """Give what a backup says about itself, and its database, unpacked into `folder` and found to be whole.

    Raises BackupError for anything that is not, and OSError.
    """
    try:
        with tarfile.open(path, "r:gz") as tar:
            about = _about(tar)
            unpacked = folder / DATABASE
            _unpack(tar, unpacked, about.size)
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile):
        raise BackupError(f"{path} is no backup of Hubbub, or is damaged.") from None
    if unpacked.stat().st_size != about.size or digest(unpacked) != about.sha256:
        raise BackupError(f"{path} is damaged: its database is not the one that was put into it.")
    problem = check(unpacked)
    if problem is not None:
        raise BackupError(f"{path} is damaged: {problem}.")
    return about, unpacked


def check(database: Path) -> str | None:
    """Give what is wrong with an SQLite file, None if nothing is."""
    try:
        with closing(sqlite3.connect(database)) as connection:
            [found] = connection.execute("PRAGMA integrity_check(1)").fetchone()
            if found != "ok":
                return f"SQLite says: {found}"
            if connection.execute("PRAGMA foreign_key_check").fetchone() is not None:
                return "rows refer to others that are not there"
    except sqlite3.DatabaseError as error:
        return f"SQLite says: {error}"
    return None


def digest(path: Path) -> str:
    """Give the SHA-256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sync_folder(folder: Path) -> None:
    """See to it that a new name in a folder outlives a loss of power, where the system can."""
    with contextlib.suppress(OSError):
        opened = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)


def _pack(file: BinaryIO, about: About, database: Path) -> None:
    text = msgspec.json.format(msgspec.json.encode(about), indent=2) + b"\n"
    with (
        gzip.GzipFile(filename="", mode="wb", fileobj=file, compresslevel=LEVEL) as packed,
        tarfile.open(fileobj=packed, mode="w") as tar,
        database.open("rb") as content,
    ):
        tar.addfile(_entry(ABOUT, len(text), about.created_at), BytesIO(text))
        tar.addfile(_entry(DATABASE, about.size, about.created_at), content)


def _entry(name: str, size: int, at: datetime) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode, entry.mtime = size, OWNERS_ONLY, int(at.timestamp())
    return entry


def _about(tar: tarfile.TarFile) -> About:
    entry = tar.next()
    content = tar.extractfile(entry) if entry is not None and entry.name == ABOUT and entry.isfile() else None
    if content is None:
        raise tarfile.ReadError
    try:
        about = msgspec.json.decode(content.read(LARGEST_ABOUT), type=About)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise tarfile.ReadError from None
    if about.format != FORMAT:
        raise BackupError(f"It is a backup of another kind: Hubbub {about.hubbub} made it.")
    return about


def _unpack(tar: tarfile.TarFile, to: Path, size: int) -> None:
    """Write the database to a new file, no more than was announced: what is packed may be far larger than its file."""
    entry = tar.next()
    content = tar.extractfile(entry) if entry is not None and entry.name == DATABASE and entry.isfile() else None
    if entry is None or content is None or entry.size != size:
        raise tarfile.ReadError
    with os.fdopen(os.open(to, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNERS_ONLY), "wb") as file:
        while piece := content.read(PIECE):
            file.write(piece)
