"""Counts of subscribers, told to subscribers."""

import asyncio
import time
from functools import partial

from hubbub.conformance.case import Failed, Skipped, Topic, check, equal
from hubbub.conformance.client import COUNT, SUCCEEDED, Client, Frame
from hubbub.conformance.scene import Scene

topic = Topic()

FEATURE = "subscription_count"
OFF = "subscription counting is not enabled"
MANY = 101
WINDOW = 5.0
"""Seconds between two counts of a channel with more than 100 subscribers."""


async def _counted(scene: Scene, prefix: str = "") -> str:
    """Give the name of a channel whose subscribers are counted. Raises Skipped when they are not."""
    scene.needs("subscription-counts")
    answer = await scene.api.get(f"/channels/{scene.channel()}", [("info", "subscription_count")])
    if OFF in answer.text:
        raise Skipped("the application has subscription counts switched off")
    return scene.channel(prefix)


async def _listener(scene: Scene) -> Client:
    return await scene.connect(ignored=())


async def _count(client: Client, channel: str) -> int:
    frame = await client.expect(COUNT, channel)
    return _told(frame)


def _told(frame: Frame) -> int:
    payload = frame.payload
    count = payload.get("subscription_count") if isinstance(payload, dict) else None
    if not (isinstance(frame.data, str) and type(count) is int):
        raise Failed('data "{\\"subscription_count\\":N}", a string', frame)
    return count


async def _until(client: Client, channel: str, count: int, *, limit: float | None = None) -> list[int]:
    """Give the counts that come, up to and with this one."""
    told: list[int] = []
    while not told or told[-1] != count:
        try:
            told.append(_told(await client.expect(COUNT, channel, limit=limit)))
        except Failed as failed:
            raise Failed(f"a count of {count} in the end", f"{told}, then {failed.came}") from None
    return told


async def _first(scene: Scene, prefix: str) -> None:
    channel = await _counted(scene, prefix)
    client = await _listener(scene)
    await client.subscribe(channel)
    equal(await _count(client, channel), 1, "count")


for prefix, what in {
    "": "a public",
    "private-": "a private",
    "private-encrypted-": "an encrypted",
}.items():
    topic.add(FEATURE, f"Who subscribes to {what} channel is told of one subscriber", partial(_first, prefix=prefix))


@topic.case(FEATURE)
async def comes_after_success(scene: Scene) -> None:
    """The count comes after subscription_succeeded."""
    channel = await _counted(scene)
    client = await _listener(scene)
    await client.ask(channel)
    equal([(await client.next()).event for _ in range(2)], [SUCCEEDED, COUNT], "frames")


@topic.case(FEATURE)
async def all_are_told(scene: Scene) -> None:
    """When another subscribes, all subscribers are told, the new one too."""
    channel = await _counted(scene)
    first, second = await _listener(scene), await _listener(scene)
    await first.subscribe(channel)
    await _count(first, channel)
    await second.subscribe(channel)
    equal((await _count(first, channel), await _count(second, channel)), (2, 2), "counts")


@topic.case(FEATURE)
async def unsubscription(scene: Scene) -> None:
    """When one unsubscribes, those who stay are told, and it is not."""
    channel = await _counted(scene)
    first, second = await _listener(scene), await _listener(scene)
    await first.subscribe(channel)
    await second.subscribe(channel)
    await _until(first, channel, 2)
    await _until(second, channel, 2)
    await second.unsubscribe(channel)
    equal(await _count(first, channel), 1, "count")


@topic.case(FEATURE)
async def closed(scene: Scene) -> None:
    """When one is gone, those who stay are told."""
    channel = await _counted(scene)
    first, second = await _listener(scene), await scene.connect()
    await first.subscribe(channel)
    await second.subscribe(channel)
    await _until(first, channel, 2)
    await second.close()
    equal(await _count(first, channel), 1, "count")


@topic.case(FEATURE)
async def not_on_presence(scene: Scene) -> None:
    """On a presence channel no counts are told."""
    await _counted(scene)
    channel = scene.channel("presence-")
    first, second = await _listener(scene), await scene.connect()
    await first.join(channel, "ada")
    await second.join(channel, "bob")
    frames = await first.settled()
    check(all(frame.event != COUNT for frame in frames), "no count", ", ".join(map(str, frames)))


@topic.case(FEATURE, alone=True, limit=90)
async def throttled(scene: Scene) -> None:
    """With more than 100 subscribers one count is told each 5 seconds, and the last is right."""
    channel = await _counted(scene)
    listener = await _listener(scene)
    await listener.subscribe(channel)
    others = await asyncio.gather(*[scene.connect() for _ in range(MANY + 20)])
    for other in others[:MANY]:
        await other.subscribe(channel)
    limit = 2 * WINDOW + scene.target.patience
    await _until(listener, channel, MANY + 1, limit=limit)
    began = time.monotonic()
    for other in others[MANY:]:
        await other.subscribe(channel)
    total = len(others) + 1
    told = await _until(listener, channel, total, limit=limit)
    most = 2 + int((time.monotonic() - began) / WINDOW)
    check(len(told) <= most, f"{most} counts at most, the last of which is {total}", told)
