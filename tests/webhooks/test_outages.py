"""What happened while the database was away is told when it is back, and nobody waited for that."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence

import pytest

import postgres
from hubbub.errors import STORE_UNAVAILABLE
from hubbub.messages import Event, Occupied, Vacated
from hubbub.store import Store
from hubbub.webhooks.scribe import MOST, Scribe
from hubbub.webhooks.webhooks import Webhooks
from logged import logged
from webhooks.conftest import APP, hooked, settings, to
from webhooks.receiver import Receiver

needs_programs = pytest.mark.needs("postgresql programs")


@pytest.fixture
async def store(cluster: postgres.Cluster) -> AsyncIterator[Store]:
    store = Store.open(cluster.url)
    yield store
    await store.close()


def said(number: int, channel: str = "private-a") -> Event:
    return Event(channel, "client-said", str(number))


@needs_programs
async def test_an_outage_loses_nothing_and_keeps_the_order(
    cluster: postgres.Cluster, store: Store, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    webhooks = await started(store, receiver)
    await webhooks.record(APP, said(0))
    assert len(await receiver.events(1)) == 1
    await asyncio.to_thread(cluster.stop)
    await webhooks.record(APP, said(1))
    began = time.monotonic()
    for number in range(2, 100):
        await webhooks.record(APP, said(number))
    assert time.monotonic() - began < 15, "somebody waited for a database that is known to be away"
    await asyncio.to_thread(cluster.start)
    assert [int(event["data"]) for event in await receiver.events(99)] == list(range(1, 100))
    assert logged(caplog).count("The database is away: what comes is kept in memory what=events for webhooks") == 1
    assert "Traceback" not in caplog.text
    await webhooks.stop()


@needs_programs
async def test_who_comes_and_goes_during_an_outage_is_told_by_turns(
    cluster: postgres.Cluster, store: Store, receiver: Receiver
) -> None:
    webhooks = await started(store, receiver, webhook_grace=0.05)
    await webhooks.record(APP, Occupied("room"))
    await receiver.events(1)
    await asyncio.to_thread(cluster.stop)
    for fact in (Vacated("room"), Occupied("room"), Vacated("room")):
        await webhooks.record(APP, fact)
        await asyncio.sleep(0.1)  # past the grace
    await asyncio.to_thread(cluster.start)
    names = [event["name"] for event in await receiver.events(3)]
    assert names == ["channel_vacated", "channel_occupied", "channel_vacated"]
    assert await store.outbox.standing() == []
    await webhooks.stop()


@needs_programs
async def test_beyond_the_limit_an_outage_drops_what_is_new_and_counts_it(
    cluster: postgres.Cluster, store: Store, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    webhooks = await started(store, receiver, webhook_backlog=10, webhook_grace=0.05)
    await webhooks.record(APP, Occupied("room"))
    await receiver.events(1)
    await asyncio.to_thread(cluster.stop)
    for number in range(15):
        await webhooks.record(APP, said(number))
    # Nobody can be told that it came, so nobody is told that it left; what was told to begin has its end.
    for fact in (Occupied("other"), Vacated("other"), Vacated("room")):
        await webhooks.record(APP, fact)
    await asyncio.sleep(0.2)  # past the grace
    await asyncio.to_thread(cluster.start)
    events = await receiver.events(11)
    assert [int(event["data"]) for event in events if "data" in event] == list(range(10))
    assert [event["channel"] for event in events if "data" not in event] == ["room"]
    assert webhooks.counts()["dropped"] == 6
    assert caplog.text.count("new ones are dropped") == 1
    await webhooks.stop()


@needs_programs
async def test_a_delivery_during_an_outage_is_recorded_when_the_database_is_back(
    cluster: postgres.Cluster, store: Store, receiver: Receiver
) -> None:
    go_on = asyncio.Event()

    async def late(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await go_on.wait()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    receiver.answers.append(late)
    webhooks = await started(store, receiver)
    await webhooks.record(APP, said(0))
    await receiver.next()
    await asyncio.to_thread(cluster.stop)
    go_on.set()
    await webhooks.record(APP, said(1))
    await asyncio.to_thread(cluster.start)
    assert [event["data"] for event in await receiver.events(1)] == ["1"]
    assert len(receiver.requests) == 2
    await webhooks.stop()
    assert await store.outbox.pending() == []


async def test_a_database_that_does_not_answer_is_not_waited_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hubbub.webhooks.scribe.PATIENCE", 0.05)
    written: list[int] = []
    answer = asyncio.Event()

    async def write(pieces: Sequence[int]) -> None:
        await answer.wait()
        written.extend(pieces)

    scribe = Scribe[int](write, "numbers")
    scribe.start()
    first = scribe.put(1)
    await asyncio.wait_for(first.answered, 15)
    assert not first.written.done()
    assert scribe.put(2).answered.done()
    answer.set()
    await asyncio.wait_for(scribe.put(3).written, 15)
    assert written == [1, 2, 3]
    after = scribe.put(4)
    assert not after.answered.done()
    await after.written
    await scribe.stop(1)


async def test_what_comes_while_one_piece_is_written_goes_in_one_transaction() -> None:
    written: list[list[int]] = []

    async def write(pieces: Sequence[int]) -> None:
        await asyncio.sleep(0)
        written.append(list(pieces))

    scribe = Scribe[int](write, "numbers")
    scribe.start()
    scribe.put(0)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    sheets = {id(scribe.put(number)) for number in range(1, MOST + 6)}
    last = scribe.last
    assert last is not None
    await last.written
    assert [len(pieces) for pieces in written] == [1, MOST, 5]
    assert len(sheets) == 2
    assert len(scribe) == 0
    await scribe.stop(1)


async def test_a_piece_that_cannot_be_written_is_lost_alone(caplog: pytest.LogCaptureFixture) -> None:
    written: list[int] = []

    async def write(pieces: Sequence[int]) -> None:
        if 7 in pieces:
            raise RuntimeError("seven")
        written.extend(pieces)

    scribe = Scribe[int](write, "numbers")
    scribe.start()
    for number in range(20):
        sheet = scribe.put(number)
    await sheet.written
    assert written == [number for number in range(20) if number != 7]
    assert scribe.lost == 1
    assert logged(caplog).count("Something cannot be written down, and is lost what=numbers") == 1
    await scribe.stop(1)


async def test_a_stop_writes_what_there_is_and_says_what_it_could_not(caplog: pytest.LogCaptureFixture) -> None:
    async def write(pieces: Sequence[int]) -> None:
        raise STORE_UNAVAILABLE()

    scribe = Scribe[int](write, "numbers")
    scribe.start()
    sheets = [scribe.put(number) for number in range(3)]
    await scribe.stop(0.05)
    assert all(sheet.answered.done() for sheet in sheets)
    assert "The database is away: what waited was not written down before the end what=numbers count=3" in logged(
        caplog
    )
    assert scribe.put(4).answered.done(), "somebody would wait for ever"


async def started(store: Store, receiver: Receiver, **values: object) -> Webhooks:
    """Give webhooks that the test stops itself."""
    webhooks = Webhooks(store.outbox, settings(**values), hooked(to(receiver)))
    await webhooks.start()
    return webhooks
