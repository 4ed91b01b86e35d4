import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from sqlalchemy.exc import IntegrityError

from databases import Execute
from hubbub import eager
from hubbub.accounts.accounts import Accounts
from hubbub.accounts.domain import OPERATOR
from hubbub.apps import Application, KeyPair
from hubbub.errors import STORE_UNAVAILABLE, Refusal
from hubbub.settings import AppSettings
from hubbub.store import Store, migrate
from logged import logged

Create = Callable[[str], Awaitable[Application]]


@pytest.fixture
def create(store: Store) -> Create:
    """Give a way to create an application that nobody owns."""
    applications = Accounts(store).applications

    async def create(name: str) -> Application:
        made = await applications.create(OPERATOR, None, name=name, settings={"max_presence_members": 5})
        found = await store.application_by_id(str(made.id))
        assert found is not None
        return found

    return create


@pytest.fixture
async def chat(create: Create) -> Application:
    return await create("Chat")


@pytest.fixture
async def organizations(url: str, execute: Execute) -> None:
    for slug in ("acme", "globex"):
        await execute(
            "INSERT INTO organizations (name, slug, created_at, updated_at)"
            " VALUES (:slug, :slug, CURRENT_TIMESTAMP, CURRENT_TIMESTAMP)",
            slug=slug,
        )


@pytest.fixture
async def away(tmp_path: Path) -> AsyncIterator[Store]:
    (tmp_path / "hubbub.db").write_text("A letter to a friend, long enough to be read as a header. " * 20)
    store = Store.open(f"sqlite:///{tmp_path}/hubbub.db")
    yield store
    await store.close()


# Finding


async def test_an_application_is_found_by_its_key_and_its_id(store: Store, chat: Application) -> None:
    assert chat.name == "Chat"
    assert chat.settings == AppSettings(max_presence_members=5)
    [pair] = chat.key_pairs
    assert await store.application_by_key(pair.key) == chat
    assert await store.application_by_id(chat.id) == chat
    assert await store.applications() == [chat]


async def test_many_may_create_and_look_up_at_once(store: Store, create: Create) -> None:
    async def create_and_find(number: int) -> bool:
        app = await create(f"App {number}")
        return await store.application_by_key(app.key_pairs[0].key) == app

    assert all(await asyncio.gather(*map(create_and_find, range(30))))
    assert len(await store.applications()) == 30


@pytest.mark.parametrize("key", ["", "unknown", "a b", "\0", "\ud800", "x" * 100_000, "' OR 1=1 --", "%"])
async def test_an_unknown_key_is_none(store: Store, chat: Application, key: str) -> None:
    assert await store.application_by_key(key) is None


@pytest.mark.parametrize(
    "app_id", ["", "2", "0", "-1", "01", " 1", "1 ", "1\n", "1.0", "+1", "1_0", "one", "١", "\0", "9" * 10, "9" * 5000]
)
async def test_an_id_that_is_unknown_or_no_id_is_none(store: Store, chat: Application, app_id: str) -> None:
    assert chat.id == "1"
    assert await store.application_by_id(app_id) is None


async def test_an_archived_application_is_not_found(store: Store, chat: Application, execute: Execute) -> None:
    await execute("UPDATE applications SET archived_at = CURRENT_TIMESTAMP")
    assert await store.application_by_key(chat.key_pairs[0].key) is None
    assert await store.application_by_id(chat.id) is None
    assert await store.applications() == []


async def test_several_keys_are_found_and_listed_oldest_first(
    store: Store, chat: Application, execute: Execute
) -> None:
    for key, created_at in (("newer", "2999-01-01"), ("older", "2001-01-01")):
        await execute(
            "INSERT INTO key_pairs (application_id, key, secret, created_at)"
            f" VALUES ({chat.id}, '{key}', 'secret', '{created_at} 00:00:00')"
        )
    older, newer = KeyPair("older", "secret"), KeyPair("newer", "secret")
    expected = (older, *chat.key_pairs, newer)
    for pair in expected:
        found = await store.application_by_key(pair.key)
        assert found is not None
        assert found.key_pairs == expected


async def test_a_revoked_key_is_not_found_and_the_others_are(store: Store, chat: Application, execute: Execute) -> None:
    await execute(
        "INSERT INTO key_pairs (application_id, key, secret, created_at, revoked_at)"
        f" VALUES ({chat.id}, 'revoked', 'secret', CURRENT_TIMESTAMP, CURRENT_TIMESTAMP)"
    )
    assert await store.application_by_key("revoked") is None
    assert await store.application_by_key(chat.key_pairs[0].key) == chat
    assert await store.application_by_id(chat.id) == chat


@pytest.mark.parametrize(
    ("archived", "lent", "is_found"),
    [
        (["acme"], [], False),
        (["acme"], ["globex"], False),
        (["globex"], ["globex"], True),
        ([], ["globex"], True),
    ],
)
async def test_an_application_goes_with_the_last_of_its_owners(
    store: Store,
    organizations: None,
    chat: Application,
    execute: Execute,
    archived: list[str],
    lent: list[str],
    is_found: bool,
) -> None:
    await hold(execute, chat, "acme", is_owned=True)
    for slug in lent:
        await hold(execute, chat, slug, is_owned=False)
    for slug in archived:
        await execute("UPDATE organizations SET archived_at = CURRENT_TIMESTAMP WHERE slug = :slug", slug=slug)
    assert (await store.application_by_key(chat.key_pairs[0].key) is not None) is is_found
    assert (await store.applications() != []) is is_found


async def test_one_owner_that_is_not_archived_is_enough(
    store: Store, organizations: None, chat: Application, execute: Execute
) -> None:
    for slug in ("acme", "globex"):
        await hold(execute, chat, slug, is_owned=True)
    await execute("UPDATE organizations SET archived_at = CURRENT_TIMESTAMP WHERE slug = 'acme'")
    assert await store.application_by_id(chat.id) == chat


async def hold(execute: Execute, app: Application, slug: str, *, is_owned: bool) -> None:
    await execute(
        "INSERT INTO ownerships (organization_id, application_id, is_owned, created_at)"
        f" SELECT id, {app.id}, {str(is_owned).lower()}, CURRENT_TIMESTAMP FROM organizations WHERE slug = :slug",
        slug=slug,
    )


# Settings that do not fit


@pytest.mark.parametrize(
    ("kept", "names"),
    [
        ('{"colour": "red", "max_presence_members": 7}', "colour"),
        ('{"enabled": "perhaps", "max_presence_members": 7, "max_event_bytes": -1}', "enabled, max_event_bytes"),
    ],
)
async def test_settings_that_do_not_fit_are_ignored_with_one_line(
    store: Store, chat: Application, execute: Execute, caplog: pytest.LogCaptureFixture, kept: str, names: str
) -> None:
    await execute("UPDATE applications SET settings = '" + kept.replace(":", "\\:") + "'")
    found = await store.application_by_id(chat.id)
    assert found is not None
    assert found.settings == AppSettings(max_presence_members=7)
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    what = f"app_id=1 settings={names.split(', ')}"
    assert logged(caplog) == [f"Settings of an application are ignored: unknown or invalid {what}"]


@pytest.mark.parametrize("kept", ["[]", "null", "3", '"client_events"'])
async def test_settings_that_are_no_object_are_ignored_with_one_line(
    store: Store, chat: Application, execute: Execute, caplog: pytest.LogCaptureFixture, kept: str
) -> None:
    await execute(f"UPDATE applications SET settings = '{kept}'")
    found = await store.application_by_id(chat.id)
    assert found is not None
    assert found.settings == AppSettings()
    assert len(caplog.records) == 1


async def test_text_that_is_no_json_does_not_get_into_the_settings(chat: Application, execute: Execute) -> None:
    with pytest.raises(Exception, match=r"settings_are_json|invalid input syntax for type json"):
        await execute("UPDATE applications SET settings = '{client_events=true}'")


# The example


async def test_the_example_is_a_root_user_with_an_organization_an_application_and_a_token(
    store: Store, execute: Execute
) -> None:
    app = await store.create_example(
        email="Admin@example.com", password_hash="hash", token_hash="digest", token_prefix="prefix"
    )
    assert app is not None
    assert app.name == "Test App"
    assert app.settings.client_events
    assert await store.application_by_id(app.id) == app
    [row] = await execute(
        "SELECT email, password_hash, is_root, must_change_password, slug, is_admin, can_publish, is_owned, token_hash,"
        " prefix FROM users u JOIN enrollments e ON e.user_id = u.id JOIN organizations o ON o.id = e.organization_id"
        " JOIN ownerships w ON w.organization_id = o.id JOIN user_tokens t ON t.user_id = u.id"
    )
    assert tuple(row) == (
        "admin@example.com", "hash", True, True, "acme-inc", True, True, True, "digest", "prefix"
    )  # fmt: skip


async def test_the_example_is_made_once_whoever_asks_at_the_same_time(url: str) -> None:
    async def create(number: int) -> Application | None:
        store = Store.open(url)
        try:
            return await store.create_example(
                email="admin@example.com", password_hash="hash", token_hash=str(number), token_prefix="prefix"
            )
        finally:
            await store.close()

    made = await asyncio.gather(*map(create, range(5)))
    assert len([app for app in made if app is not None]) == 1


# The schema, and outages


async def test_a_store_knows_whether_its_schema_is_current(empty_url: str, execute: Execute) -> None:
    store = Store.open(empty_url)
    assert not await store.is_current()
    await asyncio.to_thread(migrate, empty_url)
    assert await store.is_current()
    await execute("UPDATE alembic_version SET version_num = '9999'")
    assert not await store.is_current()
    await store.close()


async def test_an_outage_is_a_refusal_logged_once(away: Store, caplog: pytest.LogCaptureFixture) -> None:
    for ask in (away.application_by_key("key"), away.application_by_id("1"), away.applications(), away.is_current()):
        with pytest.raises(Refusal) as caught:
            await ask
        assert caught.value.reason is STORE_UNAVAILABLE
        assert caught.value.__cause__ is not None
    assert caplog.record_tuples == [
        ("hubbub.store", logging.ERROR, "The database is away: DatabaseError: file is not a database")
    ]


async def test_the_end_of_an_outage_is_logged_too(
    away: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(Refusal):
        await away.applications()
    (tmp_path / "hubbub.db").unlink()
    await asyncio.to_thread(migrate, f"sqlite:///{tmp_path}/hubbub.db")
    assert await away.applications() == []
    assert await away.applications() == []
    assert [record.message for record in caplog.records][1:] == ["The database is back"]


async def test_what_is_no_database_is_an_outage(broken_url: str) -> None:
    store = Store.open(broken_url)
    with pytest.raises(Refusal) as caught:
        await store.application_by_id("1")
    await store.close()
    assert caught.value.reason is STORE_UNAVAILABLE


async def test_postgresql_that_is_not_reached_is_an_outage_without_its_password(
    caplog: pytest.LogCaptureFixture,
) -> None:
    store = Store.open("postgres://admin:hunter2@127.0.0.1:1/hubbub")
    with pytest.raises(Refusal) as caught:
        await store.application_by_key("key")
    await store.close()
    assert caught.value.reason is STORE_UNAVAILABLE
    assert "hunter2" not in caplog.text


async def test_a_database_that_ends_all_connections_is_asked_again(
    store: Store, url: str, chat: Application, execute: Execute
) -> None:
    if url.startswith("postgresql"):
        await execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    assert await store.application_by_id(chat.id) == chat


async def test_a_wrong_statement_is_a_bug_and_no_outage(store: Store, execute: Execute) -> None:
    example = {"email": "no address", "password_hash": "hunter2", "token_hash": "-", "token_prefix": "-"}
    with pytest.raises(IntegrityError) as caught:
        await store.create_example(**example)
    assert "hunter2" not in str(caught.value)
    assert await execute("SELECT id FROM organizations") == []


def test_a_store_does_not_print_the_password_of_its_url() -> None:
    assert "hunter2" not in repr(vars(Store.open("postgresql://admin:hunter2@h/n")))


async def test_what_is_begun_outside_a_task_reaches_the_database(url: str, store: Store, chat: Application) -> None:
    found = []

    async def ask() -> None:
        other = Store.open(url)  # whose first connection is made here
        try:
            found.append(await other.application_by_id(chat.id))
        finally:
            await other.close()

    task = eager.start(ask())
    assert task is not None
    await task
    assert [one and one.id for one in found] == [chat.id]
