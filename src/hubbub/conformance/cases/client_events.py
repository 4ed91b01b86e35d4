"""Events that clients send to each other: to whom, in what form, which are refused, and how many there may be."""

import asyncio
import contextlib
import json
from functools import partial

from hubbub.conformance.case import Failed, Skipped, Topic, check, equal
from hubbub.conformance.client import ABSENT, ERROR, MEMBER_ADDED, Client
from hubbub.conformance.scene import Scene

topic = Topic()

OFF = "To send client events, you must enable this feature in the Settings page of your dashboard."
CHANNEL = "Client event rejected - only supported on private and presence channels"
PREFIX = "Client event rejected - client events must be prefixed by 'client-'"
FIELDS = "Invalid client event (must contain channel and data)"
TOO_FAST = 4301


async def _talkers(scene: Scene, prefix: str = "private-") -> tuple[Client, Client, str]:
    """Give who speaks, who hears, and the channel in which both are. Raises Skipped when clients may not speak."""
    scene.needs("client-events")
    sender, hearer, channel = await scene.connect(), await scene.connect(), scene.channel(prefix)
    if prefix.startswith("presence-"):
        await sender.join(channel, "sender")
        await sender.settled()
        await hearer.join(channel, "hearer")
        await sender.expect(MEMBER_ADDED, channel)
    else:
        await sender.subscribe(channel)
        await hearer.subscribe(channel)
    await sender.settled()
    await hearer.settled()
    await sender.send("client-probe", {}, channel)
    if any(frame.event == ERROR and OFF in str(frame.payload) for frame in await sender.settled()):
        raise Skipped("the application has client events switched off")
    await hearer.expect("client-probe", channel)
    return sender, hearer, channel


async def _hears_nothing(scene: Scene, hearer: Client, channel: str) -> None:
    """The next that `hearer` has is an event published now."""
    await scene.api.trigger(channel, "after", "{}")
    frame = await hearer.next("the next published event")
    check(frame.event == "after", "no frame before the next published event", frame)


@topic.case("Client event")
async def relayed(scene: Scene) -> None:
    """On a private channel the others hear a client event, its object as a string, and nothing more in the frame."""
    sender, hearer, channel = await _talkers(scene)
    await sender.send("client-typing", {"who": "Ada"}, channel)
    frame = await hearer.expect("client-typing", channel)
    equal(set(frame.whole), {"event", "channel", "data"}, "keys")
    check(isinstance(frame.data, str), "data that is a string", frame)
    equal(frame.payload, {"who": "Ada"}, "data")


@topic.case("Client event")
async def text_as_it_is(scene: Scene) -> None:
    """Data that is a string arrives as that string."""
    sender, hearer, channel = await _talkers(scene)
    text = '{"a": 1.0,  "b":"\\u00e9"} and 😀'
    await sender.send("client-text", text, channel)
    await hearer.expect_event("client-text", channel, text)


@topic.case("Client event")
async def not_to_the_sender(scene: Scene) -> None:
    """The sender does not hear its own event, nor gets any answer."""
    sender, hearer, channel = await _talkers(scene)
    await sender.send("client-typing", {}, channel)
    await hearer.expect("client-typing", channel)
    await sender.quiet()


@topic.case("Client event")
async def to_all_others(scene: Scene) -> None:
    """All others in the channel hear it, and nobody elsewhere."""
    sender, hearer, channel = await _talkers(scene)
    third, elsewhere = await scene.subscribed(channel), await scene.subscribed(scene.channel("private-"))
    await sender.send("client-typing", {}, channel)
    await hearer.expect("client-typing", channel)
    await third.expect("client-typing", channel)
    await elsewhere.quiet()


@topic.case("Client event")
async def presence_user_id(scene: Scene) -> None:
    """On a presence channel the frame has the sender's user_id at its top."""
    sender, hearer, channel = await _talkers(scene, "presence-")
    await sender.send("client-typing", {}, channel)
    frame = await hearer.expect("client-typing", channel)
    equal(frame.whole.get("user_id"), "sender", "user_id")


@topic.case("Client event")
async def numeric_user_id(scene: Scene) -> None:
    """A user_id that was signed as a number is a string there."""
    _, hearer, channel = await _talkers(scene, "presence-")
    speaker = await scene.connect()
    await speaker.join(channel, 10)
    await hearer.expect(MEMBER_ADDED, channel)
    await speaker.send("client-typing", {}, channel)
    equal((await hearer.expect("client-typing", channel)).whole.get("user_id"), "10", "user_id")


@topic.case("Client event")
async def forged_user_id(scene: Scene) -> None:
    """A user_id that the sender puts into its frame is not believed."""
    sender, hearer, channel = await _talkers(scene, "presence-")
    await sender.send("client-typing", {"user_id": "x"}, channel, user_id="hearer")
    equal((await hearer.expect("client-typing", channel)).whole.get("user_id"), "sender", "user_id")


@topic.case("Client event")
async def forged_on_private(scene: Scene) -> None:
    """A user_id that the sender puts into its frame on a private channel is not passed on."""
    sender, hearer, channel = await _talkers(scene)
    await sender.send("client-typing", {}, channel, user_id="somebody")
    frame = await hearer.expect("client-typing", channel)
    check(frame.whole.get("user_id") is None, "no user_id", frame)


async def _on_cache_channel(scene: Scene, prefix: str) -> None:
    scene.needs("cache")
    sender, hearer, channel = await _talkers(scene, prefix)
    await sender.send("client-typing", {}, channel)
    await hearer.expect("client-typing", channel)


for prefix in ("private-cache-", "presence-cache-"):
    topic.add("Client event", f"They are relayed on {prefix} channels", partial(_on_cache_channel, prefix=prefix))


async def _in_form(scene: Scene, data: object) -> str:
    sender, hearer, channel = await _talkers(scene)
    await sender.send("client-form", data, channel)
    refused = await sender.settled()
    if refused:
        return ", ".join(map(str, refused))
    return f"data {(await hearer.expect('client-form', channel)).whole.get('data', 'left out')!r}"


for name, data in {"a number": 1.50, "null": None, "a list": [1, "a"], "true": True}.items():
    topic.add_observation("Client event", f"What becomes of data that is {name}", partial(_in_form, data=data))


@topic.observe("Client event")
async def extra_keys(scene: Scene) -> str:
    """What becomes of further keys in the sender's frame."""
    sender, hearer, channel = await _talkers(scene)
    await sender.send("client-typing", {}, channel, later=1)
    return f"keys {sorted((await hearer.expect('client-typing', channel)).whole)}"


# Refused


@topic.case("Client event refusals")
async def public(scene: Scene) -> None:
    """On a public channel one is refused by pusher:error, code null, in Pusher's words, and not relayed."""
    await _talkers(scene)
    channel = scene.channel()
    sender, hearer = await scene.subscribed(channel), await scene.subscribed(channel)
    await sender.send("client-typing", {}, channel)
    await sender.expect_trouble(CHANNEL)
    await _hears_nothing(scene, hearer, channel)


@topic.case("Client event refusals")
async def public_is_not_relayed(scene: Scene) -> None:
    """On a public channel none is relayed."""
    scene.needs("client-events")
    channel = scene.channel()
    sender, hearer = await scene.subscribed(channel), await scene.subscribed(channel)
    await sender.send("client-typing", {}, channel)
    await sender.settled()
    await _hears_nothing(scene, hearer, channel)


@topic.case("Client event refusals")
async def outside(scene: Scene) -> None:
    """From a connection that is not subscribed none is relayed."""
    _, hearer, channel = await _talkers(scene)
    outsider = await scene.connect()
    await outsider.send("client-typing", {}, channel)
    await outsider.settled()
    await _hears_nothing(scene, hearer, channel)


@topic.case("Client event refusals")
async def after_leaving(scene: Scene) -> None:
    """From a connection that has unsubscribed none is relayed."""
    sender, hearer, channel = await _talkers(scene)
    await sender.unsubscribe(channel)
    await sender.send("client-typing", {}, channel)
    await sender.settled()
    await _hears_nothing(scene, hearer, channel)


@topic.case("Client event refusals")
async def prefix_wanted(scene: Scene) -> None:
    """A name without client- is refused by pusher:error, code null, in Pusher's words, and not relayed."""
    sender, hearer, channel = await _talkers(scene)
    await sender.send("typing", {}, channel)
    await sender.expect_trouble(PREFIX)
    await _hears_nothing(scene, hearer, channel)


@topic.case("Client event refusals")
async def prefix_not_relayed(scene: Scene) -> None:
    """Names that only resemble client- are not relayed."""
    sender, hearer, channel = await _talkers(scene)
    for name in ("typing", "Client-typing", "client_typing", " client-typing", "myclient-typing"):
        await sender.send(name, {}, channel)
    await sender.settled()
    await _hears_nothing(scene, hearer, channel)


@topic.case("Client event refusals", rough=True)
async def without_channel(scene: Scene) -> None:
    """One without a channel is refused by pusher:error, code null, in Pusher's words."""
    sender, _, _ = await _talkers(scene)
    await sender.send("client-typing", {})
    await sender.expect_trouble(FIELDS)


@topic.observe("Client event refusals", rough=True)
async def without_data(scene: Scene) -> str:
    """What becomes of a client event without data."""
    return await _in_form(scene, ABSENT)


@topic.observe("Client event refusals")
async def encrypted(scene: Scene) -> str:
    """What becomes of a client event on an encrypted channel."""
    await _talkers(scene)
    channel = scene.channel("private-encrypted-")
    sender, hearer = await scene.subscribed(channel), await scene.subscribed(channel)
    await sender.send("client-typing", {}, channel)
    told = await sender.settled()
    heard = await hearer.settled()
    return f"the sender: {', '.join(map(str, told)) or 'nothing'}; the other: {', '.join(map(str, heard)) or 'nothing'}"


@topic.case("Client event refusals")
async def too_large(scene: Scene) -> None:
    """Data of more than 10 kB is not relayed."""
    sender, hearer, channel = await _talkers(scene)
    await sender.send("client-large", "x" * 10_241, channel)
    with contextlib.suppress(Failed):  # to be closed for it is no pleasure, but a refusal
        await sender.settled()
    await _hears_nothing(scene, hearer, channel)


@topic.case("Client event refusals")
async def largest(scene: Scene) -> None:
    """Data of 10 kB, 10240 bytes, is relayed."""
    sender, hearer, channel = await _talkers(scene)
    await sender.send("client-large", "x" * 10_240, channel)
    await hearer.expect_event("client-large", channel, "x" * 10_240)


@topic.case("Client event refusals")
async def switched_off(scene: Scene) -> None:
    """While client events are switched off, one is refused by pusher:error, code null, in Pusher's words."""
    if "client-events" not in scene.target.without:
        raise Skipped("needs an application without client events: --without client-events")
    channel = scene.channel("private-")
    sender, hearer = await scene.subscribed(channel), await scene.subscribed(channel)
    await sender.send("client-typing", {}, channel)
    await sender.expect_trouble(OFF)
    await _hears_nothing(scene, hearer, channel)


# How many

BURST = 40


async def _burst(scene: Scene) -> tuple[Client, Client, str, int, list[int | None]]:
    """Send many at once: gives sender, hearer and channel, how many arrived, and the codes of the refusals."""
    _, hearer, channel = await _talkers(scene)
    sender = await scene.subscribed(channel)
    for number in range(BURST):
        await sender.send("client-burst", {"n": number}, channel)
    told = [frame for frame in await sender.settled() if frame.event == ERROR]
    await scene.api.trigger(channel, "after", "{}")
    arrived = 0
    while (await hearer.next("the burst")).event != "after":
        arrived += 1
    return sender, hearer, channel, arrived, [frame.payload.get("code") for frame in told]


@topic.case("Client event rate", alone=True)
async def ten_arrive(scene: Scene) -> None:
    """Of 40 sent at once at least 10 arrive."""
    *_, arrived, _ = await _burst(scene)
    check(arrived >= 10, "10 or more", arrived)


@topic.case("Client event rate", alone=True)
async def rest_refused(scene: Scene) -> None:
    """Of 40 sent at once no more than two seconds' worth arrive; the rest is refused by pusher:error with 4301."""
    *_, arrived, codes = await _burst(scene)
    check(arrived <= 20, "20 at most, as a burst may meet two seconds", arrived)
    equal(codes, [TOO_FAST] * (BURST - arrived), "codes")


@topic.case("Client event rate", alone=True)
async def recovers(scene: Scene) -> None:
    """Who was refused stays connected, and may send again within seconds."""
    sender, hearer, channel, _, _ = await _burst(scene)
    for _ in range(30):
        await asyncio.sleep(scene.target.patience / 20)
        await sender.send("client-again", {}, channel)
        if not await sender.settled():
            await hearer.expect("client-again", channel)
            return
    raise Failed("a client event that is taken again", "refusals")


@topic.case("Client event rate", alone=True)
async def each_for_itself(scene: Scene) -> None:
    """The rate is of one connection: another may send meanwhile."""
    _, hearer, channel, _, _ = await _burst(scene)
    other = await scene.subscribed(channel)
    await other.send("client-other", {}, channel)
    await other.quiet()
    await hearer.expect("client-other", channel)


@topic.case("Client event")
async def data_in_data(scene: Scene) -> None:
    """An object inside is passed on whole, whatever its keys and depth."""
    sender, hearer, channel = await _talkers(scene)
    data = {"event": "pusher:error", "channel": "x", "data": {"deep": [[[{"é": None}]]]}, "": 0}
    await sender.send("client-whole", data, channel)
    frame = await hearer.expect("client-whole", channel)
    equal(json.dumps(frame.payload, sort_keys=True), json.dumps(data, sort_keys=True), "data")
