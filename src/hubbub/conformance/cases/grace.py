"""Webhooks of clients that are away for a moment: for up to three seconds Pusher tells nobody that they are gone."""

import asyncio
import time

from hubbub.conformance.case import Topic, equal
from hubbub.conformance.client import Client
from hubbub.conformance.ear import ADDED, OCCUPIED, REMOVED, VACATED, Ear
from hubbub.conformance.scene import Scene

topic = Topic()

AWAY = 1.0
"""Seconds that a client is away before it comes back: longer than a drop takes to be seen, less than the grace."""


async def _joined(scene: Scene, channel: str, user_id: str | int) -> Client:
    client = await scene.connect()
    await client.join(channel, user_id)
    return client


@topic.case("Webhook grace")
async def back_in_a_channel(scene: Scene) -> None:
    """A client that is away for a second makes neither channel_vacated nor another channel_occupied."""
    ear = Ear(scene)
    channel = scene.channel()
    client, later = await scene.subscribed(channel), await scene.connect()
    await ear.heard(channel, OCCUPIED)
    client.cut()
    await asyncio.sleep(AWAY)
    await later.subscribe(channel)
    await ear.settled()
    equal(ear.names(channel, OCCUPIED, VACATED), [OCCUPIED])


@topic.case("Webhook grace")
async def back_as_a_member(scene: Scene) -> None:
    """A member who is away for a second makes neither member_removed nor another member_added."""
    ear = Ear(scene)
    channel, user_id = scene.channel("presence-"), scene.user()
    client, later = await _joined(scene, channel, user_id), await scene.connect()
    await ear.heard(channel, ADDED)
    client.cut()
    await asyncio.sleep(AWAY)
    await later.join(channel, user_id)
    await ear.settled()
    equal(ear.names(channel, ADDED, REMOVED), [ADDED])


@topic.case("Webhook grace")
async def one_member_is_back(scene: Scene) -> None:
    """Of two members who are away, only the one who does not come back makes a member_removed."""
    ear = Ear(scene)
    channel, back, gone = scene.channel("presence-"), scene.user(), scene.user()
    clients = [await _joined(scene, channel, user_id) for user_id in (back, gone)]
    later = await scene.connect()
    await ear.heard(channel, ADDED, count=2)
    for client in clients:
        client.cut()
    await asyncio.sleep(AWAY)
    await later.join(channel, back)
    await ear.settled()
    equal(await ear.heard(channel, REMOVED), [{"name": REMOVED, "channel": channel, "user_id": gone}])


@topic.case("Webhook grace")
async def not_back_at_all(scene: Scene) -> None:
    """A channel_vacated that was put off comes when the client stays away after having come back once."""
    ear = Ear(scene)
    channel = scene.channel()
    client, later = await scene.subscribed(channel), await scene.connect()
    client.cut()
    await asyncio.sleep(AWAY)
    await later.subscribe(channel)
    await later.close()
    await ear.heard(channel, VACATED)
    await ear.settled()
    equal(ear.names(channel, OCCUPIED, VACATED), [OCCUPIED, VACATED])


@topic.observe("Webhook grace")
async def back_on_the_same_connection(scene: Scene) -> str:
    """A client that unsubscribes, and subscribes again a second later."""
    ear = Ear(scene)
    channel = scene.channel()
    client = await scene.subscribed(channel)
    await ear.heard(channel, OCCUPIED)
    await client.unsubscribe(channel)
    await asyncio.sleep(AWAY)
    await client.subscribe(channel)
    await ear.settled()
    return ", ".join(ear.names(channel, OCCUPIED, VACATED))


@topic.observe("Webhook grace")
async def delay(scene: Scene) -> str:
    """The seconds between a disconnection and channel_vacated."""
    ear = Ear(scene)
    channel = scene.channel()
    client = await scene.subscribed(channel)
    await ear.heard(channel, OCCUPIED)
    began = time.monotonic()
    client.cut()
    await ear.heard(channel, VACATED)
    return f"{time.monotonic() - began:.1f}"
