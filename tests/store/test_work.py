import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from databases import Execute
from hubbub.errors import STORE_UNAVAILABLE, Refusal
from hubbub.store import Store, database
from hubbub.store.pulse import Pulse


async def test_what_is_written_is_there_as_a_whole_or_not_at_all(store: Store, execute: Execute) -> None:
    with pytest.raises(ValueError, match="no"):  # noqa: PT012 - what is in the block is what is undone
        async with store.work() as work:
            await work.organizations.add(name="Acme", slug="acme")
            await work.journal.note("user", 1)
            raise ValueError("no")
    assert await execute("SELECT slug FROM organizations UNION ALL SELECT kind FROM changes") == []
    async with store.work() as work:
        await work.organizations.add(name="Acme", slug="acme")
    async with store.reading() as work:
        assert await work.organizations.find("acme") is not None


async def test_one_writes_at_a_time_whoever_they_are(store: Store, url: str) -> None:
    other, now_inside, most_inside = Store.open(url), 0, 0

    async def write(one: Store) -> None:
        nonlocal now_inside, most_inside
        async with one.work() as work:
            now_inside += 1
            most_inside = max(most_inside, now_inside)
            await work.organizations.find("acme")
            await asyncio.sleep(0.005)
            now_inside -= 1

    await asyncio.gather(*(write(one) for one in (store, other) for _ in range(5)))
    await other.close()
    assert most_inside == 1


async def test_readers_do_not_wait_for_a_writer(store: Store) -> None:
    async with store.work() as work, asyncio.timeout(5):
        await work.organizations.add(name="Acme", slug="acme")
        async with store.reading() as reading:
            assert await reading.organizations.find("acme") is None


async def test_a_writer_that_hangs_does_not_hang_the_others(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "LOCK_TIMEOUT", 2.0)
    monkeypatch.setattr(database, "IDLE_TIMEOUT", 0.5)
    hanging, other = Store.open(url), Store.open(url)

    async def write(store: Store, seconds: float) -> bool:
        try:
            async with store.work() as work:
                await work.journal.note("user", 1)
                await asyncio.sleep(seconds)
        except Refusal as refusal:
            return refusal.reason is not STORE_UNAVAILABLE
        return True

    hangs = asyncio.create_task(write(hanging, 3))
    await asyncio.sleep(0.2)
    async with asyncio.timeout(10):
        # SQLite cannot end another's transaction, so who waits is refused; PostgreSQL ends the one that hangs.
        assert await write(other, 0) is not database.is_sqlite(url)
        assert await hangs is database.is_sqlite(url)
        assert await write(hanging, 0)
    await hanging.close()
    await other.close()


async def test_a_secret_is_the_first_that_was_kept(store: Store, url: str) -> None:
    other = Store.open(url)
    values = await asyncio.gather(
        *(one.server_secret("jwt", f"secret {number}") for number in range(4) for one in (store, other))
    )
    assert len(set(values)) == 1
    assert await other.server_secret("jwt", "another") == values[0]
    assert await other.server_secret("cookies", "another") == "another"
    await other.close()


async def test_changes_are_read_after_the_last_that_was(store: Store) -> None:
    assert (await store.last_change(), await store.changes_since(0, 10)) == (0, [])
    async with store.work() as work:
        assert not work.journal.has_changes
        await work.journal.note("application", 7, 8)
        await work.journal.note("user")
        assert work.journal.has_changes
    found = await store.changes_since(0, 10)
    assert [(one.kind, one.subject_id) for one in found] == [("application", 7), ("application", 8)]
    assert await store.last_change() == found[1].id
    assert list(await store.changes_since(0, 1)) == [found[0]]
    assert list(await store.changes_since(found[0].id, 10)) == [found[1]]
    assert await store.changes_since(found[1].id, 10) == []
    assert await store.changes_since(found[1].id, 10) == []


async def test_old_changes_are_forgotten_and_their_numbers_not_used_again(store: Store) -> None:
    async with store.work() as work:
        await work.journal.note("user", 1)
    last = await store.last_change()
    await store.prune_changes(datetime.now(UTC) - timedelta(hours=1))
    assert await store.last_change() == last
    await store.prune_changes(datetime.now(UTC) + timedelta(hours=1))
    assert await store.last_change() == 0
    async with store.work() as work:
        await work.journal.note("user", 2)
    assert [one.id for one in await store.changes_since(last, 10)] == [last + 1]


async def test_a_pulse_beats_when_somebody_writes_and_only_then(store: Store, url: str, execute: Execute) -> None:
    if not database.is_sqlite(url):
        return
    pulse = Pulse(Path(database.driver_url(url).database or ""))
    beats = [pulse.beat(), pulse.beat()]
    await store.applications()
    beats.append(pulse.beat())
    await execute("INSERT INTO server_secrets VALUES ('a', 'b', CURRENT_TIMESTAMP)")
    changed = pulse.beat()
    assert None not in beats
    assert len(set(beats)) == 1
    assert changed not in beats
    assert pulse.beat() == changed
    pulse.close()


def test_a_file_that_is_not_there_has_no_pulse(tmp_path: Path) -> None:
    pulse = Pulse(tmp_path / "nowhere.db")
    assert pulse.beat() is None
    pulse.close()
