"""A client that reads nothing more of what it is sent: whom that hurts, and what becomes of the client.

One request of 10 kB names many channels, all of which the client is subscribed to: what waits for it grows a hundred
times as fast as what is published, and as what anybody else must read.
"""

from hubbub.conformance.case import Failed, Topic
from hubbub.conformance.client import Client
from hubbub.conformance.scene import Scene

topic = Topic()

CHANNELS = 100
EVENTS = 16
SIZE = 10_000
"""16 MB in all: far more than the buffers of two operating systems, and little enough for a server that keeps it."""

LIMIT = 120.0


async def _flood(scene: Scene) -> Client:
    """Give a client that is sent 16 MB and reads none of it. Raises Failed if another subscriber misses an event."""
    channels = [scene.channel() for _ in range(CHANNELS)]
    slow, witness = await scene.subscribed(*channels), await scene.subscribed(channels[-1])
    slow.stop_reading()
    for number in range(EVENTS):
        data = f"{number} ".ljust(SIZE, "x")
        await scene.api.trigger(channels, "flood", data)
        await witness.expect_event("flood", channels[-1], data)
    return slow


@topic.case("Slow consumer", rough=True, limit=LIMIT)
async def hurts_nobody(scene: Scene) -> None:
    """A client that reads nothing more delays nobody: others hear each event, and new ones are welcome."""
    channel = scene.channel()
    bystander = await scene.subscribed(channel)
    slow = await _flood(scene)
    await scene.reaches(bystander, channel)
    await scene.reaches(await scene.subscribed(channel), channel, "later")
    await bystander.expect_event("later", channel, "{}")
    await bystander.quiet()
    slow.cut()


@topic.observe("Slow consumer", rough=True, limit=LIMIT)
async def reads_on(scene: Scene) -> str:
    """What a client is told that has left 16 MB unread, and then reads on."""
    slow = await _flood(scene)
    slow.read_on()
    for heard in range(CHANNELS * EVENTS):
        try:
            await slow.expect("flood")
        except Failed as end:
            return f"{end.came} after {heard} of {CHANNELS * EVENTS} events"
    return "all events"
