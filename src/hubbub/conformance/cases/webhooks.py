"""Webhooks: which events there are, what each tells, and when there is none."""

from functools import partial

from hubbub.conformance.case import Topic, equal
from hubbub.conformance.client import Client, user
from hubbub.conformance.ear import ADDED, CACHE_MISS, CLIENT_EVENT, COUNT, OCCUPIED, REMOVED, VACATED, Ear
from hubbub.conformance.scene import Scene

topic = Topic()


async def _joined(scene: Scene, channel: str, user_id: str | int) -> Client:
    client = await scene.connect()
    await client.join(channel, user_id)
    return client


# Channels


async def _is_occupied(kind: str, scene: Scene) -> None:
    ear = Ear(scene)
    channel = scene.channel(kind)
    if kind == "presence-":
        await _joined(scene, channel, scene.user())
    else:
        await scene.subscribed(channel)
    equal(await ear.heard(channel, OCCUPIED), [{"name": OCCUPIED, "channel": channel}])


for kind in ("", "private-", "presence-"):
    topic.add(
        "Webhook kinds",
        f"channel_occupied tells the name of a {kind.rstrip('-') or 'public'} channel that has its first subscriber",
        partial(_is_occupied, kind),
    )


@topic.case("Webhook kinds")
async def vacated_by_disconnecting(scene: Scene) -> None:
    """channel_vacated tells the name of a channel whose last subscriber has disconnected."""
    ear = Ear(scene)
    channel = scene.channel()
    await (await scene.subscribed(channel)).close()
    equal(await ear.heard(channel, VACATED), [{"name": VACATED, "channel": channel}])


@topic.case("Webhook kinds")
async def vacated_by_leaving(scene: Scene) -> None:
    """channel_vacated tells the name of a channel whose last subscriber has unsubscribed."""
    ear = Ear(scene)
    channel = scene.channel()
    client = await scene.subscribed(channel)
    await ear.heard(channel, OCCUPIED)
    await client.unsubscribe(channel)
    equal(await ear.heard(channel, VACATED), [{"name": VACATED, "channel": channel}])


@topic.case("Webhook kinds")
async def one_for_two(scene: Scene) -> None:
    """Of two subscribers, only the first makes a channel_occupied."""
    ear = Ear(scene)
    channel = scene.channel()
    await scene.subscribed(channel)
    await scene.subscribed(channel)
    await ear.settled()
    equal(ear.names(channel, OCCUPIED, VACATED), [OCCUPIED])


@topic.case("Webhook kinds")
async def last_of_two(scene: Scene) -> None:
    """Of two subscribers, only the last that leaves makes a channel_vacated."""
    ear = Ear(scene)
    channel = scene.channel()
    first, second = await scene.subscribed(channel), await scene.subscribed(channel)
    await first.close()
    await ear.settled()
    equal(ear.names(channel, VACATED), [], "after the first has left:")
    await second.close()
    await ear.heard(channel, VACATED)


@topic.case("Webhook kinds")
async def occupied_again(scene: Scene) -> None:
    """A channel that was vacated makes a channel_occupied again."""
    ear = Ear(scene)
    channel = scene.channel()
    await (await scene.subscribed(channel)).close()
    await ear.heard(channel, VACATED)
    await scene.subscribed(channel)
    await ear.heard(channel, OCCUPIED, count=2)


@topic.case("Webhook kinds")
async def nobody_there(scene: Scene) -> None:
    """An event for a channel that nobody listens to makes no webhook."""
    ear = Ear(scene)
    channel = scene.channel()
    await scene.api.trigger(channel, "greeting", "{}")
    await ear.settled()
    equal(ear.receiver.about(channel), [], "webhooks:")


@topic.observe("Webhook kinds")
async def channels_of_users(scene: Scene) -> str:
    """What webhooks the channel of a user who signs in makes."""
    ear = Ear(scene)
    scene.needs("user-authentication")
    user_id = scene.user()
    channel = f"#server-to-user-{user_id}"
    client = await scene.connect()
    await client.sign_in(user(user_id))
    await client.subscribe(channel)
    await ear.settled()
    return ", ".join(ear.names(channel, OCCUPIED, VACATED, COUNT)) or "none"


# Members


@topic.case("Webhook kinds")
async def member_added(scene: Scene) -> None:
    """member_added tells the channel, and the id of the user who has joined."""
    ear = Ear(scene)
    channel, user_id = scene.channel("presence-"), scene.user()
    await _joined(scene, channel, user_id)
    equal(await ear.heard(channel, ADDED), [{"name": ADDED, "channel": channel, "user_id": user_id}])


@topic.case("Webhook kinds")
async def member_removed_by_disconnecting(scene: Scene) -> None:
    """member_removed tells the channel, and the id of the user who has disconnected."""
    ear = Ear(scene)
    channel, user_id = scene.channel("presence-"), scene.user()
    await _joined(scene, channel, scene.user())
    await (await _joined(scene, channel, user_id)).close()
    equal(await ear.heard(channel, REMOVED), [{"name": REMOVED, "channel": channel, "user_id": user_id}])


@topic.case("Webhook kinds")
async def member_removed_by_leaving(scene: Scene) -> None:
    """member_removed tells the channel, and the id of the user who has unsubscribed."""
    ear = Ear(scene)
    channel, user_id = scene.channel("presence-"), scene.user()
    client = await _joined(scene, channel, user_id)
    await ear.heard(channel, ADDED)
    await client.unsubscribe(channel)
    equal(await ear.heard(channel, REMOVED), [{"name": REMOVED, "channel": channel, "user_id": user_id}])


@topic.case("Webhook kinds")
async def member_with_a_number(scene: Scene) -> None:
    """member_added tells an id that is a number as a string."""
    ear = Ear(scene)
    channel = scene.channel("presence-")
    await _joined(scene, channel, 42)
    equal((await ear.heard(channel, ADDED))[0].get("user_id"), "42", "user_id:")


@topic.case("Webhook kinds")
async def member_twice(scene: Scene) -> None:
    """The second connection of a member makes no member_added, and its end no member_removed."""
    ear = Ear(scene)
    channel, user_id = scene.channel("presence-"), scene.user()
    await _joined(scene, channel, user_id)
    await (await _joined(scene, channel, user_id)).close()
    await ear.settled()
    equal(ear.names(channel, ADDED, REMOVED), [ADDED])


@topic.case("Webhook kinds")
async def two_members(scene: Scene) -> None:
    """Two users who join make a member_added each."""
    ear = Ear(scene)
    channel, users = scene.channel("presence-"), [scene.user(), scene.user()]
    for user_id in users:
        await _joined(scene, channel, user_id)
    told = await ear.heard(channel, ADDED, count=2)
    equal(sorted(str(event.get("user_id")) for event in told), sorted(users), "user_ids:")


# Client events


@topic.case("Webhook kinds")
async def client_event(scene: Scene) -> None:
    """client_event tells channel, event, data and socket_id of an event that a client has sent, and no user."""
    ear = Ear(scene)
    scene.needs("client-events")
    channel = scene.channel("private-")
    client = await scene.subscribed(channel)
    await client.send("client-greeting", '{"to" : "é"}', channel)
    told = await ear.heard(channel, CLIENT_EVENT)
    expected = {
        "name": CLIENT_EVENT,
        "channel": channel,
        "event": "client-greeting",
        "data": '{"to" : "é"}',
        "socket_id": client.socket_id,
    }
    equal(told, [expected])


@topic.case("Webhook kinds")
async def client_event_of_a_member(scene: Scene) -> None:
    """client_event of a presence channel also tells the user_id of who has sent it."""
    ear = Ear(scene)
    scene.needs("client-events")
    channel, user_id = scene.channel("presence-"), scene.user()
    client = await _joined(scene, channel, user_id)
    await client.send("client-greeting", "{}", channel)
    told = await ear.heard(channel, CLIENT_EVENT)
    expected = {
        "name": CLIENT_EVENT,
        "channel": channel,
        "event": "client-greeting",
        "data": "{}",
        "socket_id": client.socket_id,
        "user_id": user_id,
    }
    equal(told, [expected])


@topic.case("Webhook kinds")
async def published_event(scene: Scene) -> None:
    """An event that the application has published makes no client_event."""
    ear = Ear(scene)
    channel = scene.channel("private-")
    client = await scene.subscribed(channel)
    await scene.api.trigger(channel, "greeting", "{}")
    await client.expect_event("greeting", channel, "{}")
    await ear.settled()
    equal(ear.names(channel, CLIENT_EVENT), [])


@topic.case("Webhook kinds")
async def refused_client_event(scene: Scene) -> None:
    """A client event that is refused, as it is for a public channel, makes no client_event."""
    ear = Ear(scene)
    channel = scene.channel()
    client = await scene.subscribed(channel)
    await client.send("client-greeting", "{}", channel)
    await client.settled()
    await ear.settled()
    equal(ear.names(channel, CLIENT_EVENT), [])


@topic.observe("Webhook kinds")
async def client_event_with_an_object(scene: Scene) -> str:
    """The data in a client_event when the client has sent an object."""
    ear = Ear(scene)
    scene.needs("client-events")
    channel = scene.channel("private-")
    await (await scene.subscribed(channel)).send("client-greeting", {"a": [1]}, channel)
    return repr((await ear.heard(channel, CLIENT_EVENT))[0].get("data"))


@topic.observe("Webhook kinds")
async def order_of_client_events(scene: Scene) -> str:
    """The order in which the webhooks of eight client events come."""
    ear = Ear(scene)
    scene.needs("client-events")
    channel = scene.channel("private-")
    client = await scene.subscribed(channel)
    for place in range(8):
        await client.send("client-greeting", str(place), channel)
    return " ".join(str(event.get("data")) for event in await ear.heard(channel, CLIENT_EVENT, count=8))


# Caches and counts


@topic.case("Webhook kinds")
async def cache_miss(scene: Scene) -> None:
    """cache_miss tells the name of a cache channel that was subscribed to and has no event."""
    ear = Ear(scene)
    scene.needs("cache")
    channel = scene.channel("cache-")
    await (await scene.connect()).ask(channel)
    equal(await ear.heard(channel, CACHE_MISS), [{"name": CACHE_MISS, "channel": channel}])


@topic.case("Webhook kinds")
async def cache_miss_of_many(scene: Scene) -> None:
    """cache_miss comes once for three who subscribe to an empty cache channel, one after the other."""
    ear = Ear(scene)
    scene.needs("cache")
    channel = scene.channel("cache-")
    for _ in range(3):
        await scene.subscribed(channel)
    await ear.heard(channel, CACHE_MISS)
    await ear.settled()
    equal(ear.names(channel, CACHE_MISS), [CACHE_MISS])


@topic.case("Webhook kinds")
async def cache_hit(scene: Scene) -> None:
    """No cache_miss comes for a cache channel that has an event."""
    ear = Ear(scene)
    scene.needs("cache")
    channel = scene.channel("cache-")
    await scene.api.trigger(channel, "greeting", "{}")
    await scene.subscribed(channel)
    await ear.settled()
    equal(ear.names(channel, CACHE_MISS), [])


@topic.case("Webhook kinds")
async def subscription_count(scene: Scene) -> None:
    """subscription_count tells the channel and its number of subscriptions, a whole number."""
    ear = Ear(scene)
    scene.needs("subscription-counts")
    channel = scene.channel()
    await scene.subscribed(channel)
    told = (await ear.heard(channel, COUNT))[0]
    equal(told, {"name": COUNT, "channel": channel, "subscription_count": 1})
    equal(told["subscription_count"], 1, "subscription_count:")


@topic.case("Webhook kinds")
async def subscription_counts(scene: Scene) -> None:
    """subscription_count comes for each change of the number."""
    ear = Ear(scene)
    scene.needs("subscription-counts")
    channel = scene.channel()
    await scene.subscribed(channel)
    await ear.heard(channel, COUNT)
    second = await scene.subscribed(channel)
    await ear.heard(channel, COUNT, count=2)
    await second.unsubscribe(channel)
    told = await ear.heard(channel, COUNT, count=3)
    equal([event.get("subscription_count") for event in told], [1, 2, 1], "subscription_counts:")
