"""What clients push, and what is published to them: by which door a message comes makes no difference."""

import asyncio
import base64
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from seeded import ORGANIZATION, Seeded
from sockets.client import LIMIT, Dial
from sockets.conftest import Publish
from sockets.phoenix.client import V1, V2, PhoenixSocket, direct, knock, lobby
from sockets.phoenix.conftest import Visit
from tenants import Tenants

both = pytest.mark.parametrize("vsn", [V1, V2])


async def expect_both(socket: PhoenixSocket, ref: str, topic: str, event: str) -> Any:
    """The next two messages are the reply to a push and the push itself, in whichever order; gives its payload."""
    first, second = await socket.receive(), await socket.receive()
    reply, told = (first, second) if first.event == "phx_reply" else (second, first)
    assert (reply.ref, reply.topic, reply.payload) == (ref, topic, {"status": "ok", "response": {}})
    assert told[:4] == (None, None, topic, event)
    return told.payload


@both
async def test_a_push_is_for_everyone_its_sender_included(seeded: Seeded, visit: Visit, name: str, vsn: str) -> None:
    topic = lobby(seeded, name)
    ann, bob = await visit(seeded, "ann", vsn=vsn), await visit(seeded, "bob", vsn=V2 if vsn == V1 else V1)
    await bob.join(topic)
    await ann.join(topic)
    await bob.expect_diff(topic, joins=["ann"])
    ref = await ann.send(topic, "hello", {"a": [1, "é🎉", None], "b": {}})
    assert await expect_both(ann, ref, topic, "hello") == {"a": [1, "é🎉", None], "b": {}}
    assert await bob.expect(topic, "hello") == {"a": [1, "é🎉", None], "b": {}}
    await ann.expect_nothing()
    await bob.expect_nothing()


async def test_a_push_goes_to_its_topic_alone(seeded: Seeded, visit: Visit, name: str) -> None:
    ann, bob = await visit(seeded, "ann"), await visit(seeded, "bob")
    await ann.join(lobby(seeded, name))
    await bob.join(lobby(seeded, f"{name}-2"))
    await bob.join(direct(seeded, "bob"))
    await ann.send(lobby(seeded, name), "hello")
    await bob.expect_nothing()


async def test_a_payload_is_passed_on_byte_for_byte(seeded: Seeded, visit: Visit, connect: Dial, name: str) -> None:
    topic, pusher = lobby(seeded, name), await connect(seeded)
    await pusher.subscribe(name)
    socket = await visit(seeded, "ann")
    await socket.join(topic)
    for payload in ('{ "a" : 1.50 , "a":"\\u00e9/\\/" }', '{"n":12345678901234567890123,"z":-0}', "{\n}", "{}"):
        await socket.send_text(f' [ null , "r" , "{topic}","hello", {payload} ] ')
        assert (await socket.receive()).event == "phx_reply"
        frame = await socket.connection.recv()
        assert frame == f'[null,null,"{topic}","hello",{payload}]'
        await pusher.expect_frame({"event": "hello", "channel": name, "data": payload})


@both
@pytest.mark.parametrize("payload", ["[]", "null", '"text"', "7", "true", '"{}"'])
async def test_a_payload_is_an_object(seeded: Seeded, visit: Visit, name: str, vsn: str, payload: str) -> None:
    socket, topic = await visit(seeded, "ann", vsn=vsn), lobby(seeded, name)
    await socket.join(topic)
    ref = await socket.send(topic, "hello", json.loads(payload) if payload != "null" else [])
    await socket.expect_error(ref, topic, "must be an object")
    await socket.expect_nothing()


@pytest.mark.parametrize(
    "event",
    [
        "phx_close",
        "phx_error",
        "phx_reply",
        "phx_anything",
        "presence_state",
        "presence_diff",
        "chan_reply_1",
        "pusher:error",
        "pusher_internal:member_added",
    ],
)
async def test_the_servers_own_words_are_not_a_clients_to_say(
    seeded: Seeded, visit: Visit, name: str, event: str
) -> None:
    ann, bob, topic = await visit(seeded, "ann"), await visit(seeded, "bob"), lobby(seeded, name)
    await bob.join(topic)
    await bob.join(direct(seeded, "bob"))
    await ann.join(topic)
    await bob.expect_diff(topic, joins=["ann"])
    ref = await ann.send(topic, event, {"status": "ok", "response": {}, "joins": {}, "leaves": {}})
    await ann.expect_error(ref, topic, "its name is reserved")
    ref = await ann.send(topic, "direct", {"uid": "bob", "event": event, "payload": {}})
    await ann.expect_error(ref, topic, "its name is reserved")
    await bob.expect_nothing()


async def test_the_servers_own_words_are_not_told_to_phoenix_clients_when_published(
    seeded: Seeded, visit: Visit, connect: Dial, publish: Publish, name: str
) -> None:
    """A Pusher client hears them, to which they mean nothing."""
    socket, pusher = await visit(seeded, "ann"), await connect(seeded)
    await socket.join(lobby(seeded, name))
    await pusher.subscribe(name)
    for event in ("phx_close", "presence_diff", "chan_reply_1"):
        publish(seeded, name, event, "{}")
        await pusher.expect_frame({"event": event, "channel": name, "data": "{}"})
    await socket.expect_nothing()


async def test_an_event_has_a_name_that_is_not_too_long(seeded: Seeded, visit: Visit, name: str) -> None:
    socket, topic = await visit(seeded, "ann"), lobby(seeded, name)
    await socket.join(topic)
    for event, reason in (("", "must not be empty"), ("é" * 201, "exceeds the allowed maximum (200)")):
        ref = await socket.send(topic, event)
        await socket.expect_error(ref, topic, reason)
        ref = await socket.send(topic, "direct", {"uid": "bob", "event": event})
        await socket.expect_error(ref, topic, reason)
    ref = await socket.send(topic, "é" * 200)
    assert await expect_both(socket, ref, topic, "é" * 200) == {}


async def test_a_payload_has_ten_kilobytes_at_most(seeded: Seeded, visit: Visit, name: str) -> None:
    socket, topic = await visit(seeded, "ann"), lobby(seeded, name)
    await socket.join(topic)
    room = 10_240 - len('{"a": ""}')
    for text in ("x" * (room + 1), "x" * 50_000):
        ref = await socket.send(topic, "hello", {"a": text})
        await socket.expect_error(ref, topic, "exceeds the allowed maximum (10240 bytes)")
        ref = await socket.send(topic, "direct", {"uid": "bob", "event": "e", "payload": {"a": text}})
        await socket.expect_error(ref, topic, "exceeds the allowed maximum (10240 bytes)")
    await socket.send_bytes(topic, "hello", b"x" * 10_240)
    await socket.expect_error("b", topic, "exceeds the allowed maximum (10240 bytes)")
    ref = await socket.send(topic, "hello", {"a": "x" * room})
    assert await expect_both(socket, ref, topic, "hello") == {"a": "x" * room}


async def test_ten_messages_a_second_are_enough(seeded: Seeded, visit: Visit, name: str) -> None:
    socket, topic = await visit(seeded, "ann"), lobby(seeded, name)
    await socket.join(topic)
    began = time.monotonic()
    for number in range(30):
        await socket.send(topic, "hello", {}, ref=f"r{number}")
    replies = [said for said in [await socket.receive() for _ in range(30)] if said.event == "phx_reply"]
    while len(replies) < 30:
        said = await socket.receive()
        replies += [said] if said.event == "phx_reply" else []
    refused = [said.payload["response"]["reason"] for said in replies if said.payload["status"] == "error"]
    assert len(refused) >= 30 - 10 * (2 + int(time.monotonic() - began))
    assert set(refused) <= {"Client event rejected - more than 10 client events per second from one connection"}
    await asyncio.sleep(1)
    ref = await socket.send(topic, "hello", {})
    while (said := await socket.receive()).ref != ref:
        assert said.event == "hello"
    assert said.payload["status"] == "ok"


# By other doors


@both
@pytest.mark.parametrize(
    ("data", "payload"),
    [
        ('{"a": 1.0}', {"a": 1.0}),
        ("hello", {"data": "hello"}),
        ("[1,2]", {"data": [1, 2]}),
        ('"x"', {"data": "x"}),
        ("", {"data": ""}),
        ("null", {"data": None}),
    ],
)
async def test_what_an_application_publishes_arrives_as_an_object(
    seeded: Seeded, visit: Visit, publish: Publish, name: str, vsn: str, data: str, payload: object
) -> None:
    socket = await visit(seeded, "ann", vsn=vsn)
    await socket.join(lobby(seeded, name))
    publish(seeded, name, "told", data)
    assert await socket.expect(lobby(seeded, name), "told") == payload


async def test_the_broadcast_api_reaches_phoenix_clients(seeded: Seeded, visit: Visit, name: str) -> None:
    ann, bob = await visit(seeded, "ann"), await visit(seeded, "bob")
    await ann.join(lobby(seeded, name))
    await ann.join(direct(seeded, "ann"))
    await bob.join(direct(seeded, "bob"))
    url = f"{seeded.url}/api/organizations/{ORGANIZATION}/applications/{seeded.key}/event/new_message"
    bearer = {"Authorization": f"Bearer {seeded.jwt()}"}

    async def broadcast(**parameters: str) -> None:
        answer = await asyncio.to_thread(requests.post, url, parameters, headers=bearer, timeout=LIMIT)
        assert answer.status_code == 204, answer.text

    await broadcast(topic=name, name="John", message="Hi")
    assert await ann.expect(lobby(seeded, name), "new_message") == {"name": "John", "message": "Hi"}
    await broadcast(direct="true", uid="bob", name="John")
    assert await bob.expect(direct(seeded, "bob"), "new_message") == {"name": "John"}
    await ann.expect_nothing()


async def test_a_push_reaches_pusher_clients(seeded: Seeded, visit: Visit, connect: Dial, name: str) -> None:
    socket, pusher = await visit(seeded, "ann"), await connect(seeded)
    for channel in (name, f"private-{name}"):
        await pusher.subscribe(channel)
        await socket.join(lobby(seeded, channel))
        ref = await socket.send(lobby(seeded, channel), "hello", {"a": 1})
        assert await expect_both(socket, ref, lobby(seeded, channel), "hello") == {"a": 1}
        await pusher.expect_frame({"event": "hello", "channel": channel, "data": '{"a": 1}'})


async def test_a_pusher_clients_event_reaches_phoenix_clients(
    visit: Visit, connect: Dial, name: str, clients_talk: Seeded
) -> None:
    topic, channel = lobby(clients_talk, f"private-{name}"), f"private-{name}"
    socket, pusher, other = await visit(clients_talk, "ann"), await connect(clients_talk), await connect(clients_talk)
    for one in (pusher, other):
        await one.subscribe(channel)
    await socket.join(topic)
    await pusher.send("client-hello", {"a": 1}, channel)
    assert await socket.expect(topic, "client-hello") == {"a": 1}
    await pusher.send("client-hello", "text", channel)
    assert await socket.expect(topic, "client-hello") == {"data": "text"}
    await socket.push(topic, "client-hello")


@pytest.fixture
def clients_talk() -> Iterator[Seeded]:
    """Give a server on which Pusher's clients may talk to each other."""
    with Seeded() as server:
        server.command("app", "set", server.key, "client_events=true")
        yield server


async def test_a_push_to_presence_channels_says_whose_it_is_to_pusher_clients(
    seeded: Seeded, visit: Visit, connect: Dial, name: str
) -> None:
    channel = f"presence-{name}"
    socket, pusher = await visit(seeded, "ann"), await connect(seeded)
    await pusher.subscribe(channel, '{"user_id":"bob"}')
    await socket.join(lobby(seeded, channel))
    await pusher.expect("pusher_internal:member_added")
    await socket.send(lobby(seeded, channel), "hello", {"user_id": "eve"})
    await pusher.expect_frame({"event": "hello", "channel": channel, "data": '{"user_id": "eve"}', "user_id": "ann"})


async def test_messages_of_encrypted_channels_are_the_applications_alone(
    seeded: Seeded, visit: Visit, connect: Dial, name: str
) -> None:
    channel = f"private-encrypted-{name}"
    socket, pusher = await visit(seeded, "ann"), await connect(seeded)
    await pusher.ask(channel)
    await pusher.receive()
    await socket.join(lobby(seeded, channel))
    ref = await socket.send(lobby(seeded, channel), "hello", {"nonce": "x", "ciphertext": "y"})
    await socket.expect_error(ref, lobby(seeded, channel), "only sent by their application")
    await socket.send_bytes(lobby(seeded, channel), "hello", b"x")
    await socket.expect_error("b", lobby(seeded, channel), "only sent by their application")
    await pusher.expect_nothing()


# Direct


@both
async def test_a_direct_message_is_for_one_user_in_all_their_sockets(
    seeded: Seeded, visit: Visit, name: str, vsn: str
) -> None:
    ann, topic = await visit(seeded, "ann", vsn=vsn), lobby(seeded, name)
    bobs = [await visit(seeded, "bob", vsn=vsn), await visit(seeded, "bob")]
    bystander = await visit(seeded, "eve")
    for bob in bobs:
        await bob.join(direct(seeded, "bob"))
    await bystander.join(direct(seeded, "eve"))
    await bystander.join(topic)
    await ann.join(topic)
    await bystander.expect_diff(topic, joins=["ann"])
    await ann.push(topic, "direct", {"uid": "bob", "event": "whisper", "payload": {"a": [1]}})
    for bob in bobs:
        assert await bob.expect(direct(seeded, "bob"), "whisper") == {"a": [1], "from_uid": "ann"}
    await bystander.expect_nothing()
    await ann.expect_nothing()


@pytest.mark.parametrize(
    "payload",
    [
        '{"from_uid":"eve"}',
        '{"from_uid":"eve","from_uid":"eve"}',
        '{"from_uid":{"a":1}}',
        '{"\\u0066rom_uid":"eve"}',
        '{"from\\u005fuid":"eve","a":1,"from_uid":null}',
    ],
)
async def test_whose_a_direct_message_is_cannot_be_forged(
    seeded: Seeded, visit: Visit, name: str, payload: str
) -> None:
    ann, bob, topic = await visit(seeded, "ann"), await visit(seeded, "bob"), lobby(seeded, name)
    await bob.join(direct(seeded, "bob"))
    await ann.join(topic)
    said = f'{{"uid":"bob","event":"whisper","payload":{payload},"from_uid":"eve"}}'
    await ann.send_text(f'["1","2","{topic}","direct",{said}]')
    frame = await bob.connection.recv()
    assert isinstance(frame, str)
    assert frame.count("eve") == 0
    assert json.loads(frame)[4]["from_uid"] == "ann"


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        ({}, "uid"),
        ({"uid": "bob"}, "event"),
        ({"event": "e"}, "uid"),
        ({"uid": 1, "event": "e"}, "uid"),
        ({"uid": "bob", "event": "e", "payload": []}, "payload"),
        ({"uid": "bob", "event": "e", "payload": "{}"}, "payload"),
        ({"uid": "bob", "event": "e", "payload": None}, "payload"),
        ({"uid": "", "event": "e"}, "no user can have this uid"),
        ({"uid": "a b", "event": "e"}, "no user can have this uid"),
        ({"uid": "a/b", "event": "e"}, "no user can have this uid"),
        ({"uid": "#server-to-user-bob", "event": "e"}, "no user can have this uid"),
        ({"uid": "bob\n", "event": "e"}, "no user can have this uid"),
        ({"uid": "x" * 129, "event": "e"}, "no user can have this uid"),
        ({"uid": "bob", "event": "direct"}, "its name is reserved"),
        ([], "Invalid direct message"),
        ("bob", "Invalid direct message"),
        ([["bob", "e"]], "Invalid direct message"),
    ],
)
async def test_a_direct_message_without_sense_is_refused(
    seeded: Seeded, visit: Visit, name: str, payload: object, reason: str
) -> None:
    ann, bob, topic = await visit(seeded, "ann"), await visit(seeded, "bob"), lobby(seeded, name)
    await bob.join(direct(seeded, "bob"))
    await ann.join(topic)
    ref = await ann.send(topic, "direct", payload)
    await ann.expect_error(ref, topic, reason)
    await ann.send_bytes(topic, "direct", b'{"uid":"bob","event":"e"}')
    await ann.expect_error("b", topic, "Invalid direct message")
    await bob.expect_nothing()


async def test_a_direct_message_to_nobody_goes_nowhere(seeded: Seeded, visit: Visit, name: str) -> None:
    ann, topic = await visit(seeded, "ann"), lobby(seeded, name)
    await ann.join(topic)
    await ann.push(topic, "direct", {"uid": "nobody-here", "event": "whisper"})
    await ann.push(topic, "direct", {"uid": "ann", "event": "whisper"})
    await ann.expect_nothing()  # has not joined the topic of her own


async def test_a_direct_message_may_be_sent_on_ones_own_direct_topic(seeded: Seeded, visit: Visit) -> None:
    ann, bob = await visit(seeded, "ann"), await visit(seeded, "bob")
    for socket, uid in ((ann, "ann"), (bob, "bob")):
        await socket.join(direct(seeded, uid))
    await ann.push(direct(seeded, "ann"), "direct", {"uid": "bob", "event": "whisper", "payload": {"n": 1}})
    assert await bob.expect(direct(seeded, "bob"), "whisper") == {"n": 1, "from_uid": "ann"}
    ref = await ann.send(direct(seeded, "ann"), "note", {"n": 2})
    assert await expect_both(ann, ref, direct(seeded, "ann"), "note") == {"n": 2}
    await bob.expect_nothing()


# Permission


async def test_a_token_that_may_not_send_listens(tenants: Tenants, name: str) -> None:
    key = tenants.world().application["app_key"]
    topic = f"lobby:{key}:{name}"
    mute = tenants.forged("ada", pem={"default": 1})
    ann = await knock(tenants, app_key=key, guardian_token=mute, unique_identifier="ann")
    bob = await knock(tenants, app_key=key, guardian_token=tenants.people["ada"].jwt, unique_identifier="bob")
    await ann.join(topic)
    await ann.join(f"lobby:{key}/uid:ann")
    await bob.join(topic)
    await ann.expect_diff(topic, joins=["bob"])
    for event in ("hello", "direct", "client-x", "phx_close"):
        ref = await ann.send(topic, event, {"uid": "bob", "event": "e"})
        await ann.expect_error(ref, topic, "may not send messages")
    await ann.send_bytes(topic, "hello", b"x")
    await ann.expect_error("b", topic, "may not send messages")
    await bob.send(topic, "hello", {"a": 1})
    assert await ann.expect(topic, "hello") == {"a": 1}
    await ann.close()
    await bob.close()


# Bytes


async def test_bytes_are_heard_as_bytes_by_v2_and_in_base64_by_others(
    seeded: Seeded, visit: Visit, connect: Dial, name: str
) -> None:
    topic = lobby(seeded, name)
    ann, bob, old = await visit(seeded, "ann"), await visit(seeded, "bob"), await visit(seeded, "old", vsn=V1)
    pusher = await connect(seeded)
    await pusher.subscribe(name)
    for socket in (old, bob, ann):
        await socket.join(topic)
    await old.expect_diff(topic, joins=["bob"])
    for socket in (old, bob):
        await socket.expect_diff(topic, joins=["ann"])
    for content in (b"", b"\0", bytes(range(256)), b"x" * 7000):
        coded = base64.b64encode(content).decode()
        await ann.send_bytes(topic, "blob", content, ref="77")
        await ann.expect_reply("77", topic)
        assert await ann.receive_bytes() == (topic, "blob", content)
        assert await bob.receive_bytes() == (topic, "blob", content)
        assert await old.expect(topic, "blob") == {"data": coded}
        await pusher.expect_frame({"event": "blob", "channel": name, "data": coded})


async def test_a_binary_message_may_also_join_and_leave(seeded: Seeded, visit: Visit, name: str) -> None:
    socket, topic = await visit(seeded, "ann"), lobby(seeded, name)
    await socket.send_bytes(topic, "phx_join", b"", ref="5")
    await socket.expect_reply("5", topic, join_ref=None)
    said = await socket.receive()
    assert (said.join_ref, said.event) == ("5", "presence_state")
    socket.joins[topic] = "5"
    await socket.send_bytes(topic, "phx_leave", b"", ref="6")
    await socket.expect_reply("6", topic)
    await socket.expect_phx_close(topic, "5")
    await socket.send_bytes("phoenix", "heartbeat", b"", ref="7")
    await socket.expect_reply("7", "phoenix")
