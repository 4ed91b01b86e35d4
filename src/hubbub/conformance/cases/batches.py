"""Several events in one request, and what a publisher is told of the channels."""

from hubbub.conformance.answers import told
from hubbub.conformance.case import Topic, equal
from hubbub.conformance.scene import Scene

topic = Topic()


def item(channel: str, name: str = "greeting", data: str = "{}", **others: object) -> dict[str, object]:
    """Give one event of a batch."""
    return {"channel": channel, "name": name, "data": data, **others}


async def _two_of_three(scene: Scene, channel: str) -> None:
    """Have two users in a presence channel, over three connections."""
    first, second = scene.user(), scene.user()
    for user in (first, second, first):
        await (await scene.connect()).join(channel, user)


# Batches


@topic.case("Batch")
async def batch_of_one(scene: Scene) -> None:
    """A batch of one event is taken, and arrives once."""
    channel = scene.channel()
    client = await scene.subscribed(channel)
    (await scene.api.post("/batch_events", {"batch": [item(channel)]})).expect(200)
    await client.expect_event("greeting", channel, "{}")
    await client.quiet("the event once")


@topic.case("Batch")
async def batch_of_ten(scene: Scene) -> None:
    """A batch of ten events for one channel arrives whole, each event once."""
    channel = scene.channel()
    client = await scene.subscribed(channel)
    events = [item(channel, f"event-{place}", str(place)) for place in range(10)]
    (await scene.api.post("/batch_events", {"batch": events})).expect(200)
    heard = [await client.next(f"event-{place}") for place in range(10)]
    expected = [(f"event-{place}", channel, str(place)) for place in range(10)]
    equal(sorted((frame.event, frame.channel, frame.data) for frame in heard), expected, "heard:")
    await client.quiet("ten events")


@topic.case("Batch")
async def batch_of_channels(scene: Scene) -> None:
    """Each event of a batch goes to its own channel."""
    channels = [scene.channel(), scene.channel()]
    first, second = [await scene.subscribed(channel) for channel in channels]
    events = [item(channels[0], "one", "1"), item(channels[1], "two", "2")]
    (await scene.api.post("/batch_events", {"batch": events})).expect(200)
    await first.expect_event("one", channels[0], "1")
    await second.expect_event("two", channels[1], "2")
    await first.quiet("one event")
    await second.quiet("one event")


@topic.case("Batch")
async def batch_of_eleven(scene: Scene) -> None:
    """A batch of eleven events is refused with 400, and not published."""
    channel = scene.channel()
    witness = await scene.subscribed(channel)
    (await scene.api.post("/batch_events", {"batch": [item(channel)] * 11})).expect(400)
    await scene.reaches(witness, channel)


@topic.case("Batch")
async def batch_is_answered_by_an_empty_object(scene: Scene) -> None:
    """The answer to a batch is an empty JSON object."""
    answer = await scene.api.post("/batch_events", {"batch": [item(scene.channel())]})
    equal(told(answer), {})


@topic.case("Batch")
async def batch_of_large_events(scene: Scene) -> None:
    """A batch may have ten events of 10240 bytes each, however long their JSON is."""
    channel = scene.channel()
    client = await scene.subscribed(channel)
    (await scene.api.post("/batch_events", {"batch": [item(channel, data='"' * 10240)] * 10})).expect(200)
    for _ in range(10):
        await client.expect_event("greeting", channel, '"' * 10240)


@topic.case("Batch")
async def batch_with_a_too_large_event(scene: Scene) -> None:
    """A batch with one event of 10241 bytes is refused with 413."""
    channel = scene.channel()
    events = [item(channel), item(channel, data="x" * 10241)]
    (await scene.api.post("/batch_events", {"batch": events})).expect(413)


@topic.case("Batch")
async def batch_without_a_channel(scene: Scene) -> None:
    """A batch with an event that names no channel is refused with 400."""
    event = {"name": "greeting", "data": "{}"}
    (await scene.api.post("/batch_events", {"batch": [item(scene.channel()), event]})).expect(400)


@topic.case("Batch")
async def batch_without_a_name(scene: Scene) -> None:
    """A batch with an event that has no name is refused with 400."""
    event = {"channel": scene.channel(), "data": "{}"}
    (await scene.api.post("/batch_events", {"batch": [item(scene.channel()), event]})).expect(400)


@topic.observe("Batch")
async def half_a_batch(scene: Scene) -> str:
    """What is published of a batch of which one event is refused."""
    channel = scene.channel()
    client = await scene.subscribed(channel)
    events = [item(channel), {"channel": channel, "data": "{}"}]
    answer = await scene.api.post("/batch_events", {"batch": events})
    await scene.api.trigger(channel, "the-end", "{}")
    frame = await client.next()
    return f"{answer}, {'nothing' if frame.event == 'the-end' else 'the others'} published"


@topic.observe("Batch")
async def empty_batch(scene: Scene) -> str:
    """A batch of no events."""
    return str(await scene.api.post("/batch_events", {"batch": []}))


# What a publisher is told of the channels


@topic.case("info")
async def user_count_with_an_event(scene: Scene) -> None:
    """An event with info=user_count tells how many users a presence channel has, not how many connections."""
    channel = scene.channel("presence-")
    await _two_of_three(scene, channel)
    answer = await scene.api.trigger(channel, "greeting", "{}", info="user_count")
    equal(told(answer).get("channels"), {channel: {"user_count": 2}}, "channels:")


@topic.case("info")
async def subscription_count_with_an_event(scene: Scene) -> None:
    """An event with info=subscription_count tells how many connections each of its channels has."""
    scene.needs("subscription-counts")
    channels = [scene.channel(), scene.channel()]
    await scene.subscribed(*channels)
    await scene.subscribed(channels[0])
    answer = await scene.api.trigger(channels, "greeting", "{}", info="subscription_count")
    expected = {channels[0]: {"subscription_count": 2}, channels[1]: {"subscription_count": 1}}
    equal(told(answer).get("channels"), expected, "channels:")


@topic.case("info")
async def counts_that_do_not_fit(scene: Scene) -> None:
    """An event with info=user_count tells nothing of a public channel, and names it all the same."""
    public, presence = scene.channel(), scene.channel("presence-")
    await scene.subscribed(public)
    await (await scene.connect()).join(presence, scene.user())
    answer = await scene.api.trigger([public, presence], "greeting", "{}", info="user_count")
    equal(told(answer).get("channels"), {public: {}, presence: {"user_count": 1}}, "channels:")


@topic.case("info")
async def counts_of_two_kinds(scene: Scene) -> None:
    """An event may ask for user_count and subscription_count at once."""
    scene.needs("subscription-counts")
    channel = scene.channel()
    await scene.subscribed(channel)
    answer = await scene.api.trigger(channel, "greeting", "{}", info="user_count,subscription_count")
    equal(told(answer).get("channels"), {channel: {"subscription_count": 1}}, "channels:")


@topic.case("info")
async def counts_with_a_batch(scene: Scene) -> None:
    """A batch tells counts in the places of the events that asked, and {} in the others."""
    public, presence = scene.channel(), scene.channel("presence-")
    await _two_of_three(scene, presence)
    events = [item(public), item(presence, info="user_count"), item(presence), item(public, info="user_count")]
    answer = await scene.api.post("/batch_events", {"batch": events})
    equal(told(answer).get("batch"), [{}, {"user_count": 2}, {}, {}], "batch:")


@topic.observe("info")
async def count_of_an_empty_channel(scene: Scene) -> str:
    """The user_count of a presence channel that nobody is in."""
    return str(await scene.api.trigger(scene.channel("presence-"), "greeting", "{}", info="user_count"))


@topic.observe("info")
async def unknown_attribute(scene: Scene) -> str:
    """An event that asks for an attribute nobody knows."""
    body = {"name": "greeting", "channel": scene.channel(), "data": "{}", "info": "nonsense"}
    return str(await scene.api.post("/events", body))
