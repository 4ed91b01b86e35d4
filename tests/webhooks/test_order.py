"""Batches, and the order of events per channel whatever becomes of requests."""

import asyncio
import random

import pytest

from hubbub.messages import Event
from logged import logged
from webhooks.conftest import APP, Open, Receive, to
from webhooks.receiver import LIMIT, Receiver, hang, hang_up


def said(channel: str, number: int) -> Event:
    return Event(channel, "client-said", str(number))


def numbers(receiver: Receiver, channel: str) -> list[int]:
    """Give the numbers that were told of a channel, in the order of the requests, repeated requests left out."""
    bodies = dict.fromkeys(received.body for received in receiver.requests)
    events = [event for body in bodies for event in Receiver.events_of(body)]
    return [int(event["data"]) for event in events if event["channel"] == channel]


async def test_what_waits_goes_in_one_request(open_webhooks: Open, receiver: Receiver) -> None:
    receiver.answers.append(500)
    webhooks = await open_webhooks(to(receiver))
    await webhooks.record(APP, said("private-a", 0))
    failed = await receiver.next()
    # Held back by the one before, which is tried again after a second.
    await asyncio.gather(*(webhooks.record(APP, said("private-a", number)) for number in range(1, 50)))
    assert (await receiver.next()).body == failed.body
    batch = await receiver.next()
    assert [event["data"] for event in batch.events] == [str(number) for number in range(1, 50)]


async def test_without_batches_each_event_goes_alone(open_webhooks: Open, receiver: Receiver) -> None:
    webhooks = await open_webhooks(to(receiver), is_batched=False)
    await asyncio.gather(*(webhooks.record(APP, said("private-a", number)) for number in range(20)))
    bodies = [await receiver.next() for _ in range(20)]
    assert [[event["data"] for event in body.events] for body in bodies] == [[str(number)] for number in range(20)]


async def test_a_batch_is_not_longer_than_a_quarter_of_a_megabyte(open_webhooks: Open, receiver: Receiver) -> None:
    receiver.answers.append(500)
    webhooks = await open_webhooks(to(receiver))
    await webhooks.record(APP, said("private-a", 0))
    await receiver.next()
    text = "x" * 10_000
    await asyncio.gather(*(webhooks.record(APP, Event("private-a", "client-said", text)) for _ in range(60)))
    found = [await receiver.next() for _ in range(4)]
    assert [len(one.events) for one in found] == [1, 25, 25, 10]
    assert all(len(one.body) < 262_144 for one in found)


async def test_one_failing_channel_does_not_hold_up_others(open_webhooks: Open, receiver: Receiver) -> None:
    receiver.answers.append(hang)
    webhooks = await open_webhooks(to(receiver), webhook_timeout=3, webhook_window=30)
    await webhooks.record(APP, said("private-stuck", 0))
    await receiver.next()
    await webhooks.record(APP, said("private-stuck", 1))
    await webhooks.record(APP, said("private-free", 0))
    assert [event["channel"] for event in await receiver.events(1)] == ["private-free"]
    again, after = await receiver.next(), await receiver.next()
    assert [event["data"] for event in again.events + after.events] == ["0", "1"]


@pytest.mark.parametrize("is_batched", [True, False])
async def test_an_endpoint_that_fails_at_random_gets_each_channel_in_order(
    open_webhooks: Open, receiver: Receiver, is_batched: bool
) -> None:
    chance = random.Random(4)

    async def at_random(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if chance.random() < 0.05:
            await hang_up(reader, writer)
        else:
            status = 500 if chance.random() < 0.05 else 200
            writer.write(f"HTTP/1.1 {status} Whatever\r\nContent-Length: 0\r\n\r\n".encode())

    receiver.always = at_random
    webhooks = await open_webhooks(to(receiver), is_batched=is_batched)
    channels = [f"private-{number}" for number in range(10)]
    for number in range(10):
        await asyncio.gather(*(webhooks.record(APP, said(channel, number)) for channel in channels))
    while not all(len(numbers(receiver, channel)) == 10 for channel in channels):
        await receiver.next()
    for channel in channels:
        assert numbers(receiver, channel) == list(range(10))


async def test_an_endpoint_is_asked_so_much_at_once_and_no_more(open_webhooks: Open, receiver: Receiver) -> None:
    here = most = 0
    full = asyncio.Event()
    go_on = asyncio.Event()

    async def answer_late(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal here, most
        here += 1
        most = max(most, here)
        if here == 3:
            full.set()
        await go_on.wait()
        here -= 1
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    receiver.always = answer_late
    webhooks = await open_webhooks(to(receiver), is_batched=False, webhook_concurrency=3)
    for number in range(12):
        await webhooks.record(APP, said(f"private-{number}", 0))
    await asyncio.wait_for(full.wait(), LIMIT)
    go_on.set()
    await receiver.events(12)
    assert most == 3


async def test_each_endpoint_hears_what_it_wants(open_webhooks: Open, receive: Receive) -> None:
    everything, by_kind, by_prefix = await receive(), await receive(), await receive()
    webhooks = await open_webhooks(
        to(everything, 1),
        to(by_kind, 2, frozenset({"cache_miss", "channel_vacated"})),
        to(by_prefix, 3, channel_prefix="private-a"),
    )
    for channel in ("private-a", "private-ab", "private-b", "b-private-a"):
        await webhooks.record(APP, said(channel, 0))
    assert [event["channel"] for event in await by_prefix.events(2)] == ["private-a", "private-ab"]
    assert len(await everything.events(4)) == 4
    assert by_kind.requests == []
    assert webhooks.tally.delivered == len(everything.requests) + len(by_prefix.requests)


async def test_an_endpoint_that_is_dead_does_not_hold_up_another(open_webhooks: Open, receive: Receive) -> None:
    dead, alive = await receive(always=hang), await receive()
    webhooks = await open_webhooks(to(dead, 1), to(alive, 2), is_batched=False)
    for number in range(200):
        await webhooks.record(APP, said(f"private-{number}", number))
    found = await alive.events(200)
    assert sorted(int(event["data"]) for event in found) == list(range(200))


async def test_events_beyond_the_limit_are_dropped_and_counted(
    open_webhooks: Open, receive: Receive, caplog: pytest.LogCaptureFixture
) -> None:
    stuck, other = await receive(always=hang), await receive()
    webhooks = await open_webhooks(to(stuck, 1), to(other, 2), webhook_backlog=20)
    await webhooks.record(APP, said("private-a", 0))
    await stuck.next()
    assert len(await other.events(1)) == 1
    for number in range(1, 31):
        await webhooks.record(APP, said("private-a", number))
        assert len(await other.events(1)) == 1  # one after the other, or this one might have too many waiting as well
    assert webhooks.tally.dropped == 10
    assert any(line.startswith("Too many events wait for a webhook") and "events=20" in line for line in logged(caplog))
