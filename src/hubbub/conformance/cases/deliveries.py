"""How webhooks are sent: the form of a request, its signature, and what becomes of one that was not taken."""

import asyncio
import time
from itertools import pairwise

from hubbub.conformance.case import Topic, check, equal
from hubbub.conformance.ear import AGAIN, CLIENT_EVENT, OCCUPIED, Ear, named
from hubbub.conformance.receiver import Delivery
from hubbub.conformance.scene import Scene
from hubbub.signing import is_signature

topic = Topic()

WINDOW = 300.0
"""Seconds for which a webhook is tried. Python's library takes none whose time_ms is farther from now."""

FAR = 60.0
"""Seconds that the clocks of two computers may be apart."""


async def _occupied(scene: Scene) -> Delivery:
    """Occupy a channel, and give the request that told of it."""
    ear = Ear(scene)
    channel = scene.channel()
    await scene.subscribed(channel)
    return await ear.delivery(channel, OCCUPIED)


def _is_signed(scene: Scene, delivery: Delivery) -> bool:
    return is_signature(scene.target.app.secret, delivery.body, delivery.headers.get("x-pusher-signature", ""))


# The form


@topic.case("Webhook format")
async def content_type(scene: Scene) -> None:
    """The content type of a webhook is application/json, with nothing after it."""
    equal((await _occupied(scene)).headers.get("content-type"), "application/json", "content-type:")


@topic.case("Webhook format")
async def key(scene: Scene) -> None:
    """X-Pusher-Key is the application's key."""
    equal((await _occupied(scene)).headers.get("x-pusher-key"), scene.target.app.key, "x-pusher-key:")


@topic.case("Webhook format")
async def signature(scene: Scene) -> None:
    """X-Pusher-Signature is the HMAC of the body as it came."""
    delivery = await _occupied(scene)
    check(_is_signed(scene, delivery), "the signature of the body", delivery.headers.get("x-pusher-signature", "none"))


@topic.case("Webhook format")
async def signature_of_any_letter(scene: Scene) -> None:
    """X-Pusher-Signature is also right for a body with letters outside ASCII."""
    ear = Ear(scene)
    scene.needs("client-events")
    channel = scene.channel("private-")
    await (await scene.subscribed(channel)).send("client-greeting", "é☃😀</>", channel)
    delivery = await ear.delivery(channel, CLIENT_EVENT)
    check(_is_signed(scene, delivery), "the signature of the body", delivery.headers.get("x-pusher-signature", "none"))


@topic.case("Webhook format")
async def time_ms(scene: Scene) -> None:
    """time_ms is the time in milliseconds, a whole number."""
    whole = (await _occupied(scene)).whole
    told, now = whole.get("time_ms"), time.time() * 1000
    check(type(told) is int and abs(told - now) < FAR * 1000, f"about {now:.0f}", repr(told))


@topic.case("Webhook format")
async def events(scene: Scene) -> None:
    """What events holds is a list of objects, each with a name and a channel."""
    whole = (await _occupied(scene)).whole
    told = whole.get("events")
    is_so = isinstance(told, list) and all(
        isinstance(one, dict) and isinstance(one.get("name"), str) and isinstance(one.get("channel"), str)
        for one in told
    )
    check(is_so, "a list of objects with name and channel", told)


@topic.observe("Webhook format")
async def together(scene: Scene) -> str:
    """How many requests tell of eight client events that were sent at once."""
    ear = Ear(scene)
    scene.needs("client-events")
    channel = scene.channel("private-")
    client = await scene.subscribed(channel)
    await ear.heard(channel, OCCUPIED)
    for place in range(8):
        await client.send("client-greeting", str(place), channel)
    await ear.heard(channel, CLIENT_EVENT, count=8)
    return str(len(await ear.tries(channel, CLIENT_EVENT, 1, AGAIN)))


@topic.case("Webhook key")
async def older_pair(scene: Scene) -> None:
    """Of two key pairs the older signs: X-Pusher-Key is its key, and X-Pusher-Signature is made with its secret."""
    newer = scene.second.key
    delivery = await _occupied(scene)
    came = delivery.headers.get("x-pusher-key")
    check(came == scene.target.app.key, "the older key", "the newer key" if came == newer else repr(came))
    check(_is_signed(scene, delivery), "the signature of the older secret", "another")


# What was not taken: nothing else may happen meanwhile, for one request may tell of several cases' channels.


async def _tried(scene: Scene, status: int, *, count: int = 2, limit: float = AGAIN) -> list[Delivery]:
    """Occupy a channel, answer so many requests that tell of it with `status`, then 200, and give those."""
    ear = Ear(scene)
    channel = scene.channel()
    ear.receiver.answer(channel, [status] * 1000)
    await scene.subscribed(channel)
    await ear.tries(channel, OCCUPIED, 1, AGAIN)
    await ear.tries(channel, OCCUPIED, 2, AGAIN)
    tries = await ear.tries(channel, OCCUPIED, count, limit)
    ear.receiver.answer(channel, [])
    return tries[:count]


@topic.case("Webhook batch / retry", alone=True, limit=3 * AGAIN)
async def again(scene: Scene) -> None:
    """A webhook that was answered with 500 comes again, with the same event."""
    first, second = await _tried(scene, 500)
    equal(named(second.events, OCCUPIED), named(first.events, OCCUPIED), "channel_occupied:")


@topic.case("Webhook batch / retry", alone=True, limit=3 * AGAIN)
async def again_after_a_refusal(scene: Scene) -> None:
    """A webhook that was answered with 404 comes again."""
    await _tried(scene, 404)


@topic.case("Webhook batch / retry", alone=True, limit=3 * AGAIN)
async def same_time(scene: Scene) -> None:
    """A webhook that comes again has the time_ms of its creation."""
    first, second = await _tried(scene, 503)
    equal(second.whole.get("time_ms"), first.whole.get("time_ms"), "time_ms:")


@topic.case("Webhook batch / retry", alone=True, limit=3 * AGAIN)
async def signed_again(scene: Scene) -> None:
    """A webhook that comes again is signed by the same key, over the body as it came."""
    first, second = await _tried(scene, 500)
    equal(second.headers.get("x-pusher-key"), first.headers.get("x-pusher-key"), "x-pusher-key:")
    check(_is_signed(scene, second), "the signature of the body", second.headers.get("x-pusher-signature", "none"))


@topic.case("Webhook batch / retry", alone=True, limit=130)
async def backoff(scene: Scene) -> None:
    """The pauses between the first five tries of a webhook grow."""
    tries = await _tried(scene, 500, count=5, limit=100)
    pauses = [later.at - sooner.at for sooner, later in pairwise(tries)]
    told = ", ".join(f"{pause:.1f}" for pause in pauses)
    # Not each need be longer than the one before: a server may count from the webhook's making, or add some chance.
    check(sum(pauses[2:]) > 1.5 * sum(pauses[:2]), "two pauses, and then two that are clearly longer", told)


@topic.case("Webhook batch / retry", alone=True, limit=3 * AGAIN)
async def taken(scene: Scene) -> None:
    """A webhook that was answered with 204 does not come again."""
    ear = Ear(scene)
    channel = scene.channel()
    ear.receiver.answer(channel, [204])
    await scene.subscribed(channel)
    await ear.heard(channel, OCCUPIED)
    await ear.settled()
    equal(ear.names(channel, OCCUPIED), [OCCUPIED])


@topic.observe("Webhook batch / retry", alone=True, limit=3 * AGAIN)
async def same_body(scene: Scene) -> str:
    """The body of a webhook that comes again."""
    first, second = await _tried(scene, 500)
    return "the same" if second.body == first.body else f"{first}, then {second}"


@topic.observe("Webhook batch / retry", alone=True, limit=3 * AGAIN)
async def after_a_redirect(scene: Scene) -> str:
    """A webhook that was answered with 302, which leads nowhere."""
    _, second = await _tried(scene, 302)
    return f"came again, at {second.path}"


@topic.case("Webhook batch / retry", alone=True, slow=True, limit=1.5 * WINDOW)
async def given_up(scene: Scene) -> None:
    """A webhook that is never taken is tried for 300 seconds, and then no more."""
    ear = Ear(scene)
    channel = scene.channel()
    ear.receiver.answer(channel, [500] * 1000)
    await scene.subscribed(channel)
    first = (await ear.tries(channel, OCCUPIED, 1, AGAIN))[0]
    await asyncio.sleep(WINDOW + 60)
    tries = [one.at - first.at for one in await ear.tries(channel, OCCUPIED, 1, AGAIN)]
    told = ", ".join(f"{at:.0f}" for at in tries)
    check(tries[-1] > WINDOW / 3, "tries until 300 s", f"tries at {told}")
    check(tries[-1] <= WINDOW + 5, "no try after 300 s", f"tries at {told}")
