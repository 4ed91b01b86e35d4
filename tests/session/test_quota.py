"""How many connections an application may have, where there are several nodes."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Iterator

import msgspec
import pytest

from engine.redis.redisserver import Server
from hubbub.apps import Application, KeyPair
from hubbub.engine.memory import Memory
from hubbub.errors import OVER_QUOTA, STORE_UNAVAILABLE, Reason, Refusal
from hubbub.hub.hub import Hub
from hubbub.node.node import RETURNED, Node
from hubbub.session.places import SPARE
from hubbub.session.quota import RETURN_SECONDS, Quota
from hubbub.settings import AppSettings
from sharing import Redistown, Town

LIMIT = 64
PATIENCE = 15.0  # seconds: only reached by what has failed


def application(limit: int = LIMIT) -> Application:
    return Application("1", "Test", (KeyPair("key", "secret"),), AppSettings(max_connections=limit))


class House:
    """A node's connections: they come by the quota's door, and go."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.count = 0
        self.waited = 0
        self.quota = Quota(node, lambda _: self.count)

    async def come(self, app: Application | None = None) -> None:
        """Let one in. Raises OVER_QUOTA."""
        app = app or application()
        while (vacancy := self.quota.room(app)) is not None:
            self.waited += 1
            await vacancy
        self.count += 1

    async def comes(self, app: Application | None = None) -> Reason | None:
        """Let one in if there is room; otherwise give why not."""
        try:
            await self.come(app)
        except Refusal as refusal:
            return refusal.reason
        return None

    async def fill(self, app: Application | None = None) -> int:
        """Let in as many as there is room for."""
        came = 0
        while await self.comes(app) is None:
            came += 1
        return came

    def go(self, count: int = 1) -> None:
        self.count -= count
        for _ in range(count):
            self.quota.left("1")


@pytest.fixture(scope="module")
def redis() -> Iterator[Server]:
    with Server() as server:
        yield server


@pytest.fixture(params=["in process", pytest.param("on Redis", marks=pytest.mark.needs("redis"))])
async def town(request: pytest.FixtureRequest) -> AsyncIterator[Town | Redistown]:
    if request.param == "in process":
        yield Town()
        return
    town = Redistown(request.getfixturevalue("redis").url)
    yield town
    await town.stop()


async def houses(town: Town | Redistown, count: int) -> list[House]:
    return [House(node) for node in await town.nodes(count)]


async def eventually(holds: Callable[[], bool], why: str) -> None:
    for _ in range(round(PATIENCE / 0.01)):
        if holds():
            return
        await asyncio.sleep(0.01)
    raise AssertionError(why)


async def test_one_node_alone_reaches_the_limit_and_no_more(town: Town | Redistown) -> None:
    one, another = await houses(town, 2)
    assert await one.fill() == LIMIT
    assert await another.comes() is OVER_QUOTA


async def test_several_nodes_reach_it_together_and_no_more(town: Town | Redistown) -> None:
    three = await houses(town, 3)
    assert sum(await asyncio.gather(*(house.fill() for house in three))) == LIMIT


@pytest.mark.parametrize("limit", [1, 2, 3, 17, 1000])
async def test_the_last_place_is_given_to_whichever_node_asks(town: Town | Redistown, limit: int) -> None:
    """Also where others hold places in advance."""
    one, another, third = await houses(town, 3)
    app = application(limit)
    for _ in range(limit // 3):
        await one.come(app)
        await another.come(app)
    assert await third.fill(app) == limit - 2 * (limit // 3)
    assert [await house.comes(app) for house in (one, another, third)] == [OVER_QUOTA] * 3


async def test_a_place_that_becomes_free_on_one_node_is_free_on_all(town: Town | Redistown) -> None:
    one, another, third = await houses(town, 3)
    await one.fill()
    for leaving, coming in [(one, another), (another, third), (one, third), (third, one)] * 3:
        assert await coming.comes() is OVER_QUOTA
        leaving.go()
        async with asyncio.timeout(PATIENCE):
            while await coming.comes():
                pass


async def test_most_who_come_need_not_wait() -> None:
    town = Town()
    one, _ = await houses(town, 2)
    app = application(10_000)
    for _ in range(2000):
        await one.come(app)
        await asyncio.sleep(0)
    assert one.waited <= 30
    assert town.calls <= 60
    assert one.count < town.held() < one.count + 10_000 // SPARE + 1


async def test_many_who_come_at_once_ask_together() -> None:
    town = Town()
    one, _ = await houses(town, 2)
    answers = await asyncio.gather(*(one.comes() for _ in range(2 * LIMIT)))
    assert answers == [None] * LIMIT + [OVER_QUOTA] * LIMIT, "not in the order they came"
    assert town.calls <= 12


async def test_places_that_are_not_used_are_given_back() -> None:
    town = Town()
    one, another = await houses(town, 2)
    app = application(1000)
    for _ in range(400):
        await one.come(app)
    one.go(390)
    await eventually(lambda: town.held() <= 10 + 10, "they are held still")
    one.go(10)
    await eventually(lambda: not town.held(), "they are held still")
    assert await another.fill(app) == 1000


async def test_coming_and_going_does_not_make_a_node_ask_each_time() -> None:
    town = Town()
    one, _ = await houses(town, 2)
    app = application(1000)
    for _ in range(200):
        await one.come(app)
    calls = town.calls
    for _ in range(1000):
        await one.come(app)
        one.go()
    assert town.calls - calls <= 10


@pytest.mark.parametrize("seed", range(5))
async def test_nothing_is_lost_or_overrun_while_connections_come_and_go(seed: int) -> None:
    town = Town(seed)
    dice = random.Random(seed)
    three = await houses(town, 3)

    async def live(house: House) -> None:
        for _ in range(400):
            if dice.random() < 0.55:
                await house.comes()
                assert sum(one.count for one in three) <= LIMIT
                assert town.held() <= LIMIT
            elif house.count:
                house.go(dice.randrange(1, min(house.count, 9) + 1))
            for _ in range(dice.randrange(6)):
                await asyncio.sleep(0)

    await asyncio.gather(*(live(house) for house in three for _ in range(4)))
    before = sum(house.count for house in three)
    assert sum([await house.fill() for house in three]) == LIMIT - before
    for house in three:
        house.go(house.count)
    await eventually(lambda: not town.places["1"], "places are held for nobody")


async def test_who_gives_up_waiting_leaves_the_place_to_others() -> None:
    town = Town()
    one, another = await houses(town, 2)
    for _ in range(LIMIT - 3):
        await one.come()
    town.answers.clear()
    tasks = [asyncio.ensure_future(another.comes()) for _ in range(5)]
    await asyncio.sleep(0.05)
    for task in tasks[:2]:
        task.cancel()
    town.answers.set()
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(answer) for answer in answers[:2]] == [asyncio.CancelledError] * 2
    assert answers[2:] == [None] * 3
    assert await one.comes() is OVER_QUOTA


async def test_a_limit_that_is_lowered_leaves_those_who_are_there_and_lets_nobody_in() -> None:
    town = Town()
    one, another = await houses(town, 2)
    await asyncio.gather(*(house.come() for house in (one, another) for _ in range(20)))
    low = application(10)
    for house in (one, another):
        house.quota.follow(low)
    await eventually(lambda: town.held() == 40, "they hold places in advance")
    for _ in range(15):
        assert await one.comes(low) is OVER_QUOTA
        assert await another.comes(low) is OVER_QUOTA
        one.go()
        another.go()
    await eventually(lambda: town.held() == 10, "they hold places in advance")
    one.go()
    await eventually(lambda: town.held() < 10, "the place was not given back")
    assert await another.comes(low) is None
    assert await another.comes(low) is OVER_QUOTA


async def test_a_limit_that_is_new_counts_who_is_there() -> None:
    town = Town()
    one, another = await houses(town, 2)
    one.count, another.count = 30, 30
    for house in (one, another):
        house.quota.follow(application())
    await eventually(lambda: town.held() >= 60, "they hold no places")
    assert await one.fill() + await another.fill() == 4


async def test_a_limit_that_is_lifted_gives_all_places_back() -> None:
    town = Town()
    one, another = await houses(town, 2)
    await one.fill()
    free = application(0)
    for house in (one, another):
        house.quota.follow(free)
    assert await another.comes(free) is None
    await eventually(lambda: not town.held(), "places are held that nobody counts")


async def test_a_node_that_was_forgotten_and_returns_uses_no_places_but_those_it_has_taken() -> None:
    """Others were given the rest meanwhile."""
    town = Town()
    one, another = await houses(town, 2)
    for _ in range(20):
        await one.come()
    assert town.held() > 20, "nothing in advance: this test says nothing"
    engine = town.engines[0]
    held = town.places["1"].pop(engine)
    assert await another.fill() == LIMIT
    town.places["1"][engine] = held
    engine.host.heard(RETURNED, "")
    assert await one.comes() is None, "up to an even share"
    one.go()
    assert await one.fill() == LIMIT // 2 - 20
    assert await one.comes() is STORE_UNAVAILABLE
    one.go(LIMIT // 2 - 20)
    await eventually(lambda: town.held() == LIMIT + 20, "it holds places that it does not need")
    await asyncio.sleep(RETURN_SECONDS)
    assert await one.comes() is OVER_QUOTA
    one.go(20)
    assert await one.comes() is OVER_QUOTA
    another.go()
    await eventually(lambda: town.held() < LIMIT, "the place was not given back")
    assert await one.comes() is None


async def test_while_the_cluster_is_away_each_node_has_what_it_holds_or_an_even_share() -> None:
    town = Town()
    one, another = await houses(town, 2)
    for _ in range(50):
        await one.come()
    held = town.held()
    town.cut()
    assert await one.fill() == held - 50
    assert await one.comes() is STORE_UNAVAILABLE, "it would not come back"
    assert await another.fill() == LIMIT // 2
    assert await another.comes() is STORE_UNAVAILABLE
    one.go(5)
    assert await one.fill() == 5
    town.cut(is_away=False)
    await eventually(lambda: town.held() >= held + LIMIT // 2, "who came meanwhile is not known")
    assert await another.comes() is OVER_QUOTA
    another.go(another.count)
    await eventually(lambda: town.held() < LIMIT, "they are held still")
    assert await one.fill() == LIMIT - held


@pytest.mark.needs("redis")
async def test_a_redis_that_comes_back_empty_knows_who_is_there() -> None:
    with Server() as server:
        town = Redistown(server.url)
        one, another, third = await houses(town, 3)
        for _ in range(20):
            await one.come()
            await another.come()
        server.kill()
        await eventually(lambda: one.node.away is not None and third.node.away is not None, "it is not missed")
        assert await third.fill() == -(-LIMIT // 3)
        assert await third.comes() is STORE_UNAVAILABLE
        server.start()
        here = one.count + another.count + third.count
        await eventually(lambda: town.held(server) >= here, "who is there is not known")
        await asyncio.sleep(RETURN_SECONDS + 1)  # some return later than others
        assert sum([await house.fill() for house in (one, another, third)]) == LIMIT - here
        gone = third.count
        third.go(gone)
        await eventually(lambda: town.held(server) == LIMIT - gone, "the places were not given back")
        assert await one.fill() == gone
        await town.stop()


async def test_who_waits_when_the_cluster_goes_away_is_answered() -> None:
    town = Town()
    one, _ = await houses(town, 2)
    coming = [asyncio.ensure_future(one.comes()) for _ in range(LIMIT)]
    await asyncio.sleep(0)
    town.cut()
    answers = await asyncio.gather(*coming)
    assert answers == [None] * (LIMIT // 2) + [STORE_UNAVAILABLE] * (LIMIT // 2)


async def test_what_could_not_be_given_back_is_given_back_later() -> None:
    town = Town()
    one, another = await houses(town, 2)
    await one.fill()
    town.cut()
    one.go(LIMIT)
    await asyncio.sleep(1.5)
    assert town.held() == LIMIT
    town.cut(is_away=False)
    await eventually(lambda: not town.held(), "they are held still")
    assert await another.fill() == LIMIT


async def test_nothing_is_asked_of_the_engine_by_a_node_that_stops() -> None:
    town = Town()
    one, _ = await houses(town, 2)
    await one.fill()
    one.quota.stop()
    calls = town.calls
    one.go(LIMIT)
    await asyncio.sleep(1.5)
    assert town.calls == calls


async def test_applications_do_not_share() -> None:
    town = Town()
    one, another = await houses(town, 2)
    await one.fill()
    other = msgspec.structs.replace(application(), id="2")
    assert await another.comes(other) is None


async def test_a_node_that_is_alone_never_waits() -> None:
    house = House(Node(Hub(asyncio.get_running_loop().call_soon), Memory()))
    assert await house.fill() == LIMIT
    assert not house.waited
    house.go()
    assert await house.fill() == 1


async def test_what_others_have_is_known_where_places_are_few() -> None:
    town = Town()
    one, another = await houses(town, 2)
    for _ in range(30):
        await another.come()
    assert one.quota.taken("1") == 0
    assert await one.fill() == 34
    assert one.quota.taken("1") == LIMIT
    one.go(4)
    assert one.quota.taken("1") == LIMIT - 4
