"""Joining and leaving topics, and who may not."""

import asyncio
import json

import pytest

from seeded import ORGANIZATION, Seeded
from sockets.client import Dial
from sockets.conftest import Publish
from sockets.phoenix.client import V1, V2, direct, lobby
from sockets.phoenix.conftest import Visit

both = pytest.mark.parametrize("vsn", [V1, V2])

INVALID, OTHER_APP, OTHER_USER = "Invalid topic '", "is not of the application", "only open to the user it names"
INVALID_CHANNEL = "Invalid channel name '"


@both
async def test_one_who_joins_is_told_so_and_then_who_is_there(
    seeded: Seeded, visit: Visit, name: str, vsn: str
) -> None:
    socket = await visit(seeded, "ann", vsn=vsn)
    ref = await socket.ask(lobby(seeded, name))
    await socket.expect_reply(ref, lobby(seeded, name), {})
    state = await socket.expect_state(lobby(seeded, name))
    assert list(state) == ["ann"]
    await socket.expect_nothing()


@both
async def test_a_heartbeat_is_answered(seeded: Seeded, visit: Visit, vsn: str) -> None:
    socket = await visit(seeded, "ann", vsn=vsn)
    payloads: list[object] = [{}, {"a": 1}, [], None, "x"]
    for payload in payloads:
        ref = await socket.send("phoenix", "heartbeat", payload)
        await socket.expect_reply(ref, "phoenix", {})


async def test_a_reply_has_the_refs_as_they_were(seeded: Seeded, visit: Visit) -> None:
    socket = await visit(seeded, "ann")
    for ref in ("1", "ünï", "", 7, 0, 2**70, None):
        await socket.send_text(json.dumps([None, ref, "phoenix", "heartbeat", {}]))
        join_ref, told, *rest = await socket.receive()
        assert (join_ref, told, type(told)) == (None, ref, type(ref))
        assert rest == ["phoenix", "phx_reply", {"status": "ok", "response": {}}]


async def test_several_topics_share_a_socket(seeded: Seeded, visit: Visit, publish: Publish, name: str) -> None:
    socket = await visit(seeded, "ann")
    topics = [lobby(seeded, f"{name}-{number}") for number in range(5)] + [direct(seeded, "ann")]
    for topic in topics:
        await socket.join(topic)
    for topic in topics[:5]:
        publish(seeded, topic.removeprefix(f"lobby:{seeded.key}:"), "told", json.dumps({"topic": topic}))
        assert await socket.expect(topic, "told") == {"topic": topic}
    await socket.leave(topics[2])
    publish(seeded, [f"{name}-2", f"{name}-3"], "again", "{}")
    assert await socket.expect(topics[3], "again") == {}
    await socket.expect_nothing()


async def test_the_general_channel_has_two_topics_which_one_socket_may_both_join(
    seeded: Seeded, visit: Visit, publish: Publish
) -> None:
    key = seeded.create_app("--organization", ORGANIZATION)
    short, long = f"lobby:{key}", f"lobby:{key}:general"
    socket, other = await visit(seeded, "ann", key=key), await visit(seeded, "bob", key=key)
    await other.join(long)
    await socket.join(short)
    await other.expect_diff(long, joins=["ann"])
    assert list(await socket.join(long)) == ["bob", "ann"]
    await socket.send(short, "hello", {"from": "short"})
    assert (await socket.receive()).event == "phx_reply"
    heard = {(said.topic, said.event, said.payload["from"]) for said in [await socket.receive() for _ in range(2)]}
    assert heard == {(short, "hello", "short"), (long, "hello", "short")}
    assert await other.expect(long, "hello") == {"from": "short"}
    await socket.leave(short)
    await other.expect_nothing()  # still there, by the other name
    await other.push(long, "hello", {"from": "other"})
    assert await socket.expect(long, "hello") == {"from": "other"}
    assert await other.expect(long, "hello") == {"from": "other"}
    await socket.leave(long)
    await other.expect_diff(long, leaves=["ann"])


@both
async def test_one_who_leaves_hears_no_more(
    seeded: Seeded, visit: Visit, publish: Publish, name: str, vsn: str
) -> None:
    socket = await visit(seeded, "ann", vsn=vsn)
    topic = lobby(seeded, name)
    await socket.join(topic)
    await socket.leave(topic)
    publish(seeded, name, "told", "{}")
    await socket.expect_nothing()
    ref = await socket.send(topic, "hello")
    await socket.expect_error(ref, topic, "unmatched topic")
    await socket.join(topic)
    publish(seeded, name, "told", "{}")
    await socket.expect(topic, "told")


@both
async def test_to_leave_what_one_is_not_in_is_no_fault(seeded: Seeded, visit: Visit, name: str, vsn: str) -> None:
    socket = await visit(seeded, "ann", vsn=vsn)
    for topic in (lobby(seeded, name), "lobby:other", "nonsense", "", direct(seeded, "bob")):
        ref = await socket.send(topic, "phx_leave")
        await socket.expect_reply(ref, topic, {})
    await socket.expect_nothing()


@both
async def test_a_second_join_ends_the_first(
    seeded: Seeded, visit: Visit, publish: Publish, name: str, vsn: str
) -> None:
    socket, topic = await visit(seeded, "ann", vsn=vsn), lobby(seeded, name)
    await socket.join(topic)
    for _ in range(3):
        old = socket.joins[topic]
        ref = await socket.ask(topic)
        await socket.expect_phx_close(topic, old)
        await socket.expect_reply(ref, topic, {})
        assert list(await socket.expect_state(topic)) == ["ann"]
    publish(seeded, name, "told", "{}")
    await socket.expect(topic, "told")
    await socket.expect_nothing()  # once


async def test_the_others_see_one_who_joins_again_go_and_come(seeded: Seeded, visit: Visit, name: str) -> None:
    socket, other, topic = await visit(seeded, "ann"), await visit(seeded, "bob"), lobby(seeded, name)
    await other.join(topic)
    await socket.join(topic)
    first = (await other.expect_diff(topic, joins=["ann"]))["joins"]["ann"]["metas"][0]
    await socket.ask(topic)
    left = (await other.expect_diff(topic, leaves=["ann"]))["leaves"]["ann"]["metas"][0]
    again = (await other.expect_diff(topic, joins=["ann"]))["joins"]["ann"]["metas"][0]
    assert left == first
    assert again["phx_ref"] != first["phx_ref"]


async def test_the_leave_of_an_earlier_join_is_not_obeyed(
    seeded: Seeded, visit: Visit, publish: Publish, name: str
) -> None:
    socket, topic = await visit(seeded, "ann"), lobby(seeded, name)
    await socket.join(topic)
    old = socket.joins[topic]
    ref = await socket.ask(topic)
    await socket.expect_phx_close(topic, old)
    await socket.expect_reply(ref, topic)
    await socket.expect_state(topic)
    for stale in (old, "x", "", 1):
        await socket.send(topic, "phx_leave", join_ref=stale)
    await socket.expect_nothing()
    publish(seeded, name, "told", "{}")
    await socket.expect(topic, "told")
    ref = await socket.send(topic, "phx_leave", join_ref=None)
    await socket.expect_reply(ref, topic, join_ref=None)
    await socket.expect_phx_close(topic, socket.joins[topic])


@both
async def test_a_push_to_what_one_has_not_joined_is_unmatched(
    seeded: Seeded, visit: Visit, publish: Publish, name: str, vsn: str
) -> None:
    socket, listener = await visit(seeded, "ann", vsn=vsn), await visit(seeded, "bob")
    await listener.join(lobby(seeded, name))
    await socket.join(lobby(seeded, f"{name}-2"))
    for topic in (lobby(seeded, name), f"lobby:{seeded.key}x", direct(seeded, "bob"), "phoenix", "x", ""):
        for event in ("hello", "direct", "phx_reply", "phx_close", "heartbeats"):
            ref = await socket.send(topic, event, {"uid": "bob", "event": "e", "payload": {}})
            await socket.expect_error(ref, topic, "unmatched topic")
    await listener.expect_nothing()


async def test_clients_by_different_keys_of_one_application_meet(seeded: Seeded, visit: Visit) -> None:
    """Each by the topics of its own key."""
    key = seeded.create_app("--organization", ORGANIZATION)
    newer = json.loads(seeded.command("app", "rotate", key, "--json"))["key"]
    old, new = await visit(seeded, "old", key=key), await visit(seeded, "new", key=newer)
    await old.join(f"lobby:{key}")
    assert list(await new.join(f"lobby:{newer}")) == ["old", "new"]
    await old.expect_diff(f"lobby:{key}", joins=["new"])
    await old.is_refused(f"lobby:{newer}", OTHER_APP)
    await new.join(f"lobby:{newer}/uid:new")
    await old.push(f"lobby:{key}", "hello", {"a": 1})
    assert await old.expect(f"lobby:{key}", "hello") == {"a": 1}
    assert await new.expect(f"lobby:{newer}", "hello") == {"a": 1}
    await old.push(f"lobby:{key}", "direct", {"uid": "new", "event": "whisper"})
    assert await new.expect(f"lobby:{newer}/uid:new", "whisper") == {"from_uid": "old"}


# Who may not


@both
async def test_a_malformed_topic_is_refused(seeded: Seeded, visit: Visit, vsn: str) -> None:
    socket = await visit(seeded, "ann", vsn=vsn)
    key = seeded.key
    refusals = {
        "": INVALID,
        "phoenix": INVALID,
        "general": INVALID,
        "lobby": INVALID,
        "room:1": INVALID,
        f"Lobby:{key}": INVALID,
        f" lobby:{key}": INVALID,
        f"lobby:{key}:#server-to-user-bob": INVALID,
        f"lobby:{key}:#server-to-user-ann": INVALID,
        f"lobby:{key}:#": INVALID,
        "lobby:": OTHER_APP,
        "lobby::general": OTHER_APP,
        f"lobby:{key} ": OTHER_APP,
        f"lobby:{key}\n": OTHER_APP,
        f"lobby:{key.upper()}": OTHER_APP,
        f"lobby:{key}x": OTHER_APP,
        f"lobby:{key[:-1]}": OTHER_APP,
        f"lobby:{key}x:general": OTHER_APP,
        f"lobby:{key}/uid": OTHER_APP,
        f"lobby:{key}:general/uid:ann": OTHER_APP,
        f"lobby:{key}//uid:ann": OTHER_APP,
        f"lobby:{key}:": INVALID_CHANNEL,
        f"lobby:{key}::": INVALID_CHANNEL,
        f"lobby:{key}:a b": INVALID_CHANNEL,
        f"lobby:{key}:a\n": INVALID_CHANNEL,
        f"lobby:{key}:a\0": INVALID_CHANNEL,
        f"lobby:{key}:a/b": INVALID_CHANNEL,
        f"lobby:{key}:é": INVALID_CHANNEL,
        f"lobby:{key}:general:x": INVALID_CHANNEL,
        f"lobby:{key}:*": INVALID_CHANNEL,
        f"lobby:{key}/uid:": INVALID_CHANNEL,
        f"lobby:{key}/uid:ann/uid:ann": INVALID_CHANNEL,
        f"lobby:{key}/uid:#server-to-user-ann": INVALID_CHANNEL,
        f"lobby:{key}/uid:ann:general": INVALID_CHANNEL,
        f"lobby:{key}/uid:ann\n": INVALID_CHANNEL,
        f"lobby:{key}:{'x' * 201}": "Channel name of 201 characters exceeds",
        f"lobby:{key}:{'x' * 10_000}": "Channel name of 10000 characters exceeds",
        f"lobby:{key}/uid:{'x' * 10_000}": "Channel name of 10000 characters exceeds",
        "x" * 10_000: INVALID,
        f"lobby:{'x' * 10_000}": OTHER_APP,
    }
    for topic, reason in refusals.items():
        await socket.is_refused(topic, reason)
    await socket.expect_nothing()


async def test_a_refused_join_is_no_join(seeded: Seeded, visit: Visit) -> None:
    socket = await visit(seeded, "ann")
    for topic in (direct(seeded, "bob"), f"lobby:{seeded.key}:a b", "lobby:other"):
        await socket.is_refused(topic, "")
        ref = await socket.send(topic, "hello")
        await socket.expect_error(ref, topic, "unmatched topic")


async def test_another_applications_topics_are_refused(
    seeded: Seeded, visit: Visit, publish: Publish, name: str
) -> None:
    """Even if the same user may enter that application too, and in a socket of its own does."""
    key = seeded.create_app("--organization", ORGANIZATION)
    there, here = await visit(seeded, "ann", key=key), await visit(seeded, "ann")
    await there.join(f"lobby:{key}:{name}")
    for topic in (f"lobby:{key}", f"lobby:{key}:{name}", f"lobby:{key}/uid:ann"):
        await here.is_refused(topic, OTHER_APP)
    await here.join(lobby(seeded, name))
    await here.push(lobby(seeded, name), "hello")
    publish(seeded, name, "told", "{}")
    await there.expect_nothing()


@both
async def test_another_users_topic_is_refused(seeded: Seeded, visit: Visit, vsn: str) -> None:
    socket = await visit(seeded, "ann", vsn=vsn)
    for uid in ("bob", "Ann", "an", "annn", "ann.", "general"):
        await socket.is_refused(direct(seeded, uid), OTHER_USER)
    assert list(await socket.join(direct(seeded, "ann"))) == ["ann"]


async def test_a_token_for_some_topics_opens_no_others(seeded: Seeded, visit: Visit, name: str) -> None:
    jwt = seeded.jwt(topics=["general", name, f"{name}-public-*"])
    socket = await visit(seeded, "ann", jwt=jwt)
    for channel in (f"{name}x", f"{name}-public", f"x{name}", f"presence-{name}", f"private-{name}", f"{name}-publicx"):
        await socket.is_refused(lobby(seeded, channel), "The token of this socket does not cover topic")
    await socket.join(lobby(seeded))
    for channel in ("general", name, f"{name}-public-", f"{name}-public-a"):
        await socket.join(lobby(seeded, channel))
    await socket.is_refused(direct(seeded, "ann"), "The token of this socket does not cover topic")


async def test_a_token_for_some_topics_sends_no_direct_messages(seeded: Seeded, visit: Visit, name: str) -> None:
    ann, bob = await visit(seeded, "ann", jwt=seeded.jwt(topics=[name])), await visit(seeded, "bob")
    await ann.join(lobby(seeded, name))
    await bob.join(direct(seeded, "bob"))
    ref = await ann.send(lobby(seeded, name), "direct", {"uid": "bob", "event": "whisper"})
    await ann.expect_error(ref, lobby(seeded, name), "The token of this socket does not cover topic")
    await bob.expect_nothing()


async def test_a_direct_topic_is_open_to_tokens_that_name_the_user_or_the_topic(seeded: Seeded, visit: Visit) -> None:
    """Who may choose who they are, and is given some topics, must not choose to be somebody and hear their messages."""
    tokens: list[dict[str, object]] = [
        {"topics": ["general"], "uid": "ann"},
        {"topics": ["#server-to-user-ann"]},
        {"topics": ["*"]},
        {},
    ]
    for narrowed in tokens:
        socket = await visit(seeded, "ann", jwt=seeded.jwt(channel=True, **narrowed))
        await socket.join(direct(seeded, "ann"))
        await socket.close()


async def test_topics_say_to_whom_direct_messages_may_be_sent(seeded: Seeded, visit: Visit) -> None:
    ann = await visit(seeded, "ann", jwt=seeded.jwt(topics=["general", "#server-to-user-bob"]))
    bob = await visit(seeded, "bob")
    await ann.join(lobby(seeded))
    await bob.join(direct(seeded, "bob"))
    await ann.push(lobby(seeded), "direct", {"uid": "bob", "event": "hi", "payload": {"n": 1}})
    assert await bob.expect(direct(seeded, "bob"), "hi") == {"n": 1, "from_uid": "ann"}
    ref = await ann.send(lobby(seeded), "direct", {"uid": "eve", "event": "hi", "payload": {}})
    await ann.expect_error(ref, lobby(seeded), "The token of this socket does not cover topic")


async def test_a_socket_has_so_many_topics_and_no_more(seeded: Seeded, visit: Visit) -> None:
    key = seeded.create_app("--organization", ORGANIZATION, "--set", "max_subscriptions=2")
    socket = await visit(seeded, "ann", key=key)
    await socket.join(f"lobby:{key}")
    await socket.join(f"lobby:{key}:general")
    await socket.is_refused(f"lobby:{key}:more", "at its limit of 2 subscriptions")
    old = socket.joins[f"lobby:{key}"]
    ref = await socket.ask(f"lobby:{key}")  # again
    await socket.expect_phx_close(f"lobby:{key}", old)
    await socket.expect_reply(ref, f"lobby:{key}")
    await socket.expect_state(f"lobby:{key}")
    await socket.leave(f"lobby:{key}:general")
    await socket.join(f"lobby:{key}:more")


async def test_private_and_encrypted_channels_are_open_to_who_has_a_token(
    seeded: Seeded, visit: Visit, publish: Publish, name: str
) -> None:
    socket = await visit(seeded, "ann")
    await socket.join(lobby(seeded, f"private-{name}"))
    publish(seeded, f"private-{name}", "told", '{"a":1}')
    assert await socket.expect(lobby(seeded, f"private-{name}"), "told") == {"a": 1}
    await socket.join(lobby(seeded, f"private-encrypted-{name}"))
    publish(seeded, f"private-encrypted-{name}", "told", '{"a":1}')
    assert (await socket.expect(lobby(seeded, f"private-encrypted-{name}"), "told")).keys() == {"nonce", "ciphertext"}


async def test_a_pusher_client_cannot_hear_what_is_for_one_user(seeded: Seeded, connect: Dial) -> None:
    pusher = await connect(seeded)
    await pusher.ask("#server-to-user-ann")
    await pusher.expect("pusher:error")
    await pusher.expect("pusher:subscription_error")


async def test_many_join_and_leave_at_once_and_everyone_sees_who_is_left(
    seeded: Seeded, visit: Visit, name: str
) -> None:
    topic = lobby(seeded, name)
    sockets = [await visit(seeded, f"user-{number}") for number in range(20)]

    async def come_and_go(number: int) -> None:
        socket = sockets[number]
        for _ in range(number % 3):
            await socket.send(topic, "phx_join", ref="j", join_ref="j")
            await socket.send(topic, "phx_leave", ref="l", join_ref="j")
        await socket.send(topic, "phx_join", ref="z", join_ref="z")

    await asyncio.gather(*map(come_and_go, range(20)))
    last = await visit(seeded, "last")
    for socket in sockets:
        ref = await socket.send("phoenix", "heartbeat", ref="done")
        present: set[str] = set()
        while (said := await socket.receive()).ref != ref:
            if said.event == "presence_state":
                present = set(said.payload)
            elif said.event == "presence_diff":
                present = (present - set(said.payload["leaves"])) | set(said.payload["joins"])
        assert f"user-{sockets.index(socket)}" in present
    assert set(await last.join(topic)) == {f"user-{number}" for number in range(20)} | {"last"}
