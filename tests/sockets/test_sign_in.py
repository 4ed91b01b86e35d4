"""Who a connection is: signing in, a user's own channel, presence by it (pusher-protocol, "User authentication")."""

import asyncio
import json
from collections.abc import Callable

import pytest
from pusher import Pusher  # type: ignore[import-untyped]

from running import Running
from seeded import Seeded
from sockets.client import MEMBER_ADDED, MEMBER_REMOVED, SUCCEEDED, Dial, PusherSocket, sign
from sockets.conftest import Publish
from sockets.phoenix.client import knock, lobby

Start = Callable[..., Running]
Backend = Callable[..., Pusher]

FORMAT = "Invalid format: auth must have the format key:signature"
ANOTHER = "Connection is signed in as another user already"


def mine(user_id: str) -> str:
    return f"#server-to-user-{user_id}"


def closed_to_others(channel: str) -> str:
    return f"Channel {channel} is only open to the connections of the signed-in user it names"


async def is_nobody(socket: PusherSocket, user_id: str) -> None:
    """The socket is not signed in as this user: the user's channel is closed to it."""
    await socket.ask(mine(user_id), auth="")
    await socket.expect_refusal(mine(user_id), closed_to_others(mine(user_id)), 403)
    await socket.expect_nothing()


async def hear_privately(socket: PusherSocket, user_id: str) -> None:
    """Subscribe to the user's channel as pusher-js does."""
    await socket.ask(mine(user_id), auth="")
    await socket.expect_frame({"event": SUCCEEDED, "channel": mine(user_id), "data": "{}"})


# Signing in


@pytest.mark.parametrize(
    "user_data",
    [
        '{"id":"42"}',
        '{ "watchlist" : [ ], "user_info":{"name":"\\u00e9é🎉"},  "id" : "42" }',
        '{"id":"42","user_info":null,"watchlist":null,"more":[1]}',
        '{"id":42}',
    ],
)
async def test_who_signs_in_is_told_what_was_signed_as_it_came(server: Running, connect: Dial, user_data: str) -> None:
    socket = await connect(server)
    await socket.claim(user_data)
    frame = await socket.receive()
    assert frame.keys() == {"event", "data"}
    assert (frame["event"], json.loads(frame["data"])) == ("pusher:signin_success", {"user_data": user_data})
    await socket.expect_nothing()
    await hear_privately(socket, "42")


async def test_the_sdk_signs_alike(server: Running, connect: Dial, backend: Backend) -> None:
    socket = await connect(server)
    given = backend(server).authenticate_user(socket.socket_id, {"id": "42", "user_info": {"name": "Ada"}})
    await socket.send("pusher:signin", given)
    assert await socket.expect("pusher:signin_success") == {"user_data": given["user_data"]}


async def test_what_is_signed_in_with_may_come_as_text(server: Running, connect: Dial) -> None:
    socket = await connect(server)
    user_data = '{"id":"42"}'
    auth = sign(server, f"{socket.socket_id}::user::{user_data}")
    await socket.send("pusher:signin", json.dumps({"auth": auth, "user_data": user_data}))
    assert await socket.expect("pusher:signin_success") == {"user_data": user_data}


@pytest.mark.parametrize(
    ("auth", "message"),
    [
        ("", FORMAT),
        ("no colon", FORMAT),
        ("stranger:0123", "Invalid key in subscription auth data: 'stranger'"),
        ("{key}:0123", "Invalid signature: Expected HMAC SHA256 hex digest of {signed}, but got 0123"),
        ("{key}::user::0123", "Invalid signature: Expected HMAC SHA256 hex digest of {signed}, but got :user::0123"),
    ],
)
async def test_a_bad_signature_is_told_and_nobody_is_signed_in(
    server: Running, connect: Dial, auth: str, message: str
) -> None:
    socket = await connect(server)
    facts = {"key": server.key, "signed": f'{socket.socket_id}::user::{{"id":"42"}}'}
    await socket.claim('{"id":"42"}', auth.format(**facts))
    await socket.expect_error(message.format(**facts))
    await is_nobody(socket, "42")


async def test_a_signature_for_something_else_does_not_fit(server: Running, connect: Dial) -> None:
    earlier, socket = await connect(server), await connect(server)
    user_data = '{"id":"42"}'
    for signed in (
        f"{earlier.socket_id}::user::{user_data}",
        f"{socket.socket_id}:user:{user_data}",
        f"{socket.socket_id}:{user_data}",
        f'{socket.socket_id}::user::{{"id":"43"}}',
        f"{socket.socket_id}::user::" + '{"id": "42"}',
    ):
        await socket.claim(user_data, sign(server, signed))
        assert (await socket.expect("pusher:error"))["message"].startswith("Invalid signature: Expected HMAC SHA256")
    await is_nobody(socket, "42")


@pytest.mark.parametrize("data", ["", ',"data":{}', ',"data":{"auth":"a:b"}', ',"data":"{}"'])
async def test_without_data_it_is_said_what_is_missing(server: Running, connect: Dial, data: str) -> None:
    socket = await connect(server)
    await socket.send_text(f'{{"event":"pusher:signin"{data}}}')
    await socket.expect_error("Missing parameter: data.user_data")
    await socket.expect_nothing()


@pytest.mark.parametrize(
    "user_data",
    [
        "",
        "42",
        '"42"',
        "null",
        "[]",
        "no JSON",
        "{}",
        '{"id":""}',
        '{"id":null}',
        '{"id":true}',
        '{"id":1.5}',
        '{"id":9007199254740993}',
        '{"id":["42"]}',
        '{"id":{}}',
        '{"ID":"42"}',
        '{"id":"42","user_info":"Ada"}',
        '{"id":"42","user_info":[1]}',
        '{"id":"42","user_info":1}',
        '{"id":"42","watchlist":"43"}',
        '{"id":"42","watchlist":{"0":"43"}}',
        '{"id":"42","watchlist":[""]}',
        '{"id":"42","watchlist":["43",null]}',
        '{"id":"42","watchlist":[["43"]]}',
        '{"id":"42"',
        "[" * 50_000,
    ],
    ids=lambda text: text[:40],
)
async def test_what_is_no_user_is_refused_whoever_signed_it(server: Running, connect: Dial, user_data: str) -> None:
    socket = await connect(server)
    await socket.claim(user_data)
    assert (await socket.expect("pusher:error"))["message"].startswith("Invalid user_data: ")
    await is_nobody(socket, "42")


async def test_the_length_of_an_id_has_a_limit(server: Running, connect: Dial) -> None:
    socket = await connect(server)
    await socket.claim(json.dumps({"id": "é" * 201}))
    await socket.expect_error("Invalid user_data: id of more than 200 characters")
    await socket.sign_in("é" * 200)


async def test_a_connection_is_one_user_for_its_life(server: Running, connect: Dial, name: str) -> None:
    socket = await connect(server)
    await socket.sign_in(name)
    await socket.claim(json.dumps({"id": f"{name}-2"}))
    await socket.expect_error(ANOTHER)
    await is_nobody(socket, f"{name}-2")
    await socket.sign_in(name, user_info={"again": True})
    await hear_privately(socket, name)


# The user's own channel


async def test_a_users_channel_is_open_to_that_user_alone(server: Running, connect: Dial, name: str) -> None:
    ada, bob, nobody = await connect(server), await connect(server), await connect(server)
    await ada.sign_in(name)
    await bob.sign_in(f"{name}-bob")
    for socket in (bob, nobody):
        await is_nobody(socket, name)
        await socket.ask(mine(name))  # a signature makes no difference
        await socket.expect_refusal(mine(name), closed_to_others(mine(name)), 403)
    for other in ("", name[:-1], name + "x", name.upper()):
        await ada.ask(mine(other), auth="")
        assert (await ada.expect("pusher:error"))["code"] is None
        assert (await ada.expect("pusher:subscription_error", mine(other)))["type"] == "AuthError"
    await hear_privately(ada, name)


async def test_before_signing_in_it_is_closed_to_them_too(server: Running, connect: Dial, name: str) -> None:
    socket = await connect(server)
    await is_nobody(socket, name)
    await socket.sign_in(name)
    await hear_privately(socket, name)


async def test_what_is_sent_to_a_user_reaches_all_of_their_sockets_and_nobody_elses(
    server: Running, connect: Dial, backend: Backend, name: str
) -> None:
    tab, phone, other = await connect(server), await connect(server), await connect(server)
    for socket, user_id in ((tab, name), (phone, name), (other, f"{name}-other")):
        await socket.sign_in(user_id)
        await hear_privately(socket, user_id)
    deaf = await connect(server)  # signed in, but did not subscribe
    await deaf.sign_in(name)
    assert backend(server).send_to_user(name, "mail", {"from": "Bob"}) == {}
    for socket in (tab, phone):
        await socket.expect_frame({"event": "mail", "channel": mine(name), "data": '{"from": "Bob"}'})
    for socket in (tab, phone, other, deaf):
        await socket.expect_nothing()
    await tab.unsubscribe(mine(name))
    backend(server).send_to_user(name, "mail", "2")
    assert (await phone.receive())["data"] == "2"
    await tab.expect_nothing()


async def test_a_user_whose_id_names_no_channel_is_told_so(server: Running, connect: Dial) -> None:
    socket = await connect(server)
    await socket.sign_in("Zoë Q")
    await socket.ask(mine("Zoë Q"), auth="")
    await socket.expect_refusal(mine("Zoë Q"), f"Invalid channel name '{mine('Zoë Q')}'", 400)


async def test_clients_cannot_speak_there(server: Running, connect: Dial, name: str) -> None:
    tab, phone = await connect(server), await connect(server)
    for socket in (tab, phone):
        await socket.sign_in(name)
        await hear_privately(socket, name)
    await tab.send("client-x", "x", mine(name))
    await tab.expect_error("Client event rejected - only supported on private and presence channels")
    await phone.expect_nothing()


async def test_direct_messages_of_phoenix_clients_reach_them_too(seeded: Seeded, connect: Dial, name: str) -> None:
    ada = await connect(seeded)
    await ada.sign_in(name)
    await hear_privately(ada, name)
    jwt = await asyncio.to_thread(seeded.jwt)
    bob = await knock(seeded, guardian_token=jwt, unique_identifier="bob")
    try:
        await bob.join(lobby(seeded))
        await bob.push(lobby(seeded), "direct", {"uid": name, "event": "mail", "payload": {"a": 1}})
        await ada.expect_frame({"event": "mail", "channel": mine(name), "data": '{"a":1,"from_uid":"bob"}'})
    finally:
        await bob.close()


# Presence by sign-in


async def join_as_signed_in(socket: PusherSocket, channel: str) -> dict[str, object]:
    """Subscribe without channel_data, and give who is there."""
    presence = (await socket.subscribe(channel))["presence"]
    assert isinstance(presence, dict)
    return presence


async def test_who_is_signed_in_is_a_member_without_channel_data(server: Running, connect: Dial, name: str) -> None:
    channel = f"presence-{name}"
    watcher, ada, bob = await connect(server), await connect(server), await connect(server)
    await watcher.subscribe(channel, '{"user_id":"w"}')
    await ada.sign_in("ada", user_info={"name": "Ada"}, watchlist=["x"])
    present = await join_as_signed_in(ada, channel)
    assert present == {"count": 2, "ids": ["w", "ada"], "hash": {"w": None, "ada": {"name": "Ada"}}}
    assert await watcher.expect(MEMBER_ADDED, channel) == {"user_id": "ada", "user_info": {"name": "Ada"}}
    await bob.sign_in("bob")
    await join_as_signed_in(bob, channel)
    assert await watcher.expect(MEMBER_ADDED, channel) == {"user_id": "bob"}
    await ada.expect(MEMBER_ADDED, channel)
    await ada.send("client-x", "x", channel)
    assert (await bob.receive())["user_id"] == "ada"
    await watcher.receive()
    await ada.close()
    assert await watcher.expect(MEMBER_REMOVED, channel) == {"user_id": "ada"}


async def test_channel_data_wins_over_the_sign_in(server: Running, connect: Dial, name: str) -> None:
    socket = await connect(server)
    await socket.sign_in("ada", user_info={"name": "Ada"})
    told = await socket.subscribe(f"presence-{name}", '{"user_id":"guest","user_info":{"name":"G"}}')
    assert told == {"presence": {"count": 1, "ids": ["guest"], "hash": {"guest": {"name": "G"}}}}


async def test_without_either_it_is_refused(server: Running, connect: Dial, name: str) -> None:
    socket, channel = await connect(server), f"presence-{name}"
    await socket.ask(channel)
    text = f"'{channel}' is a presence channel and subscription must include channel_data"
    await socket.expect_refusal(channel, text, 400)
    await socket.sign_in("ada")
    await join_as_signed_in(socket, channel)


async def test_to_be_signed_in_opens_no_channel_without_its_signature(
    server: Running, connect: Dial, name: str
) -> None:
    socket = await connect(server)
    await socket.sign_in("ada")
    for channel in (f"presence-{name}", f"private-{name}"):
        await socket.ask(channel, auth="")
        await socket.expect_refusal(channel, FORMAT, 401)


async def test_the_tabs_of_a_user_are_one_member_as_the_first_told(server: Running, connect: Dial, name: str) -> None:
    channel = f"presence-{name}"
    watcher, signed_in, classic = await connect(server), await connect(server), await connect(server)
    await watcher.subscribe(channel, '{"user_id":"w"}')
    await signed_in.sign_in("ada", user_info={"by": "sign-in"})
    await join_as_signed_in(signed_in, channel)
    assert await watcher.expect(MEMBER_ADDED) == {"user_id": "ada", "user_info": {"by": "sign-in"}}
    told = await classic.subscribe(channel, '{"user_id":"ada","user_info":{"by":"channel_data"}}')
    assert told["presence"]["hash"]["ada"] == {"by": "sign-in"}
    await signed_in.close()
    await classic.unsubscribe(channel)
    assert await watcher.expect(MEMBER_REMOVED) == {"user_id": "ada"}
    await watcher.expect_nothing()


async def test_a_later_sign_in_changes_later_subscriptions_alone(server: Running, connect: Dial, name: str) -> None:
    socket, other = await connect(server), await connect(server)
    old, new = f"presence-{name}-old", f"presence-{name}-new"
    await socket.subscribe(old, '{"user_id":"guest"}')
    await socket.sign_in("ada", user_info={"v": 1})
    await socket.sign_in("ada", user_info={"v": 2})
    assert (await join_as_signed_in(socket, new))["hash"] == {"ada": {"v": 2}}
    assert (await other.subscribe(old, '{"user_id":"w"}'))["presence"]["ids"] == ["guest", "w"]


async def test_the_limits_of_members_hold_for_them_too(server: Running, connect: Dial, name: str) -> None:
    channel = f"presence-{name}"
    socket, other = await connect(server), await connect(server)
    await socket.sign_in("ada", user_info={"text": "x" * 1024})
    await socket.ask(channel)
    text = "The channel_data of this member exceeds the allowed maximum (1024 bytes)"
    await socket.expect_refusal(channel, text, 413, "LimitReached")
    await other.sign_in("x" * 129)
    await other.ask(channel)
    await other.expect_refusal(channel, "Invalid channel_data: user_id of more than 128 characters", 400)


async def test_a_presence_channel_may_be_full_for_them(start_server: Start, connect: Dial) -> None:
    server = start_server(app_max_presence_members=1)
    first, second = await connect(server), await connect(server)
    await first.sign_in("ada")
    await join_as_signed_in(first, "presence-x")
    await second.sign_in("bob")
    await second.ask("presence-x")
    text = "Presence channel presence-x is over its limit of 1 members"
    await second.expect_refusal("presence-x", text, 403, "LimitReached")
    await second.expect_nothing()
    await first.expect_nothing()


async def test_signing_in_and_using_it_in_one_go_is_done_in_order(
    server: Running, connect: Dial, publish: Publish, name: str
) -> None:
    socket = await connect(server)
    await socket.claim(json.dumps({"id": name}))
    await socket.ask(mine(name), auth="")
    await socket.ask(f"presence-{name}")
    await socket.expect("pusher:signin_success")
    await socket.expect(SUCCEEDED, mine(name))
    assert (await socket.expect(SUCCEEDED, f"presence-{name}"))["presence"]["ids"] == [name]
