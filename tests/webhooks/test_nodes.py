"""Several nodes on one database: one webhook per cause, the grace over all of them, one that delivers."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from databases import Execute
from hubbub.messages import Vacated
from hubbub.webhooks import webhooks as facade
from sockets.client import eventually as eventually_awaited
from webhooks.conftest import APP, Receive, to
from webhooks.receiver import Receiver, hang
from webhooks.test_changes import Hooks
from webhooks.test_grace import ROOM, added, occupied, removed, vacated
from webhooks.town import Held, Node, Town


@pytest.fixture
async def town(url: str, receiver: Receiver) -> AsyncIterator[Town]:
    """Give a town whose application has `receiver` for its endpoint."""
    async with Town(url, to(receiver)) as town:
        yield town


async def eventually(is_so: Callable[[], bool | Awaitable[bool]], problem: str) -> None:
    """Wait until something is so."""

    async def ask() -> bool:
        answer = is_so()
        return answer if isinstance(answer, bool) else await answer

    await eventually_awaited(ask, problem)


async def expect_nothing_more(town: Town, receiver: Receiver) -> None:
    """Fail if anything was told that was not asked for: what is said now comes after it, and nobody is leaving."""
    for node in town.nodes:
        await settled(node)
    channel = f"private-last-{random.random()}"
    await town.nodes[0].say("last", channel)
    [event] = await receiver.events(1)
    assert (event["name"], event["channel"]) == ("client_event", channel), event


async def settled(node: Node) -> None:
    """Wait until nobody is about to be gone, as far as this node knows."""
    roll = node.webhooks._shared
    assert roll is not None
    await eventually(lambda: not roll._departures._of and roll._pad.last is None, "somebody is still leaving")


async def standing(node: Node) -> set[tuple[str, str]]:
    return {(stay.channel, stay.user_id) for stay in await node.store.outbox.standing()}


# The grace


async def test_who_comes_and_goes_is_told_once_by_whichever_node(town: Town, receiver: Receiver) -> None:
    a, b = await town.open(), await town.open()
    await a.enter(ROOM, "ada")
    assert await receiver.events(2) == [occupied(), added("ada")]
    await b.enter(ROOM, "ada")
    await a.leave(ROOM, "ada")
    await expect_nothing_more(town, receiver)
    await b.leave(ROOM, "ada")
    assert await receiver.events(2) == [removed("ada"), vacated()]
    assert await standing(a) == set()


async def test_who_is_back_on_another_node_within_the_grace_never_left(town: Town, receiver: Receiver) -> None:
    a, b = await town.open(webhook_grace=1), await town.open(webhook_grace=1)
    await a.enter(ROOM, "ada")
    for _ in range(3):
        await a.leave(ROOM, "ada")
        await b.enter(ROOM, "ada")
        await b.leave(ROOM, "ada")
        await a.enter(ROOM, "ada")
    assert await receiver.events(2) == [occupied(), added("ada")]
    await expect_nothing_more(town, receiver)
    assert await standing(b) == {(ROOM, ""), (ROOM, "ada")}


async def test_the_grace_begins_anew_with_the_last_leaving_on_whichever_node(town: Town, receiver: Receiver) -> None:
    a, b = await town.open(webhook_grace=0.2), await town.open(webhook_grace=30)
    await a.enter(ROOM, "ada")
    await receiver.events(2)
    await a.leave(ROOM, "ada")
    await b.enter(ROOM, "ada")
    await b.leave(ROOM, "ada")
    # The grace of the first leaving ends, and so does a second look: who is gone by now left on the other node.
    await asyncio.sleep(0.1)
    await a.enter(ROOM, "ada")
    await settled(a)
    b.webhooks.freeze()
    await expect_nothing_more(town, receiver)


async def test_a_leaving_that_two_nodes_noted_is_told_once(town: Town, receiver: Receiver) -> None:
    a, b = await town.open(), await town.open()
    await a.enter("room")
    assert await receiver.events(1) == [occupied("room")]
    await a.leave("room", is_recorded=False)
    await asyncio.gather(*(node.webhooks.record(APP, Vacated("room")) for node in (a, b)))
    assert await receiver.events(1) == [vacated("room")]
    await expect_nothing_more(town, receiver)


async def test_a_coming_whose_note_was_overtaken_has_its_end(town: Town, receiver: Receiver) -> None:
    a, b = await town.open(outbox=Held), await town.open()
    assert isinstance(a.outbox, Held)
    a.outbox.free.clear()
    coming = asyncio.ensure_future(a.enter("room"))
    await asyncio.sleep(0)
    await b.enter("room")
    # The first node would have waited for its own note; it is evicted, or lets nobody wait for a slow database.
    await a.leave("room")
    await b.leave("room")
    await settled(b)
    assert await standing(b) == set()
    a.outbox.free.set()
    await coming
    assert await receiver.events(2) == [occupied("room"), vacated("room")]
    await expect_nothing_more(town, receiver)
    assert await standing(b) == set()


async def test_a_return_whose_note_was_overtaken_by_its_end_is_no_ghost(town: Town, receiver: Receiver) -> None:
    a, b = await town.open(outbox=Held, webhook_grace=0.5), await town.open(webhook_grace=0.5)
    assert isinstance(a.outbox, Held)
    await b.enter("room")
    assert await receiver.events(1) == [occupied("room")]
    await b.leave("room")
    a.outbox.free.clear()
    coming = asyncio.ensure_future(a.enter("room"))
    await asyncio.sleep(0)
    await b.enter("room")
    await a.leave("room", is_recorded=False)
    await b.leave("room")
    await asyncio.sleep(0.1)  # the leaving is written by now, and its grace is not over
    a.outbox.free.set()
    await coming
    assert await receiver.events(1) == [vacated("room")]
    await expect_nothing_more(town, receiver)
    assert await standing(a) == set()


async def test_while_the_cluster_cannot_be_asked_nobody_is_told_gone(town: Town, receiver: Receiver) -> None:
    a, b = await town.open(), await town.open(webhook_grace=0.1, webhook_return=0.5)
    await b.enter("room")
    assert await receiver.events(1) == [occupied("room")]
    b.is_cut_off = True
    await b.leave("room")
    await asyncio.sleep(0.5)
    await a.say("still", "private-a")
    assert [event["name"] for event in await receiver.events(1)] == ["client_event"]
    b.is_cut_off = False
    assert await receiver.events(1) == [vacated("room")]


async def test_a_cluster_that_forgot_all_tells_nobody_gone_before_all_are_back(town: Town, receiver: Receiver) -> None:
    a, b = await town.open(webhook_grace=0.1, webhook_return=2), await town.open(webhook_return=2)
    await a.enter("stays")
    await b.enter(ROOM, "ada")
    await b.enter("other")
    assert len(await receiver.events(4)) == 4
    # As when Redis is emptied: one node is back at once, the other later, and one of its clients is gone by then.
    town.channels.clear()
    town.users.clear()
    a.gaps += 1
    await a.enter("stays")
    await a.webhooks.record(APP, Vacated("other"), Vacated(ROOM))
    await asyncio.sleep(1)
    b.gaps += 1
    await b.enter(ROOM, "ada")
    assert await receiver.events(1) == [vacated("other")]
    await expect_nothing_more(town, receiver)
    assert await standing(a) == {("stays", ""), (ROOM, ""), (ROOM, "ada")}


async def test_comings_and_goings_on_three_nodes_are_told_by_turns(town: Town, receiver: Receiver) -> None:
    nodes = [await town.open(webhook_grace=0.05, outbox=Held) for _ in range(3)]
    chance, channels = random.Random(6), [f"room-{number}" for number in range(6)]
    inside: set[tuple[int, str]] = set()
    waiting = set()

    async def hold_now_and_then(node: Node) -> None:
        assert isinstance(node.outbox, Held)
        while True:
            await asyncio.sleep(chance.uniform(0, 0.2))
            node.outbox.free.clear()
            await asyncio.sleep(chance.uniform(0, 0.15))
            node.outbox.free.set()

    holding = [asyncio.create_task(hold_now_and_then(node)) for node in nodes]
    for _ in range(600):
        number, channel = chance.randrange(3), chance.choice(channels)
        step = nodes[number].leave if (number, channel) in inside else nodes[number].enter
        inside ^= {(number, channel)}
        waiting.add(asyncio.ensure_future(step(channel)))
        await asyncio.sleep(chance.choice((0, 0, 0.002, 0.01, 0.03)))
    for number, channel in inside:
        waiting.add(asyncio.ensure_future(nodes[number].leave(channel)))
    for task in holding:
        task.cancel()
    await asyncio.gather(*holding, return_exceptions=True)
    for node in nodes:
        assert isinstance(node.outbox, Held)
        node.outbox.free.set()
    await asyncio.gather(*waiting)
    for node in nodes:
        await settled(node)

    async def is_empty() -> bool:
        return not await standing(nodes[0]) and not await nodes[0].store.outbox.backlog()

    await eventually(is_empty, "somebody still stands")
    await nodes[0].say("last")
    told: list[dict[str, str]] = []
    while not told or told[-1]["name"] != "client_event":
        told += (await receiver.next()).events
    for channel in channels:
        names = [event["name"] for event in told if event["channel"] == channel]
        assert names == ["channel_occupied", "channel_vacated"] * (len(names) // 2)
        assert names


# Who delivers


async def test_only_the_leader_delivers_and_hears_of_others_events_at_once(
    town: Town, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(facade, "LOOK_SECONDS", 1000)
    a, b = await town.open(), await town.open()
    await b.say("1")
    assert [event["data"] for event in await receiver.events(1)] == ["1"]
    assert (a.webhooks.is_delivering, b.webhooks.is_delivering) == (True, False)
    assert (a.webhooks.counts()["delivered"], b.webhooks.counts()["delivered"]) == (1, 0)


async def test_the_leader_finds_by_itself_what_it_was_not_told_of(
    town: Town, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(facade, "LOOK_SECONDS", 0.1)
    await town.open()
    b = await town.open()
    b.is_mute = True
    await b.say("1")
    assert [event["data"] for event in await receiver.events(1)] == ["1"]


async def test_another_leader_goes_on_with_what_the_first_began(town: Town, receiver: Receiver) -> None:
    a, b = await town.open(), await town.open()
    receiver.always = 500
    await b.say("1", "private-a")
    first = await receiver.next()
    await a.say("2", "private-a")
    receiver.always = 200
    town.leader = b
    assert (await receiver.next()).body == first.body
    assert [event["data"] for event in await receiver.events(1)] == ["2"]
    await eventually(lambda: b.webhooks.is_delivering and not a.webhooks.is_delivering, "both or none deliver")
    assert b.webhooks.counts()["delivered"] == 2


async def test_who_cannot_know_whether_it_leads_begins_no_request(town: Town, receiver: Receiver) -> None:
    a = await town.open()
    await a.say("1")
    await receiver.events(1)
    a.is_cut_off = True
    for number in range(5):
        await a.say(str(number))
    await eventually(lambda: not a.webhooks.is_delivering, "it still delivers")
    assert receiver.rest() == []
    a.is_cut_off = False
    assert [event["data"] for event in await receiver.events(5)] == ["0", "1", "2", "3", "4"]


async def test_leadership_that_goes_round_loses_nothing_and_keeps_the_order(town: Town, receiver: Receiver) -> None:
    nodes = [await town.open() for _ in range(3)]
    count = 0
    for turn in range(6):
        town.leader = nodes[turn % 3]
        for _ in range(20):
            await nodes[count % 3].say(str(count), "private-a")
            count += 1
            await asyncio.sleep(0.02)
    heard: list[int] = []
    bodies: set[bytes] = set()
    while not heard or heard[-1] != count - 1:
        received = await receiver.next()
        if received.body not in bodies:
            heard += [int(event["data"]) for event in received.events]
        bodies.add(received.body)
    assert heard == list(range(count))


async def test_of_two_who_think_they_lead_only_the_later_makes_deliveries(town: Town, receiver: Receiver) -> None:
    a, b = await town.open(), await town.open()
    receiver.always = 500
    await a.say("0", "private-a")
    await receiver.next()
    b.has_usurped = True
    await eventually(lambda: b.webhooks.is_delivering, "it does not lead")
    receiver.always = 200
    for number in range(1, 30):
        await (a, b)[number % 2].say(str(number), "private-a")
        await asyncio.sleep(0.05)
    heard: list[int] = []
    bodies: set[bytes] = set()
    while not heard or heard[-1] != 29:
        received = await receiver.next()
        if received.body not in bodies:
            heard += [int(event["data"]) for event in received.events]
        bodies.add(received.body)
    assert heard == list(range(30))


async def test_a_node_whose_lead_was_lost_and_is_back_begins_anew(town: Town, receiver: Receiver) -> None:
    a = await town.open()
    await a.say("1")
    await receiver.events(1)
    # Another led in between, so shortly that nobody noticed.
    await a.store.outbox.lead(7)
    await a.say("2")
    await a.say("3")
    assert [event["data"] for event in await receiver.events(2)] == ["2", "3"]


async def test_a_leader_that_died_in_the_middle_of_a_request_is_followed(url: str, receive: Receive) -> None:
    receiver = await receive(always=hang)
    async with Town(url, to(receiver)) as town:
        a, b = await town.open(), await town.open()
        await a.say("1")
        first = await receiver.next()
        receiver.always = 200
        await a.die()
        assert (await receiver.next()).body == first.body
        assert b.webhooks.is_delivering


async def test_the_limit_of_what_waits_holds_on_every_node(
    url: str, receive: Receive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(facade, "LOOK_SECONDS", 0.1)
    receiver = await receive(always=500)
    async with Town(url, to(receiver)) as town:
        a, b = await town.open(webhook_backlog=10), await town.open(webhook_backlog=10)
        await a.say("0", "private-a")
        await receiver.next()
        for number in range(15):
            await b.say(str(number), "private-a")
        # What is written at the moment of a count may be counted twice, until the next.
        assert b.webhooks.counts()["dropped"] in (5, 6)

        async def is_full_elsewhere() -> bool:
            before = a.webhooks.counts()["dropped"]
            await a.say("more", "private-a")
            return a.webhooks.counts()["dropped"] > before

        await eventually(is_full_elsewhere, "the other node knows nothing of what waits")


# What a lost node leaves


async def test_a_leaving_that_died_with_its_node_is_told_by_the_leader(town: Town, receiver: Receiver) -> None:
    a, b = await town.open(webhook_return=0.5), await town.open(webhook_grace=30)
    await b.enter(ROOM, "ada")
    assert await receiver.events(2) == [occupied(), added("ada")]
    await b.leave(ROOM, "ada")
    await b.die()
    assert await receiver.events(2) == [removed("ada"), vacated()]
    assert await standing(a) == set()


async def test_who_comes_back_after_a_node_was_lost_never_left(town: Town, receiver: Receiver) -> None:
    a, b = await town.open(webhook_return=1), await town.open()
    await b.enter(ROOM, "ada")
    await b.enter("other")
    assert len(await receiver.events(3)) == 3
    await b.die()
    await a.enter(ROOM, "ada")
    assert await receiver.events(1) == [vacated("other")]
    await expect_nothing_more(town, receiver)


async def test_a_coming_that_died_with_its_node_is_told_by_the_leader(town: Town, receiver: Receiver) -> None:
    a, b = await town.open(webhook_return=0.5), await town.open()
    await a.enter("room", is_recorded=False)
    await a.enter(ROOM, "ada", is_recorded=False)
    await b.die()
    told = await receiver.events(3)
    assert sorted(told, key=str) == sorted([occupied("room"), occupied(), added("ada")], key=str)
    assert told.index(occupied()) < told.index(added("ada"))
    await a.leave("room")
    assert await receiver.events(1) == [vacated("room")]


async def test_a_new_leader_compares_what_stands(town: Town, receiver: Receiver) -> None:
    a, b = await town.open(webhook_return=0.5, webhook_grace=30), await town.open(webhook_return=0.5)
    await a.enter("room")
    await a.leave("room", is_recorded=False)
    assert await receiver.events(1) == [occupied("room")]
    town.leader = b
    assert await receiver.events(1) == [vacated("room")]


async def test_a_node_that_stops_tells_nobody_gone_who_comes_back_elsewhere(town: Town, receiver: Receiver) -> None:
    a, b = await town.open(webhook_return=1), await town.open()
    await b.enter(ROOM, "ada")
    assert len(await receiver.events(2)) == 2
    b.webhooks.freeze()
    await b.leave(ROOM, "ada")
    await a.enter(ROOM, "ada")
    await b.die()
    await expect_nothing_more(town, receiver)


# Applications


async def test_who_was_there_before_the_endpoint_has_an_end_on_any_node(
    url: str, receiver: Receiver, execute: Execute
) -> None:
    async with Town(url) as town:
        a, b = await town.open(webhook_return=0.5), await town.open()
        await a.store.create_example(email="a@example.com", password_hash="x", token_hash="0" * 64, token_prefix="x")
        await b.enter("room")
        hooks = Hooks(execute, a.webhooks, APP)
        endpoint = await hooks.add(receiver)
        await b.webhooks.refresh(APP)
        await eventually(lambda: is_anybody_standing(a), "what was there does not stand")
        await b.leave("room")
        assert await receiver.events(1) == [vacated("room")]
        # Nobody asks for its end when nobody is left to hear of it.
        await a.enter("room")
        assert await receiver.events(1) == [occupied("room")]
        await hooks.remove(endpoint)
        await b.webhooks.refresh(APP)
        await eventually(lambda: is_nobody_standing(a), "what nobody hears of still stands")


async def is_anybody_standing(node: Node) -> bool:
    return bool(await standing(node))


async def is_nobody_standing(node: Node) -> bool:
    return not await standing(node)


async def test_what_waits_for_an_endpoint_that_goes_is_dropped_on_all_nodes(
    url: str, receive: Receive, execute: Execute
) -> None:
    receiver = await receive(always=500)
    async with Town(url) as town:
        a, b = await town.open(), await town.open()
        await a.store.create_example(email="a@example.com", password_hash="x", token_hash="0" * 64, token_prefix="x")
        hooks = Hooks(execute, b.webhooks, APP)
        endpoint = await hooks.add(receiver)
        await a.webhooks.refresh(APP)
        for number in range(5):
            await b.say(str(number))
        await receiver.next()
        await hooks.remove(endpoint)
        await b.say("nobody hears")
        await a.webhooks.refresh(APP)
        await hooks.expect_nothing_left()
