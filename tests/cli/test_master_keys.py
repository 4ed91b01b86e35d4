"""Master keys by the program, and beside a running server."""

import asyncio
import sqlite3
import time
from pathlib import Path

import pytest
from pusher import Pusher  # type: ignore[import-untyped]

from cli.conftest import Run, answer, fields, program, table
from conftest import Start
from hubbub.store.keys import MasterKey, generate

SOON = 15.0  # seconds, which only a failure takes


def test_a_key_is_made_in_an_empty_folder(run: Run) -> None:
    one, two = (run("master-key", "generate").stdout.strip() for _ in range(2))
    assert MasterKey.of(one).id != MasterKey.of(two).id
    assert not any(Path().iterdir())


def test_status_tells_what_is_in_plain_text(migrated: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    migrated("app", "create", "Chat")
    assert "No master key is in use." in migrated("master-key", "status").stdout
    assert answer(migrated, "master-key", "status")["secrets"]["application secrets"] == {"plain": 1}
    key = generate()
    monkeypatch.setenv("HUBBUB_MASTER_KEY", key)
    sealed = migrated("master-key", "seal").stdout
    assert "Application secrets:       1 sealed" in sealed
    head, first, *_ = table(migrated("master-key", "status").stdout)
    assert head == ["MASTER KEY", "IN USE", "GIVEN"]
    assert first == [MasterKey.of(key).id, "yes", "yes"]
    assert key not in migrated("settings").stdout


def test_commands_without_the_key_are_refused_and_change_nothing(
    migrated: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    for arguments in (("seal",), ("rotate",)):
        assert "There is no master key: set HUBBUB_MASTER_KEY" in migrated("master-key", *arguments, status=2).stderr
    key = generate()
    monkeypatch.setenv("HUBBUB_MASTER_KEY", key)
    migrated("app", "create", "Chat")
    before = Path("var/hubbub.db").read_bytes()
    monkeypatch.setenv("HUBBUB_MASTER_KEY", generate())
    for command in (("app", "list"), ("app", "create", "B"), ("master-key", "rotate"), ("master-key", "status")):
        problem = migrated(*command, status=2).stderr
        assert f"secrets in the database are sealed by {MasterKey.of(key).id}" in problem
        assert key not in problem
    assert Path("var/hubbub.db").read_bytes() == before


def test_putting_all_in_plain_text_is_asked_about(migrated: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUBBUB_MASTER_KEY", generate())
    migrated("app", "create", "Chat")
    migrated("master-key", "unseal", status=1, stdin="n\n")
    assert answer(migrated, "master-key", "status")["secrets"]["application secrets"].keys() != {"plain"}
    migrated("master-key", "unseal", "--yes")
    monkeypatch.delenv("HUBBUB_MASTER_KEY")
    assert answer(migrated, "master-key", "status") == {
        "keys": [],
        "secrets": {
            "application secrets": {"plain": 1},
            "headers of webhooks": {},
            "secrets of authenticators": {},
            "secrets of the server": {},
        },
    }


def test_a_server_without_the_key_does_not_start(migrated: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    key = generate()
    monkeypatch.setenv("HUBBUB_MASTER_KEY", key)
    migrated("app", "create", "Chat")
    monkeypatch.setenv("HUBBUB_PORT", "0")
    monkeypatch.setenv("HUBBUB_MASTER_KEY", generate())
    done = program("serve")
    assert done.returncode == 2
    assert f"secrets in the database are sealed by {MasterKey.of(key).id}" in done.stderr
    assert "Traceback" not in done.stderr


def is_in_files(folder: Path, secret: str) -> bool:
    return any(secret.encode() in path.read_bytes() for path in folder.glob("hubbub.db*"))


async def test_secrets_are_sealed_and_keys_changed_while_a_server_runs(start_server: Start, tmp_path: Path) -> None:
    first, second = generate(), generate()
    database = f"sqlite:///{tmp_path}/hubbub.db"
    none = {"app_id": None, "app_key": None, "app_secret": None}
    server = start_server(database_url=database, **none)

    async def command(*arguments: str) -> str:
        return await asyncio.to_thread(server.command, *arguments)

    made = fields(await command("app", "create", "Chat"))
    backend = Pusher(made["Id"], made["Key"], made["Secret"], host=server.host, port=server.port, ssl=False)

    def publish() -> None:
        backend.trigger("chat", "hello", {"a": 1})

    await asyncio.to_thread(publish)
    server._settings["master_key"] = first  # what commands are given from now on; a server reads it at its start
    sealing = asyncio.create_task(command("master-key", "seal"))
    while not sealing.done():
        await asyncio.to_thread(publish)
    assert "1 sealed" in await sealing
    await asyncio.to_thread(publish)
    with sqlite3.connect(tmp_path / "hubbub.db") as connection:
        [(secret,)] = connection.execute("SELECT secret FROM key_pairs").fetchall()
    assert MasterKey.of(first).id in secret
    end = time.monotonic() + SOON
    while await asyncio.to_thread(is_in_files, tmp_path, made["Secret"]):
        assert time.monotonic() < end, "the secret is still in the file"
        await command("master-key", "seal")
    assert server.stop() == 0
    other = start_server(database_url=database, master_key=f"{second},{first}", **none)
    backend = Pusher(made["Id"], made["Key"], made["Secret"], host=other.host, port=other.port, ssl=False)
    assert "1 sealed by the first key" in await asyncio.to_thread(other.command, "master-key", "rotate")
    await asyncio.to_thread(publish)
    assert made["Secret"] not in other.log
