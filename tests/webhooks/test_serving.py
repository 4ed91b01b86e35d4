"""Webhooks of a running server: from what clients do to what a receiver gets, whatever happens to the server."""

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from postgres import Cluster
from sockets.client import Dial
from webhooks.mortal import Mortal
from webhooks.receiver import Received, Receiver, hang

ENDS = ("member_removed", "channel_vacated")

StartMortal = Callable[..., Mortal]


@pytest.fixture
def start(receiver: Receiver) -> Iterator[StartMortal]:
    """Give a way to start servers whose webhooks go to `receiver`: `start(webhook_grace=1)`."""
    with ExitStack() as stack:

        def started(**settings: object) -> Mortal:
            return stack.enter_context(Mortal(receiver.url, **{"webhook_grace": 0.3, **settings}))

        yield started


def ada(user_id: str = "ada") -> str:
    return json.dumps({"user_id": user_id})


async def until(receiver: Receiver, *expected: dict[str, Any]) -> list[Received]:
    """Take requests until all of these events have come, which must be in this order, and no others."""
    requests: list[Received] = []
    events: list[dict[str, Any]] = []
    while len(events) < len(expected):
        requests.append(await receiver.next())
        events += requests[-1].events
        assert events == list(expected[: len(events)])
    return requests


async def test_all_that_clients_do_is_told(start: StartMortal, connect: Dial, receiver: Receiver) -> None:
    server = start(app_subscription_counts=True)
    client, other = await connect(server), await connect(server)
    await client.subscribe("presence-cache-room", ada())
    await client.expect("pusher:cache_miss", "presence-cache-room")
    room = "presence-cache-room"
    expected: list[dict[str, Any]] = [
        {"name": "channel_occupied", "channel": room},
        {"name": "member_added", "channel": room, "user_id": "ada"},
        {"name": "cache_miss", "channel": room},
    ]
    requests = await until(receiver, *expected)
    assert all(received.is_signed_by(server.key, server.secret) for received in requests)
    assert {received.header("Content-Type") for received in requests} == {"application/json"}

    await client.send("client-hi", {"a": 1}, room)
    data = (await receiver.next()).events
    assert data == [
        {
            "name": "client_event",
            "channel": room,
            "event": "client-hi",
            "data": '{"a": 1}',
            "socket_id": client.socket_id,
            "user_id": "ada",
        }
    ]
    await client.close()
    await until(
        receiver,
        {"name": "member_removed", "channel": room, "user_id": "ada"},
        {"name": "channel_vacated", "channel": room},
    )
    await other.subscribe("room")
    await until(
        receiver,
        {"name": "channel_occupied", "channel": "room"},
        {"name": "subscription_count", "channel": "room", "subscription_count": 1},
    )


async def test_an_event_is_written_down_before_it_is_relayed(
    start: StartMortal, connect: Dial, receiver: Receiver
) -> None:
    receiver.always = 500
    server = start()
    sender, listener = await connect(server), await connect(server)
    for client in (sender, listener):
        await client.subscribe("private-a")
    await receiver.next()
    await sender.send("client-hi", "x", "private-a")
    await listener.receive()
    server.kill()
    receiver.always = 200
    receiver.rest()
    server.start_again()
    events = [*(await receiver.next()).events, *(await receiver.next()).events]
    assert [event["name"] for event in events] == ["channel_occupied", "client_event"]


async def test_who_was_there_when_the_server_was_killed_may_come_back_silently(
    start: StartMortal, connect: Dial, receiver: Receiver
) -> None:
    server = start(webhook_return=5)
    for user in ("ada", "bob"):
        await (await connect(server)).subscribe("presence-a", ada(user))
    await until(
        receiver,
        {"name": "channel_occupied", "channel": "presence-a"},
        {"name": "member_added", "channel": "presence-a", "user_id": "ada"},
        {"name": "member_added", "channel": "presence-a", "user_id": "bob"},
    )
    await (await connect(server)).subscribe("room")
    await until(receiver, {"name": "channel_occupied", "channel": "room"})
    server.kill()
    server.start_again()
    # What was not known to be taken when the server was killed may come once more.
    await (await connect(server)).subscribe("presence-a", ada("ada"))
    told: list[dict[str, Any]] = []
    while len(told) < 2:
        told += [event for event in (await receiver.next()).events if event["name"] in ENDS]
    assert told == [
        {"name": "member_removed", "channel": "presence-a", "user_id": "bob"},
        {"name": "channel_vacated", "channel": "room"},
    ]


async def test_clients_that_a_stopping_server_closes_have_not_left(
    start: StartMortal, connect: Dial, receiver: Receiver
) -> None:
    server = start(webhook_return=60)
    client = await connect(server)
    await client.subscribe("presence-a", ada())
    await until(
        receiver,
        {"name": "channel_occupied", "channel": "presence-a"},
        {"name": "member_added", "channel": "presence-a", "user_id": "ada"},
    )
    assert await asyncio.to_thread(server.stop) == 0
    server.start_again()
    again = await connect(server)
    await again.subscribe("presence-a", ada())
    await again.send("client-last", "x", "presence-a")
    assert [event["name"] for event in (await receiver.next()).events] == ["client_event"]


async def test_a_stop_in_the_middle_of_requests_is_clean_and_loses_nothing(
    start: StartMortal, connect: Dial, receiver: Receiver
) -> None:
    receiver.always = hang
    server = start()
    client = await connect(server)
    for number in range(20):
        await client.subscribe(f"private-{number}")
    await receiver.next()
    assert await asyncio.to_thread(server.stop) == 0
    receiver.always = 200
    receiver.rest()
    server.start_again()
    found: set[str] = set()
    while len(found) < 20:
        found |= {event["channel"] for event in (await receiver.next()).events if event["name"] == "channel_occupied"}
    assert found == {f"private-{number}" for number in range(20)}


async def test_clients_do_not_wait_for_endpoints(start: StartMortal, connect: Dial, receiver: Receiver) -> None:
    receiver.always = hang
    server = start()
    sender, listener = await connect(server), await connect(server)
    for client in (sender, listener):
        await client.subscribe("private-a")
    for number in range(10):
        await sender.send("client-hi", str(number), "private-a")
    for number in range(10):
        await listener.expect_frame({"event": "client-hi", "channel": "private-a", "data": str(number)})


def test_a_declared_address_on_the_hosts_own_network_is_refused_unless_allowed(
    start: StartMortal, receiver: Receiver
) -> None:
    with pytest.raises(AssertionError, match=r"HUBBUB_APP_WEBHOOK_URL must not be on .* HUBBUB_WEBHOOK_PRIVATE"):
        start(webhook_private=False)
    assert receiver.connections == 0


@pytest.mark.needs("postgresql programs")
async def test_realtime_goes_on_without_the_database_and_webhooks_follow(
    cluster: Cluster, start: StartMortal, connect: Dial, receiver: Receiver
) -> None:
    server = start(database_url=cluster.url)
    sender, listener = await connect(server), await connect(server)
    for client in (sender, listener):
        await client.subscribe("private-a")
    await until(receiver, {"name": "channel_occupied", "channel": "private-a"})
    await asyncio.to_thread(cluster.stop)
    for number in range(10):
        await sender.send("client-hi", str(number), "private-a")
    for number in range(10):
        await listener.expect_frame({"event": "client-hi", "channel": "private-a", "data": str(number)})
    await listener.subscribe("room")
    await asyncio.to_thread(cluster.start)
    events = await receiver.events(11)
    assert [event["data"] for event in events if event["name"] == "client_event"] == [str(n) for n in range(10)]
    assert [event["channel"] for event in events if event["name"] == "channel_occupied"] == ["room"]
    assert await asyncio.to_thread(server.stop) == 0
