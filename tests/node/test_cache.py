"""What a cache channel keeps is shown to who comes later, once."""

import asyncio
import random

import pytest

from hubbub.messages import (
    CacheMissed,
    Event,
    Occupied,
)
from node.engines import Hesitant
from node.watched import Ear, Watched


async def test_who_joins_gets_what_is_kept_after_the_welcome(watched: Watched) -> None:
    early, late = Ear(), Ear()
    await watched.node.join("1", "cache-x", early, None, 0)
    event = Event("cache-x", "n", "kept")
    await watched.node.publish("1", event, keep=60)
    await watched.node.join("1", "cache-x", late, None, 0)
    watched.node.hub.flush()
    assert [type(message).__name__ for message in early.messages] == ["Subscribed", "CacheMissed", "Event"]
    assert late.messages[1:] == [event]
    assert watched.notary.facts == [Occupied("cache-x"), CacheMissed("cache-x")]


async def test_only_an_applications_events_in_cache_channels_are_kept(watched: Watched) -> None:
    for channel in ("room", "presence-x"):
        await watched.node.publish("1", Event(channel, "n", "x"), keep=60)
        assert await watched.node.recall("1", channel) is None
    await watched.node.publish("1", Event("cache-x", "n", "x"))
    await watched.node.relay("1", Event("private-cache-x", "client-n", "x"), Ear(), "1.1")
    assert await watched.node.recall("1", "cache-x") is None
    assert await watched.node.recall("1", "private-cache-x") is None


async def test_many_who_find_nothing_are_all_told_but_written_down_once(watched: Watched) -> None:
    ears = [Ear() for _ in range(20)]
    await asyncio.gather(*(watched.node.join("1", "cache-x", ear, None, 0) for ear in ears))
    for ear in ears:
        assert [type(message).__name__ for message in ear.messages] == ["Subscribed", "CacheMissed"]
    assert watched.notary.facts.count(CacheMissed("cache-x")) == 1


@pytest.mark.parametrize("seed", range(5))
async def test_who_joins_while_it_is_published_gets_each_event_once_and_in_order(seed: int) -> None:
    """As the kept one, then as the new ones after it, whatever the engine takes its time for."""
    dice = random.Random(seed)
    watched = Watched(Hesitant(seed))
    await watched.node.start()
    ears: list[Ear] = []

    async def listen() -> None:
        ear = Ear()
        ears.append(ear)
        for _ in range(dice.randrange(20)):
            await asyncio.sleep(0)
        await watched.node.join("1", "cache-x", ear, None, 0)

    async def speak() -> None:
        for number in range(50):
            await watched.node.publish("1", Event("cache-x", "n", str(number)), keep=60)

    await asyncio.gather(speak(), *(listen() for _ in range(50)))
    watched.node.hub.flush()
    for ear in ears:
        heard = [int(message.data) for message in ear.messages if isinstance(message, Event)]
        first = 0 if isinstance(ear.messages[1], CacheMissed) else heard[0]
        assert heard == list(range(first, 50))


# Users who are signed in
