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


async def test_the_folder_of_an_sqlite_file_is_created(tmp_path: Path) -> None:
    engine = database.connect(f"sqlite:///{tmp_path}/deep/down/hubbub.db")
    async with engine.begin() as connection:
        await connection.execute(text("CREATE TABLE t (x)"))
    await engine.dispose()
    assert (tmp_path / "deep/down/hubbub.db").is_file()


def test_a_folder_that_cannot_be_created_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match=f"cannot create the folder {tmp_path}/file/deep: Not a directory"):
        database.connect(f"sqlite:///{tmp_path}/file/deep/hubbub.db")


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
