"""Subscribers are told how many they are, at each change or, when they are many, now and then."""

import asyncio
import random
from collections.abc import Callable

import pytest

from hubbub.errors import STORE_UNAVAILABLE, Refusal
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


async def test_nothing_is_kept_of_a_channel_that_was_counted_and_is_so_no_longer(watched: Watched) -> None:
    """The setting was changed while somebody was there."""
    client = Recording()
    await watched.node.join("1", "room", client, None, 0, is_counted=True)
    await watched.node.leave("1", "room", client, None, is_counted=False)
    assert not watched.node._counts._known


@pytest.mark.parametrize("channel", ["presence-x", "presence-cache-x", "#server-to-user-ann"])
async def test_some_channels_are_not_counted(watched: Watched, channel: str) -> None:
    client = Recording()
    await watched.node.join("1", channel, client, None, 0, is_counted=True)
    await watched.node.leave("1", channel, client, None, is_counted=True)
    assert not [fact for fact in watched.facts if isinstance(fact, Counted)]


class Teller:
    """Says how many there are, and notes what was told; both may take a while."""

    def __init__(self, *, waits: bool) -> None:
        self.number = 0
        self.elsewhere = 0
        self.is_frozen = False
        self.unanswered = 0
        self.refusal: Refusal | None = None
        self.told: list[int] = []
        self.told_to_all: list[int] = []
        self._is_told = asyncio.Condition()
        self._waits = waits
        self._dice = random.Random(9)

    def count(self, app_id: str, channel: str) -> int:
        return self.number

    async def subscription_counts(self, app_id: str, channels: list[str]) -> list[int]:
        assert (app_id, channels) == ("1", ["room"])
        if self.refusal is not None:
            raise self.refusal
        number = self.number + (0 if self.is_frozen else self.elsewhere)
        self.unanswered += self.is_frozen
        await self._wait()
        return [number]

    def tell_count_here(self, app_id: str, channel: str, count: int) -> None:
        self.told.append(count)

    async def tell_count(self, app_id: str, channel: str, count: int) -> None:
        await self._wait()
        self.told.append(count)
        self.told_to_all.append(count)
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
    numbers = Counts(teller)

    async def change(count: int) -> None:
        teller.number = count
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
    numbers = Counts(teller)
    teller.number = MANY + 1
    await asyncio.gather(*(numbers.changed("1", "room") for _ in range(50)))
    assert len(teller.told) == 1
    await teller.until(lambda told: len(told) > 1)
    await asyncio.sleep(0.7)
    assert teller.told == [MANY + 1, MANY + 1]
    numbers.stop()


async def test_no_number_is_told_after_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counts, "SECONDS", 0.05)
    teller = Teller(waits=False)
    numbers = Counts(teller)
    teller.number = MANY + 1
    await numbers.changed("1", "room")
    await numbers.changed("1", "room")
    numbers.stop()
    await asyncio.sleep(0.2)
    assert len(teller.told) == 1


# Cache channels


async def test_what_changed_without_a_word_is_told_when_it_is_counted_anew() -> None:
    teller = Teller(waits=True)
    numbers = Counts(teller)
    for teller.number in (1, 2, 3):
        await numbers.changed("1", "room")
    teller.number = 2  # a node is lost, and with it a subscriber
    await numbers.recount()
    await numbers.recount()
    assert teller.told == [1, 2, 3, 2]
    teller.number = 0
    await numbers.changed("1", "room")
    teller.number = 5
    await numbers.recount()
    assert teller.told == [1, 2, 3, 2], "nobody is here to be told"
    numbers.stop()


async def test_who_came_while_the_others_could_not_be_asked_is_told_when_they_can_be() -> None:
    teller = Teller(waits=False)
    teller.number = 1
    numbers = Counts(teller)
    teller.refusal = STORE_UNAVAILABLE()
    with pytest.raises(Refusal):
        await numbers.changed("1", "room")
    assert teller.told == []
    teller.refusal = None
    await numbers.recount()
    await numbers.recount()
    assert teller.told == [1]
    # One goes and another comes, who has not heard of the number that it was.
    teller.refusal = STORE_UNAVAILABLE()
    with pytest.raises(Refusal):
        await numbers.changed("1", "room")
    teller.refusal = None
    await numbers.recount()
    assert teller.told == [1, 1]
    numbers.stop()


@pytest.mark.parametrize("left_here", [0, 1, 2])
async def test_what_changes_here_while_the_others_cannot_be_reached_is_told_to_them_when_they_can_be(
    left_here: int,
) -> None:
    teller = Teller(waits=False)
    teller.number, teller.elsewhere = 1, 3
    numbers = Counts(teller)
    await numbers.changed("1", "room")
    teller.refusal, teller.number = STORE_UNAVAILABLE(), left_here
    with pytest.raises(Refusal):
        await numbers.changed("1", "room")
    with pytest.raises(Refusal):
        await numbers.recount()
    teller.refusal = None
    await numbers.recount()
    await numbers.recount()
    assert teller.told == teller.told_to_all == [4, 3 + left_here]
    numbers.stop()


async def test_a_number_without_a_node_that_did_not_answer_is_told_again_when_it_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(counts, "AGAIN", 0.01)
    teller = Teller(waits=False)
    teller.number, teller.elsewhere, teller.is_frozen = 1, 3, True
    numbers = Counts(teller)
    await numbers.changed("1", "room")
    await teller.until(lambda told: len(told) == 3)
    teller.is_frozen = False
    await teller.until(lambda told: told[-1] == 4)
    assert set(teller.told_to_all[:-1]) == {1}
    await asyncio.gather(*numbers._tasks)
    assert teller.told_to_all[-1] == 4, "and no more is told"
    assert not numbers._owed
    numbers.stop()


async def test_a_number_told_by_another_node_while_ours_is_asked_for_leaves_one_rest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(counts, "SECONDS", 0.05)
    teller = Teller(waits=True)
    teller.number = counts.MANY + 1
    numbers = Counts(teller)
    changing = asyncio.ensure_future(numbers.changed("1", "room"))
    await asyncio.sleep(0)
    numbers.told("1", "room", teller.number)
    await changing
    assert len(numbers._tasks) == 1
    async with asyncio.timeout(15):
        await asyncio.gather(*numbers._tasks)
