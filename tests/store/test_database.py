import asyncio
import sys
from pathlib import Path

import pytest
from sqlalchemy import text

from hubbub.settings import ConfigurationError
from hubbub.store import database, is_sqlite


@pytest.mark.parametrize(
    ("plain", "driver"),
    [
        ("sqlite:///var/hubbub.db", "sqlite+aiosqlite:///var/hubbub.db"),
        ("sqlite:////srv/hubbub.db", "sqlite+aiosqlite:////srv/hubbub.db"),
        ("sqlite+aiosqlite:///a.db", "sqlite+aiosqlite:///a.db"),
        ("postgresql://u:p@h/n", "postgresql+asyncpg://u:p@h/n"),
        ("postgres://u:p@h:5433/n", "postgresql+asyncpg://u:p@h:5433/n"),
        ("postgresql+psycopg://h/n", "postgresql+asyncpg://h/n"),
        ("postgresql://h/n?sslmode=require", "postgresql+asyncpg://h/n?ssl=require"),
        ("postgresql:///n?host=/run/postgresql", "postgresql+asyncpg:///n?host=%2Frun%2Fpostgresql"),
    ],
)
def test_a_plain_url_gets_the_asynchronous_driver(plain: str, driver: str) -> None:
    assert database.driver_url(plain).render_as_string(hide_password=False) == driver


@pytest.mark.parametrize(
    "url",
    [
        "mysql://admin:hunter2@db/hubbub",
        "mssql+pyodbc://admin:hunter2@db/hubbub",
        "hunter2",
        "",
        "postgresql://admin:hunter2@db:port/hubbub",
        "sqlitehunter2:///a.db",
    ],
)
def test_any_other_database_is_refused_without_a_word_of_the_url(url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        database.connect(url)
    assert "sqlite:///PATH or postgresql://USER:PASSWORD@HOST/NAME" in str(caught.value)
    assert "hunter2" not in str(caught.value)
    assert caught.value.__context__ is None  # which a traceback would print


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "sqlite:///file:x?mode=memory&uri=true"])
def test_sqlite_without_a_file_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="needs the path of a file"):
        database.connect(url)


def test_sqlite_with_two_slashes_is_told_of_the_third() -> None:
    with pytest.raises(ConfigurationError, match="three slashes"):
        database.connect("sqlite://var/hubbub.db")


def test_a_parameter_that_the_driver_does_not_take_is_named() -> None:
    with pytest.raises(ConfigurationError, match="not supported: channel_binding") as caught:
        database.connect("postgresql://u:hunter2@h/n?channel_binding=hunter3")
    assert "hunter" not in str(caught.value)


@pytest.mark.parametrize(("url", "answer"), [("sqlite:///a.db", True), ("postgres://h/n", False)])
def test_it_is_known_which_database_a_url_means(url: str, answer: bool) -> None:
    assert is_sqlite(url) is answer


def test_an_sqlite_file_is_created_with_its_folder_for_its_owner_only(tmp_path: Path) -> None:
    database.connect(f"sqlite:///{tmp_path}/deep/down/hubbub.db")
    assert (tmp_path / "deep/down/hubbub.db").stat().st_mode & 0o777 == 0o600


def test_a_file_that_is_there_stays_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "hubbub.db"
    file.write_text("kept")
    file.chmod(0o640)
    database.connect(f"sqlite:///{file}")
    assert (file.read_text(), file.stat().st_mode & 0o777) == ("kept", 0o640)


def test_a_file_that_cannot_be_created_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match=f"cannot create {tmp_path}/file/deep/hubbub.db: Not a directory"):
        database.connect(f"sqlite:///{tmp_path}/file/deep/hubbub.db")


def test_a_folder_is_no_database(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=f"{tmp_path} is not a file"):
        database.connect(f"sqlite:///{tmp_path}")


async def test_opening_it_again_does_not_end_the_locks_on_it(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/hubbub.db"
    engine = database.connect(url)
    other = "import sqlite3, sys; sqlite3.connect(sys.argv[1], timeout=0).execute('BEGIN IMMEDIATE')"
    async with database.for_writing(engine).begin():
        database.connect(url)
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", other, f"{tmp_path}/hubbub.db", stderr=asyncio.subprocess.PIPE
        )
        assert b"database is locked" in (await process.communicate())[1]
    await engine.dispose()


@pytest.mark.parametrize(("enforced", "answer"), [(True, 1), (False, 0)])
async def test_every_sqlite_connection_is_prepared(tmp_path: Path, enforced: bool, answer: int) -> None:
    engine = database.connect(f"sqlite:///{tmp_path}/hubbub.db", enforce_foreign_keys=enforced)
    async with engine.connect() as one, engine.connect() as other:
        for connection in (one, other):
            assert await connection.scalar(text("PRAGMA journal_mode")) == "wal"
            assert await connection.scalar(text("PRAGMA busy_timeout")) == 10_000
            assert await connection.scalar(text("PRAGMA foreign_keys")) == answer
    await engine.dispose()


async def test_a_writer_does_not_keep_readers_waiting(tmp_path: Path) -> None:
    engine = database.connect(f"sqlite:///{tmp_path}/hubbub.db")
    async with engine.begin() as connection:
        await connection.execute(text("CREATE TABLE t (x)"))
    async with database.for_writing(engine).begin() as writer, engine.connect() as reader:
        await writer.execute(text("INSERT INTO t VALUES (1)"))
        assert await reader.scalar(text("SELECT count(*) FROM t")) == 0
    await engine.dispose()
