"""Bytes on a node's topics that no node has written: they are logged, and nothing else comes of them."""

import pytest

from engine.hosts import until
from engine.redis.party import Party
from engine.redis.redisserver import Server
from hubbub.engine.redis.keys import bucket_of
from hubbub.messages import Envelope, Event

pytestmark = pytest.mark.needs("redis")

NESTED = b"\x91" * 3000
NOBODY = b"-" * 16

GARBAGE = {
    "nothing": b"",
    "no such kind": b"?",
    "an event, cut": b"P" + NOBODY + b"e\x95\xa1",
    "an event of another shape": b"P" + NOBODY + b"e\x91\x01",
    "an event that is no UTF-8": b"P" + NOBODY + b"e\x95\xc0\xa1\xff\xa1d\xc0\xc2",
    "an event, nested too deeply": b"P" + NOBODY + b"e" + NESTED,
    "a count, nested too deeply": b"P" + NOBODY + b"c" + NESTED,
    "a member without a number": b"A",
    "a member, nested too deeply": b"A%016d%016d" % (2**50, 0) + NESTED,
    "news, nested too deeply": b"N" + NOBODY + NESTED,
    "something handed over": b"H" + NESTED,
    "an answer": b"W" + NESTED,
    "a question": b"Q" + NESTED,
}


async def test_what_cannot_be_read_is_logged_and_the_next_is_heard(
    single: Server, caplog: pytest.LogCaptureFixture
) -> None:
    async with Party(single.url) as party:
        one, other = await party.many(2)
        await one.listen("room")
        names = one.engine._names
        topics = (names.topic(bucket_of("1", "room"), "room"), names.news, names.post(one.node))
        for name, message in GARBAGE.items():
            for topic in topics:
                await other.engine._link.publish(topic, message)
            event = Event("room", "n", name)
            await other.engine.publish(Envelope("1", event))
            await until(lambda event=event: event in one.told)  # type: ignore[misc]
            assert one.engine.away is None, name
        assert one.engine.membership.gaps == 0
        assert not [record for record in caplog.records if record.levelname == "ERROR"]
