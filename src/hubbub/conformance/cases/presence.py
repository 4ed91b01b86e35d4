"""Presence channels: who is there, who comes and goes, and how many may."""

import asyncio
import json
from functools import partial

from hubbub.conformance.case import Failed, Topic, check, equal
from hubbub.conformance.client import ABSENT, MEMBER_ADDED, MEMBER_REMOVED, Client, Frame, member
from hubbub.conformance.scene import Scene

topic = Topic()

PREFIX = "presence-"
NO_HASH = "user_info supplied to presence subscription is invalid - if supplied it must be a type of hash"


def presence_of(frame: Frame) -> tuple[int, list[str], dict[str, object]]:
    """Give count, ids and hash of a presence channel's subscription_succeeded. Raises Failed if they are not there."""
    payload = frame.payload
    presence = payload.get("presence") if isinstance(payload, dict) else None
    if not isinstance(presence, dict):
        raise Failed("presence with count, ids and hash", frame)
    count, ids, infos = presence.get("count"), presence.get("ids"), presence.get("hash")
    if not (type(count) is int and isinstance(ids, list) and isinstance(infos, dict)):
        raise Failed("presence with count, ids and hash", frame)
    return count, ids, infos


async def _joined(scene: Scene, channel: str, *user_ids: str) -> list[Client]:
    """Give clients that are members, one for each id; each has heard of those after it, and nothing is on its way."""
    clients: list[Client] = []
    for user_id in user_ids:
        newcomer = await scene.connect()
        await newcomer.join(channel, user_id)
        for client in clients:
            await client.expect(MEMBER_ADDED, channel)
        clients.append(newcomer)
    return clients


# What the joiner is told


@topic.case("Presence payload")
async def alone(scene: Scene) -> None:
    """Who joins an empty channel is told of itself: count 1, its id in ids, its user_info in hash."""
    client = await scene.connect()
    frame = await client.join(scene.channel(PREFIX), "ada", {"name": "Ada", "tags": [1, None]})
    equal(presence_of(frame), (1, ["ada"], {"ada": {"name": "Ada", "tags": [1, None]}}), "count, ids and hash")


@topic.case("Presence payload")
async def second(scene: Scene) -> None:
    """Who joins later is told of those who are there and of itself, and count, ids and hash agree."""
    first, later, channel = await scene.connect(), await scene.connect(), scene.channel(PREFIX)
    await first.join(channel, "ada", {"name": "Ada"})
    count, ids, infos = presence_of(await later.join(channel, "bob", {"name": "Bob"}))
    equal((count, sorted(ids), infos), (2, ["ada", "bob"], {"ada": {"name": "Ada"}, "bob": {"name": "Bob"}}))


@topic.case("Presence payload")
async def numeric_id(scene: Scene) -> None:
    """A user_id that was signed as a number is a string in ids and in hash."""
    client = await scene.connect()
    count, ids, infos = presence_of(await client.join(scene.channel(PREFIX), 10, {"name": "Mr. Channels"}))
    equal((count, ids, list(infos)), (1, ["10"], ["10"]), "count, ids and keys of hash")


@topic.case("Presence payload")
async def without_info(scene: Scene) -> None:
    """A member without user_info has a key in hash too, with null or an empty object."""
    client = await scene.connect()
    frame = await client.join(scene.channel(PREFIX), "ada")
    _, _, infos = presence_of(frame)
    check("ada" in infos and infos["ada"] in (None, {}), 'hash {"ada":null} or {"ada":{}}', frame)


@topic.case("Presence payload")
async def same_user_twice(scene: Scene) -> None:
    """A user with two connections is counted and listed once."""
    first, again, channel = await scene.connect(), await scene.connect(), scene.channel(PREFIX)
    await first.join(channel, "ada")
    count, ids, _ = presence_of(await again.join(channel, "ada"))
    equal((count, ids), (1, ["ada"]), "count and ids")


@topic.case("Presence payload")
async def info_no_hash(scene: Scene) -> None:
    """A user_info that is no object is refused by pusher:error, code null, in Pusher's words."""
    client, channel = await scene.connect(), scene.channel(PREFIX)
    await client.ask(channel, member("ada", "just text"))
    await client.expect_trouble(NO_HASH)


@topic.case("Presence payload")
async def without_channel_data(scene: Scene) -> None:
    """Without channel_data the subscription is refused by pusher:error, code null, which says so."""
    client, channel = await scene.connect(), scene.channel(PREFIX)
    await client.ask(channel)
    told = await client.trouble("pusher:error that names channel_data")
    check("channel_data" in told.message and told.code is None, "code null and a text with channel_data", told.frame)


async def _is_refused(scene: Scene, channel_data: str) -> None:
    client, channel = await scene.connect(), scene.channel(PREFIX)
    await client.ask(channel, channel_data)
    await client.refused()


for name, channel_data in {
    "that is not JSON": "{not json",
    "that is no object": '["ada"]',
    "without a user_id": '{"user_info":{}}',
}.items():
    topic.add(
        "Presence payload",
        f"A channel_data {name} is refused",
        partial(_is_refused, channel_data=channel_data),
        rough=True,
    )


@topic.case("Presence payload")
async def unsigned(scene: Scene) -> None:
    """A channel_data that is not what was signed is refused, and nobody hears of a member."""
    channel = scene.channel(PREFIX)
    (witness,) = await _joined(scene, channel, "ada")
    forger = await scene.connect()
    await forger.ask(channel, member("bob"), auth=forger.sign(channel, member("eve")))
    await forger.refused()
    await witness.quiet("no member_added")


@topic.case("Presence payload")
async def exact_text_signed(scene: Scene) -> None:
    """The signature covers channel_data as it was written, blanks and escapes and all."""
    client, channel = await scene.connect(), scene.channel(PREFIX)
    frame = await client.subscribe(channel, '{ "user_info" : {"n":"\\u00e9 \\/"} ,  "user_id":"ada"}')
    equal(presence_of(frame)[2], {"ada": {"n": "é /"}}, "hash")


@topic.observe("Presence payload")
async def other_info(scene: Scene) -> str:
    """Which user_info is shown when a user's second connection has another."""
    first, again, later = await scene.connect(), await scene.connect(), await scene.connect()
    channel = scene.channel(PREFIX)
    await first.join(channel, "ada", {"n": 1})
    await again.join(channel, "ada", {"n": 2})
    return f"hash {json.dumps(presence_of(await later.join(channel, 'bob'))[2])}"


# What the others are told


@topic.case("member_added/removed")
async def added(scene: Scene) -> None:
    """The others hear member_added with user_id and user_info."""
    channel = scene.channel(PREFIX)
    (first,) = await _joined(scene, channel, "ada")
    await (await scene.connect()).join(channel, "bob", {"name": "Bob"})
    frame = await first.expect(MEMBER_ADDED, channel)
    equal(frame.payload, {"user_id": "bob", "user_info": {"name": "Bob"}}, "data")


@topic.case("member_added/removed")
async def added_number(scene: Scene) -> None:
    """The user_id in member_added and member_removed is a string, if it was signed as a number too."""
    channel = scene.channel(PREFIX)
    (first,) = await _joined(scene, channel, "ada")
    second = await scene.connect()
    await second.join(channel, 10)
    equal((await first.expect(MEMBER_ADDED, channel)).payload.get("user_id"), "10", "user_id")
    await second.close()
    equal((await first.expect(MEMBER_REMOVED, channel)).payload.get("user_id"), "10", "user_id")


@topic.case("member_added/removed")
async def not_of_itself(scene: Scene) -> None:
    """Who joins hears no member_added of itself."""
    client, channel = await scene.connect(), scene.channel(PREFIX)
    await client.join(channel, "ada")
    await client.quiet()


@topic.case("member_added/removed")
async def second_connection(scene: Scene) -> None:
    """A user's second connection is told to nobody, nor is the end of one of the two."""
    channel = scene.channel(PREFIX)
    witness, one = await _joined(scene, channel, "ada", "bob")
    other = await scene.connect()
    await other.join(channel, "bob")
    await one.quiet("no member_added at the user's first connection")
    await one.close()
    await scene.reaches(other, channel)
    await witness.expect("witnessed", channel)
    await witness.quiet()


@topic.case("member_added/removed")
async def removed_by_close(scene: Scene) -> None:
    """When a user's last connection is closed, the others hear member_removed with the user_id, once."""
    channel = scene.channel(PREFIX)
    witness, one = await _joined(scene, channel, "ada", "bob")
    other = await scene.connect()
    await other.join(channel, "bob")
    await one.close()
    await other.close()
    equal((await witness.expect(MEMBER_REMOVED, channel)).payload, {"user_id": "bob"}, "data")
    await witness.quiet("one member_removed")


@topic.case("member_added/removed")
async def removed_by_unsubscription(scene: Scene) -> None:
    """Who unsubscribes is removed: the others hear member_removed, it does not."""
    channel = scene.channel(PREFIX)
    witness, leaver = await _joined(scene, channel, "ada", "bob")
    await leaver.unsubscribe(channel)
    equal((await witness.expect(MEMBER_REMOVED, channel)).payload, {"user_id": "bob"}, "data")
    await leaver.quiet()


@topic.case("member_added/removed")
async def back_again(scene: Scene) -> None:
    """A user who has left and comes back is added again."""
    channel = scene.channel(PREFIX)
    witness, leaver = await _joined(scene, channel, "ada", "bob")
    await leaver.unsubscribe(channel)
    await witness.expect(MEMBER_REMOVED, channel)
    count, _, _ = presence_of(await leaver.join(channel, "bob"))
    equal(count, 2, "count")
    await witness.expect(MEMBER_ADDED, channel)


@topic.case("member_added/removed")
async def gone_from_hash(scene: Scene) -> None:
    """Who has left is no longer in what later ones are told."""
    channel = scene.channel(PREFIX)
    witness, leaver = await _joined(scene, channel, "ada", "bob")
    await leaver.close()
    await witness.expect(MEMBER_REMOVED, channel)
    count, ids, infos = presence_of(await (await scene.connect()).join(channel, "eve"))
    equal((count, sorted(ids), "bob" in infos), (2, ["ada", "eve"], False), "count, ids, and whether hash has it")


@topic.case("member_added/removed")
async def channels_apart(scene: Scene) -> None:
    """Members of another presence channel hear nothing."""
    here, there = scene.channel(PREFIX), scene.channel(PREFIX)
    (first,) = await _joined(scene, here, "ada")
    (elsewhere,) = await _joined(scene, there, "ada")
    await (await scene.connect()).join(here, "bob")
    await first.expect(MEMBER_ADDED, here)
    await elsewhere.quiet()


@topic.case("Presence abrupt drop")
async def dropped(scene: Scene) -> None:
    """When a member's connection breaks without a close, the others hear member_removed."""
    channel = scene.channel(PREFIX)
    witness, dropper = await _joined(scene, channel, "ada", "bob")
    dropper.cut()
    frame = await witness.expect(MEMBER_REMOVED, channel, limit=max(scene.target.patience, 10))
    equal(frame.payload, {"user_id": "bob"}, "data")


# How many, how large


@topic.case("Presence limits", alone=True, limit=120)
async def hundred_members(scene: Scene) -> None:
    """A channel takes 100 members; the 101st is refused, and nobody hears of it."""
    channel = scene.channel(PREFIX)
    clients = await asyncio.gather(*[scene.connect() for _ in range(101)])
    *members, last = clients
    for number, client in enumerate(members):
        await client.join(channel, f"user-{number}", ABSENT)
    witness = members[-1]
    await last.ask(channel, member("user-100"))
    await last.refused("a refusal of the 101st member")
    await witness.quiet("no member_added")


@topic.case("Presence limits")
async def longest_id(scene: Scene) -> None:
    """A user_id may have 128 characters."""
    client = await scene.connect()
    await client.join(scene.channel(PREFIX), "u" * 128)


@topic.case("Presence limits")
async def too_long_id(scene: Scene) -> None:
    """A user_id of 129 characters is refused."""
    client, channel = await scene.connect(), scene.channel(PREFIX)
    await client.ask(channel, member("u" * 129))
    await client.refused("a refusal of a user_id of 129 characters")


@topic.case("Presence limits")
async def too_large(scene: Scene) -> None:
    """A user object of 2 kB is refused, and the others hear nothing of it."""
    channel = scene.channel(PREFIX)
    (witness,) = await _joined(scene, channel, "ada")
    client = await scene.connect()
    await client.ask(channel, member("bob", {"text": "x" * 2048}))
    await client.refused("a refusal of a user object of 2 kB")
    await witness.quiet("no member_added")


@topic.case("Presence limits")
async def goes_on_after_refusal(scene: Scene) -> None:
    """Who was refused may join with a user object that is small enough."""
    client, channel = await scene.connect(), scene.channel(PREFIX)
    await client.ask(channel, member("bob", {"text": "x" * 2048}))
    await client.refused()
    await client.join(channel, "bob", {"text": "x" * 500})
