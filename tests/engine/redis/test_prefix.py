"""Clusters that share a Redis, each with a prefix of its own: what one does is nothing to the other."""

import pytest

from engine.hosts import until
from engine.redis.party import Party
from engine.redis.redisserver import Server
from hubbub.messages import Envelope, Event

pytestmark = pytest.mark.needs("redis")


async def test_clusters_of_two_prefixes_know_nothing_of_each_other(single: Server) -> None:
    async with Party(single.url) as ours, Party(single.url) as theirs:
        one, two = await ours.many(2)
        (stranger,) = await theirs.many(1)
        for guest in (one, stranger):
            await guest.listen("presence-x")
        await two.join("presence-x", "ann")
        await two.engine.hold("1", 100, 100)
        await two.engine.keep(Envelope("1", Event("presence-x", "kept", "")), 60, 10)
        await two.engine.publish(Envelope("1", Event("presence-x", "said", "")))
        await two.engine.announce("news")
        await until(lambda: ("news", "") in one.news and len(one.told) == 3)
        assert stranger.engine.membership.nodes == 1
        assert await stranger.engine.channels("1", "") == []
        assert await stranger.engine.members("1", "presence-x") == {}
        assert await stranger.engine.recall("1", "presence-x") is None
        assert await stranger.engine.hold("1", 100, 100) == 100
        # What it hears of its own comes after whatever it might have heard of theirs.
        await stranger.join("presence-x", "bob")
        assert [getattr(fact, "member", None) for fact in stranger.told] == [stranger.seen["1", "presence-x"]["bob"]]
        assert stranger.news == []
        await two.engine.stop()
        ours.guests.remove(two)
        await until(lambda: one.gone)
        assert stranger.gone == []
