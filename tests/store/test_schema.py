import asyncio
import logging
import sys
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, inspect
from sqlalchemy.exc import ProgrammingError

from databases import Execute
from hubbub.errors import STORE_UNAVAILABLE, Refusal
from hubbub.settings import ConfigurationError
from hubbub.store import database, migrate, models, schema


async def inspected(url: str, look: Any) -> Any:
    engine = database.connect(url)
    async with engine.connect() as connection:
        answer = await connection.run_sync(look)
    await engine.dispose()
    return answer


def differences(connection: Connection) -> list[Any]:
    context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
    return list(compare_metadata(context, models.Row.metadata))


def constraints(connection: Connection) -> dict[str, Any]:
    """Give what Alembic's comparison does not look at."""
    inspector = inspect(connection)
    return {
        table: {
            "check": sorted((check["name"], check["sqltext"]) for check in inspector.get_check_constraints(table)),
            "primary": inspector.get_pk_constraint(table)["name"],
            "foreign": sorted((key["name"], str(key["options"])) for key in inspector.get_foreign_keys(table)),
            "unique": sorted(str(unique["name"]) for unique in inspector.get_unique_constraints(table)),
        }
        for table in models.Row.metadata.tables
    }


async def test_a_migrated_database_is_what_the_models_say(url: str) -> None:
    assert await inspected(url, differences) == []


async def test_its_constraints_have_the_names_and_texts_of_the_models(empty_url: str) -> None:
    engine = database.connect(empty_url)
    async with engine.begin() as connection:
        await connection.run_sync(models.Row.metadata.create_all)
        from_models = await connection.run_sync(constraints)
        await connection.run_sync(models.Row.metadata.drop_all)
    await engine.dispose()
    await asyncio.to_thread(migrate, empty_url)
    assert await inspected(empty_url, constraints) == from_models
    assert all(check[0] for table in from_models.values() for check in table["check"])


async def test_ids_that_outlive_their_row_are_not_used_again(url: str, execute: Execute) -> None:
    for table, columns, values in (
        ("users", "name, email, password_hash, is_root, must_change_password, failed_attempts, sign_in_count,",
         "'A', 'a@example.com', '', false, false, 0, 0,"),
        ("applications", "name, settings,", "'A', '{}',"),
    ):  # fmt: skip
        insert = (
            f"INSERT INTO {table} ({columns} created_at, updated_at)"
            f" VALUES ({values} CURRENT_TIMESTAMP, CURRENT_TIMESTAMP) RETURNING id"
        )
        assert await execute(insert) == [(1,)]
        await execute(f"DELETE FROM {table}")
        assert await execute(insert) == [(2,)]


async def test_migrating_twice_changes_nothing(url: str, execute: Execute) -> None:
    await execute("INSERT INTO organizations (name, slug, created_at, updated_at)"
                  " VALUES ('A', 'a', CURRENT_TIMESTAMP, CURRENT_TIMESTAMP)")  # fmt: skip
    assert await asyncio.to_thread(migrate, url) == schema.head()
    assert await execute("SELECT slug FROM organizations") == [("a",)]


async def test_several_processes_may_migrate_at_once(empty_url: str, execute: Execute) -> None:
    script = "import sys; from hubbub.store import migrate; sys.stdin.readline(); migrate(sys.argv[1])"
    processes = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", script, empty_url, stdin=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        for _ in range(6)
    ]
    await asyncio.sleep(1)  # so that all have imported what they need, and begin together
    outputs = await asyncio.gather(*(process.communicate(b"\n") for process in processes))
    assert [(process.returncode, output[1]) for process, output in zip(processes, outputs, strict=True)] == [
        (0, b"")
    ] * 6
    assert await execute("SELECT version_num FROM alembic_version") == [(schema.head(),)]


async def test_a_migration_that_fails_leaves_nothing_behind(empty_url: str, execute: Execute) -> None:
    await execute("CREATE TABLE audit_entries (id INTEGER)")
    with pytest.raises((Refusal, ProgrammingError)):
        await asyncio.to_thread(migrate, empty_url)
    assert await inspected(empty_url, lambda connection: inspect(connection).get_table_names()) == ["audit_entries"]


async def test_a_database_of_a_newer_version_is_left_alone(url: str, execute: Execute) -> None:
    await execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(ConfigurationError, match="revision 9999, which this version of Hubbub does not know"):
        await asyncio.to_thread(migrate, url)
    assert await execute("SELECT version_num FROM alembic_version") == [("9999",)]


def test_a_database_that_is_away_is_a_refusal_with_its_cause_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(Refusal) as caught:
        migrate("postgresql://admin:hunter2@127.0.0.1:1/hubbub")
    assert caught.value.reason is STORE_UNAVAILABLE
    [(logger, level, message)] = caplog.record_tuples
    assert (logger, level) == ("hubbub.store", logging.ERROR)
    assert "The database is away" in message
    assert "hunter2" not in message


async def test_what_is_no_database_is_a_refusal(broken_url: str) -> None:
    with pytest.raises(Refusal) as caught:
        await asyncio.to_thread(migrate, broken_url)
    assert caught.value.reason is STORE_UNAVAILABLE
