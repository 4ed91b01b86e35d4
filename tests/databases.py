"""Databases for tests: an SQLite file and one in PostgreSQL. A test that asks for a fixture of these runs on both.

PostgreSQL is the tests' own server, begun with the first that needs it, or the one that HUBBUB_TEST_POSTGRES_URL names.
"""

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import create_async_engine

from hubbub.store import Store, database, migrate
from postgres import GIVEN, Cluster

Execute = Callable[..., Awaitable[list[Any]]]


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """Give the URL of a PostgreSQL server whose user may create databases. The one it names is not touched."""
    if GIVEN:
        yield GIVEN
        return
    with Cluster() as cluster:
        yield cluster.url


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give an SQLite database with all tables, to copy: to migrate anew for each test takes a quarter of a second."""
    path = tmp_path_factory.mktemp("migrated") / "hubbub.db"
    migrate(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def migrated_template(postgres_url: str) -> Iterator[str]:
    """Give the name of a PostgreSQL database with all tables, to copy."""
    name = f"hubbub_template_{uuid4().hex}"
    asyncio.run(_administer(postgres_url, f"CREATE DATABASE {name}"))
    migrate(_with_database(postgres_url, name))
    yield name
    asyncio.run(_administer(postgres_url, f"DROP DATABASE {name} WITH (FORCE)"))


async def _administer(server_url: str, statement: str) -> None:
    server = create_async_engine(database.driver_url(server_url), isolation_level="AUTOCOMMIT")
    async with server.connect() as connection:
        await connection.execute(text(statement))
    await server.dispose()


def _with_database(server_url: str, name: str) -> str:
    return make_url(server_url).set(database=name).render_as_string(hide_password=False)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.needs("postgresql"))])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Give the URL of a database without tables; of one with all of them to a test that asks for `url`."""
    is_migrated = "url" in request.fixturenames
    if request.param == "sqlite":
        if is_migrated:
            shutil.copyfile(request.getfixturevalue("migrated_file"), tmp_path / "hubbub.db")
        yield f"sqlite:///{tmp_path}/hubbub.db"
        return
    server_url = request.getfixturevalue("postgres_url")
    name = f"hubbub_test_{uuid4().hex}"
    template = request.getfixturevalue("migrated_template") if is_migrated else "template1"
    asyncio.run(_administer(server_url, f"CREATE DATABASE {name} TEMPLATE {template}"))
    yield _with_database(server_url, name)
    asyncio.run(_administer(server_url, f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture
def broken_url(empty_url: str, tmp_path: Path) -> str:
    """Give the URL of what is no database: a letter in the place of the file, a name that PostgreSQL does not know."""
    if empty_url.startswith("sqlite"):
        (tmp_path / "hubbub.db").write_text("Dear friend, this is long enough to be read as a header. " * 20)
        return empty_url
    return make_url(empty_url).set(database="hubbub_nowhere").render_as_string(hide_password=False)


@pytest.fixture
def url(empty_url: str) -> str:
    """Give the URL of a database with all tables and no row; `start_server(database_url=url)` serves from it."""
    return empty_url


@pytest.fixture
async def store(url: str) -> AsyncIterator[Store]:
    """Give the store of such a database."""
    store = Store.open(url)
    yield store
    await store.close()


@pytest.fixture
async def execute(empty_url: str) -> AsyncIterator[Execute]:
    """Give a way to run SQL behind the store's back; it answers with the rows, if there are any."""
    engine = database.connect(empty_url)

    async def run(sql: str, **values: object) -> list[Any]:
        async with database.for_writing(engine).begin() as connection:
            result = await connection.execute(text(sql), values)
            return list(result.all()) if result.returns_rows else []

    yield run
    await engine.dispose()
