"""`hubbub backup` and `hubbub restore`: beside a writer, beside a server, and killed midway."""

import asyncio
import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Mapping
from contextlib import closing
from io import BytesIO
from pathlib import Path

import pytest
from alembic import command as alembic
from typer.testing import CliRunner, Result

from hubbub.cli import commands
from hubbub.store import Store, database, schema
from hubbub.store.backup_file import digest
from hubbub.store.workplace import workplace
from running import Running

LIMIT = 60.0  # seconds, which only a failure takes


class Place:
    """A folder with a database, and commands that are run on it."""

    def __init__(self, folder: Path, url: str | None = None) -> None:
        self.folder = folder
        self.database = folder / "hubbub.db"
        self.url = url or f"sqlite:///{self.database}"

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("HUBBUB_")}
        return {**kept, "HUBBUB_DATABASE_URL": self.url}

    def begin(self, *arguments: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-m", "hubbub", *arguments],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str) -> str:
        return self.told(*arguments).stdout

    def told(self, *arguments: str) -> Result:
        done = self._done(*arguments)
        assert done.exit_code == 0, done.output + repr(done.exception)
        return done

    def refused(self, *arguments: str) -> str:
        done = self._done(*arguments)
        assert (done.exit_code, done.stdout) == (1, ""), done.output + repr(done.exception)
        return done.stderr

    def _done(self, *arguments: str) -> Result:
        with contextlib.chdir(self.folder):
            return CliRunner().invoke(commands, arguments, env={"HUBBUB_DATABASE_URL": self.url})

    def names(self) -> list[str]:
        with closing(sqlite3.connect(self.database)) as connection:
            return [name for (name,) in connection.execute("SELECT name FROM applications ORDER BY id")]

    def files(self) -> set[str]:
        return {path.name for path in self.folder.iterdir()}


@pytest.fixture
def place(tmp_path: Path, migrated_file: Path) -> Place:
    (tmp_path / "hubbub.db").write_bytes(migrated_file.read_bytes())
    add(tmp_path / "hubbub.db", "first")
    return Place(tmp_path)


def add(path: Path, *names: str) -> None:
    """Put applications into a database, as any program with SQLite could."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executemany(
            "INSERT INTO applications (name, settings, created_at, updated_at) VALUES (?, '{}', ?, ?)",
            [(name, "2026-01-01 00:00:00", "2026-01-01 00:00:00") for name in names],
        )


def about(path: Path) -> dict[str, object]:
    with tarfile.open(path) as tar:
        content = tar.extractfile("about.json")
        assert content is not None
        found: dict[str, object] = json.load(content)
        return found


def rewritten(path: Path, to: Path, change: Mapping[str, object], database: bytes | None = None) -> Path:
    """Write a backup again, with other things said in it, or another database in it."""
    with tarfile.open(path) as old, tarfile.open(to, "w:gz") as new:
        for entry in old:
            stream = old.extractfile(entry)
            assert stream is not None
            content = stream.read()
            if entry.name == "about.json":
                content = json.dumps({**json.loads(content), **change}, ensure_ascii=False).encode(
                    errors="surrogateescape"
                )
            elif database is not None:
                content = database
            entry.size = len(content)
            new.addfile(entry, BytesIO(content))
    return to


def test_what_is_backed_up_comes_back(place: Place) -> None:
    done = place.told("backup", "one.tar.gz")
    assert schema.head() in done.stdout
    assert done.stderr == "", "cron would send a letter each night"
    file = place.folder / "one.tar.gz"
    assert file.stat().st_mode & 0o777 == 0o600
    assert about(file)["revision"] == schema.head()
    add(place.database, "second")
    told = place.run("restore", "one.tar.gz")
    assert place.names() == ["first"]
    [kept] = [name for name in place.files() if ".before-" in name]
    assert kept in told
    assert (place.folder / kept).stat().st_mode & 0o777 == 0o600
    assert Place(place.folder, f"sqlite:///{kept}").run("app", "list", "--json").count('"name"') == 2
    assert place.files() == {"hubbub.db", "one.tar.gz", kept} | {name for name in place.files() if kept in name}


def test_it_comes_back_where_there_was_none(place: Place, tmp_path: Path) -> None:
    place.run("backup", "one.tar.gz")
    other = Place(tmp_path / "another")
    other.folder.mkdir()
    other.run("restore", str(tmp_path / "one.tar.gz"))
    assert other.names() == ["first"]
    assert other.files() == {"hubbub.db"}
    assert other.database.stat().st_mode & 0o777 == 0o600


def test_a_file_that_is_there_stays(place: Place) -> None:
    (place.folder / "one.tar.gz").write_text("mine")
    assert "--overwrite" in place.refused("backup", "one.tar.gz")
    assert (place.folder / "one.tar.gz").read_text() == "mine"
    place.run("backup", "one.tar.gz", "--overwrite")
    assert about(place.folder / "one.tar.gz")["revision"] == schema.head()
    assert "not a file" in place.refused("backup", "hubbub.db", "--overwrite")
    assert place.names() == ["first"]
    assert place.files() == {"hubbub.db", "one.tar.gz"}


def test_what_is_written_meanwhile_is_there_up_to_one_moment(place: Place) -> None:
    over = threading.Event()
    written = 0

    def write() -> None:
        nonlocal written
        with closing(sqlite3.connect(place.database, timeout=LIMIT)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            while not over.is_set():
                with connection:  # both, or none
                    for kind in ("left", "right"):
                        connection.execute(
                            "INSERT INTO applications (name, settings, created_at, updated_at)"
                            " VALUES (?, '{}', '2026-01-01 00:00:00', '2026-01-01 00:00:00')",
                            (f"{kind} {written}",),
                        )
                written += 1

    writer = threading.Thread(target=write)
    writer.start()

    def wait_for(count: int) -> None:
        end = time.monotonic() + LIMIT
        while written < count:
            assert time.monotonic() < end, "the writer was held up"
            time.sleep(0.001)

    try:
        for number in range(3):
            wait_for(written + 1)
            place.run("backup", f"{number}.tar.gz")
        wait_for(written + 1)
    finally:
        over.set()
        writer.join(LIMIT)
    for number in range(3):
        other = Place(place.folder / str(number))
        other.folder.mkdir()
        other.run("restore", str(place.folder / f"{number}.tar.gz"))
        names = other.names()
        pairs = (len(names) - 1) // 2
        assert pairs >= 1
        assert names == ["first", *(f"{kind} {at}" for at in range(pairs) for kind in ("left", "right"))]


def test_nothing_is_restored_while_a_server_has_the_database(tmp_path: Path) -> None:
    with Running(app_id=None, app_key=None, app_secret=None, database_url=f"sqlite:///{tmp_path}/hubbub.db") as server:
        place = Place(tmp_path)
        place.run("app", "create", "shop")
        place.run("backup", "one.tar.gz")
        place.run("app", "create", "another")
        assert "open: stop it" in place.refused("restore", "one.tar.gz")
        place.run("app", "create", "a third")  # it goes on as before
        server.stop()
    assert place.names() == ["shop", "another", "a third"]
    place.run("restore", "one.tar.gz")
    assert place.names() == ["shop"]


def test_a_damaged_backup_is_refused(place: Place) -> None:
    place.run("backup", "good.tar.gz")
    good = (place.folder / "good.tar.gz").read_bytes()
    for number, content in enumerate([b"", b"Dear friend", good[: len(good) // 2]]):
        (place.folder / f"bad{number}").write_bytes(content)
        assert "no backup" in place.refused("restore", f"bad{number}")
    for number, said in enumerate([{"hubbub": "0.1\x1b[2J"}, {"hubbub": "\udcff"}, {"revision": "a b"}], 10):
        rewritten(place.folder / "good.tar.gz", place.folder / f"bad{number}", said)
        assert "no backup" in place.refused("restore", f"bad{number}")
    rewritten(place.folder / "good.tar.gz", place.folder / "other", {"sha256": "0" * 64})
    assert "is not the one" in place.refused("restore", "other")
    assert "There is no file" in place.refused("restore", "nowhere")
    assert "itself" in place.refused("restore", "hubbub.db")
    assert place.names() == ["first"]
    assert not [name for name in place.files() if "before" in name or "restore" in name]


def test_a_backup_of_a_newer_hubbub_is_refused(place: Place) -> None:
    place.run("backup", "one.tar.gz")
    newer = place.folder / "newer.db"
    newer.write_bytes(place.database.read_bytes())
    with closing(sqlite3.connect(newer)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    content = newer.read_bytes()
    said = {"revision": "9999", "hubbub": "99.0", "size": len(content), "sha256": digest(newer)}
    rewritten(place.folder / "one.tar.gz", place.folder / "newer.tar.gz", said, content)
    problem = place.refused("restore", "newer.tar.gz")
    assert "9999" in problem
    assert "99.0" in problem
    assert place.names() == ["first"]


def test_a_backup_of_an_older_hubbub_is_brought_up_to_date(tmp_path: Path) -> None:
    place = Place(tmp_path)
    old = tmp_path / "old"
    old.mkdir()
    asyncio.run(migrate_to(f"sqlite:///{old}/hubbub.db", "0005"))
    add(old / "hubbub.db", "from long ago")
    Place(old).run("backup", str(tmp_path / "old.tar.gz"))
    assert about(tmp_path / "old.tar.gz")["revision"] == "0005"
    place.run("restore", "old.tar.gz")
    assert place.names() == ["from long ago"]
    assert "from long ago" in place.run("app", "list")
    assert asyncio.run(is_current(place.url))


async def migrate_to(url: str, revision: str) -> None:
    engine = database.connect(url, enforce_foreign_keys=False)

    def upgrade(connection: object) -> None:
        config = schema._config()
        config.attributes["connection"] = connection
        alembic.upgrade(config, revision)

    async with database.for_writing(engine).begin() as connection:
        await connection.run_sync(upgrade)
    await engine.dispose()


async def is_current(url: str) -> bool:
    store = Store.open(url)
    try:
        return await store.is_current()
    finally:
        await store.close()


def test_a_restore_that_is_killed_midway_leaves_the_old_one(place: Place) -> None:
    place.run("backup", "small.tar.gz")
    fill(place.database, megabytes=12)
    place.run("backup", "large.tar.gz")
    place.run("restore", "small.tar.gz")
    journal = place.folder / "hubbub.db-journal"
    fill(place.database, megabytes=6)  # what is changed goes to the journal first
    before = place.names()
    with place.begin("restore", "large.tar.gz") as process:
        while not (journal.exists() and journal.stat().st_size > 100_000) and process.poll() is None:
            pass  # a matter of a millisecond: an event of the file system would come too late
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=LIMIT)
    assert process.returncode == -signal.SIGKILL
    assert place.names() == before
    with closing(sqlite3.connect(place.database)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("SELECT count(*) FROM ballast").fetchone() == (6,)
    place.run("restore", "large.tar.gz")
    assert not [name for name in place.files() if name.startswith(".hubbub-")], "what the killed one left"
    with closing(sqlite3.connect(place.database)) as connection:
        assert connection.execute("SELECT count(*) FROM ballast").fetchone() == (12,)


def test_what_a_killed_one_left_is_removed_and_what_another_works_in_stays(place: Place) -> None:
    place.run("backup", "one.tar.gz")
    mine = place.folder / ".hubbub-restore-list"
    mine.write_text("no folder, so nobody's work")
    for kind in ("backup", "restore"):
        left = place.folder / f".hubbub-{kind}-gone"
        left.mkdir()
        (left / "before.db").write_bytes(b"half of it")
        (place.folder / f".hubbub-{kind}-link").symlink_to(place.folder)
        with workplace(place.folder, f".hubbub-{kind}-") as folder:
            assert not left.exists()
            (folder / "hubbub.db").write_bytes(b"under way")
            place.run("backup", "two.tar.gz", "--overwrite")
            place.run("restore", "one.tar.gz")
            assert (folder / "hubbub.db").read_bytes() == b"under way"
        assert not folder.exists()
    hidden = {name for name in place.files() if name.startswith(".")}
    assert hidden == {mine.name, ".hubbub-backup-link", ".hubbub-restore-link"}
    assert place.names() == ["first"]


def fill(path: Path, *, megabytes: int) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE IF NOT EXISTS ballast (content BLOB)")
        connection.executemany("INSERT INTO ballast VALUES (?)", ((os.urandom(1_000_000),) for _ in range(megabytes)))


def test_what_a_killed_server_had_in_its_log_is_kept(place: Place, tmp_path: Path) -> None:
    place.run("backup", "one.tar.gz")
    killed = Place(tmp_path / "killed")
    killed.folder.mkdir()
    with closing(sqlite3.connect(place.database)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        add(place.database, "the last one")
        for name in ("hubbub.db", "hubbub.db-wal"):  # as they are when nobody closes them
            (killed.folder / name).write_bytes((place.folder / name).read_bytes())
    assert (killed.folder / "hubbub.db-wal").stat().st_size > 0
    killed.run("restore", str(tmp_path / "one.tar.gz"))
    assert killed.names() == ["first"]
    [kept] = [killed.folder / name for name in killed.files() if ".before-" in name]
    with closing(sqlite3.connect(kept)) as connection:
        names = [name for (name,) in connection.execute("SELECT name FROM applications ORDER BY id")]
    assert names == ["first", "the last one"]
    assert killed.files() == {"hubbub.db", kept.name}


def test_a_file_that_is_no_database_any_more_is_moved_away(place: Place) -> None:
    place.run("backup", "one.tar.gz")
    place.database.write_bytes(b"Dear friend, this is long enough to be read as a header. " * 200)
    assert "cannot be read" in place.refused("backup", "two.tar.gz")
    place.run("restore", "one.tar.gz")
    assert place.names() == ["first"]
    [kept] = [name for name in place.files() if ".before-" in name]
    assert (place.folder / kept).read_bytes().startswith(b"Dear friend")


@pytest.mark.parametrize("is_damaged", [False, True])
def test_a_link_to_the_database_stays_one(place: Place, tmp_path: Path, *, is_damaged: bool) -> None:
    place.run("backup", "one.tar.gz")
    disk = tmp_path / "disk"
    disk.mkdir()
    place.database.rename(disk / "real.db")
    place.database.symlink_to(disk / "real.db")
    if is_damaged:
        place.database.write_bytes(b"Dear friend, this is long enough to be read as a header. " * 200)
    place.run("restore", "one.tar.gz")
    assert place.database.is_symlink()
    assert place.names() == ["first"]
    assert list(disk.glob("real.db.before-*")), "kept where there is room"


def test_sealed_secrets_stay_sealed_and_a_missing_key_is_told(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    key = place.run("master-key", "generate").split()[-1]
    monkeypatch.setenv("HUBBUB_MASTER_KEY", key)
    place.run("master-key", "seal")
    secret = json.loads(place.run("app", "create", "shop", "--json"))["key_pairs"][0]["secret"]
    place.run("backup", "one.tar.gz")
    with tarfile.open(place.folder / "one.tar.gz") as tar:
        content = tar.extractfile("hubbub.db")
        assert content is not None
        assert secret.encode() not in content.read()
    assert "master key" not in place.told("restore", "one.tar.gz").stderr
    assert secret in place.run("app", "show", "2", "--secret")
    monkeypatch.delenv("HUBBUB_MASTER_KEY")
    assert "sealed by the master key" in place.told("restore", "one.tar.gz").stderr


@pytest.fixture
def elsewhere(tmp_path: Path) -> Place:
    return Place(tmp_path, "postgresql://jane:a-password@127.0.0.1/hubbub")


def test_for_postgresql_the_line_is_given(elsewhere: Place) -> None:
    problem = elsewhere.refused("backup", "one.tar.gz")
    assert "pg_dump --format=custom --file=one.tar.gz postgresql://jane@127.0.0.1/hubbub" in problem
    assert "a-password" not in problem
    problem = elsewhere.refused("restore", "one.tar.gz")
    assert "pg_restore --clean --if-exists --single-transaction" in problem
    assert "a-password" not in problem
    assert elsewhere.files() == set()
