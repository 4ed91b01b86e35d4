"""Who is online, and who is told."""

import asyncio
import random

import pytest

from hubbub.channels import about
from hubbub.engine.memory import Memory
from hubbub.errors import USER_TERMINATED
from hubbub.hub.connection import Wire
from hubbub.messages import (
    Fact,
    Reply,
    WentOffline,
    WentOnline,
)
from node.engines import Hesitant
from node.watched import Ear, Watched
from recording import Recording


async def test_the_first_of_a_users_connections_is_told_and_the_last(watched: Watched) -> None:
    ear, online = Ear(), watched.node.online
    await online.watch("1", ["ann"], ear, lambda _: None)
    one, two = Recording(), Recording()
    for connection in (one, two):
        await online.sign_in("1", "ann", connection)
    for connection in (one, two):
        await online.sign_out("1", "ann", connection)
    watched.node.hub.flush()
    assert ear.messages == [WentOnline(about("ann"), "ann"), WentOffline(about("ann"), "ann")]
    await online.unwatch("1", ["ann"], ear)
    await online.sign_in("1", "ann", one)
    watched.node.hub.flush()
    assert len(ear.messages) == 2
    assert await watched.node.channels("1") == []
    assert watched.facts == watched.notary.facts == [], "who is online is nobody's but the watchers'"


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("kind", [Memory, Hesitant])
async def test_who_watches_ends_with_the_truth(kind: type[Memory], seed: int) -> None:
    """Connections of four users come and go while others begin and end to watch them."""
    engine = Memory() if kind is Memory else Hesitant(seed)
    watched, dice = Watched(engine), random.Random(seed)
    await watched.node.start()
    online, users = watched.node.online, [f"user-{number}" for number in range(4)]
    stay = {user: dice.random() < 0.5 for user in users}
    views: list[dict[str, bool]] = []

    async def live(user: str) -> None:
        for _ in range(5):
            connection = Recording()
            await online.sign_in("1", user, connection)
            for _ in range(dice.randrange(4)):
                await asyncio.sleep(0)
            await online.sign_out("1", user, connection)
        if stay[user]:
            await online.sign_in("1", user, Recording())

    async def look() -> None:
        view: dict[str, bool] = {}

        def note(message: Fact | Reply) -> bytes:
            # At the time when it is written, as a client sees it.
            assert isinstance(message, WentOnline | WentOffline)
            return f"{message.user_id} {isinstance(message, WentOnline)}\n".encode()

        connection = Recording(Wire("view", note))
        told: list[bool] = []

        def tell(states: list[bool]) -> None:
            told.extend(states)
            lines = (f"{user} {state}\n" for user, state in zip(users, states, strict=True))
            connection.write("".join(lines).encode())

        for _ in range(dice.randrange(10)):
            await asyncio.sleep(0)
        await online.watch("1", users, connection, tell)
        if dice.random() < 0.3:
            await online.unwatch("1", users, connection)
            return
        views.append(view)
        ends.append((connection, view))

    ends: list[tuple[Recording, dict[str, bool]]] = []
    await asyncio.gather(*(live(user) for user in users for _ in range(2)), *(look() for _ in range(20)))
    watched.node.hub.flush()
    assert ends
    for connection, view in ends:
        for line in connection.heard:
            user, state = line.split()
            view[user] = state == "True"
        assert view == stay
    assert await engine.occupied("1", list(map(about, users))) == list(stay.values())


async def test_all_of_a_users_connections_are_closed_and_no_other(watched: Watched) -> None:
    ann, tab, bob = Recording(), Recording(), Recording()
    for user, connection in (("ann", ann), ("ann", tab), ("bob", bob)):
        await watched.node.online.sign_in("1", user, connection)
    await watched.node.online.sign_in("2", "ann", other := Recording())
    await watched.node.online.terminate("1", "ann")
    for connection in (ann, tab):
        assert [refusal.reason for refusal in connection.refusals] == [USER_TERMINATED]
        assert connection.heard == ["Refused"]
    for connection in (bob, other):
        assert connection.refusals == []
    await watched.node.online.sign_out("1", "ann", ann)
    await watched.node.online.terminate("1", "ann")
    assert (len(ann.refusals), len(tab.refusals)) == (1, 2)


# Writing down
