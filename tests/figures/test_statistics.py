"""Figures are noted at their time, wait for the database, and are read again: with a clock that is turned by hand."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

import msgspec
import pytest

from databases import Execute
from hubbub.errors import EVENT_RATE
from hubbub.hub.hub import Hub
from hubbub.messages import Event
from hubbub.statistics import live, statistics
from hubbub.statistics.collector import Collector, Sources
from hubbub.statistics.figures import LATENCIES, Figures, together
from hubbub.statistics.seam import DAY, HOUR, INTERVAL, MINUTE
from hubbub.statistics.statistics import Now, Statistics
from hubbub.statistics.stopwatch import REST, Stopwatch
from hubbub.store import Store
from hubbub.tally import Tally
from hubbub.webhooks.tally import Tally as WebhookTally
from recording import Recording

NOON = int(datetime(2026, 3, 1, 12, tzinfo=UTC).timestamp())
EVERYTHING = (0, 4_000_000_000)
LIMIT = 15.0  # seconds


class Place:
    """A hub whose applications are counted, and time that stands still until somebody turns the clock."""

    def __init__(self, store: Store) -> None:
        self.time = float(NOON)
        self.calls: list[Any] = []
        self.hub = Hub(self.calls.append)
        self.tally = Tally()
        self.webhooks = WebhookTally()
        self.later: list[tuple[float, Any]] = []
        stopwatch = Stopwatch(self.calls.append, lambda seconds, call: self.later.append((seconds, call)), self.clock)
        self.hub.begin_with(stopwatch.begin)
        sources = Sources(
            self.hub.meters, self.tally.refusals, self.webhooks.taken_of, self.webhooks.failed_of, stopwatch
        )
        self.statistics = Statistics(store.statistics, Collector(sources, self.clock), self.ask, self.clock)

    def clock(self) -> float:
        return self.time

    async def ask(self, kind: str, question: bytes) -> Sequence[bytes]:
        assert kind == live.KIND
        app_id = question.decode()
        own = live.here(self.hub.meters().get(app_id), self.hub.channel_count(app_id))
        return [msgspec.msgpack.encode(own)] * 2

    def publish(self, text: str, app_id: str = "1") -> None:
        self.hub.deliver(app_id, Event("room", "said", text)).published(text)

    def turn(self) -> None:
        calls, self.calls[:] = self.calls[:], []
        for call in calls:
            call()

    async def go(self, seconds: float) -> bool:
        """Let so much time pass, and write down what was counted in it."""
        self.time += seconds
        self.statistics.note()
        return await self.statistics.write()

    async def kept(self, resolution: int = INTERVAL, app_id: str = "1") -> dict[int, Figures]:
        """Give what is written down, by seconds since noon."""
        times, figures = await self.statistics.series(app_id, resolution, NOON - DAY, NOON + DAY)
        return {at - NOON: one for at, one in zip(times, figures, strict=True) if one != Figures()}


@pytest.fixture
def place(store: Store) -> Place:
    return Place(store)


async def test_what_was_counted_belongs_to_the_interval_it_was_counted_in(place: Place) -> None:
    place.publish("x")
    await place.go(10.02)
    place.publish("y")
    await place.go(3)
    place.publish("z")
    await place.go(7)
    assert {at: one.events for at, one in (await place.kept()).items()} == {0: 1, 10: 2}
    assert {at: one.events for at, one in (await place.kept(MINUTE)).items()} == {0: 3}


async def test_nothing_is_written_of_an_application_that_does_nothing(place: Place, execute: Execute) -> None:
    place.hub.meter("1")
    place.publish("x", app_id="2")
    for _ in range(3):
        await place.go(10)
    assert await execute("SELECT DISTINCT app_id FROM statistics") == [("2",)]
    assert await execute("SELECT count(*) FROM statistics WHERE resolution = 10") == [(1,)]


async def test_connections_are_averaged_by_the_time_that_they_are_open(place: Place) -> None:
    meter = place.hub.meter("1")
    meter.came("ws", place.time)
    place.time += 2.5
    for _ in range(2):
        meter.came("http", place.time)
    place.time += 2.5
    meter.went("http", place.time)
    await place.go(5)
    meter.came("phoenix", place.time)
    await place.go(10)
    kept = await place.kept()
    assert (kept[0].ws, kept[0].http, kept[0].phoenix, kept[0].peak) == (10_000, 2 * 7500 - 5000, 0, 3)
    assert (kept[10].ws, kept[10].http, kept[10].phoenix, kept[10].peak) == (10_000, 10_000, 10_000, 3)
    assert await place.statistics.now(["1"]) == {"1": Now(2.0, 0.0, 0.0)}, "others may still be writing down the last"
    place.time += 3
    assert await place.statistics.now(["1"]) == {"1": Now(3.0, 0.0, 0.0)}


async def test_deliveries_are_counted_for_each_who_gets_them(place: Place) -> None:
    clients = [Recording() for _ in range(5)]
    for client in clients:
        place.hub.add("1", "room", client)
    place.publish("one")
    place.turn()
    place.publish("two")
    place.publish("three")
    place.hub.deliver("1", Event("room", "said", "not to all"), clients[0]).said("not to all")
    place.turn()
    await place.go(10)
    [kept] = (await place.kept()).values()
    heard = sum(len(client.heard) for client in clients)
    assert (kept.events, kept.client_events, kept.deliveries) == (3, 1, heard) == (3, 1, 19)
    assert kept.bytes_out == sum(len(data) for client in clients for data in client.writes)


async def test_a_message_is_timed_until_it_is_written_to_the_last(place: Place) -> None:
    place.hub.add("1", "room", Recording())
    for _ in range(3):
        place.publish("x")
    place.time += 0.004
    place.turn()
    assert [seconds for seconds, _ in place.later] == [REST]
    place.publish("while the watch rests")
    place.turn()
    place.later.pop()[1]()
    place.publish("and again")
    place.time += 0.3
    place.turn()
    large = [Recording() for _ in range(500)]
    for client in large:
        place.hub.add("1", "large", client)
    place.later.pop()[1]()
    place.hub.deliver("1", Event("large", "said", "to many"))
    for _ in range(3):
        place.time += 0.01
        place.turn()
    assert all(client.heard == ["to many"] for client in large)
    await place.go(10)
    [kept] = (await place.kept()).values()
    assert [(bound, count) for bound, count in zip(LATENCIES, kept.latencies, strict=True) if count] == [
        (5000, 1),
        (20_000, 1),
        (500_000, 1),
    ]


async def test_refusals_and_webhooks_are_counted_by_application(place: Place) -> None:
    for _ in range(3):
        place.tally.refused("1", EVENT_RATE(limit=1))
    place.tally.refused("", EVENT_RATE(limit=1))
    place.webhooks.taken_of["2"] += 4
    place.webhooks.failed_of["2"] += 1
    place.hub.meter("2")
    await place.go(10)
    await place.go(10)
    assert (await place.kept())[0].refusals == 3
    assert await place.statistics.refusals("1", DAY, *EVERYTHING) == {NOON - DAY // 2: {"event_rate": 3}}
    [other] = (await place.kept(app_id="2")).values()
    assert (other.webhooks, other.failed_webhooks) == (4, 1)


async def test_usage_is_counted_as_pusher_does(place: Place) -> None:
    place.hub.add("1", "room", Recording())
    meter = place.hub.meter("1")
    place.publish("x")
    place.hub.deliver("1", Event("room", "said", "y")).said("y")
    place.turn()
    meter.queries += 5
    place.webhooks.taken_of["1"] += 7
    meter.came("ws", place.time)
    await place.go(10)
    today = date(2026, 3, 1)
    usage = await place.statistics.usage(["1", "2"], today, today)
    assert (usage["1"].messages, usage["1"].peak) == (1 + 1 + 2 + 5 + 7, 1)
    assert usage["2"].messages == 0
    assert (await place.statistics.usage(["1"], date(2026, 2, 1), date(2026, 2, 28)))["1"].messages == 0
    assert (await place.statistics.usage(["1"], date(2026, 2, 1), today))["1"] == usage["1"]


async def test_figures_of_all_nodes_are_added_up_for_who_looks(place: Place) -> None:
    place.hub.add("1", "room", Recording())
    place.publish("x")
    place.turn()
    place.hub.meter("1").came("wss", place.time)
    found = await place.statistics.live("1")
    assert (found.connections, found.events, found.deliveries, found.channels, found.nodes) == ({"wss": 2}, 2, 2, 2, 2)
    assert (await place.statistics.live("nobody")).connections == {}


async def test_figures_wait_while_the_database_is_away(broken_url: str) -> None:
    store = Store.open(broken_url)
    place = Place(store)
    place.publish("x")
    assert not await place.go(10)
    place.publish("y")
    place.tally.refused("1", EVENT_RATE(limit=1))
    assert not await place.go(10)
    await store.close()
    assert {(one, at - NOON) for one, at in place.statistics._figures} == {("1", 0), ("1", 10)}
    assert list(place.statistics._refusals.values()) == [1]


async def test_what_waits_is_put_together_when_it_becomes_too_much(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(statistics, "MOST_WAITING", 10)
    for _ in range(720):
        place.publish("x")
        place.time += INTERVAL
        place.statistics.note()
        assert len(place.statistics._figures) <= 10
    assert await place.statistics.write()
    assert {at: one.events for at, one in (await place.kept(HOUR)).items()} == {0: 360, HOUR: 360}


async def test_a_stop_writes_down_what_is_left(place: Place) -> None:
    place.statistics.start()
    place.publish("x")
    place.time += 4
    await place.statistics.stop()
    assert [one.events for one in (await place.kept()).values()] == [1]


class Slow:
    """A ledger that takes its time."""

    def __init__(self, store: Store) -> None:
        self._behind = store.statistics
        self.is_asked, self.may_go_on = asyncio.Event(), asyncio.Event()

    async def add(self, *given: Any) -> None:
        self.is_asked.set()
        await self.may_go_on.wait()
        await self._behind.add(*given)


async def test_a_stop_in_the_middle_of_writing_loses_nothing_and_writes_nothing_twice(
    place: Place, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = Slow(store)
    monkeypatch.setattr(place.statistics, "_ledger", slow)
    place.time += INTERVAL - 0.01  # so that the next interval begins at once
    place.statistics.start()
    place.publish("x")
    async with asyncio.timeout(LIMIT):
        await slow.is_asked.wait()
    place.publish("y")
    stopping = asyncio.create_task(place.statistics.stop())
    await asyncio.sleep(0)
    slow.may_go_on.set()
    await stopping
    monkeypatch.setattr(place.statistics, "_ledger", store.statistics)
    assert sum(one.events for one in (await place.kept()).values()) == 2


def test_a_quantile_lies_within_its_bounds() -> None:
    figures = Figures(
        sizes=(0, 0, 90, 0, 10, *(0,) * 6), largest=700, latencies=(*(0,) * 13, 4), events=100, bytes_in=22_000
    )
    assert figures.mean_size == 220
    assert figures.size(0.5) == pytest.approx(128 + 128 * 50 / 90)
    assert figures.size(0.95) == pytest.approx(512 + (700 - 512) / 2)
    assert figures.latency(0.99) is not None
    assert 1_000_000 < (figures.latency(0.99) or 0) <= 2_000_000
    assert Figures().size(0.5) is None
    assert Figures().latency(0.5) is None
    assert together([]) == together([Figures()]) == Figures()
