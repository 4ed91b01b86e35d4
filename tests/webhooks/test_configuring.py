"""Webhooks of applications in the database, as their owners set them by the JSON API: each change counts at once."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from sockets.client import Dial, eventually
from tenants import Tenants
from webhooks.conftest import Receive
from webhooks.receiver import Receiver


class Place(msgspec.Struct, frozen=True):
    """Where clients of an application connect to."""

    host: str
    port: int
    key: str
    secret: str


class Owner:
    """Ada, who owns an application on a server."""

    def __init__(self, server: Tenants, path: str) -> None:
        self.server = server
        self._path = path

    async def call(self, method: str, path: str = "", **body: object) -> Any:
        """Call the API below the application."""
        return await asyncio.to_thread(
            self.server.data, method, self._path + path, "ada", **({"json": body} if body else {})
        )

    async def place(self) -> Place:
        """Give where clients connect to, by the oldest key."""
        pair = (await self.call("GET", "/keys"))[0]
        return Place(self.server.host, self.server.port, pair["key"], pair["secret"])

    async def hook(self, receiver: Receiver, **more: object) -> int:
        """Add an endpoint."""
        return int((await self.call("POST", "/webhooks", url=receiver.url, **more))["id"])


@pytest.fixture(scope="module")
def hooked_server() -> Iterator[Tenants]:
    """Give a server that may send webhooks here, and gives up soon."""
    with Tenants(webhook_private=True, webhook_grace=0.3, webhook_window=3, webhook_timeout=1) as server:
        yield server


@pytest.fixture
def owner(hooked_server: Tenants) -> Owner:
    """Give the owner of a new application."""
    world = hooked_server.world()
    path = f"/organizations/{world.acme['slug']}/applications/{world.application['id']}"
    hooked_server.data("PATCH", path, "ada", json={"settings": {"client_events": True}})
    return Owner(hooked_server, path)


async def test_several_endpoints_hear_what_each_wants(owner: Owner, connect: Dial, receive: Receive) -> None:
    everything, some = await receive(), await receive()
    await owner.hook(everything)
    await owner.hook(some, kinds=["client_event"], channel_prefix="private-b", headers={"Authorization": "Bearer t"})
    client = await connect(await owner.place())
    for channel in ("private-a", "private-b"):
        await client.subscribe(channel)
        await client.send("client-hi", channel, channel)
    received = await some.next()
    assert [event["data"] for event in received.events] == ["private-b"]
    assert received.header("Authorization") == "Bearer t"
    assert len(await everything.events(4)) == 4
    assert len(some.requests) == 1


async def test_an_endpoint_hears_from_when_it_is_made_until_it_is_removed(
    owner: Owner, connect: Dial, receive: Receive
) -> None:
    for_a_while, always = await receive(), await receive()
    await owner.hook(always)
    client = await connect(await owner.place())
    await client.subscribe("private-a")
    endpoint = await owner.hook(for_a_while)
    await client.send("client-hi", "1", "private-a")
    assert [event["data"] for event in await for_a_while.events(1)] == ["1"]
    await owner.call("DELETE", f"/webhooks/{endpoint}")
    await client.send("client-hi", "2", "private-a")
    assert [event.get("data") for event in await always.events(3)] == [None, "1", "2"]
    assert len(for_a_while.requests) == 1


async def test_what_an_endpoint_wants_may_change(owner: Owner, connect: Dial, receiver: Receiver) -> None:
    endpoint = await owner.hook(receiver, kinds=["cache_miss"])
    client = await connect(await owner.place())
    await client.subscribe("private-a")
    await owner.call("PATCH", f"/webhooks/{endpoint}", kinds=["client_event"])
    await client.send("client-hi", "1", "private-a")
    assert [event["name"] for event in await receiver.events(1)] == ["client_event"]


async def test_the_oldest_active_key_signs(owner: Owner, connect: Dial, receiver: Receiver) -> None:
    await owner.hook(receiver)
    old, new = await owner.call("GET", "/keys")
    client = await connect(Place(owner.server.host, owner.server.port, new["key"], new["secret"]))
    await client.subscribe("room-1")
    assert (await receiver.next()).is_signed_by(old["key"], old["secret"])
    await owner.call("DELETE", f"/keys/{old['key']}")
    await client.subscribe("room-2")
    assert (await receiver.next()).is_signed_by(new["key"], new["secret"])


async def test_without_batches_each_event_goes_alone(owner: Owner, connect: Dial, receiver: Receiver) -> None:
    await owner.hook(receiver)
    await owner.call("PATCH", "", settings={"webhook_batches": False})
    client = await connect(await owner.place())
    await client.subscribe("presence-a", json.dumps({"user_id": "ada"}))
    found = [(await receiver.next()).events for _ in range(2)]
    assert [[event["name"] for event in events] for events in found] == [["channel_occupied"], ["member_added"]]


async def test_a_failed_delivery_is_in_the_ledger_and_sent_again_when_asked(
    owner: Owner, connect: Dial, receiver: Receiver
) -> None:
    receiver.always = 500
    await owner.hook(receiver)
    client = await connect(await owner.place())
    await client.subscribe("room")
    first = await receiver.next()

    async def has_failed() -> bool:
        return [one["state"] for one in await owner.call("GET", "/webhook_deliveries")] == ["failed"]

    await eventually(has_failed, "the delivery should have failed")
    (delivery,) = await owner.call("GET", "/webhook_deliveries")
    assert delivery["attempts"] == 3
    receiver.rest()
    receiver.always = 200
    await owner.call("POST", f"/webhook_deliveries/{delivery['id']}/resend")
    again = await receiver.next()
    assert again.events == first.events
    assert again.time_ms > first.time_ms


async def test_an_archived_application_tells_nothing(owner: Owner, connect: Dial, receiver: Receiver) -> None:
    await owner.hook(receiver)
    client = await connect(await owner.place())
    await client.subscribe("room")
    await receiver.next()
    await owner.call("DELETE")
    await client.expect_end(4001, f"App key {client.server.key} is no longer in use")
    assert len(receiver.requests) == 1
