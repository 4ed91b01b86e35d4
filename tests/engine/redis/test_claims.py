"""Which of several nodes has what one node has at a time, and what one hands to another."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from engine.hosts import until
from engine.redis.party import Party
from engine.redis.redisserver import Cluster, Server
from hubbub.engine.redis.link import Script

pytestmark = pytest.mark.needs("redis")

FORGET = Script("return redis.call('HDEL', KEYS[1], ARGV[1])")


@pytest.fixture(params=["single", "cluster"])
async def party(request: pytest.FixtureRequest) -> AsyncIterator[Party]:
    server: Server | Cluster = request.getfixturevalue(request.param)
    async with Party(server.url) as party:
        yield party


async def test_of_many_who_claim_the_same_at_once_one_wins_and_all_are_told_who(party: Party) -> None:
    guests = await party.many(3)
    names = [f"session:{number}" for number in range(30)]
    for name in names:
        holders = await asyncio.gather(*(guest.engine.claim(name) for guest in guests))
        assert len(set(holders)) == 1
        assert holders[0] in {guest.engine.name for guest in guests}
        assert await guests[0].engine.claim(name) == holders[0]


async def test_what_is_given_back_is_anybodys(party: Party) -> None:
    one, other = await party.many(2)
    assert await one.engine.claim("session") == one.engine.name
    await other.engine.release("session")
    assert await other.engine.claim("session") == one.engine.name
    await one.engine.release("session")
    assert await other.engine.claim("session") == other.engine.name


async def test_what_a_dead_node_had_is_anybodys(party: Party) -> None:
    one, other, third = await party.many(3)
    assert await one.engine.claim("session") == one.engine.name
    await party.kill(one)
    await until(lambda: one.node in other.gone and one.node in third.gone)
    holders = await asyncio.gather(other.engine.claim("session"), third.engine.claim("session"))
    assert list(holders) in ([other.engine.name] * 2, [third.engine.name] * 2)


async def test_a_node_that_was_forgotten_finds_its_claims_lost_and_may_claim_again(party: Party) -> None:
    one, other = await party.many(2)
    before = one.engine.name
    assert await one.engine.claim("session") == before
    await one.engine.claim("other")
    await one.engine._link.run(FORGET, [one.engine._names.beats], [before])
    await until(lambda: one.engine.name != before)
    await until(lambda: ("returned", "") in one.news)
    assert await other.engine.claim("other") == other.engine.name
    assert await one.engine.claim("session") == one.engine.name
    assert await one.engine.claim("other") == other.engine.name


async def test_what_is_handed_arrives_in_order_at_that_node_alone(party: Party) -> None:
    one, other, third = await party.many(3)
    messages = [b"%d %s" % (number, b"\x00\xff" * number) for number in range(300)]
    await asyncio.gather(*(one.engine.hand(other.engine.name, message) for message in messages))
    await until(lambda: len(other.handed_over) == len(messages))
    assert other.handed_over == messages
    assert one.handed_over == third.handed_over == []


async def test_what_is_handed_to_nobody_is_lost(party: Party) -> None:
    one, other = await party.many(2)
    await one.engine.hand("nobody", b"hello")
    await one.engine.hand(other.engine.name, b"hello")
    await until(lambda: other.handed_over == [b"hello"])
