"""Endpoints that are made, changed and removed while events are on their way."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from databases import Execute
from hubbub.messages import Event, Occupied, Vacated
from hubbub.store import Store
from hubbub.webhooks.courier import ANSWER_SECONDS
from hubbub.webhooks.seam import Hooked, Note, Standing
from hubbub.webhooks.webhooks import Webhooks
from logged import logged
from sockets.client import eventually
from webhooks.conftest import KINDS_TEXT, PAIR, Receive, settings, to
from webhooks.receiver import Receiver, hang


class Hooks:
    """An application in the database, whose endpoints a test makes and removes, and the webhooks that hear of it."""

    def __init__(self, execute: Execute, webhooks: Webhooks, app_id: str) -> None:
        self._execute = execute
        self.webhooks = webhooks
        self.app_id = app_id

    async def add(self, receiver: Receiver, prefix: str = "") -> int:
        """Make an endpoint."""
        (row,) = await self._execute(
            "INSERT INTO webhook_endpoints (application_id, url, kinds, channel_prefix, headers, created_at,"
            " updated_at) VALUES (:app, :url, :kinds, :prefix, '{}', CURRENT_TIMESTAMP, CURRENT_TIMESTAMP)"
            " RETURNING id",
            app=int(self.app_id),
            url=receiver.url,
            kinds=KINDS_TEXT,
            prefix=prefix,
        )
        await self.webhooks.refresh(self.app_id)
        return int(row.id)

    async def move(self, endpoint_id: int, receiver: Receiver) -> None:
        """Let an endpoint be elsewhere."""
        await self._execute("UPDATE webhook_endpoints SET url = :url WHERE id = :id", url=receiver.url, id=endpoint_id)
        await self.webhooks.refresh(self.app_id)

    async def remove(self, endpoint_id: int) -> None:
        """Remove an endpoint."""
        await self._execute("DELETE FROM webhook_endpoints WHERE id = :id", id=endpoint_id)
        await self.webhooks.refresh(self.app_id)

    async def hide(self) -> None:
        """Archive the application."""
        await self._execute("UPDATE applications SET archived_at = CURRENT_TIMESTAMP")
        await self.webhooks.refresh(self.app_id)

    async def show(self) -> None:
        """Bring it back."""
        await self._execute("UPDATE applications SET archived_at = NULL")
        await self.webhooks.refresh(self.app_id)

    async def say(self, number: int, channel: str = "private-a") -> None:
        await self.webhooks.record(self.app_id, Event(channel, "client-said", str(number)))

    async def expect_nothing_left(self) -> None:
        async def is_empty() -> bool:
            left = await self._execute(
                "SELECT id FROM webhook_events UNION ALL SELECT id FROM webhook_deliveries WHERE state = 'pending'"
            )
            return not left

        await eventually(is_empty, "something still waits for an endpoint that is gone")


@pytest.fixture
async def hooks(store: Store, execute: Execute) -> AsyncIterator[Hooks]:
    """Give webhooks on an application of the database that has no endpoint yet."""
    app = await store.create_example(email="a@example.com", password_hash="x", token_hash="0" * 64, token_prefix="x")
    assert app is not None
    webhooks = Webhooks(store.outbox, settings())
    await webhooks.start()
    hooks = Hooks(execute, webhooks, app.id)
    yield hooks
    await hooks.webhooks.stop()


async def test_an_application_concerns_webhooks_while_it_has_endpoints(hooks: Hooks, receiver: Receiver) -> None:
    assert not hooks.webhooks.concerns(hooks.app_id)
    endpoint = await hooks.add(receiver)
    assert hooks.webhooks.concerns(hooks.app_id)
    await hooks.say(1)
    assert [event["data"] for event in await receiver.events(1)] == ["1"]
    await hooks.remove(endpoint)
    assert not hooks.webhooks.concerns(hooks.app_id)
    await hooks.say(2)
    assert len(receiver.requests) == 1


async def test_what_waits_goes_where_the_endpoint_is_by_then(hooks: Hooks, receive: Receive) -> None:
    old, new = await receive(always=500), await receive()
    endpoint = await hooks.add(old)
    await hooks.say(1)
    first = await old.next()
    await hooks.say(2)
    await hooks.move(endpoint, new)
    assert (await new.next()).body == first.body
    assert [event["data"] for event in await new.events(1)] == ["2"]


async def test_what_waits_for_an_endpoint_that_goes_is_dropped_and_others_go_on(
    hooks: Hooks, receive: Receive, caplog: pytest.LogCaptureFixture
) -> None:
    gone, stays = await receive(always=hang), await receive()
    endpoint = await hooks.add(gone)
    await hooks.add(stays)
    await hooks.say(1)
    await gone.next()
    await hooks.say(2)
    await hooks.remove(endpoint)
    await hooks.say(3)
    assert [event["data"] for event in await stays.events(3)] == ["1", "2", "3"]
    await hooks.expect_nothing_left()
    assert len(gone.requests) == 1
    assert hooks.webhooks.counts()["dropped"] == 2
    what = f"webhook=1 app_id={hooks.app_id} events=2"
    assert f"A webhook was removed, and what waited for it is dropped {what}" in logged(caplog)


async def test_nobody_waits_for_endpoints_that_go_and_hang(hooks: Hooks, receive: Receive) -> None:
    hanging = [await receive(always=hang) for _ in range(8)]
    endpoints = [await hooks.add(one) for one in hanging]
    await hooks.say(1)
    for one in hanging:
        await one.next()
    began = time.monotonic()
    for endpoint in endpoints:
        await hooks.remove(endpoint)
    took = time.monotonic() - began
    assert took < ANSWER_SECONDS * len(endpoints) / 2, f"each removal waited: {took:.1f} s"
    await hooks.expect_nothing_left()


async def test_an_endpoint_that_is_back_while_it_goes_has_its_order(hooks: Hooks, receive: Receive) -> None:
    receiver = await receive(always=hang)
    endpoint = await hooks.add(receiver)
    await hooks.say(1)
    first = await receiver.next()
    # As when an application is archived and brought back.
    await hooks.hide()
    await hooks.show()
    receiver.always = 200
    await hooks.say(2)
    assert hooks.webhooks.concerns(hooks.app_id)
    assert (await receiver.next()).body == first.body
    assert [event["data"] for event in await receiver.events(1)] == ["2"]
    await hooks.remove(endpoint)
    await hooks.expect_nothing_left()


async def test_an_archived_application_pauses_and_loses_nothing(
    hooks: Hooks, receiver: Receiver, execute: Execute, store: Store
) -> None:
    receiver.answers.append(500)
    await hooks.add(receiver)
    await hooks.say(1)
    first = await receiver.next()
    await hooks.say(2)
    await hooks.hide()
    await hooks.say(3)
    # Whatever clears away has had its turn, and a start finds nothing to clear away either.
    assert await store.outbox.discard(hooks.app_id, 1) == 0
    await hooks.webhooks.stop()
    again = Webhooks(store.outbox, settings())
    await again.start()
    await again.stop()
    await execute("UPDATE webhook_deliveries SET time_ms = time_ms - 400000")
    receiver.rest()
    hooks.webhooks = Webhooks(store.outbox, settings())
    await hooks.webhooks.start()
    await hooks.show()
    received = await receiver.next()
    assert received.events == first.events
    assert received.time_ms > first.time_ms, "nobody could try it, and receivers refuse old times"
    assert [event["data"] for event in await receiver.events(1)] == ["2"]


async def test_what_waits_for_a_declared_endpoint_stays_for_when_it_is_declared_again(
    store: Store, receiver: Receiver
) -> None:
    declared = Hooked("1", PAIR, True, (to(receiver),))
    await store.outbox.accept([Note("1", "cache-a", '{"name":"cache_miss","channel":"cache-a"}', (0,))])
    for given in (None, declared):
        webhooks = Webhooks(store.outbox, settings(), given)
        await webhooks.start()
        assert await store.outbox.discard("1", 0) == 0
        if given is not None:
            assert len(await receiver.events(1)) == 1
        await webhooks.stop()


async def test_a_stored_application_of_a_fixed_id_hears_of_nothing(
    hooks: Hooks, store: Store, receiver: Receiver, receive: Receive
) -> None:
    endpoint = await hooks.add(receiver)
    await hooks.webhooks.stop()
    event = '{"name":"cache_miss","channel":"cache-a"}'
    await store.outbox.accept([Note(hooks.app_id, "cache-a", event, (endpoint,))])
    own = await receive()
    for declared, fixed in (
        (None, {hooks.app_id}),
        (Hooked(hooks.app_id, PAIR, True, ()), ()),
        (Hooked(hooks.app_id, PAIR, True, (to(own),)), ()),
    ):
        has_endpoints = declared is not None and bool(declared.endpoints)
        webhooks = Webhooks(store.outbox, settings(), declared, fixed=fixed)
        await webhooks.start()
        assert webhooks.concerns(hooks.app_id) is has_endpoints
        await webhooks.refresh(hooks.app_id)
        assert webhooks.concerns(hooks.app_id) is has_endpoints
        await webhooks.record(hooks.app_id, Event("private-a", "client-a", "secret"))
        if has_endpoints:
            assert len(await own.events(1)) == 1
        await webhooks.stop()
    assert receiver.requests == []
    # What waited for it is there when nothing hides it any more.
    webhooks = Webhooks(store.outbox, settings())
    await webhooks.start()
    assert await receiver.events(1) == [{"name": "cache_miss", "channel": "cache-a"}]
    await webhooks.stop()


async def test_facts_recorded_at_the_moment_of_a_change_are_not_stranded(
    hooks: Hooks, receive: Receive, execute: Execute
) -> None:
    gone, stays = await receive(), await receive()
    endpoint = await hooks.add(gone)
    await hooks.add(stays)
    saying = [asyncio.ensure_future(hooks.say(number, f"private-{number}")) for number in range(20)]
    await asyncio.sleep(0)
    await hooks.remove(endpoint)
    await asyncio.gather(*saying)
    assert len(await stays.events(20)) == 20
    await hooks.expect_nothing_left()


async def test_what_is_left_of_endpoints_that_went_while_nobody_ran_is_dropped_at_the_start(
    store: Store, execute: Execute, receiver: Receiver
) -> None:
    stay = Standing("7", "room")
    await store.outbox.accept([Note("7", "room", "{}", (3, 4), begins=stay)])
    webhooks = Webhooks(store.outbox, settings())
    await webhooks.start()

    async def is_clear() -> bool:
        return not await store.outbox.backlog() and not await store.outbox.standing()

    await eventually(is_clear, "events of endpoints that are gone are still there")
    await webhooks.stop()


async def test_an_application_without_endpoints_any_more_has_nobody_standing(
    hooks: Hooks, receiver: Receiver, store: Store
) -> None:
    endpoint = await hooks.add(receiver)
    await hooks.webhooks.record(hooks.app_id, Occupied("room"))
    assert len(await store.outbox.standing()) == 1
    await receiver.next()
    await hooks.remove(endpoint)

    async def is_clear() -> bool:
        return not await store.outbox.standing()

    await eventually(is_clear, "a channel still stands")
    # It begins anew for an endpoint that is made later, even if the channel was never vacated.
    await hooks.add(receiver)
    await hooks.webhooks.record(hooks.app_id, Vacated("room"))
    assert [event["name"] for event in await receiver.events(1)] == ["channel_vacated"]


async def test_events_that_another_process_put_back_are_found(hooks: Hooks, receiver: Receiver, store: Store) -> None:
    endpoint = await hooks.add(receiver)
    event = '{"name":"cache_miss","channel":"cache-a"}'
    await store.outbox.accept([Note(hooks.app_id, "cache-a", event, (endpoint,))])
    await hooks.webhooks.refresh(hooks.app_id)
    assert await receiver.events(1) == [{"name": "cache_miss", "channel": "cache-a"}]
