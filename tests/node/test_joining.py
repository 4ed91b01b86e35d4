"""The node tells each transition once, in the right order, also when its engine makes it wait."""

import asyncio
import random

import msgspec
import pytest

from hubbub.engine.memory import Memory
from hubbub.errors import Refusal
from hubbub.hub.hub import Hub
from hubbub.messages import (
    Event,
    Member,
    MemberAdded,
    MemberRemoved,
    Occupied,
    Vacated,
)
from hubbub.node.node import Node
from node.watched import Watched
from recording import Recording


async def test_the_joiner_is_told_first_and_hears_nothing_of_itself(watched: Watched) -> None:
    ann, bob = Recording(), Recording()
    await watched.join(ann)
    await watched.join(bob, user="bob")
    watched.node.hub.flush()
    assert ann.heard == ["Subscribed", "MemberAdded"]
    assert bob.heard == ["Subscribed"]


async def test_a_user_with_two_connections_comes_once_and_goes_once(watched: Watched) -> None:
    one, two = Recording(), Recording()
    await watched.join(one)
    await watched.join(two)
    await watched.leave(one)
    await watched.leave(two)
    assert watched.facts == [
        Occupied("presence-x"),
        MemberAdded("presence-x", Member("ann")),
        MemberRemoved("presence-x", Member("ann")),
        Vacated("presence-x"),
    ]


async def test_a_refused_join_leaves_nothing_behind(watched: Watched) -> None:
    await watched.join(Recording(), limit=1)
    refused = Recording()
    with pytest.raises(Refusal):
        await watched.join(refused, user="bob", limit=1)
    channel = watched.node.hub.channel("1", "presence-x")
    assert channel is not None
    assert refused not in channel
    assert refused.writes == []
    assert await watched.node.users("1", "presence-x") == ["ann"]


async def test_events_are_told_to_observers_and_subscribers(watched: Watched) -> None:
    client = Recording()
    await watched.node.join("1", "room", client, None, 0)
    await watched.node.publish("1", Event("room", "said", "hello"))
    watched.node.hub.flush()
    assert client.heard == ["Subscribed", "hello"]
    assert watched.facts == [Occupied("room"), Event("room", "said", "hello")]


async def test_members_and_others_share_a_channel(watched: Watched) -> None:
    """A member of an ordinary channel comes and goes while one who is no member stays, and the other way round."""
    plain, ann = Recording(), Recording()
    await watched.join(ann, channel="room")
    await watched.node.join("1", "room", plain, None, 0)
    await watched.leave(ann, channel="room")
    assert await watched.node.is_occupied("1", "room")
    await watched.join(ann, channel="room")
    await watched.node.leave("1", "room", plain, None)
    await watched.leave(ann, channel="room")
    assert not await watched.node.is_occupied("1", "room")
    came, gone = MemberAdded("room", Member("ann")), MemberRemoved("room", Member("ann"))
    assert watched.facts == [Occupied("room"), came, gone, came, gone, Vacated("room")]


async def test_a_welcome_replaces_the_word_of_the_wire_and_tells_the_members(watched: Watched) -> None:
    told: list[dict[str, Member]] = []
    ann, bob = Recording(), Recording()
    await watched.node.join("1", "room", ann, Member("ann"), 9, welcome=told.append)
    await watched.node.join("1", "room", bob, None, 0, welcome=told.append)
    assert told == [{"ann": Member("ann")}, {"ann": Member("ann")}]
    assert ann.writes == bob.writes == []


async def test_joins_and_leaves_at_once_end_with_the_truth(watched: Watched) -> None:
    """Clients of four users come and go at once; every fact alternates, and all is empty in the end."""
    dice = random.Random(11)

    async def live(user: str) -> None:
        client = Recording()
        for _ in range(dice.randrange(1, 5)):
            await watched.join(client, user=user)
            await asyncio.sleep(0)
            await watched.leave(client, user=user)

    await asyncio.gather(*(live(f"user-{number % 4}") for number in range(40)))
    present: set[str] = set()
    is_occupied = False
    for fact in watched.facts:
        match fact:
            case Occupied():
                assert not is_occupied
                is_occupied = True
            case Vacated():
                assert is_occupied
                is_occupied = False
            case MemberAdded(_, member):
                assert member.user_id not in present
                present.add(member.user_id)
            case MemberRemoved(_, member):
                present.remove(member.user_id)
    assert not present
    assert not is_occupied
    assert watched.node.hub.channel("1", "presence-x") is None
    assert await watched.node.channels("1") == []


async def test_counts_are_those_of_subscriptions_and_of_users(watched: Watched) -> None:
    for user in ("ann", "ann", "bob"):
        await watched.join(Recording(), user=user)
    assert await watched.node.subscription_count("1", "presence-x") == 3
    assert await watched.node.user_counts("1", ["presence-x"]) == [2]
    assert await watched.node.users("1", "presence-x") == ["ann", "bob"]
    assert await watched.node.is_occupied("1", "presence-x")


def test_values_are_frozen() -> None:
    with pytest.raises(AttributeError):
        Member("ann").user_id = "bob"  # type: ignore[misc]
    assert msgspec.json.encode(Member("ann")) == b'{"user_id":"ann","info":null,"online_at":0,"ref":""}'


async def test_a_channel_settles_however_much_it_is_told_afterwards() -> None:
    hub = Hub(asyncio.get_running_loop().call_soon, slice_size=2)
    node = Node(hub, Memory())
    await node.start()
    for _ in range(10):
        await node.join("1", "room", Recording(), None, 0)
    await node.publish("1", Event("room", "said", "before"))

    async def go_on() -> None:
        while True:
            await node.publish("1", Event("room", "said", "later"))
            await asyncio.sleep(0)

    talk = asyncio.create_task(go_on())
    await asyncio.wait_for(node.settle("1", "room"), 10)
    talk.cancel()
    await node.settle("1", "elsewhere")


# Counts
