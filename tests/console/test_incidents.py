"""Incidents on their way into the database, and found there again: on SQLite and on PostgreSQL."""

import asyncio
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, event

from hubbub.accounts.domain_incidents import Sought
from hubbub.console.incidents import MOST_AT_ONCE, MOST_OF_A_REASON, Incidents
from hubbub.console.recent import MOST, Recent
from hubbub.errors import AUTH_KEY, NOT_SUBSCRIBED, SHUTTING_DOWN, STORE_UNAVAILABLE, Reason
from hubbub.settings import Settings
from hubbub.store import Store
from hubbub.taps.incident import Incident, Particulars, Sort
from hubbub.taps.taps import Taps

NOW = 1_800_000_000.0


def incident(reference: str, app_id: str = "1", *, at: float = NOW, **about: object) -> Incident:
    return Incident(
        reference=reference,
        app_id=app_id,
        at=at,
        sort=Sort.CLIENT,
        reason="auth_key",
        code=None,
        status=401,
        text="Invalid key",
        about=Particulars(**about),  # type: ignore[arg-type]
    )


async def find(store: Store, app_id: str = "1", **sought: Any) -> list[str]:
    async with store.reading() as work:
        found = await work.incidents.find(app_id, Sought(**sought), 100)
    return [one.incident.reference for one in found]


async def test_what_is_kept_is_found_again_as_it_was(store: Store) -> None:
    kept = incident("one", socket_id="1.2", users=("42", 'a "b"'), channel="room", address="::1", asked="subscribe")
    await store.incidents.keep([kept])
    async with store.reading() as work:
        found = await work.incidents.get("1", "one")
        assert found is not None
        assert found.incident == kept
        assert await work.incidents.get("2", "one") is None
        assert await work.incidents.reasons("1") == ["auth_key"]


async def test_texts_that_no_column_takes_are_mended(store: Store) -> None:
    await store.incidents.keep([incident("odd", channel="a\0b", event="\ud800", users=("x\0",), asked="y" * 9000)])
    assert await find(store, text="a\N{REPLACEMENT CHARACTER}b") == ["odd"]
    assert await find(store, channel="a\0b") == ["odd"]
    assert await find(store, user_id="x\0") == ["odd"]


async def test_incidents_are_found_by_each_of_their_parts(store: Store) -> None:
    await store.incidents.keep(
        [
            incident("one", socket_id="1.1", users=("4",), channel="room", address="10.0.0.1"),
            incident("two", socket_id="2.2", users=("42", "b"), channel="100%_room", address="10.0.0.2"),
            incident("three", "2", socket_id="1.1"),
        ]
    )
    cases: tuple[tuple[dict[str, str], list[str]], ...] = (
        ({}, ["two", "one"]),
        ({"user_id": "4"}, ["one"]),
        ({"user_id": "42"}, ["two"]),
        ({"socket_id": "1.1"}, ["one"]),
        ({"channel": "room"}, ["one"]),
        ({"address": "10.0.0.2"}, ["two"]),
        ({"reason": "auth_key"}, ["two", "one"]),
        ({"reason": "auth"}, []),
        ({"text": "ROOM"}, ["two", "one"]),
        ({"text": "0%_"}, ["two"]),
        ({"text": "INVALID"}, ["two", "one"]),
    )
    for sought, expected in cases:
        assert await find(store, **sought) == expected, sought


async def test_a_moment_is_found_by_its_time(store: Store) -> None:
    await store.incidents.keep([incident(f"at {second}", at=NOW + second) for second in range(5)])
    began = datetime.fromtimestamp(NOW, UTC)
    found = await find(store, since=began + timedelta(seconds=1), until=began + timedelta(seconds=2))
    assert found == ["at 2", "at 1"]
    async with store.reading() as work:
        newest = (await work.incidents.find("1", Sought(), 2))[-1]
    assert await find(store, older_than=newest.number) == ["at 2", "at 1", "at 0"]


async def test_the_old_and_the_too_many_are_forgotten(store: Store) -> None:
    await store.incidents.keep([incident(f"old {number}", at=NOW - 100) for number in range(3)])
    await store.incidents.keep([incident(f"new {number}", at=NOW) for number in range(5)])
    await store.incidents.keep([incident("other", "2", at=NOW)])
    before = datetime.fromtimestamp(NOW - 10, UTC)
    while await store.incidents.prune(before, 2):
        pass
    assert await find(store) == ["new 4", "new 3"]
    assert await find(store, "2") == ["other"]


async def test_forgetting_is_one_statement_however_many_there_are(store: Store) -> None:
    # SQLite keeps what was prepared: a list of each length of its own was 7 MB an hour.
    said: list[str] = []

    def hear(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if statement.startswith("DELETE"):
            said.append(statement)

    event.listen(Engine, "before_cursor_execute", hear)
    try:
        for count in (1, 2, 3):
            await store.incidents.keep([incident(f"{count} {number}", at=NOW - 100) for number in range(count)])
            assert await store.incidents.prune(datetime.fromtimestamp(NOW - 10, UTC), 2) == count
    finally:
        event.remove(Engine, "before_cursor_execute", hear)
    assert (len(said), len(set(said))) == (3, 1)


class Shelf:
    """Keeps in memory; `is_away` refuses."""

    def __init__(self) -> None:
        self.kept: list[Incident] = []
        self.is_away = False
        self.came = asyncio.Event()

    async def keep(self, incidents: Sequence[Incident]) -> None:
        self.came.set()
        if self.is_away:
            raise STORE_UNAVAILABLE()
        self.kept += incidents

    async def prune(self, before: datetime, most: int) -> int:
        raise AssertionError("not asked so soon")


def refuse(taps: Taps, reason: Reason, times: int, **facts: object) -> None:
    for number in range(times):
        taps.refused("1", reason(**facts), Sort.CLIENT, lambda number=number: Particulars(socket_id=f"{number}.1"))  # type: ignore[misc]


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def taps(shelf: Shelf) -> Taps:
    taps = Taps()
    taps.log = Incidents(shelf, Settings())
    return taps


async def test_of_each_reason_some_are_kept_whole_and_the_others_counted(shelf: Shelf, taps: Taps) -> None:
    assert isinstance(taps.log, Incidents)
    taps.log.start("here", lambda: True)
    refuse(taps, NOT_SUBSCRIBED, 1000, channel="room")
    refuse(taps, AUTH_KEY, 3, key="k")
    await shelf.came.wait()
    await taps.log.stop()
    counts = [(one.reason, one.count, one.node) for one in shelf.kept]
    assert counts[:MOST_OF_A_REASON] == [("not_subscribed", 1, "here")] * MOST_OF_A_REASON
    assert counts[MOST_OF_A_REASON:] == [("auth_key", 1, "here")] * 3 + [
        ("not_subscribed", 1000 - MOST_OF_A_REASON, "here")
    ]


async def test_a_flood_of_many_applications_is_bounded_too(shelf: Shelf, taps: Taps) -> None:
    for number in range(MOST_AT_ONCE + 100):
        taps.refused(f"app-{number}", AUTH_KEY(key="k"), Sort.CLIENT, Particulars)
    assert isinstance(taps.log, Incidents)
    await taps.log.stop()
    assert len(shelf.kept) == MOST_AT_ONCE + 100
    assert sum(one.about == Particulars() for one in shelf.kept) == len(shelf.kept)


async def test_the_servers_own_end_is_one_entry(shelf: Shelf, taps: Taps) -> None:
    refuse(taps, SHUTTING_DOWN, 5000)
    assert isinstance(taps.log, Incidents)
    await taps.log.stop()
    [only] = shelf.kept
    assert (only.reason, only.count, only.about) == ("shutting_down", 5000, Particulars())


async def test_nobody_waits_for_a_database_that_is_away(shelf: Shelf, taps: Taps) -> None:
    shelf.is_away = True
    assert isinstance(taps.log, Incidents)
    taps.log.start("here", lambda: True)
    began = time.monotonic()
    refuse(taps, NOT_SUBSCRIBED, 25, channel="room")
    assert time.monotonic() - began < 1
    await shelf.came.wait()
    await taps.log.stop()
    assert taps.log.dropped == 25
    assert shelf.kept == []


def test_the_last_refusal_of_a_connection_is_remembered_of_so_many(taps: Taps) -> None:
    recent = Recent(taps.log)
    for number in range(MOST + 1):
        recent.keep(incident(f"ref {number}", socket_id=f"{number}.1"))
    recent.keep(incident("newer", socket_id="7.1"))
    assert recent.of("1", "0.1") is None
    last = recent.of("1", "7.1")
    assert last is not None
    assert last.reference == "newer"
