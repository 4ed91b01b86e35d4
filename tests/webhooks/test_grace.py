"""Who left and is back soon never left; who is gone when a server starts is told of."""

import asyncio

from databases import Execute
from hubbub.messages import Event, Fact, Member, MemberAdded, MemberRemoved, Occupied, Vacated
from hubbub.store import Store
from hubbub.webhooks.seam import Note, Standing
from hubbub.webhooks.webhooks import Webhooks
from webhooks.conftest import APP, Open, hooked, settings, to
from webhooks.receiver import Receiver

ROOM = "presence-room"
ADA = Member("ada")
BOB = Member("bob")


def occupied(channel: str = ROOM) -> dict[str, str]:
    return {"name": "channel_occupied", "channel": channel}


def vacated(channel: str = ROOM) -> dict[str, str]:
    return {"name": "channel_vacated", "channel": channel}


def added(user_id: str) -> dict[str, str]:
    return {"name": "member_added", "channel": ROOM, "user_id": user_id}


def removed(user_id: str) -> dict[str, str]:
    return {"name": "member_removed", "channel": ROOM, "user_id": user_id}


async def come(webhooks: Webhooks, member: Member) -> None:
    await webhooks.record(APP, Occupied(ROOM))
    await webhooks.record(APP, MemberAdded(ROOM, member))


async def go(webhooks: Webhooks, member: Member) -> None:
    await webhooks.record(APP, MemberRemoved(ROOM, member))
    await webhooks.record(APP, Vacated(ROOM))


async def test_who_is_back_within_the_grace_is_silent_on_both_sides(open_webhooks: Open, receiver: Receiver) -> None:
    webhooks = await open_webhooks(to(receiver), webhook_grace=30)
    await come(webhooks, ADA)
    for _ in range(5):
        await go(webhooks, ADA)
        await come(webhooks, ADA)
    await webhooks.record(APP, Event(ROOM, "client-last", "{}", "ada"), socket_id="1.2")
    events = await receiver.events(3)
    assert events[:2] == [occupied(), added("ada")]
    assert events[2]["name"] == "client_event"


async def test_who_is_back_after_the_grace_has_left_and_come(open_webhooks: Open, receiver: Receiver) -> None:
    webhooks = await open_webhooks(to(receiver))
    await come(webhooks, ADA)
    await go(webhooks, ADA)
    assert await receiver.events(4) == [occupied(), added("ada"), removed("ada"), vacated()]
    await come(webhooks, ADA)
    assert await receiver.events(2) == [occupied(), added("ada")]


async def test_another_user_keeps_the_channel_but_is_another_member(open_webhooks: Open, receiver: Receiver) -> None:
    webhooks = await open_webhooks(to(receiver), webhook_grace=3)
    await come(webhooks, ADA)
    await go(webhooks, ADA)
    await come(webhooks, BOB)
    assert await receiver.events(4) == [occupied(), added("ada"), added("bob"), removed("ada")]


async def test_comings_and_goings_at_any_speed_alternate(open_webhooks: Open, receiver: Receiver) -> None:
    webhooks = await open_webhooks(to(receiver), webhook_grace=0.01)
    facts: list[Fact] = [Occupied("room"), Vacated("room")] * 100
    waiting = []
    for number, fact in enumerate(facts):
        # Not awaited one by one: the next comes while the one before is being written.
        waiting.append(asyncio.ensure_future(webhooks.record(APP, fact)))
        await asyncio.sleep(0.012 if number % 7 == 3 else 0)
    await asyncio.gather(*waiting)
    told = [vacated("room")]
    while told[-1] != occupied("last"):
        if len(told) == 1 or told[-1] == vacated("room"):
            await webhooks.record(APP, Occupied("last"))
        told += (await receiver.next()).events
    of_room = [event for event in told[1:] if event["channel"] == "room"]
    assert of_room
    assert of_room == [occupied("room"), vacated("room")] * (len(of_room) // 2) + [occupied("room")] * (
        len(of_room) % 2
    )


async def test_once_the_server_stops_nobody_leaves(store: Store, receiver: Receiver) -> None:
    webhooks = await started(store, receiver)
    await come(webhooks, ADA)
    assert await receiver.events(2) == [occupied(), added("ada")]
    webhooks.freeze()
    await go(webhooks, ADA)
    await webhooks.stop()
    assert {stay.user_id for stay in await store.outbox.standing()} == {"", "ada"}
    webhooks = await started(store, receiver, webhook_return=30)
    await come(webhooks, ADA)
    await webhooks.record(APP, Event(ROOM, "client-last", "{}", "ada"), socket_id="1.2")
    assert [event["name"] for event in await receiver.events(1)] == ["client_event"]
    await webhooks.stop()


async def test_who_was_leaving_at_the_stop_may_come_back_too(store: Store, receiver: Receiver) -> None:
    webhooks = await started(store, receiver, webhook_grace=30)
    await come(webhooks, ADA)
    await go(webhooks, ADA)
    await receiver.events(2)
    webhooks.freeze()
    await webhooks.stop()
    webhooks = await started(store, receiver, webhook_return=0.5)
    assert await receiver.events(2) == [removed("ada"), vacated()]
    await webhooks.stop()
    assert await store.outbox.standing() == []


async def test_who_does_not_come_back_after_a_start_is_told_of_members_first(store: Store, receiver: Receiver) -> None:
    stays = [Standing(APP, "a-room"), Standing(APP, ROOM), Standing(APP, ROOM, "ada"), Standing(APP, ROOM, "bob")]
    await store.outbox.accept([Note(APP, stay.channel, "", (), begins=stay) for stay in stays])
    webhooks = await started(store, receiver, webhook_return=3)
    await come(webhooks, BOB)
    assert await receiver.events(2) == [removed("ada"), vacated("a-room")]
    assert {(stay.channel, stay.user_id) for stay in await store.outbox.standing()} == {(ROOM, ""), (ROOM, "bob")}
    await webhooks.stop()


async def test_an_endpoint_that_came_later_hears_that_a_channel_is_vacated(
    open_webhooks: Open, receiver: Receiver, execute: Execute
) -> None:
    webhooks = await open_webhooks(to(receiver), webhook_grace=2)
    await webhooks.record(APP, Vacated("room"))
    # Kept in mind at once, should the server be killed before the grace is over.
    assert [row.channel for row in await execute("SELECT channel FROM webhook_standing")] == ["room"]
    assert await receiver.events(1) == [vacated("room")]
    assert await execute("SELECT channel FROM webhook_standing") == []


async def test_nothing_is_kept_of_channels_that_no_endpoint_wants(
    open_webhooks: Open, receiver: Receiver, execute: Execute
) -> None:
    webhooks = await open_webhooks(to(receiver, kinds=frozenset({"channel_vacated"}), channel_prefix="a-"))
    await webhooks.record(APP, Occupied("b-room"))
    await webhooks.record(APP, Occupied("a-room"))
    assert [row.channel for row in await execute("SELECT channel FROM webhook_standing")] == ["a-room"]
    await webhooks.record(APP, Vacated("b-room"))
    await webhooks.record(APP, Vacated("a-room"))
    assert await receiver.events(1) == [vacated("a-room")]
    assert len(receiver.requests) == 1


async def started(store: Store, receiver: Receiver, **values: object) -> Webhooks:
    """Give webhooks that the test stops itself."""
    webhooks = Webhooks(store.outbox, settings(**values), hooked(to(receiver)))
    await webhooks.start()
    return webhooks
