"""How many events an application may publish in a second, where there are several nodes."""

import asyncio
import random
from collections.abc import Awaitable

import pytest

from hubbub import eager
from hubbub.apps import Application, KeyPair
from hubbub.errors import EVENT_RATE, Refusal
from hubbub.settings import AppSettings
from hubbub.transports.budget import SPARE, Budget
from sharing import Town

LIMIT = 48


def application(limit: int = LIMIT, app_id: str = "1") -> Application:
    return Application(app_id, "Test", (KeyPair("key", "secret"),), AppSettings(events_per_second=limit))


async def is_taken(budget: Budget, events: int = 1, app: Application | None = None) -> bool:
    try:
        await budget.spend(app or application(), events)
    except Refusal as refusal:
        if refusal.reason is not EVENT_RATE:
            raise
        return False
    return True


async def taken(budget: Budget, times: int) -> int:
    """Spend so often, one after the other; give how often that went well."""
    return sum([await is_taken(budget) for _ in range(times)])


async def budgets(town: Town, count: int) -> list[Budget]:
    return [Budget(node, town.clock) for node in await town.nodes(count)]


async def test_one_node_alone_reaches_the_limit_and_no_more() -> None:
    town = Town()
    one, _ = await budgets(town, 2)
    assert await taken(one, 3 * LIMIT) == LIMIT


async def test_several_nodes_reach_it_together_and_no_more() -> None:
    town = Town()
    three = await budgets(town, 3)
    assert sum(await asyncio.gather(*(taken(budget, LIMIT) for budget in three))) == LIMIT


async def test_a_node_takes_what_others_have_left_to_the_last() -> None:
    town = Town()
    one, another = await budgets(town, 2)
    assert await taken(one, 10) == 10
    assert await taken(another, LIMIT) == LIMIT - 10
    assert not await is_taken(one)


async def test_what_was_drawn_and_not_used_is_not_used_later() -> None:
    """One draws in advance, and falls silent until its second is over: what it has then is of the next."""
    town = Town()
    one, another = await budgets(town, 2)
    for _ in range(2):
        town.now += 1
        assert await taken(one, LIMIT - 5) == LIMIT - 5
    _, drawn = town.seconds["1"][-1]
    assert drawn > LIMIT - 5, "nothing in advance: this test says nothing"
    town.now += 1
    assert await taken(another, 2 * LIMIT) == LIMIT
    assert not await is_taken(one)


async def test_what_came_too_late_serves_who_waited_for_it_and_nobody_else() -> None:
    town = Town()
    one, another = await budgets(town, 2)
    await taken(one, LIMIT)
    town.now += 1
    town.answers.clear()
    town.drawn.clear()
    waiting = asyncio.ensure_future(is_taken(one))
    await town.drawn.wait()
    town.now += 1
    town.answers.set()
    assert await waiting
    assert await taken(another, 2 * LIMIT) == LIMIT
    assert not await is_taken(one)


@pytest.mark.parametrize("seed", range(5))
async def test_in_no_second_do_more_pass_than_the_limit(seed: int) -> None:
    """As the purse's seconds go; what was asked for in one and answered in the next may be either's."""
    town = Town(seed)
    dice = random.Random(seed)
    passed: list[tuple[float, float, int]] = []
    ends = town.now + 20

    async def publish(budget: Budget, pauses: int) -> None:
        while town.now < ends:
            events, asked = dice.choice([1, 1, 1, 2, 7]), town.now
            if await is_taken(budget, events):
                passed.append((asked, town.now, events))
            for _ in range(dice.randrange(pauses)):
                await asyncio.sleep(0)

    async def pass_by() -> None:
        while town.now < ends:
            town.now += 0.01 * dice.random()
            await asyncio.sleep(0)

    three = await budgets(town, 3)
    await asyncio.gather(pass_by(), *(publish(budget, pauses) for budget in three for pauses in (2, 20, 100)))
    seconds = town.seconds["1"]
    assert len(seconds) >= 19
    for began, drawn in seconds[:-1]:
        inside = sum(events for asked, answered, events in passed if asked >= began and answered < began + 1)
        assert inside <= drawn
        assert drawn == LIMIT, "something was left, though many asked"
    total = sum(events for _, _, events in passed)
    assert total <= sum(drawn for _, drawn in seconds)
    # Nobody falls silent here: what nodes have in advance is used. Where a batch does not fit a few are left.
    assert total >= 0.9 * LIMIT * (len(seconds) - 1)


async def test_a_batch_is_taken_whole_or_not_at_all_and_what_is_refused_uses_nothing_up() -> None:
    town = Town()
    one, another = await budgets(town, 2)
    assert await is_taken(one, LIMIT - 3)
    assert not await is_taken(another, 4), "three are left"
    assert await is_taken(another, 3)
    assert not await is_taken(one)


async def test_a_batch_of_more_than_the_limit_passes_when_nothing_else_does() -> None:
    town = Town()
    one, another = await budgets(town, 2)
    assert await is_taken(one, 2 * LIMIT)
    assert not await is_taken(another)


async def test_nobody_is_asked_for_what_is_known_to_be_gone() -> None:
    town = Town()
    one, _ = await budgets(town, 2)
    await is_taken(one, LIMIT)
    assert not await is_taken(one)
    calls = town.calls
    for _ in range(100):
        with pytest.raises(Refusal):
            one.spend(application())  # at once, without being awaited
    assert town.calls == calls


async def test_a_busy_node_seldom_asks_and_mostly_need_not_wait() -> None:
    town = Town()
    one, _ = await budgets(town, 2)
    app = application(100_000)
    waited = calls = 0
    for _ in range(2):
        town.now += 1
        calls, waited = town.calls, 0
        for _ in range(2000):
            if (spent := one.spend(app)) is not eager.DONE:
                await spent
                waited += 1
    assert waited <= 2 * SPARE
    assert town.calls - calls <= 2 * SPARE


async def test_many_who_come_at_once_ask_once() -> None:
    town = Town()
    one, _ = await budgets(town, 2)
    answers = await asyncio.gather(*(is_taken(one) for _ in range(2 * LIMIT)))
    assert sum(answers) == LIMIT
    assert answers == sorted(answers, reverse=True), "who came first was refused for who came later"
    assert town.calls <= 3


async def test_who_gives_up_waiting_leaves_the_others_theirs() -> None:
    town = Town()
    one, _ = await budgets(town, 2)
    tasks = [asyncio.ensure_future(one.spend(application())) for _ in range(LIMIT)]
    tasks[0].cancel()
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(answer) for answer in answers] == [asyncio.CancelledError] + [type(None)] * (LIMIT - 1)


async def test_a_new_limit_counts_at_once() -> None:
    town = Town()
    one, another = await budgets(town, 2)
    assert await is_taken(one, LIMIT)
    assert not await is_taken(one)
    assert await is_taken(one, app=application(LIMIT + 2))
    assert await is_taken(another, app=application(LIMIT + 2))
    assert not await is_taken(another, app=application(LIMIT + 2))
    assert await is_taken(another, app=application(0))


async def test_applications_do_not_share() -> None:
    town = Town()
    one, another = await budgets(town, 2)
    assert await is_taken(one, LIMIT)
    assert await is_taken(another, LIMIT, application(app_id="2"))


async def test_while_the_cluster_is_away_each_node_has_an_even_share() -> None:
    town = Town()
    three = await budgets(town, 3)
    town.cut()
    for budget in three:
        assert await taken(budget, LIMIT) == LIMIT / 3
        assert not await is_taken(budget, LIMIT)
    town.now += 1
    assert await is_taken(three[0], LIMIT), "a batch could never pass"
    town.cut(is_away=False)
    assert await is_taken(three[1], LIMIT)
    assert not await is_taken(three[2])


async def test_who_waits_when_the_cluster_goes_away_is_answered() -> None:
    town = Town()
    one, _, _ = await budgets(town, 3)
    waiting: list[Awaitable[bool]] = [asyncio.ensure_future(is_taken(one)) for _ in range(LIMIT)]
    await asyncio.sleep(0)
    town.cut()
    assert sum(await asyncio.gather(*waiting)) == LIMIT / 3
