"""Who is in a topic: Phoenix's clients, and Pusher's where both meet."""

import json
import re
import time
from typing import Any

import pytest

from seeded import ORGANIZATION, Seeded
from sockets.client import MEMBER_ADDED, MEMBER_REMOVED, Dial, eventually
from sockets.conftest import Publish
from sockets.phoenix.client import V1, V2, direct, lobby
from sockets.phoenix.conftest import Visit

both = pytest.mark.parametrize("vsn", [V1, V2])


def metas(presence: dict[str, Any], uid: str) -> dict[str, Any]:
    """Give the one meta of a user."""
    [meta] = presence[uid]["metas"]
    assert presence[uid].keys() == {"metas"}
    assert isinstance(meta, dict)
    return meta


@both
async def test_members_have_the_shape_of_phoenix_presence(seeded: Seeded, visit: Visit, name: str, vsn: str) -> None:
    began, topic = time.time() * 1000 - 1, lobby(seeded, name)
    ann, bob = await visit(seeded, "ann", vsn=vsn), await visit(seeded, "bob")
    own = metas(await ann.join(topic), "ann")
    assert own.keys() == {"phx_ref", "online_at"}
    assert began <= own["online_at"] <= time.time() * 1000 + 1
    assert isinstance(own["online_at"], int)
    assert re.fullmatch(r"[-_A-Za-z0-9]{8,}", own["phx_ref"])
    state = await bob.join(topic)
    assert list(state) == ["ann", "bob"]
    assert metas(state, "ann") == own
    come = await ann.expect_diff(topic, joins=["bob"])
    assert metas(come["joins"], "bob") == metas(state, "bob")
    await bob.leave(topic)
    gone = await ann.expect_diff(topic, leaves=["bob"])
    assert metas(gone["leaves"], "bob") == metas(state, "bob")
    await ann.expect_nothing()


async def test_one_who_closes_has_left(seeded: Seeded, visit: Visit, name: str) -> None:
    ann, bob, cat = [await visit(seeded, uid) for uid in ("ann", "bob", "cat")]
    topics = [lobby(seeded, name), lobby(seeded, f"{name}-2")]
    for topic in topics:
        await ann.join(topic)
        await bob.join(topic)
        await ann.expect_diff(topic, joins=["bob"])
    await bob.close()
    for topic in topics:
        await ann.expect_diff(topic, leaves=["bob"])
    await cat.join(topics[0])
    await ann.expect_diff(topics[0], joins=["cat"])
    cat.cut()
    await ann.expect_diff(topics[0], leaves=["cat"])


async def test_a_user_with_two_sockets_is_one(seeded: Seeded, visit: Visit, name: str) -> None:
    topic = lobby(seeded, name)
    ann, bob, again = await visit(seeded, "ann"), await visit(seeded, "bob"), await visit(seeded, "bob", vsn=V1)
    await ann.join(topic)
    first = metas(await bob.join(topic), "bob")
    await ann.expect_diff(topic, joins=["bob"])
    assert metas(await again.join(topic), "bob") == first
    await ann.expect_nothing()
    await bob.expect_nothing()
    await bob.leave(topic)
    await ann.expect_nothing()
    await again.close()
    gone = await ann.expect_diff(topic, leaves=["bob"])
    assert metas(gone["leaves"], "bob") == first
    await ann.expect_nothing()


async def test_users_of_one_topic_are_not_those_of_another(seeded: Seeded, visit: Visit, name: str) -> None:
    ann, bob = await visit(seeded, "ann"), await visit(seeded, "bob")
    await ann.join(lobby(seeded, name))
    assert list(await bob.join(lobby(seeded, f"{name}-2"))) == ["bob"]
    assert list(await bob.join(direct(seeded, "bob"))) == ["bob"]
    await ann.expect_nothing()


async def test_a_stranger_of_the_same_name_in_another_application_is_another(seeded: Seeded, visit: Visit) -> None:
    key = seeded.create_app("--organization", ORGANIZATION)
    here, there = await visit(seeded, "ann"), await visit(seeded, "bob", key=key)
    await here.join(direct(seeded, "ann"))
    assert list(await there.join(f"lobby:{key}")) == ["bob"]
    await here.expect_nothing()


async def test_members_of_both_kinds_see_each_other_in_presence_channels(
    seeded: Seeded, visit: Visit, connect: Dial, name: str
) -> None:
    channel, topic = f"presence-{name}", lobby(seeded, f"presence-{name}")
    ann, pusher, other = await visit(seeded, "ann"), await connect(seeded), await connect(seeded)
    await ann.join(topic)
    info = {"name": "Bob", "n": [1.5, None]}
    data = json.dumps({"user_id": "bob", "user_info": info})
    told = await pusher.subscribe(channel, data)
    assert told == {"presence": {"count": 2, "ids": ["ann", "bob"], "hash": {"ann": None, "bob": info}}}
    come = await ann.expect_diff(topic, joins=["bob"])
    bob = metas(come["joins"], "bob")
    assert bob.keys() == {"phx_ref", "online_at", "user_info"}
    assert bob["user_info"] == info

    cat = await visit(seeded, "cat")
    state = await cat.join(topic)
    assert list(state) == ["ann", "bob", "cat"]
    assert metas(state, "bob") == bob
    assert await pusher.expect(MEMBER_ADDED, channel) == {"user_id": "cat"}
    await ann.expect_diff(topic, joins=["cat"])

    assert (await other.subscribe(channel, '{"user_id":"cat","user_info":{"other":1}}'))["presence"]["count"] == 3
    await cat.leave(topic)
    await pusher.expect_nothing()
    await ann.expect_nothing()
    await other.unsubscribe(channel)
    assert await pusher.expect(MEMBER_REMOVED, channel) == {"user_id": "cat"}
    await ann.expect_diff(topic, leaves=["cat"])
    await pusher.unsubscribe(channel)
    gone = await ann.expect_diff(topic, leaves=["bob"])
    assert metas(gone["leaves"], "bob") == bob


async def test_a_pusher_member_may_have_a_name_that_no_phoenix_user_has(
    seeded: Seeded, visit: Visit, connect: Dial, name: str
) -> None:
    channel, topic = f"presence-{name}", lobby(seeded, f"presence-{name}")
    ann, pusher = await visit(seeded, "ann"), await connect(seeded)
    await ann.join(topic)
    for user_id in ("🎉 \n\0", "__proto__", '"', "#server-to-user-ann"):
        await pusher.subscribe(channel, json.dumps({"user_id": user_id}))
        await ann.expect_diff(topic, joins=[user_id])
        await pusher.unsubscribe(channel)
        await ann.expect_diff(topic, leaves=[user_id])


async def test_a_pusher_client_sees_nothing_of_who_is_in_a_public_channel(
    seeded: Seeded, visit: Visit, connect: Dial, publish: Publish, name: str
) -> None:
    pusher, early, late = await connect(seeded), await connect(seeded), await connect(seeded)
    for channel in (name, f"private-{name}"):
        assert await pusher.subscribe(channel) == {}
        ann, bob = await visit(seeded, "ann"), await visit(seeded, "bob")
        assert list(await ann.join(lobby(seeded, channel))) == ["ann"]  # the Pusher clients are nobody
        await bob.join(lobby(seeded, channel))
        await ann.expect_diff(lobby(seeded, channel), joins=["bob"])
        assert await late.subscribe(channel) == {}
        await ann.leave(lobby(seeded, channel))
        await bob.close()
        await pusher.expect_nothing()
    assert await early.subscribe("general") == {}
    general = await visit(seeded, "ann")
    await general.join(lobby(seeded))
    await early.expect_nothing()
    publish(seeded, "general", "told", "{}")
    await early.expect_frame({"event": "told", "channel": "general", "data": "{}"})
    assert await general.expect(lobby(seeded), "told") == {}


async def test_events_and_members_come_in_their_order(
    seeded: Seeded, visit: Visit, publish: Publish, name: str
) -> None:
    topic, ann = lobby(seeded, name), await visit(seeded, "ann")
    await ann.join(topic)
    for number in range(5):
        publish(seeded, name, "before", json.dumps({"n": number}))
        bob = await visit(seeded, "bob")
        assert "bob" in await bob.join(topic)
        await bob.send(topic, "hello", {"n": number})
        assert await ann.expect(topic, "before") == {"n": number}
        await ann.expect_diff(topic, joins=["bob"])
        assert await ann.expect(topic, "hello") == {"n": number}
        await bob.close()
        await ann.expect_diff(topic, leaves=["bob"])


# Limits


async def test_a_full_presence_channel_is_refused_to_more(seeded: Seeded, visit: Visit) -> None:
    key = seeded.create_app("--organization", ORGANIZATION, "--set", "max_presence_members=2")
    topic = f"lobby:{key}:presence-room"
    ann, bob, cat, again = [await visit(seeded, uid, key=key) for uid in ("ann", "bob", "cat", "ann")]
    await ann.join(topic)
    await bob.join(topic)
    await ann.expect_diff(topic, joins=["bob"])
    await cat.is_refused(topic, "over its limit of 2 members")
    await again.join(topic)
    ref = await cat.send(topic, "hello")
    await cat.expect_error(ref, topic, "unmatched topic")
    await ann.expect_nothing()
    await bob.leave(topic)
    await ann.expect_diff(topic, leaves=["bob"])
    assert list(await cat.join(topic)) == ["ann", "cat"]


async def test_a_crowded_topic_lets_more_in_and_does_not_tell_of_them(seeded: Seeded, visit: Visit) -> None:
    key = seeded.create_app("--organization", ORGANIZATION, "--set", "max_topic_members=2")
    topic = f"lobby:{key}"
    ann, bob, cat, dan = [await visit(seeded, uid, key=key) for uid in ("ann", "bob", "cat", "dan")]
    await ann.join(topic)
    await bob.join(topic)
    await ann.expect_diff(topic, joins=["bob"])
    assert list(await cat.join(topic)) == ["ann", "bob"]
    await ann.expect_nothing()
    ref = await cat.send(topic, "hello", {"from": "cat"})
    assert {(await cat.receive()).ref for _ in range(2)} == {ref, None}
    assert await ann.expect(topic, "hello") == {"from": "cat"}
    assert await bob.expect(topic, "hello") == {"from": "cat"}
    await bob.leave(topic)
    for socket in (ann, cat):
        await socket.expect_diff(topic, leaves=["bob"])
    await cat.leave(topic)
    await ann.expect_nothing()
    assert list(await dan.join(topic)) == ["ann", "dan"]
    await ann.expect_diff(topic, joins=["dan"])
    assert list(await cat.join(topic)) == ["ann", "dan"]
    await cat.close()
    await ann.expect_nothing()


async def test_a_topic_may_tell_of_nobody(seeded: Seeded, visit: Visit) -> None:
    key = seeded.create_app("--organization", ORGANIZATION, "--set", "max_topic_members=0")
    ann, bob = await visit(seeded, "ann", key=key), await visit(seeded, "bob", key=key)
    for socket in (ann, bob):
        assert await socket.join(f"lobby:{key}") == {}
    await ann.expect_nothing()
    await bob.leave(f"lobby:{key}")
    await ann.expect_nothing()
    assert list(await ann.join(f"lobby:{key}:presence-room")) == ["ann"]


async def test_a_user_not_told_of_is_no_member_while_another_of_their_sockets_is(seeded: Seeded, visit: Visit) -> None:
    """The socket that came when there was no room leaves without taking the one that came later with it."""
    key = seeded.create_app("--organization", ORGANIZATION, "--set", "max_topic_members=1")
    topic = f"lobby:{key}"
    ann, bob, bob_later, cat = [await visit(seeded, uid, key=key) for uid in ("ann", "bob", "bob", "cat")]
    await ann.join(topic)
    await bob.join(topic)
    await ann.close()

    async def has_room() -> bool:
        return (await bob.receive()).event == "presence_diff"

    await eventually(has_room, "ann is still there")
    assert list(await bob_later.join(topic)) == ["bob"]
    await bob.expect_diff(topic, joins=["bob"])
    assert list(await cat.join(topic)) == ["bob"]
    await bob.leave(topic)
    await cat.expect_nothing()
    await bob_later.leave(topic)
    await cat.expect_diff(topic, leaves=["bob"])
