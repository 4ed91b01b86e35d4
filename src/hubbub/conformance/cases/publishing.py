"""How an application publishes: what is taken, what is refused, and who hears it."""

from functools import partial

from hubbub.conformance.answers import told
from hubbub.conformance.api import Signing
from hubbub.conformance.case import Topic, equal
from hubbub.conformance.client import Client, Frame
from hubbub.conformance.scene import Scene

topic = Topic()

LONGEST = 10240
"""Bytes of data that an event may have."""


# Where it goes


@topic.case("Trigger")
async def one_channel(scene: Scene) -> None:
    """An event for one channel, named by channel, arrives once."""
    channel = scene.channel()
    client = await scene.subscribed(channel)
    (await scene.api.post("/events", {"name": "greeting", "channel": channel, "data": "{}"})).expect(200)
    await client.expect_event("greeting", channel, "{}")
    await client.quiet("the event once")


@topic.case("Trigger")
async def list_of_one(scene: Scene) -> None:
    """An event for one channel, named by channels, arrives once."""
    channel = scene.channel()
    client = await scene.subscribed(channel)
    (await scene.api.post("/events", {"name": "greeting", "channels": [channel], "data": "{}"})).expect(200)
    await client.expect_event("greeting", channel, "{}")
    await client.quiet("the event once")


@topic.case("Trigger")
async def several_channels(scene: Scene) -> None:
    """An event for two channels arrives once in each, and in no other."""
    channels = [scene.channel() for _ in range(3)]
    client = await scene.subscribed(*channels)
    await scene.api.trigger(channels[:2], "greeting", "{}")
    heard = sorted([str((await client.expect("greeting")).channel) for _ in range(2)])
    equal(heard, sorted(channels[:2]), "heard in")
    await client.quiet("the event twice")


@topic.case("Trigger")
async def every_subscriber(scene: Scene) -> None:
    """An event arrives at every subscriber, and not at who has left."""
    channel = scene.channel()
    first, second, third = [await scene.subscribed(channel) for _ in range(3)]
    await third.unsubscribe(channel)
    await scene.api.trigger(channel, "greeting", "{}")
    await first.expect_event("greeting", channel, "{}")
    await second.expect_event("greeting", channel, "{}")
    await third.quiet("no event for who has left")


@topic.case("Trigger")
async def hundred_channels(scene: Scene) -> None:
    """An event may go to 100 channels, and arrives in the last of them."""
    channels = [scene.channel() for _ in range(100)]
    client = await scene.subscribed(channels[-1])
    await scene.api.trigger(channels, "greeting", "{}")
    await client.expect_event("greeting", channels[-1], "{}")


@topic.case("Trigger")
async def too_many_channels(scene: Scene) -> None:
    """An event for 101 channels is refused with 400, and not published."""
    channels = [scene.channel() for _ in range(101)]
    witness = await scene.subscribed(channels[0])
    (await scene.api.post("/events", {"name": "greeting", "channels": channels, "data": "{}"})).expect(400)
    await scene.reaches(witness, channels[0])


@topic.case("Trigger")
async def nobody_listens(scene: Scene) -> None:
    """An event for a channel that nobody listens to is taken."""
    await scene.api.trigger(scene.channel(), "greeting", "{}")


@topic.case("Trigger")
async def answer_is_empty(scene: Scene) -> None:
    """The answer to an event is an empty JSON object."""
    answer = await scene.api.trigger(scene.channel(), "greeting", "{}")
    equal(told(answer), {})


@topic.observe("Trigger")
async def answer_has_a_type(scene: Scene) -> str:
    """The content type of an answer."""
    answer = await scene.api.trigger(scene.channel(), "greeting", "{}")
    return answer.headers.get("content-type", "none")


async def _channel_is_taken(kind: str, length: int, scene: Scene) -> None:
    channel = scene.channel(kind)
    channel += "x" * (length - len(channel))
    client = await scene.subscribed(channel)
    await scene.api.trigger(channel, "greeting", "{}")
    await client.expect_event("greeting", channel, "{}")


topic.add("Channel name rules", "A channel of 164 characters takes events", partial(_channel_is_taken, "", 164))
topic.add(
    "Channel name rules",
    "A private channel of 164 characters takes events",
    partial(_channel_is_taken, "private-", 164),
)


async def _channel_is_refused(end: str, scene: Scene) -> None:
    (await scene.api.post("/events", {"name": "n", "channel": scene.channel() + end, "data": "{}"})).expect(400)


UNFIT = {
    "of more than 200 characters": "x" * 200,
    "with a blank": " x",
    "with a slash": "/x",
    "with a colon": ":x",
    "with a # inside": "#x",
    "with a letter outside ASCII": "é",
    "with a line's end": "\n",
}

for what, end in UNFIT.items():
    topic.add(
        "Channel name rules",
        f"An event for a channel {what} is refused with 400",
        partial(_channel_is_refused, end),
    )


@topic.case("Channel name rules")
async def one_unfit_channel(scene: Scene) -> None:
    """An event that is refused for one of its channels is heard in none."""
    channel = scene.channel()
    witness = await scene.subscribed(channel)
    body = {"name": "greeting", "channels": [channel, "not a channel"], "data": "{}"}
    (await scene.api.post("/events", body)).expect(400)
    await scene.reaches(witness, channel)


# What is missing or has the wrong shape


async def _event_is_refused(changes: dict[str, object], scene: Scene) -> None:
    channel = scene.channel()
    witness = await scene.subscribed(channel)
    whole: dict[str, object] = {"name": "greeting", "channel": channel, "data": "{}", **changes}
    body = {name: value for name, value in whole.items() if value is not None}
    (await scene.api.post("/events", body)).expect(400)
    await scene.reaches(witness, channel)


topic.add("Trigger", "An event without a name is refused with 400", partial(_event_is_refused, {"name": None}))
topic.add("Trigger", "An event without data is refused with 400", partial(_event_is_refused, {"data": None}))
topic.add("Trigger", "An event without a channel is refused with 400", partial(_event_is_refused, {"channel": None}))
topic.add("Trigger", "An event whose name is a number is refused with 400", partial(_event_is_refused, {"name": 5}))


@topic.case("Trigger")
async def no_json(scene: Scene) -> None:
    """A body that is no JSON is refused with 400."""
    (await scene.api.request("POST", "/events", b'{"name":"greeting"')).expect(400)


async def _seen(changes: dict[str, object], scene: Scene) -> str:
    channel = scene.channel()
    client = await scene.subscribed(channel)
    answer = await scene.api.post("/events", {"name": "greeting", "channel": channel, "data": "{}", **changes})
    return f"{answer}, heard: {', '.join(map(str, await _heard(scene, client, channel))) or 'nothing'}"


async def _heard(scene: Scene, client: Client, channel: str) -> list[Frame]:
    """Publish a last event, and give the frames before it."""
    await scene.api.trigger(channel, "the-end", "{}")
    frames = []
    while (frame := await client.next("the last event")).event != "the-end":
        frames.append(frame)
    return frames


LEFT_OPEN: dict[str, dict[str, object]] = {
    "Data that is an object": {"data": {"a": [1]}},
    "Data that is empty text": {"data": ""},
    "A name that is empty": {"name": ""},
    "A name of 201 characters": {"name": "n" * 201},
    "A name that begins with pusher:": {"name": "pusher:greeting"},
    "A name that begins with pusher_internal:": {"name": "pusher_internal:greeting"},
    "A name that begins with client-": {"name": "client-greeting"},
}

for what, changes in LEFT_OPEN.items():
    topic.add_observation("Trigger", what, partial(_seen, changes))


@topic.observe("Trigger")
async def twice_in_a_list(scene: Scene) -> str:
    """A channel that is named twice."""
    channel = scene.channel()
    client = await scene.subscribed(channel)
    answer = await scene.api.post("/events", {"name": "greeting", "channels": [channel, channel], "data": "{}"})
    return f"{answer}, heard {len(await _heard(scene, client, channel))} times"


@topic.observe("Trigger")
async def channel_and_channels(scene: Scene) -> str:
    """An event that names both channel and channels."""
    one, many = scene.channel(), scene.channel()
    client = await scene.subscribed(one, many)
    answer = await scene.api.post("/events", {"name": "greeting", "channel": one, "channels": [many], "data": "{}"})
    heard = {frame.channel for frame in await _heard(scene, client, one)}
    return f"{answer}, heard in {' and '.join(sorted('channel' if name == one else 'channels' for name in heard))}"


# Whom it leaves out


@topic.case("Exclusion")
async def excluded_from_presence(scene: Scene) -> None:
    """Another connection of the excluded one's user hears the event."""
    channel, user = scene.channel("presence-"), scene.user()
    sender, other = await scene.connect(), await scene.connect()
    await sender.join(channel, user)
    await other.join(channel, user)
    await scene.api.trigger(channel, "greeting", "{}", socket_id=sender.socket_id)
    await other.expect_event("greeting", channel, "{}")
    await sender.quiet("no event for the excluded connection")


topic.add_observation("Exclusion", "A socket_id that cannot be one", partial(_seen, {"socket_id": "nonsense"}))
topic.add_observation("Exclusion", "A socket_id that is null", partial(_seen, {"socket_id": None}))


# How large it may be


async def _fits(data: str, scene: Scene) -> None:
    channel = scene.channel()
    client = await scene.subscribed(channel)
    await scene.api.trigger(channel, "large", data)
    await client.expect_event("large", channel, data)


async def _is_too_large(data: str, scene: Scene) -> None:
    channel = scene.channel()
    witness = await scene.subscribed(channel)
    (await scene.api.post("/events", {"name": "large", "channel": channel, "data": data})).expect(413)
    await scene.reaches(witness, channel)


topic.add("Size", "Data of 10240 bytes arrives", partial(_fits, "x" * LONGEST))
topic.add("Size", "Data of 10240 quotes arrives, though its JSON is twice as long", partial(_fits, '"' * LONGEST))
topic.add("Size", "Data of 5120 letters of two bytes arrives", partial(_fits, "é" * (LONGEST // 2)))
topic.add("Size", "Data of 10241 bytes is refused with 413", partial(_is_too_large, "x" * (LONGEST + 1)))
topic.add(
    "Size",
    "Data of 5121 letters of two bytes is refused with 413",
    partial(_is_too_large, "é" * (LONGEST // 2 + 1)),
)
topic.add("Size", "Data of 2560 emojis and one letter is refused with 413", partial(_is_too_large, "😀" * 2560 + "x"))


# Events in the query


@topic.case("Query-parameter trigger")
async def event_in_the_query(scene: Scene) -> None:
    """An event may stand in the query, without a body, and arrives."""
    channel = scene.channel()
    client = await scene.subscribed(channel)
    query = [("name", "in-query"), ("channel", channel), ("data", '{"a b":"é&="}')]
    (await scene.api.request("POST", "/events", b"", query)).expect(200)
    await client.expect_event("in-query", channel, '{"a b":"é&="}')


@topic.case("Query-parameter trigger")
async def list_in_the_query(scene: Scene) -> None:
    """A list of channels stands in the query as channels[]=a&channels[]=b, and both hear the event."""
    channels = [scene.channel(), scene.channel()]
    client = await scene.subscribed(*channels)
    query = [("channels[]", channel) for channel in channels]
    answer = await scene.api.request("POST", "/events", b"", [*query, ("name", "listed"), ("data", "{}")])
    answer.expect(200)
    heard = sorted([str((await client.expect("listed")).channel) for _ in channels])
    equal(heard, sorted(channels), "heard in")


@topic.case("Query-parameter trigger")
async def altered_query(scene: Scene) -> None:
    """An event in the query that was changed after signing is refused with 401, and not published."""
    channel = scene.channel()
    witness = await scene.subscribed(channel)
    query = [("name", "in-query"), ("channel", channel), ("data", "signed")]
    signing = Signing(forged={"data": "forged"})
    (await scene.api.request("POST", "/events", b"", query, signing=signing)).expect(401)
    await scene.reaches(witness, channel)


@topic.case("Query-parameter trigger")
async def mixed(scene: Scene) -> None:
    """The query may name the excluded connection of an event in the query."""
    channel = scene.channel()
    sender, other = await scene.subscribed(channel), await scene.subscribed(channel)
    query = [("name", "in-query"), ("channel", channel), ("data", "{}"), ("socket_id", sender.socket_id)]
    (await scene.api.request("POST", "/events", b"", query)).expect(200)
    await other.expect_event("in-query", channel, "{}")
    await sender.quiet("no event for the excluded connection")
