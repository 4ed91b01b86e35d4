"""What is published and heard: data byte for byte, order, and who is left out."""

from functools import partial

from hubbub.conformance.case import Topic, check, equal
from hubbub.conformance.scene import Scene

topic = Topic()

TEXTS = {
    "a number": "123",
    "a number with a trailing zero": "1.10",
    "a number too long for a double": "12345678901234567890.123456789",
    "quotes and backslashes": 'a"b\\c\\\\"',
    "an escape that means a letter": '{"a":"\\u00e9\\/"}',
    "null": "null",
    "text that is not JSON": "just text, {not json",
    "a JSON string": '"quoted"',
    "blanks and line breaks": ' {"a" :\t1}\r\n ',
    "keys that are doubled and unsorted": '{"b":1,"a":2,"b":3}',
    "emoji and other planes": "😀 👩‍👩‍👧 𝔘",
    "letters that are composed and not": "\u00e9 e\u0301",
    "a NUL and other controls": "a\u0000b\u0001\u001f\u007f",
    "separators that JavaScript minds": "a\u2028b\u2029c",
    "markup": "<script>alert('&amp;')</script>",
    "right-to-left and marks": "\u202eabc\u200f\ufeff",
}


async def _arrives(scene: Scene, data: str) -> None:
    channel = scene.channel()
    client = await scene.subscribed(channel)
    await scene.api.trigger(channel, "text", data)
    await client.expect_event("text", channel, data)


for name, text in TEXTS.items():
    topic.add("Data passthrough", f"Data that is {name} arrives as it was sent", partial(_arrives, data=text))


async def _name_arrives(scene: Scene, name: str) -> None:
    channel = scene.channel()
    client = await scene.subscribed(channel)
    await scene.api.trigger(channel, name, "{}")
    await client.expect_event(name, channel, "{}")


for name, what in {
    "App\\Events\\OrderShipped": "of Laravel, with backslashes,",
    ".order.shipped": "with dots",
    "order shipped 😀": "with a blank and an emoji",
    "n" * 200: "of 200 characters",
}.items():
    topic.add("Data passthrough", f"An event's name {what} arrives as it was sent", partial(_name_arrives, name=name))


@topic.observe("Data passthrough")
async def empty(scene: Scene) -> str:
    """What becomes of data that is an empty string."""
    channel = scene.channel()
    client = await scene.subscribed(channel)
    answer = await scene.api.post("/events", {"name": "empty", "data": "", "channel": channel})
    if answer.status != 200:
        return str(answer)
    return str(await client.expect("empty", channel))


# Order

COUNT = 200


async def _sent(scene: Scene) -> tuple[list[str], list[str]]:
    """Publish events one after the other; gives what was sent and what arrived."""
    channel = scene.channel()
    client = await scene.subscribed(channel)
    sent = [str(number) for number in range(COUNT)]
    for text in sent:
        await scene.api.trigger(channel, "numbered", text)
    return sent, [str((await client.expect("numbered", channel)).data) for _ in sent]


@topic.case("Order", limit=90)
async def all_once(scene: Scene) -> None:
    """Of 200 events published one after the other each arrives once."""
    sent, heard = await _sent(scene)
    equal(sorted(heard), sorted(sent), "the events")


@topic.observe("Order", limit=90)
async def in_order(scene: Scene) -> str:
    """Whether 200 events published one after the other arrive in that order."""
    sent, heard = await _sent(scene)
    return "in order" if heard == sent else f"out of order: {' '.join(heard)}"


@topic.observe("Order")
async def batch_in_order(scene: Scene) -> str:
    """Whether the events of a batch arrive in its order."""
    channel = scene.channel()
    client = await scene.subscribed(channel)
    sent = [str(number) for number in range(10)]
    batch = [{"name": "numbered", "channel": channel, "data": text} for text in sent]
    (await scene.api.post("/batch_events", {"batch": batch})).expect(200)
    heard = [str((await client.expect("numbered", channel)).data) for _ in sent]
    return "in order" if heard == sent else f"out of order: {' '.join(heard)}"


# Left out


@topic.case("Exclusion")
async def sender_left_out(scene: Scene) -> None:
    """The connection whose socket_id is named hears nothing, the others do."""
    channel = scene.channel()
    sender, other = await scene.subscribed(channel), await scene.subscribed(channel)
    await scene.api.trigger(channel, "said", "{}", socket_id=sender.socket_id)
    await other.expect_event("said", channel, "{}")
    await sender.quiet()


@topic.case("Exclusion")
async def left_out_everywhere(scene: Scene) -> None:
    """It hears nothing on any of the channels that the event names."""
    channels = [scene.channel() for _ in range(5)]
    sender, other = await scene.subscribed(*channels), await scene.subscribed(*channels)
    await scene.api.trigger(channels, "said", "{}", socket_id=sender.socket_id)
    equal({(await other.expect("said")).channel for _ in channels}, set(channels), "heard by the other")
    await sender.quiet()


@topic.case("Exclusion")
async def left_out_once(scene: Scene) -> None:
    """It hears the next event that does not leave it out."""
    channel = scene.channel("private-")
    sender = await scene.subscribed(channel)
    await scene.api.trigger(channel, "said", "{}", socket_id=sender.socket_id)
    await scene.api.trigger(channel, "next", "{}")
    frame = await sender.next("the next event")
    check(frame.event == "next", "the next event", frame)


@topic.case("Exclusion")
async def of_a_batch(scene: Scene) -> None:
    """In a batch each event leaves out its own."""
    channel = scene.channel()
    first, second = await scene.subscribed(channel), await scene.subscribed(channel)
    batch = [
        {"name": "one", "channel": channel, "data": "{}", "socket_id": first.socket_id},
        {"name": "two", "channel": channel, "data": "{}", "socket_id": second.socket_id},
    ]
    (await scene.api.post("/batch_events", {"batch": batch})).expect(200)
    await first.expect_event("two", channel, "{}")
    await second.expect_event("one", channel, "{}")
    await first.quiet()
    await second.quiet()


@topic.case("Exclusion")
async def nobody_left_out(scene: Scene) -> None:
    """The socket_id of a connection that does not exist is no error, and everyone hears."""
    channel = scene.channel()
    client = await scene.subscribed(channel)
    await scene.api.trigger(channel, "said", "{}", socket_id="1234.1234")
    await client.expect_event("said", channel, "{}")
