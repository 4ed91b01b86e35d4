"""Subscribers are told how many they are, at each change or, when they are many, now and then."""

import asyncio
import random
from collections.abc import Callable

import pytest

from hubbub.messages import (
    Counted,
)
from hubbub.node import counts
from hubbub.node.counts import MANY, Counts
from node.watched import Ear, Watched
from recording import Recording


async def test_numbers_are_told_to_all_at_each_change(watched: Watched) -> None:
    ears = [Ear(), Ear(), Ear()]
    for ear in ears:
        await watched.node.join("1", "room", ear, None, 0, is_counted=True)
        watched.node.hub.flush()
    await watched.node.leave("1", "room", ears[0], None, is_counted=True)
    watched.node.hub.flush()
    told = [[message.count for message in ear.messages if isinstance(message, Counted)] for ear in ears]
    assert told == [[1, 2, 3], [2, 3, 2], [3, 2]]
    assert [fact for fact in watched.facts if isinstance(fact, Counted)] == [
        Counted("room", count) for count in (1, 2, 3, 2)
    ]


async def test_the_number_told_last_is_the_right_one(watched: Watched) -> None:
    """However many come and go at once."""
    dice, ear = random.Random(5), Ear()
    await watched.node.join("1", "room", ear, None, 0, is_counted=True)
    stayed = 0

    async def live() -> None:
        nonlocal stayed
        client = Recording()
        for _ in range(dice.randrange(1, 4)):
            await watched.node.join("1", "room", client, None, 0, is_counted=True)
            await asyncio.sleep(0)
            await watched.node.leave("1", "room", client, None, is_counted=True)
        if dice.random() < 0.5:
            await watched.node.join("1", "room", client, None, 0, is_counted=True)
            stayed += 1

    await asyncio.gather(*(live() for _ in range(40)))
    watched.node.hub.flush()
    numbers = [message.count for message in ear.messages if isinstance(message, Counted)]
    assert await watched.node.subscription_count("1", "room") == stayed + 1
    assert numbers[-1] == stayed + 1
    assert numbers == [fact.count for fact in watched.notary.facts if isinstance(fact, Counted)]


@pytest.mark.parametrize("channel", ["presence-x", "presence-cache-x", "#server-to-user-ann"])
async def test_some_channels_are_not_counted(watched: Watched, channel: str) -> None:
    client = Recording()
    await watched.node.join("1", channel, client, None, 0, is_counted=True)
    await watched.node.leave("1", channel, client, None, is_counted=True)
    assert not [fact for fact in watched.facts if isinstance(fact, Counted)]


class Teller:
    """Says how many there are, and notes what was told; both may take a while."""

    def __init__(self, *, waits: bool) -> None:
        self.count = 0
        self.told: list[int] = []
        self._is_told = asyncio.Condition()
        self._waits = waits
        self._dice = random.Random(9)

    async def number(self, app_id: str, channel: str) -> int:
        assert (app_id, channel) == ("1", "room")
        count = self.count
        await self._wait()
        return count

    async def tell(self, app_id: str, channel: str, count: int) -> None:
        await self._wait()
        self.told.append(count)
        async with self._is_told:
            self._is_told.notify_all()

    async def until(self, is_so: Callable[[list[int]], bool]) -> None:
        """Wait until what was told is so."""
        async with asyncio.timeout(15), self._is_told:
            await self._is_told.wait_for(lambda: is_so(self.told))

    async def _wait(self) -> None:
        for _ in range(self._dice.randrange(4) if self._waits else 0):
            await asyncio.sleep(0)


@pytest.mark.parametrize("waits", [False, True])
async def test_many_are_told_once_in_a_period(waits: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counts, "SECONDS", 0.3)
    teller = Teller(waits=waits)
    numbers = Counts(teller.number, teller.tell)

    async def change(count: int) -> None:
        teller.count = count
        await numbers.changed("1", "room")

    began = asyncio.get_running_loop().time()
    for count in range(MANY - 1, MANY + 2):
        await change(count)
    assert teller.told == [MANY - 1, MANY, MANY + 1]
    await asyncio.gather(*(change(count) for count in range(MANY + 2, MANY + 50)))
    if asyncio.get_running_loop().time() - began < 0.3:
        assert teller.told == [MANY - 1, MANY, MANY + 1]
    await teller.until(lambda told: told[-1] == MANY + 49)
    assert asyncio.get_running_loop().time() - began >= 0.3
    # Many become few, which is told in its turn; few are told at once, when the period is over.
    await change(3)
    await teller.until(lambda told: told[-1] == 3)
    await change(2)
    assert teller.told[-1] == 2
    await change(0)
    assert teller.told[-1] == 2, "nobody is there to be told"
    numbers.stop()


async def test_many_who_come_at_once_are_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counts, "SECONDS", 0.5)
    teller = Teller(waits=True)
    numbers = Counts(teller.number, teller.tell)
    teller.count = MANY + 1
    await asyncio.gather(*(numbers.changed("1", "room") for _ in range(50)))
    assert len(teller.told) == 1
    await teller.until(lambda told: len(told) > 1)
    await asyncio.sleep(0.7)
    assert teller.told == [MANY + 1, MANY + 1]
    numbers.stop()


async def test_no_number_is_told_after_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counts, "SECONDS", 0.05)
    teller = Teller(waits=False)
    numbers = Counts(teller.number, teller.tell)
    teller.count = MANY + 1
    await numbers.changed("1", "room")
    await numbers.changed("1", "room")
    numbers.stop()
    await asyncio.sleep(0.2)
    assert len(teller.told) == 1


# Cache channels
