"""Cache channels: who subscribes is told the last event, or that there is none."""

from functools import partial

from hubbub.conformance.answers import told
from hubbub.conformance.case import Topic, check, equal
from hubbub.conformance.client import ABSENT, CACHE_MISS, SUCCEEDED, Client
from hubbub.conformance.scene import Scene

topic = Topic()

PREFIXES = ("cache-", "private-cache-", "private-encrypted-cache-", "presence-cache-")

LONGEST = 30 * 60
"""Seconds for which Pusher keeps an event."""


async def _enter(client: Client, channel: str) -> None:
    if channel.startswith("presence-"):
        await client.join(channel, "ada")
    else:
        await client.subscribe(channel)


async def _replayed(scene: Scene, prefix: str) -> None:
    scene.needs("cache")
    channel, data = scene.channel(prefix), '{"nonce":"AA","ciphertext":"BB"}'
    await scene.api.trigger(channel, "headline", data)
    client = await scene.connect()
    await _enter(client, channel)
    await client.expect_event("headline", channel, data)
    await client.quiet("the event once, and nothing else")


async def _missed(scene: Scene, prefix: str) -> None:
    scene.needs("cache")
    client, channel = await scene.connect(), scene.channel(prefix)
    await _enter(client, channel)
    await client.expect(CACHE_MISS, channel)
    await client.quiet("cache_miss once, and nothing else")


for prefix in PREFIXES:
    topic.add(
        "Cache channel",
        f"Who subscribes to a {prefix} channel is sent its last event, published while nobody was there",
        partial(_replayed, prefix=prefix),
    )
    topic.add(
        "Cache miss",
        f"Who subscribes to a {prefix} channel without an event is sent pusher:cache_miss",
        partial(_missed, prefix=prefix),
    )


@topic.case("Cache miss")
async def miss_frame(scene: Scene) -> None:
    """The data of pusher:cache_miss is "{}"."""
    scene.needs("cache")
    client, channel = await scene.connect(), scene.channel("cache-")
    await client.subscribe(channel)
    frame = await client.expect(CACHE_MISS, channel)
    equal(frame.whole, {"event": CACHE_MISS, "channel": channel, "data": "{}"}, "the frame")


@topic.case("Cache miss")
async def each_is_told(scene: Scene) -> None:
    """Each who subscribes is told so, and those who are there are not told again."""
    scene.needs("cache")
    channel = scene.channel("cache-")
    first, second = await scene.connect(), await scene.connect()
    await first.subscribe(channel)
    await first.expect(CACHE_MISS, channel)
    await second.subscribe(channel)
    await second.expect(CACHE_MISS, channel)
    await first.quiet("no second cache_miss")


@topic.case("Cache miss")
async def hit_after_miss(scene: Scene) -> None:
    """Once an event is published it comes, to those who are there and to those who subscribe later."""
    scene.needs("cache")
    channel = scene.channel("cache-")
    first, later = await scene.connect(), await scene.connect()
    await first.subscribe(channel)
    await first.expect(CACHE_MISS, channel)
    await scene.api.trigger(channel, "headline", "{}")
    await first.expect_event("headline", channel, "{}")
    await later.subscribe(channel)
    await later.expect_event("headline", channel, "{}")


@topic.case("Cache miss")
async def not_elsewhere(scene: Scene) -> None:
    """A name that has cache- only further on is of no cache channel."""
    channel = scene.channel("my-cache-")
    await scene.api.trigger(channel, "headline", "{}")
    client = await scene.connect()
    await client.subscribe(channel)
    await client.quiet("neither an event nor cache_miss")


@topic.case("Cache channel")
async def told_by_the_api(scene: Scene) -> None:
    """With info=cache the HTTP API tells the last event's data and its seconds left, null of a channel without one."""
    scene.needs("cache")
    channel, info = scene.channel("cache-"), [("info", "cache")]
    answer = await scene.api.get(f"/channels/{channel}", info)
    check(told(answer).get("cache", ABSENT) is None, '"cache": null', answer)
    await scene.api.trigger(channel, "headline", '{"n": 1}')
    cache = told(await scene.api.get(f"/channels/{channel}", info)).get("cache")
    data, ttl = (cache.get("data"), cache.get("ttl")) if isinstance(cache, dict) else (None, None)
    check(data == '{"n": 1}', "the event's data, as it was published", cache)
    check(type(ttl) is int and 0 < ttl <= LONGEST, f"a ttl from 1 to {LONGEST}", cache)


@topic.case("Cache channel")
async def last_one_only(scene: Scene) -> None:
    """Only the last of several events is sent."""
    scene.needs("cache")
    channel = scene.channel("cache-")
    for number in range(3):
        await scene.api.trigger(channel, f"headline-{number}", str(number))
    client = await scene.connect()
    await client.subscribe(channel)
    await client.expect_event("headline-2", channel, "2")
    await client.quiet("one event")


@topic.case("Cache channel")
async def byte_for_byte(scene: Scene) -> None:
    """The event that is kept is the one that was published, byte for byte."""
    scene.needs("cache")
    channel, data = scene.channel("cache-"), ' {"a":1.0, "b":"\\u00e9"}\n😀\u0000'
    await scene.api.trigger(channel, "headline", data)
    client = await scene.connect()
    await client.subscribe(channel)
    await client.expect_event("headline", channel, data)


@topic.case("Cache channel")
async def order(scene: Scene) -> None:
    """The last event comes after subscription_succeeded and before any other of the channel."""
    scene.needs("cache")
    channel = scene.channel("cache-")
    await scene.api.trigger(channel, "headline", "{}")
    client = await scene.connect()
    await client.ask(channel)
    equal([(await client.next()).event for _ in range(2)], [SUCCEEDED, "headline"], "frames")


@topic.observe("Cache channel")
async def order_with_count(scene: Scene) -> str:
    """In which order subscription_succeeded, the last event and subscription_count come."""
    scene.needs("cache")
    channel = scene.channel("cache-")
    await scene.api.trigger(channel, "headline", "{}")
    client = await scene.connect(ignored=())
    await client.ask(channel)
    return ", ".join(frame.event for frame in await client.settled())


@topic.case("Cache channel")
async def of_a_batch(scene: Scene) -> None:
    """Events of a batch are kept as well."""
    scene.needs("cache")
    channel = scene.channel("cache-")
    batch = [{"name": f"headline-{number}", "channel": channel, "data": str(number)} for number in range(2)]
    (await scene.api.post("/batch_events", {"batch": batch})).expect(200)
    client = await scene.connect()
    await client.subscribe(channel)
    await client.expect_event("headline-1", channel, "1")


@topic.case("Cache channel")
async def kept_when_left(scene: Scene) -> None:
    """The event is kept when the last subscriber leaves."""
    scene.needs("cache")
    channel = scene.channel("cache-")
    first, later = await scene.connect(), await scene.connect()
    await first.subscribe(channel)
    await scene.api.trigger(channel, "headline", "{}")
    await first.close()
    await later.subscribe(channel)
    await later.expect_event("headline", channel, "{}")


@topic.case("Cache channel")
async def client_events_are_not_kept(scene: Scene) -> None:
    """A client event is not kept."""
    scene.needs("cache")
    scene.needs("client-events")
    channel = scene.channel("private-cache-")
    sender, later = await scene.connect(), await scene.connect()
    await sender.subscribe(channel)
    await scene.api.trigger(channel, "headline", "{}")
    await sender.settled()
    await sender.send("client-typing", {}, channel)
    await sender.settled()
    await later.subscribe(channel)
    await later.expect_event("headline", channel, "{}")


@topic.observe("Cache channel")
async def excluding(scene: Scene) -> str:
    """Whether an event that leaves a connection out is kept."""
    scene.needs("cache")
    channel = scene.channel("cache-")
    sender, later = await scene.connect(), await scene.connect()
    await sender.subscribe(channel)
    await scene.api.trigger(channel, "headline", "{}", socket_id=sender.socket_id)
    await later.subscribe(channel)
    return f"{(await later.next()).event} to who subscribes next"


@topic.case("Cache channel")
async def applications_apart(scene: Scene) -> None:
    """The last event of another application's channel of the same name is not sent."""
    scene.needs("cache")
    channel = scene.channel("cache-")
    await scene.api_of(scene.other).trigger(channel, "headline", "{}")
    client = await scene.connect()
    await client.subscribe(channel)
    await client.expect(CACHE_MISS, channel)
