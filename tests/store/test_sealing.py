"""Secrets at rest: what is in the database's files and dumps, who can read it, and what a key has to do with it."""

import asyncio
import base64
import logging
import os
import re
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import make_url, text
from sqlalchemy.exc import StatementError

import postgres
from databases import Execute
from hubbub.accounts.accounts import Accounts
from hubbub.accounts.domain import OPERATOR
from hubbub.errors import STORE_UNAVAILABLE, Refusal
from hubbub.settings import ConfigurationError, Settings
from hubbub.store import Store, database, keys_of, models, sealing
from hubbub.store.keys import SEALED, MasterKey, Unreadable, generate

WORDS = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
"""A key as it is written, always the same: processes that share tests must collect the same."""

FIRST, SECOND = MasterKey.of(WORDS), MasterKey(b"second" * 5 + b"00")

Open = Callable[..., Store]


class Secrets(msgspec.Struct, frozen=True):
    """What must not be found, and where it was put."""

    app_id: str
    key: str
    application: str
    user_id: int
    header: str = "Bearer of-the-endpoint-0123456789"
    factor: str = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
    server: str = "the-server's-own-secret-0123456789"

    def texts(self) -> tuple[str, ...]:
        return (self.application, self.header, self.factor, self.server)


@pytest.fixture
async def opened(url: str) -> Any:
    """Give a way to open the database with keys."""
    stores: list[Store] = []

    def opened(*keys: MasterKey) -> Store:
        stores.append(Store.open(url, keys))
        return stores[-1]

    yield opened
    for store in stores:
        await store.close()


async def filled(store: Store) -> Secrets:
    """Put a secret of every sort into the database."""
    accounts = Accounts(store)
    app = await accounts.applications.create(OPERATOR, None, name="Chat")
    async with store.work() as work:
        user = await work.people.add(name="Ann", email="ann@example.com", password_hash="-")
    secret = app.key_pairs[0].secret
    assert secret is not None
    secrets = Secrets(str(app.id), app.key_pairs[0].key, secret, user.id)
    await accounts.webhooks.create(
        OPERATOR, None, str(app.id), url="https://hooks.example.com/a", headers={"Authorization": secrets.header}
    )
    await accounts.webhooks.create(OPERATOR, None, str(app.id), url="https://hooks.example.com/b")
    async with store.work() as work:
        await work.people.change(user.id, second_factor_secret=secrets.factor)
    assert await store.server_secret("jwt", secrets.server) == secrets.server
    return secrets


async def read(store: Store, of: Secrets) -> tuple[str, ...]:
    """Give all of them as the rest of Hubbub gets them."""
    app = await store.application_by_key(of.key)
    [hooked] = await store.outbox.hooked(of.app_id)
    async with store.reading() as work:
        found = await work.people.find(of.user_id)
    assert app is not None
    assert found is not None
    assert hooked.endpoints[1].headers == {}
    assert hooked.pair.secret == app.key_pairs[0].secret
    return (
        app.key_pairs[0].secret,
        hooked.endpoints[0].headers["Authorization"],
        found.second_factor_secret or "",
        await store.server_secret("jwt", "another"),
    )


async def kept_in_files(url: str) -> bytes:
    """Give all that somebody has who has the database's file, its log included, or a dump of PostgreSQL."""
    if url.startswith("sqlite"):
        file = Path(url.removeprefix("sqlite:///"))
        return b"".join(path.read_bytes() for path in file.parent.glob(f"{file.name}*"))
    if (program := dump_program()) is not None:
        address = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
        process = await asyncio.create_subprocess_exec(program, "--dbname", address, stdout=asyncio.subprocess.PIPE)
        output, _ = await process.communicate()
        assert process.returncode == 0
        return output
    # Without its program: what is in a dump, row by row.
    engine = database.connect(url)
    async with engine.connect() as connection:
        rows = [
            row
            for table in models.Row.metadata.tables
            for row in await connection.scalars(text(f"SELECT t::text FROM {table} AS t"))
        ]
    await engine.dispose()
    return "\n".join(rows).encode()


def dump_program() -> str | None:
    """Give `pg_dump`, which some systems have apart from the server."""
    folder = postgres.programs()
    return shutil.which("pg_dump", path=None if folder is None else f"{folder}:{os.environ['PATH']}")


def leave_behind(url: str, secret: str) -> None:
    """Leave a secret in the free pages of an SQLite file: one that was there and is gone."""
    if url.startswith("sqlite"):
        connection = sqlite3.connect(url.removeprefix("sqlite:///"))
        connection.execute("PRAGMA secure_delete = OFF")  # Debian's is built with it
        connection.execute("INSERT INTO server_secrets VALUES ('old', ?, '2026-01-01')", [secret * 500])
        connection.commit()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # from the log into the file
        connection.execute("DELETE FROM server_secrets WHERE name = 'old'")
        connection.commit()
        connection.close()
        assert secret.encode() in Path(url.removeprefix("sqlite:///")).read_bytes()


async def found_in(url: str, secrets: Secrets) -> list[str]:
    files = await kept_in_files(url)
    return [text for text in secrets.texts() if text.encode() in files]


async def refused(store: Store) -> str:
    with pytest.raises(ConfigurationError) as caught:
        await store.sealing.check()
    return str(caught.value)


async def test_without_a_key_secrets_are_kept_as_they_are(opened: Open, url: str) -> None:
    store = opened()
    secrets = await filled(store)
    assert await store.sealing.check() == 0
    assert await read(store, secrets) == secrets.texts()
    assert await found_in(url, secrets) == list(secrets.texts())


async def test_a_new_database_takes_the_key_at_once_and_never_holds_a_secret(opened: Open, url: str) -> None:
    store = opened(FIRST)
    assert await store.sealing.check() == 0
    secrets = await filled(store)
    assert await read(store, secrets) == secrets.texts()
    assert await found_in(url, secrets) == []
    assert (await store.sealing.status()).plain == 0


async def test_sealing_leaves_no_plain_secret_in_files_and_dumps(opened: Open, url: str) -> None:
    plain, store = opened(), opened(FIRST)
    secrets = await filled(plain)
    await asyncio.to_thread(leave_behind, url, "of-long-ago-0123456789")
    assert await store.sealing.check() == 4
    assert await store.sealing.seal() == {
        "application secrets": 1,
        "headers of webhooks": 1,
        "secrets of authenticators": 1,
        "secrets of the server": 1,
    }
    assert await store.sealing.clean()
    assert await read(store, secrets) == secrets.texts()
    assert await found_in(url, secrets) == []
    assert b"of-long-ago" not in await kept_in_files(url)
    assert await store.sealing.check() == 0


async def test_until_it_is_sealed_nodes_without_the_key_go_on(opened: Open) -> None:
    plain, store = opened(), opened(FIRST)
    secrets = await filled(plain)
    assert await store.sealing.check() == 4
    await Accounts(store).applications.create(OPERATOR, None, name="Another")
    assert await plain.sealing.check() == 0
    assert len(await plain.applications()) == 2
    assert await read(plain, secrets) == secrets.texts()


async def test_a_key_that_is_not_there_is_refused_with_its_name(opened: Open) -> None:
    await opened(FIRST).sealing.check()
    assert "sealed by " + FIRST.id in (without := await refused(opened()))
    assert "given: none" in without
    assert f"given: {SECOND.id}" in await refused(opened(SECOND))
    assert await opened(SECOND, FIRST).sealing.check() == 0


async def test_who_does_not_have_the_key_reads_nothing_and_writes_nothing(
    opened: Open, caplog: pytest.LogCaptureFixture, url: str
) -> None:
    late, store = opened(), opened(FIRST)
    await store.sealing.check()  # while another node, without the key, goes on
    secrets = await filled(store)
    for _ in range(2):
        for asked in (
            late.application_by_key(secrets.key),
            late.outbox.hooked(),
            late.server_secret("jwt", "another"),
            late.server_secret("new", "of-somebody-late-0123456789"),
            Accounts(late).applications.create(OPERATOR, None, name="Late"),
        ):
            with pytest.raises(Refusal) as caught:
                await asked
            assert caught.value.reason is STORE_UNAVAILABLE
    problems = [one.getMessage() for one in caplog.records if one.levelno == logging.ERROR]
    assert len(problems) == 1, "said once"
    assert FIRST.id in problems[0]
    assert b"of-somebody-late" not in await kept_in_files(url)


async def test_keys_are_changed_without_a_moment_in_which_a_node_cannot_read(opened: Open, url: str) -> None:
    old = opened(FIRST)
    await old.sealing.check()
    secrets = await filled(old)
    both = opened(SECOND, FIRST)  # the servers, restarted one after the other
    assert await both.sealing.check() == 0
    await Accounts(both).applications.create(OPERATOR, None, name="Between")
    assert len(await old.applications()) == 2, "what is made meanwhile is sealed by the old key"
    done = await both.sealing.rotate()
    assert list(done.values()) == [2, 1, 1, 1]
    assert await read(both, secrets) == secrets.texts()
    new = opened(SECOND)
    assert await new.sealing.check() == 0, "the old key is not needed any more"
    assert await read(new, secrets) == secrets.texts()
    assert list((await both.sealing.rotate()).values()) == [0, 0, 0, 0]
    status = await new.sealing.status()
    assert [(one.id, one.is_current, one.is_given) for one in status.keys] == [(SECOND.id, True, True)]
    assert status.counts["application secrets"] == {SECOND.id: 2}
    assert f"{SEALED}{FIRST.id}".encode() not in await kept_in_files(url) or not url.startswith("postgres")


async def test_a_rotation_that_ends_in_the_middle_is_gone_on_with(
    opened: Open, monkeypatch: pytest.MonkeyPatch, execute: Execute
) -> None:
    monkeypatch.setattr(sealing, "AT_ONCE", 3)
    store = opened(FIRST)
    await store.sealing.check()
    secrets = await filled(store)
    for number in range(7):
        await Accounts(store).applications.create(OPERATOR, None, name=f"App {number}")
    both = opened(SECOND, FIRST)
    await execute("UPDATE key_pairs SET secret = 'spoilt' || secret WHERE id = 7")
    await execute(f"UPDATE key_pairs SET secret = '{SEALED}{FIRST.id}$AAAA' WHERE id = 8")
    with pytest.raises(Refusal):
        await both.sealing.rotate()
    counts = (await both.sealing.status()).counts["application secrets"]
    assert counts[SECOND.id] == 6, "two transactions were done"
    assert FIRST.id in await refused(opened(SECOND)), "both keys are needed now"
    assert await read(both, secrets) == secrets.texts()
    await execute("UPDATE key_pairs SET secret = 'set anew by hand' WHERE id = 8")
    await both.sealing.rotate()
    assert await opened(SECOND).sealing.check() == 0


async def test_sealing_goes_on_while_applications_are_made(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "AT_ONCE", 2)
    store, other = opened(FIRST), opened(FIRST)
    for number in range(9):
        await Accounts(store).applications.create(OPERATOR, None, name=f"App {number}")
    making = asyncio.gather(
        *(Accounts(other).applications.create(OPERATOR, None, name=f"New {number}") for number in range(9))
    )
    await store.sealing.seal()
    await making
    status = await store.sealing.status()
    assert status.counts["application secrets"] == {FIRST.id: 18}
    assert len({app.key_pairs[0].secret for app in await other.applications()}) == 18


async def test_all_can_be_put_in_plain_text_again(opened: Open, url: str) -> None:
    store = opened(FIRST)
    await store.sealing.check()
    secrets = await filled(store)
    assert list((await store.sealing.unseal()).values()) == [1, 1, 1, 1]
    assert await opened().sealing.check() == 0
    assert await read(opened(), secrets) == secrets.texts()
    assert await found_in(url, secrets) == list(secrets.texts())


MOVES = {
    "a secret of another application": "UPDATE key_pairs SET secret = (SELECT secret FROM key_pairs WHERE id = 2)"
    " WHERE id = 1",
    "a pair of another application": "UPDATE key_pairs SET application_id = 1 WHERE id = 2",
    "headers that would go to another address": "UPDATE webhook_endpoints SET url = 'https://evil.example.com/'"
    " WHERE id = 1",
    "a secret from another table": "UPDATE key_pairs SET secret = (SELECT value FROM server_secrets) WHERE id = 1",
    "a letter less": "UPDATE key_pairs SET secret = substr(secret, 1, length(secret) - 9) WHERE id = 1",
}


@pytest.mark.parametrize("move", MOVES.values(), ids=list(MOVES))
async def test_what_was_sealed_for_one_place_opens_nowhere_else(
    opened: Open, execute: Execute, move: str, caplog: pytest.LogCaptureFixture
) -> None:
    store = opened(FIRST)
    await store.sealing.check()
    secrets = await filled(store)
    await Accounts(store).applications.create(OPERATOR, None, name="Another")
    await execute(move)
    with pytest.raises(Refusal) as caught:
        await read(store, secrets)
    assert caught.value.reason is STORE_UNAVAILABLE
    assert "was sealed for another place, or changed since" in caplog.text
    assert not any(text in caplog.text for text in secrets.texts())


async def test_a_second_factor_opens_for_its_user_alone(opened: Open, execute: Execute) -> None:
    store = opened(FIRST)
    await store.sealing.check()
    secrets = await filled(store)
    async with store.work() as work:
        bob = await work.people.add(name="Bob", email="bob@example.com", password_hash="-")
    await execute("UPDATE users SET second_factor_secret = (SELECT second_factor_secret FROM users WHERE id = :ann)"
                  " WHERE id = :bob", ann=secrets.user_id, bob=bob.id)  # fmt: skip
    async with store.reading() as work:
        with pytest.raises(Refusal):
            await work.people.find(bob.id)


async def test_switching_a_second_factor_off_takes_its_secret_away(opened: Open, execute: Execute) -> None:
    store = opened(FIRST)
    await store.sealing.check()
    secrets = await filled(store)
    await Accounts(store).second_factors.switch_off_for(OPERATOR, str(secrets.user_id))
    assert await execute("SELECT second_factor_secret FROM users") == [(None,)]


async def test_a_plain_text_that_looks_sealed_is_no_riddle(opened: Open) -> None:
    store = opened()
    lookalike = f"{SEALED}{FIRST.id}$AAAA"
    assert await store.server_secret("odd", lookalike) == lookalike
    assert await store.server_secret("odd", "another") == lookalike
    assert (await store.sealing.status()).counts["secrets of the server"] == {None: 1}
    sealed = opened(FIRST)
    await sealed.sealing.seal()
    assert await sealed.server_secret("odd", "another") == lookalike
    await sealed.sealing.unseal()
    assert await store.server_secret("odd", "another") == lookalike


async def test_a_secret_cannot_get_into_its_column_past_the_vault(opened: Open) -> None:
    pair = models.KeyPair(application_id=1, key="k", secret="plain")
    async with opened().work() as work:
        work.people._session.add(pair)
        with pytest.raises(StatementError, match="takes what the vault gives"):
            await work.people._session.flush()
        work.people._session.expunge_all()


async def test_every_column_that_holds_secrets_is_sealed(opened: Open) -> None:
    kept = {
        f"{table.name}.{column.name}"
        for table in models.Row.metadata.tables.values()
        for column in table.columns
        if re.search(r"secret$|secrets$|^headers$|^value$", column.name)
    }
    assert kept == {f"{one.table.name}.{one.column.key}" for one in sealing.COLUMNS}


async def test_what_operators_do_about_keys_is_in_the_audit(opened: Open, execute: Execute) -> None:
    store = opened()
    await filled(store)
    await opened(FIRST).sealing.seal()
    await opened(SECOND, FIRST).sealing.rotate()
    await opened(SECOND).sealing.unseal()
    entries = await execute("SELECT action, subject FROM audit_entries WHERE action LIKE 'master_key.%' ORDER BY id")
    assert entries == [
        ("master_key.use", f"master_key:{FIRST.id}"),
        ("master_key.seal", "secrets"),
        ("master_key.use", f"master_key:{SECOND.id}"),
        ("master_key.rotate", "secrets"),
        ("master_key.retire", f"master_key:{FIRST.id}"),
        ("master_key.unseal", "secrets"),
        ("master_key.retire", f"master_key:{SECOND.id}"),
    ]


# Keys


def test_a_key_is_never_shown() -> None:
    text = generate()
    assert text not in repr(MasterKey.of(text))
    assert text not in repr(vars(MasterKey.of(text)))
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", text)
    assert text not in repr(Settings(master_key=text))


@pytest.mark.parametrize(
    "text",
    ["", "short", WORDS[:-1], WORDS + "A", "ä" * 43, "*" * 43, base64.b64encode(b"\xff" * 32).decode()],
)
def test_what_is_no_key_is_refused_without_being_told(text: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        keys_of(Settings(master_key=text))
    assert "HUBBUB_MASTER_KEY: key 1 is not 32 bytes in base64url" in str(caught.value)
    assert not text or text not in str(caught.value)


def test_keys_may_stand_in_a_file(tmp_path: Path) -> None:
    one, two = generate(), generate()
    file = tmp_path / "keys"
    file.write_text(f"# the new one\n{one}\n\n  {two}  \n")
    assert [key.id for key in keys_of(Settings(master_key_file=file))] == [
        key.id for key in keys_of(Settings(master_key=f"{one}, {two}"))
    ]
    file.write_text("# nothing yet\n")
    with pytest.raises(ConfigurationError, match="there is no key in"):
        keys_of(Settings(master_key_file=file))
    file.write_text(f"{one}\n{one}\n")
    with pytest.raises(ConfigurationError, match="a key is there twice"):
        keys_of(Settings(master_key_file=file))
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigurationError, match="it is not text"):
        keys_of(Settings(master_key_file=file))


def test_the_same_secret_is_sealed_differently_each_time() -> None:
    assert FIRST.seal("secret", "here") != FIRST.seal("secret", "here")
    assert FIRST.open(FIRST.seal("secret", "here"), "here") == "secret"


@pytest.mark.parametrize(
    "sealed",
    ["", "secret", SEALED, f"{SEALED}{FIRST.id}$", f"{SEALED}{FIRST.id}$A", SECOND.seal("secret", "here")],
    ids=["nothing", "plain", "mark", "empty", "short", "another-key"],
)
def test_what_this_key_has_not_sealed_is_unreadable(sealed: str) -> None:
    with pytest.raises(Unreadable):
        FIRST.open(sealed, "here")


def test_every_changed_bit_is_noticed() -> None:
    sealed = FIRST.seal("secret", "here")
    head, _, body = sealed.rpartition("$")
    raw = base64.urlsafe_b64decode(body)
    for bit in range(len(raw) * 8):
        changed = bytearray(raw)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(Unreadable):
            FIRST.open(f"{head}${base64.urlsafe_b64encode(changed).decode()}", "here")
