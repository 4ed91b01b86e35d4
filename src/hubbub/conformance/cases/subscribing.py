"""Subscriptions that are not presence: who may, what is answered, and leaving again."""

from functools import partial

from hubbub.conformance.case import Topic, equal
from hubbub.conformance.client import SUCCEEDED
from hubbub.conformance.scene import Scene
from hubbub.signing import channel_text, sign

topic = Topic()

OLD_SOCKET = "1234.1234"


# Public


@topic.case("Public subscribe")
async def public(scene: Scene) -> None:
    """A public subscription is answered by subscription_succeeded with the channel and data "{}"."""
    client, channel = await scene.connect(), scene.channel()
    frame = await client.subscribe(channel)
    equal(frame.whole, {"event": SUCCEEDED, "channel": channel, "data": "{}"}, "the frame")


@topic.case("Public subscribe")
async def public_without_auth(scene: Scene) -> None:
    """A public subscription needs no auth."""
    client, channel = await scene.connect(), scene.channel()
    await client.send("pusher:subscribe", {"channel": channel})
    await client.expect(SUCCEEDED, channel)


@topic.case("Public subscribe")
async def events_come(scene: Scene) -> None:
    """Two connections that are subscribed both hear an event, once each."""
    channel = scene.channel()
    first, second = await scene.subscribed(channel), await scene.subscribed(channel)
    await scene.api.trigger(channel, "greeting", "{}")
    for client in (first, second):
        await client.expect_event("greeting", channel, "{}")
        await client.quiet()


@topic.case("Public subscribe")
async def others_do_not_hear(scene: Scene) -> None:
    """Who is subscribed to another channel, or to none, hears nothing."""
    channel = scene.channel()
    witness, elsewhere, nowhere = (
        await scene.subscribed(channel),
        await scene.subscribed(scene.channel()),
        await scene.connect(),
    )
    await scene.reaches(witness, channel)
    await elsewhere.quiet()
    await nowhere.quiet()


@topic.case("Public subscribe")
async def many_channels(scene: Scene) -> None:
    """One connection may be subscribed to fifty channels and hears each."""
    channels = [scene.channel() for _ in range(50)]
    client = await scene.subscribed(*channels)
    await scene.api.trigger(channels, "greeting", "{}")
    heard = {(await client.expect("greeting")).channel for _ in channels}
    equal(heard, set(channels), "heard")


@topic.case("Public subscribe")
async def prefix_inside(scene: Scene) -> None:
    """A name that only contains private- further on is public."""
    client, channel = await scene.connect(), scene.channel("my-private-")
    await client.send("pusher:subscribe", {"channel": channel, "auth": ""})
    await client.expect(SUCCEEDED, channel)


@topic.case("Public subscribe")
async def names_tell_case_apart(scene: Scene) -> None:
    """Names of channels that differ in upper and lower case are two channels."""
    channel = scene.channel("a")
    lower, upper = await scene.subscribed(channel), await scene.subscribed(channel.upper())
    await scene.reaches(lower, channel)
    await upper.quiet()


# Private


@topic.case("Private subscribe")
async def private(scene: Scene) -> None:
    """A private subscription that is signed is answered by subscription_succeeded."""
    client, channel = await scene.connect(), scene.channel("private-")
    await client.subscribe(channel)


@topic.case("Private subscribe")
async def private_events_come(scene: Scene) -> None:
    """Who is subscribed to a private channel hears its events."""
    channel = scene.channel("private-")
    client = await scene.subscribed(channel)
    await scene.reaches(client, channel)


@topic.observe("Private subscribe")
async def private_with_channel_data(scene: Scene) -> str:
    """What answers a private subscription with channel_data that the signature covers."""
    client, channel = await scene.connect(), scene.channel("private-")
    await client.ask(channel, '{"user_id":"1"}')
    return ", ".join(map(str, await client.settled())) or "nothing"


@topic.case("Private subscribe")
async def wrong_signature(scene: Scene) -> None:
    """A wrong signature is refused by pusher:error, code null, in Pusher's words."""
    client, channel = await scene.connect(), scene.channel("private-")
    wrong = "0" * 64
    await client.ask(channel, auth=f"{client.app.key}:{wrong}")
    signed = channel_text(client.socket_id, channel)
    await client.expect_trouble(f"Invalid signature: Expected HMAC SHA256 hex digest of {signed}, but got {wrong}")


@topic.case("Private subscribe")
async def wrong_key(scene: Scene) -> None:
    """A wrong key is refused by pusher:error, code null, in Pusher's words."""
    client, channel = await scene.connect(), scene.channel("private-")
    await client.ask(channel, auth=client.sign(channel).replace(client.app.key, "no-such-key", 1))
    await client.expect_trouble("Invalid key in subscription auth data: 'no-such-key'")


@topic.case("Private subscribe")
async def no_colon(scene: Scene) -> None:
    """An auth that is not key:signature is refused by pusher:error, code null, in Pusher's words."""
    client, channel = await scene.connect(), scene.channel("private-")
    await client.ask(channel, auth="nonsense")
    await client.expect_trouble("Invalid format: auth must have the format key:signature")


async def _is_refused(scene: Scene, auth: str | None) -> None:
    """A subscription with this auth is refused, and no event comes."""
    client, channel = await scene.connect(), scene.channel("private-")
    witness = await scene.subscribed(channel)
    data = {"channel": channel} if auth is None else {"channel": channel, "auth": auth.format(key=client.app.key)}
    await client.send("pusher:subscribe", data)
    await client.refused()
    await scene.reaches(witness, channel)
    await client.quiet("no event of a channel that refused")


for name, auth in {
    "without auth": None,
    "with an empty auth": "",
    "with the key and no signature": "{key}:",
    "with a signature that is no hexadecimal number": "{key}:zzzz",
}.items():
    topic.add("Private subscribe", f"A private subscription {name} is refused", partial(_is_refused, auth=auth))


@topic.case("Private subscribe")
async def stale_socket(scene: Scene) -> None:
    """A signature for another socket id is refused, the connection stays, and the right one is then accepted."""
    client, channel = await scene.connect(), scene.channel("private-")
    stale = sign(client.app.secret, channel_text(OLD_SOCKET, channel))
    await client.ask(channel, auth=f"{client.app.key}:{stale}")
    await client.refused()
    await client.subscribe(channel)


@topic.case("Private subscribe")
async def other_channel(scene: Scene) -> None:
    """A signature for another channel is refused."""
    client, channel = await scene.connect(), scene.channel("private-")
    await client.ask(channel, auth=client.sign(scene.channel("private-")))
    await client.refused()


@topic.case("Private subscribe")
async def other_application(scene: Scene) -> None:
    """A signature of another application is refused."""
    client, channel = await scene.connect(), scene.channel("private-")
    await client.ask(channel, auth=client.sign(channel, app=scene.other))
    await client.refused()


@topic.case("Private subscribe")
async def applications_apart(scene: Scene) -> None:
    """A channel of another application with the same name is another channel."""
    channel = scene.channel()
    here, there = await scene.subscribed(channel), await scene.connect(scene.other)
    await there.subscribe(channel)
    await scene.reaches(here, channel)
    await there.quiet()


@topic.case("Private subscribe")
async def altered_channel_data(scene: Scene) -> None:
    """Channel_data that is not what was signed is refused."""
    client, channel = await scene.connect(), scene.channel("private-")
    await client.ask(channel, '{"user_id":"2"}', auth=client.sign(channel, '{"user_id":"1"}'))
    await client.refused()


@topic.observe("Private subscribe")
async def upper_case_signature(scene: Scene) -> str:
    """What becomes of a signature in upper case."""
    client, channel = await scene.connect(), scene.channel("private-")
    key, _, signature = client.sign(channel).partition(":")
    await client.ask(channel, auth=f"{key}:{signature.upper()}")
    return ", ".join(map(str, await client.settled()))


# Encrypted


@topic.case("Encrypted")
async def encrypted(scene: Scene) -> None:
    """A private-encrypted- subscription is signed and answered as a private one."""
    client, channel = await scene.connect(), scene.channel("private-encrypted-")
    await client.subscribe(channel)


@topic.case("Encrypted")
async def encrypted_unsigned(scene: Scene) -> None:
    """A private-encrypted- subscription without auth is refused."""
    client = await scene.connect()
    await client.ask(scene.channel("private-encrypted-"), auth="")
    await client.refused()


@topic.case("Encrypted")
async def ciphertext(scene: Scene) -> None:
    """What is published to an encrypted channel arrives as it was published."""
    channel = scene.channel("private-encrypted-")
    client = await scene.subscribed(channel)
    data = '{"nonce":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYX","ciphertext":"c29tZSBjaXBoZXJ0ZXh0"}'
    await scene.api.trigger(channel, "secret", data)
    await client.expect_event("secret", channel, data)


# Twice, and leaving


@topic.case("Duplicate / unknown unsubscribe")
async def twice(scene: Scene) -> None:
    """A second subscription is refused by pusher:error, code null, in Pusher's words."""
    channel = scene.channel()
    client = await scene.subscribed(channel)
    await client.ask(channel)
    await client.expect_trouble(f"Existing subscription to channel {channel}")


@topic.case("Duplicate / unknown unsubscribe")
async def first_one_stays(scene: Scene) -> None:
    """After a second subscription the first one stays, and an event comes once."""
    channel = scene.channel("private-")
    client = await scene.subscribed(channel)
    await client.ask(channel)
    await client.settled()
    await scene.reaches(client, channel)
    await client.quiet("an event once")


@topic.case("Duplicate / unknown unsubscribe")
async def unknown_unsubscription(scene: Scene) -> None:
    """To leave a channel that one is not in is refused by pusher:error, code null, in Pusher's words."""
    client, channel = await scene.connect(), scene.channel()
    await client.send("pusher:unsubscribe", {"channel": channel})
    await client.expect_trouble(f"No current subscription to channel {channel}, or subscription in progress")


@topic.case("Duplicate / unknown unsubscribe")
async def left_twice(scene: Scene) -> None:
    """To leave a channel a second time is refused like one that one was never in."""
    channel = scene.channel()
    client = await scene.subscribed(channel)
    await client.unsubscribe(channel)
    await client.send("pusher:unsubscribe", {"channel": channel})
    await client.expect_trouble(f"No current subscription to channel {channel}, or subscription in progress")


@topic.case("Unsubscribe")
async def no_answer(scene: Scene) -> None:
    """Nothing answers an unsubscription."""
    channel = scene.channel()
    client = await scene.subscribed(channel)
    await client.unsubscribe(channel)


@topic.case("Unsubscribe")
async def nothing_more(scene: Scene) -> None:
    """Who has left a channel hears nothing more of it, and goes on hearing of others."""
    channel, other = scene.channel(), scene.channel()
    witness, leaver = await scene.subscribed(channel), await scene.subscribed(channel, other)
    await leaver.unsubscribe(channel)
    await scene.reaches(witness, channel)
    await leaver.quiet()
    await scene.reaches(leaver, other)


@topic.case("Unsubscribe")
async def back_again(scene: Scene) -> None:
    """Who has left a channel may subscribe again."""
    channel = scene.channel("private-")
    client = await scene.subscribed(channel)
    await client.unsubscribe(channel)
    await client.subscribe(channel)
    await scene.reaches(client, channel)
