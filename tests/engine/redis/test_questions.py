"""How long a count of subscriptions takes: as long as those who have any need to answer, and never a guessed time."""

import time
from collections.abc import AsyncIterator

import pytest

from cluster.proxy import Proxy
from engine.hosts import LIMIT, until
from engine.redis.party import Party
from engine.redis.redisserver import Server
from hubbub.engine.redis import questions

pytestmark = pytest.mark.needs("redis")


@pytest.fixture
async def party(single: Server) -> AsyncIterator[Party]:
    async with Party(single.url) as party:
        yield party


@pytest.fixture
def _no_guess(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have whoever waits for a node that says nothing wait for longer than the test."""
    monkeypatch.setattr(questions, "PATIENCE", 10 * LIMIT)


@pytest.mark.usefixtures("_no_guess")
async def test_nobody_waits_for_nodes_that_have_none_or_are_gone(party: Party) -> None:
    one, two, silent, leaves, dies = await party.many(5)
    for guest, number in ((two, 20), (leaves, 300), (dies, 4000)):
        guest.counts = {("1", "room"): number}
        await guest.join("room")
    # It lives and answers nothing: whoever asked all nodes would wait for it.
    silent.engine._questions.answer = lambda _: None  # type: ignore[assignment, method-assign]
    assert await one.engine.counts_elsewhere("1", ["room", "none"]) == [4320, 0]
    party.guests.remove(leaves)
    await leaves.engine.stop()
    assert await one.engine.counts_elsewhere("1", ["room"]) == [4020]
    node = dies.node
    await party.kill(dies)
    await until(lambda: node in one.gone)
    assert await one.engine.counts_elsewhere("1", ["room"]) == [20]


async def test_who_has_some_and_is_silent_is_left_out_after_a_second(party: Party, single: Server) -> None:
    one, two = await party.many(2)
    async with Proxy(single.port) as proxy:
        frozen = await party.guest(single.url.replace(f":{single.port}", f":{proxy.port}"), timeout=120)
        for guest, number in ((two, 20), (frozen, 300)):
            guest.counts = {("1", "room"): number}
            await guest.join("room")
        assert await one.engine.counts_elsewhere("1", ["room"]) == [320]
        proxy.drop()
        began = time.monotonic()
        assert await one.engine.counts_elsewhere("1", ["room"]) == [20]
        assert time.monotonic() - began < 5 * questions.PATIENCE
        await proxy.heal()
