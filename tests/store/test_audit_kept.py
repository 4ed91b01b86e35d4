"""The audit as it is kept: nothing changes it, and it does not grow for ever."""

import ast
import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import hubbub
from databases import Execute
from hubbub.accounts.accounts import Accounts
from hubbub.accounts.domain import OPERATOR
from hubbub.logs.current import CURRENT
from hubbub.retention import Retention
from hubbub.store import Store, journal

SOURCE = Path(hubbub.__file__).parent


class Request:
    def told(self) -> dict[str, object]:
        return {"request_id": "req-1"}

    def header(self, name: bytes) -> str:
        return ""


async def entries(execute: Execute) -> list[tuple[str, str]]:
    return [tuple(row) for row in await execute("SELECT action, subject FROM audit_entries ORDER BY id")]


def test_nothing_but_retention_changes_or_deletes_entries() -> None:
    """Only `store` speaks SQL; what it deletes or updates is named by the table's class, or by a name given to it."""
    changed, written_out = set(), set()
    for path in sorted((SOURCE / "store").glob("*.py")):
        source = path.read_text("utf-8")
        if "audit_entries" in source:
            written_out.add(path.name)
        if "AuditEntry" not in source:
            continue
        tree = ast.parse(source)
        names = {"AuditEntry"} | {
            target.id
            for node in ast.walk(tree)
            if isinstance(node, ast.Assign) and "AuditEntry" in ast.unparse(node.value)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        for function in (node for node in ast.walk(tree) if isinstance(node, ast.AsyncFunctionDef | ast.FunctionDef)):
            for call in (node for node in ast.walk(function) if isinstance(node, ast.Call) and node.args):
                does = ast.unparse(call.func).rpartition(".")[2]
                if does in {"delete", "update"} and ast.unparse(call.args[0]).rpartition(".")[2] in names:
                    changed.add((path.name, function.name))
    assert changed == {("journal.py", "prune_audit")}
    assert written_out == {"models.py"}


async def test_entries_have_the_request_that_the_log_names(store: Store, execute: Execute) -> None:
    await Accounts(store).applications.create(OPERATOR, None, name="By hand")
    token = CURRENT.set(Request())
    try:
        await Accounts(store).applications.create(OPERATOR, None, name="By request")
    finally:
        CURRENT.reset(token)
    assert await execute("SELECT request_id FROM audit_entries ORDER BY id") == [(None,), ("req-1",)]
    newest, oldest = (await Accounts(store).audit.list(OPERATOR, None)).items
    assert (newest.request_id, oldest.request_id) == ("req-1", None)


async def test_what_is_too_old_is_forgotten_and_that_is_written_down(store: Store, execute: Execute) -> None:
    applications = Accounts(store).applications
    for name in ("One", "Two", "Three"):
        await applications.create(OPERATOR, None, name=name)
    long_ago = datetime.now(UTC) - timedelta(days=3)
    await execute("UPDATE audit_entries SET created_at = '2020-01-01 00:00:00+00' WHERE id < 3")
    assert await store.prune_audit(long_ago) == 2
    assert await store.prune_audit(long_ago) == 0
    assert await entries(execute) == [("application.create", "application:3"), ("audit.forget", "audit")]
    [told, _] = (await Accounts(store).audit.list(OPERATOR, None)).items
    assert told.details == {"entries": 2, "before": long_ago.isoformat()}


async def test_little_is_forgotten_in_one_transaction(store: Store, execute: Execute) -> None:
    assert journal.PRUNED_AT_ONCE <= 1000
    for name in range(5):
        await Accounts(store).applications.create(OPERATOR, None, name=str(name))
    await execute("UPDATE audit_entries SET created_at = '2020-01-01 00:00:00+00'")
    most, journal.PRUNED_AT_ONCE = journal.PRUNED_AT_ONCE, 2
    try:
        forgotten = [await store.prune_audit(datetime(2021, 1, 1, tzinfo=UTC)) for _ in range(4)]
    finally:
        journal.PRUNED_AT_ONCE = most
    assert forgotten == [2, 2, 1, 0]


async def test_a_server_looks_by_itself_unless_all_is_to_be_kept(store: Store, execute: Execute) -> None:
    await Accounts(store).applications.create(OPERATOR, None, name="Old")
    await execute("UPDATE audit_entries SET created_at = '2020-01-01 00:00:00+00'")
    async with Retention(store, 0):
        pass
    assert await entries(execute) == [("application.create", "application:1")]
    async with Retention(store, 3600), asyncio.timeout(15):
        while await entries(execute) != [("audit.forget", "audit")]:  # noqa: ASYNC110 - another task writes it
            await asyncio.sleep(0.02)
