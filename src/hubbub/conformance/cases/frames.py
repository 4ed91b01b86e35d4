"""Frames: the types in their envelope, pings and pongs, and what is no frame at all."""

import json
from functools import partial

from hubbub.conformance.case import Failed, Topic, check, equal
from hubbub.conformance.client import ABSENT, ERROR, PING, PONG, Client, Frame, member
from hubbub.conformance.mute import Mute
from hubbub.conformance.scene import Scene

topic = Topic()


# Envelope


def _is_text(frame: Frame) -> None:
    check(isinstance(frame.data, str), "data that is a string", frame)


@topic.case("Envelope")
async def succeeded_is_text(scene: Scene) -> None:
    """The data of subscription_succeeded, if there is any, is a string."""
    client = await scene.connect()
    frame = await client.subscribe(scene.channel())
    check(isinstance(frame.whole.get("data", ""), str), "no data, or a string", frame)


@topic.case("Envelope")
async def presence_is_text(scene: Scene) -> None:
    """The data of a presence channel's subscription_succeeded is a string of JSON."""
    client = await scene.connect()
    frame = await client.join(scene.channel("presence-"), "1")
    _is_text(frame)
    check(isinstance(frame.payload, dict), "a string that holds an object", frame)


@topic.case("Envelope")
async def members_are_text(scene: Scene) -> None:
    """The data of member_added and member_removed is a string of JSON."""
    first, second = await scene.connect(), await scene.connect()
    channel = scene.channel("presence-")
    await first.join(channel, "1")
    await second.join(channel, "2")
    _is_text(await first.expect("pusher_internal:member_added", channel))
    await second.close()
    _is_text(await first.expect("pusher_internal:member_removed", channel))


@topic.case("Envelope")
async def event_is_text(scene: Scene) -> None:
    """The data of a published event is a string, and nothing but event, channel and data is in the frame."""
    channel = scene.channel()
    client = await scene.subscribed(channel)
    await scene.api.trigger(channel, "greeting", '{"hello":"world"}')
    frame = await client.expect("greeting", channel)
    equal(frame.whole, {"event": "greeting", "channel": channel, "data": '{"hello":"world"}'}, "the frame")


@topic.case("Envelope")
async def error_is_object(scene: Scene) -> None:
    """The data of pusher:error is an object with a message and a code."""
    client = await scene.open("/app/no-such-key?protocol=5")
    frame = await client.expect(ERROR)
    data = frame.data
    check(isinstance(data, dict) and isinstance(data.get("message"), str), "an object with a message", frame)
    check(type(data.get("code")) is int, "a code that is a number", frame)


@topic.case("Envelope")
async def pong_is_text(scene: Scene) -> None:
    """The data of pusher:pong, if there is one, is a string."""
    client = await scene.connect()
    await client.send(PING, {})
    frame = await client.expect(PONG)
    check(isinstance(frame.whole.get("data", ""), str), "no data, or a string", frame)


@topic.case("Envelope")
async def extra_keys(scene: Scene) -> None:
    """Keys of a client's frame that nobody knows are ignored."""
    client, channel = await scene.connect(), scene.channel()
    await client.send("pusher:subscribe", {"channel": channel, "auth": "", "later": [1]}, version=9, tags={"a": None})
    await client.expect("pusher_internal:subscription_succeeded", channel)


@topic.observe("Envelope", rough=True)
async def control_data_as_text(scene: Scene) -> str:
    """What becomes of a subscription whose data is a string of JSON."""
    client = await scene.connect()
    await client.send("pusher:subscribe", json.dumps({"channel": scene.channel(), "auth": ""}))
    return ", ".join(map(str, await client.settled())) or "nothing"


# Pings


@topic.case("Client ping")
async def ping_with_data(scene: Scene) -> None:
    """pusher:ping with data is answered by pusher:pong."""
    client = await scene.connect()
    await client.send(PING, {})
    await client.expect(PONG)


@topic.case("Client ping")
async def ping_without_data(scene: Scene) -> None:
    """pusher:ping without data, as Java's client sends it, is answered by pusher:pong."""
    client = await scene.connect()
    await client.send(PING)
    await client.expect(PONG)


@topic.case("Client ping")
async def ping_with_text(scene: Scene) -> None:
    """pusher:ping whose data is a string is answered by pusher:pong."""
    client = await scene.connect()
    await client.send(PING, "{}")
    await client.expect(PONG)


@topic.case("Client ping")
async def one_pong_each(scene: Scene) -> None:
    """Five pings are answered by five pongs and nothing else."""
    client, channel = await scene.connect(), scene.channel()
    for _ in range(5):
        await client.send(PING, {})
    for _ in range(5):
        await client.expect(PONG)
    await client.ask(channel)
    await client.expect("pusher_internal:subscription_succeeded", channel)


@topic.case("Client ping")
async def pong_unasked(scene: Scene) -> None:
    """A pusher:pong that nobody asked for, with or without data, is answered by nothing."""
    client = await scene.connect()
    await client.send(PONG, {})
    await client.send(PONG)
    await client.quiet()


async def _rfc_ping(scene: Scene, payload: bytes) -> None:
    client = await scene.connect()
    await client.rfc_ping(payload)


for name, payload in {
    "a payload is answered by a pong with the same": b"conformance",
    "no payload is answered": b"",
    "the longest payload, of bytes that are no text, is answered by a pong with the same": bytes(range(131, 256)),
}.items():
    topic.add("RFC ping", f"A ping frame with {name}", partial(_rfc_ping, payload=payload))


@topic.case("Server ping and 4201", slow=True, limit=200)
async def mute_client(scene: Scene) -> None:
    """A client that is silent is pinged, and closed with 4201 when it does not answer."""
    mute = await Mute.open(scene)
    await mute.until_pinged(limit=150)
    code = await mute.until_closed(limit=150)
    equal(code, 4201, "a close with")


@topic.case("Server ping and 4201", slow=True, limit=400)
async def answering_client(scene: Scene) -> None:
    """A client that is silent but for its answers to pings stays."""
    mute = await Mute.open(scene)
    for _ in range(2):
        await mute.until_pinged(limit=150, answer=True)
    await mute.until_pinged(limit=150)


# What is no frame

BAD: dict[str, str | bytes] = {
    "text that is not JSON": "{not json",
    "a JSON array": '["pusher:ping"]',
    "a JSON number": "42",
    "a JSON string": '"pusher:ping"',
    "a JSON null": "null",
    "an empty message": "",
    "an object without an event": '{"data":{}}',
    "an event that is a number": '{"event":7,"data":{}}',
    "an event that is an object": '{"event":{"a":1}}',
    "a binary frame": b'{"event":"pusher:ping"}',
    "a subscription without data": '{"event":"pusher:subscribe"}',
    "a subscription to null": '{"event":"pusher:subscribe","data":null}',
    "a subscription without a channel": '{"event":"pusher:subscribe","data":{}}',
    "a subscription to a channel that is a number": '{"event":"pusher:subscribe","data":{"channel":5}}',
    "an unsubscription without data": '{"event":"pusher:unsubscribe"}',
    "brackets in brackets, 20,000 deep": "[" * 20_000,
}


async def _survives(scene: Scene, message: str | bytes) -> None:
    """Whoever sends that, no other connection is hurt, and the server takes new ones."""
    witness, sender = await scene.connect(), await scene.connect()
    await sender.send_text(message)
    await _reaction(sender)
    await witness.quiet("nothing at another connection")
    await scene.connect()


async def _told(scene: Scene, message: str | bytes) -> str:
    client = await scene.connect()
    await client.send_text(message)
    return await _reaction(client)


async def _reaction(client: Client) -> str:
    """Give what becomes of a client that has sent something bad."""
    try:
        frames = await client.settled()
    except Failed as failed:
        return failed.came
    return ", ".join(map(str, frames)) or "nothing, and the connection stays"


for name, message in BAD.items():
    topic.add("Bad frames", f"The server survives {name}", partial(_survives, message=message), rough=True)
for name in ("a JSON array", "an object without an event", "a binary frame", "a subscription without a channel"):
    topic.add_observation("Bad frames", f"What answers {name}", partial(_told, message=BAD[name]), rough=True)


@topic.case("Bad frames")
async def invalid_json(scene: Scene) -> None:
    """What is not JSON is answered by pusher:error, code null, "Received invalid JSON", and the connection stays."""
    client = await scene.connect()
    await client.send_text("{not json")
    await client.expect_trouble("Received invalid JSON")


# Reserved names

RESERVED = (
    "pusher_internal:member_added",
    "pusher_internal:subscription_succeeded",
    "pusher_internal:subscription_count",
    "pusher_internal:anything",
    "pusher:anything",
    "pusher:error",
)


async def _is_not_relayed(scene: Scene, event: str) -> None:
    channel = scene.channel("presence-")
    hearer, sender = await scene.connect(), await scene.connect()
    await hearer.join(channel, "1")
    await sender.join(channel, "2")
    await hearer.expect("pusher_internal:member_added", channel)
    await sender.send(event, member("3"), channel)
    await _reaction(sender)
    await scene.api.trigger(channel, "after", "{}")
    frame = await hearer.next("the next published event")
    check(frame.event == "after", "no frame before the next published event", frame)


async def _reaction_to(scene: Scene, event: str) -> str:
    channel = scene.channel("private-")
    client = await scene.subscribed(channel)
    await client.send(event, ABSENT if event == PING else {}, channel)
    return await _reaction(client)


for event in RESERVED:
    topic.add(
        "Reserved events", f"{event} from a client is not relayed", partial(_is_not_relayed, event=event), rough=True
    )
for event in ("pusher_internal:member_added", "pusher:anything"):
    topic.add_observation(
        "Reserved events", f"What answers {event} from a client", partial(_reaction_to, event=event), rough=True
    )
