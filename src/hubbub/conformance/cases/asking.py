"""What an application is told of its channels and their users."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from hubbub.conformance.answers import told
from hubbub.conformance.api import Answer, Signing
from hubbub.conformance.case import Skipped, Topic, check, equal
from hubbub.conformance.scene import Scene

topic = Topic()

AWKWARD = "=@,.;-_"
"""What a channel's name may have besides letters and digits."""

GRACE = 3.0
"""Seconds for which a server may take a connection that is gone for one that comes back."""


async def _until(
    scene: Scene, ask: Callable[[], Awaitable[Answer]], is_so: Callable[[Any], bool], expected: str
) -> None:
    """Ask again and again until the answer is so. Raises Failed when that takes too long."""
    end = time.monotonic() + scene.target.patience + GRACE
    while not is_so(told(answer := await ask())):
        check(time.monotonic() < end, expected, answer)
        await asyncio.sleep(0.1)


async def _joined(scene: Scene, channel: str, *users: str) -> None:
    """Have each of these users join, by a connection for each time one is named."""
    for user in users:
        await (await scene.connect()).join(channel, user)


# /channels


@topic.case("GET /channels")
async def none_found(scene: Scene) -> None:
    """Where no channel is found, the answer is {"channels":{}}, an object in an object."""
    answer = await scene.api.get("/channels", [("filter_by_prefix", scene.channel())])
    equal(told(answer), {"channels": {}})


@topic.case("GET /channels")
async def occupied_ones(scene: Scene) -> None:
    """Every channel that somebody is subscribed to is listed."""
    channels = [scene.channel(), scene.channel("private-"), scene.channel("presence-")]
    await scene.subscribed(*channels[:2])
    await _joined(scene, channels[2], scene.user())
    found = told(await scene.api.get("/channels")).get("channels")
    check(isinstance(found, dict) and set(channels) <= set(found), f"an object with {', '.join(channels)}", found)


@topic.case("GET /channels")
async def no_attributes(scene: Scene) -> None:
    """Of each listed channel an empty object tells, as no attribute was asked for."""
    base = scene.channel()
    channels = [f"{base}-a", f"{base}-b"]
    await scene.subscribed(*channels)
    answer = await scene.api.get("/channels", [("filter_by_prefix", base)])
    equal(told(answer), {"channels": {channel: {} for channel in channels}})


@topic.case("GET /channels")
async def by_prefix(scene: Scene) -> None:
    """With filter_by_prefix the channels are listed that begin so, and no others."""
    base = scene.channel()
    await scene.subscribed(base, f"{base}-a", f"{base}-b", f"{base}-bb", f"private-{base}-b")
    found = told(await scene.api.get("/channels", [("filter_by_prefix", f"{base}-b")])).get("channels")
    listed = sorted(found) if isinstance(found, dict) else found
    equal(listed, [f"{base}-b", f"{base}-bb"], "listed:")


@topic.case("GET /channels")
async def vacated_ones(scene: Scene) -> None:
    """A channel that everybody has left is listed no more."""
    channel = scene.channel()
    client = await scene.subscribed(channel)
    await client.unsubscribe(channel)
    ask = partial(scene.api.get, "/channels", [("filter_by_prefix", channel)])
    await _until(scene, ask, lambda found: found == {"channels": {}}, "no channel")


@topic.case("GET /channels")
async def published_to(scene: Scene) -> None:
    """A channel that was only published to is not listed."""
    channel = scene.channel()
    await scene.api.trigger(channel, "greeting", "{}")
    answer = await scene.api.get("/channels", [("filter_by_prefix", channel)])
    equal(told(answer), {"channels": {}})


@topic.case("GET /channels")
async def users_counted(scene: Scene) -> None:
    """With info=user_count and a prefix of presence- the users of each channel are counted, not connections."""
    base = scene.channel("presence-")
    first, second = scene.user(), scene.user()
    await _joined(scene, f"{base}-two", first, second, first)
    await _joined(scene, f"{base}-one", first)
    answer = await scene.api.get("/channels", [("filter_by_prefix", base), ("info", "user_count")])
    expected = {f"{base}-two": {"user_count": 2}, f"{base}-one": {"user_count": 1}}
    equal(told(answer).get("channels"), expected, "channels:")


@topic.case("GET /channels")
async def users_counted_anywhere(scene: Scene) -> None:
    """To ask for user_count without a prefix is refused with 400."""
    (await scene.api.get("/channels", [("info", "user_count")])).expect(400)


@topic.case("GET /channels")
async def users_counted_elsewhere(scene: Scene) -> None:
    """To ask for user_count with a prefix of private- is refused with 400."""
    query = [("filter_by_prefix", "private-"), ("info", "user_count")]
    (await scene.api.get("/channels", query)).expect(400)


@topic.observe("GET /channels")
async def subscriptions_counted(scene: Scene) -> str:
    """The list with info=subscription_count."""
    channel = scene.channel()
    await scene.subscribed(channel)
    query = [("filter_by_prefix", channel), ("info", "subscription_count")]
    return str(await scene.api.get("/channels", query))


# /channels/NAME


@topic.case("GET channel / users")
async def unknown_channel(scene: Scene) -> None:
    """A channel that nobody has ever used is not occupied."""
    answer = await scene.api.get(f"/channels/{scene.channel()}")
    equal(told(answer).get("occupied"), False, "occupied:")


async def _is_occupied(kind: str, scene: Scene) -> None:
    channel = scene.channel(kind)
    client = await scene.connect()
    if kind == "presence-":
        await client.join(channel, scene.user())
    else:
        await client.subscribe(channel)
    answer = await scene.api.get(f"/channels/{channel}")
    equal(told(answer).get("occupied"), True, "occupied:")


for kind in ("", "private-", "private-encrypted-", "presence-"):
    topic.add(
        "GET channel / users",
        f"A {kind.rstrip('-') or 'public'} channel is occupied while somebody is subscribed",
        partial(_is_occupied, kind),
    )


@topic.case("GET channel / users")
async def left_channel(scene: Scene) -> None:
    """A channel whose last connection was cut is not occupied any more."""
    channel = scene.channel()
    (await scene.subscribed(channel)).cut()
    ask = partial(scene.api.get, f"/channels/{channel}")
    await _until(scene, ask, lambda found: found.get("occupied") is False, '"occupied":false')


@topic.case("GET channel / users")
async def users_of_one_counted(scene: Scene) -> None:
    """With info=user_count the users of a presence channel are counted, not connections."""
    channel, first, second = scene.channel("presence-"), scene.user(), scene.user()
    await _joined(scene, channel, first, second, first)
    found = told(await scene.api.get(f"/channels/{channel}", [("info", "user_count")]))
    equal((found.get("occupied"), found.get("user_count")), (True, 2), "occupied, user_count:")


@topic.case("GET channel / users")
async def users_of_others_counted(scene: Scene) -> None:
    """To ask for the user_count of a public channel is refused with 400."""
    channel = scene.channel()
    await scene.subscribed(channel)
    (await scene.api.get(f"/channels/{channel}", [("info", "user_count")])).expect(400)


@topic.case("GET channel / users")
async def subscriptions_of_one_counted(scene: Scene) -> None:
    """With info=subscription_count the connections of a channel are counted."""
    scene.needs("subscription-counts")
    channel = scene.channel()
    first, _ = await scene.subscribed(channel), await scene.subscribed(channel)
    ask = partial(scene.api.get, f"/channels/{channel}", [("info", "subscription_count")])
    found = told(await ask())
    equal((found.get("occupied"), found.get("subscription_count")), (True, 2), "occupied, subscription_count:")
    await first.unsubscribe(channel)
    await _until(scene, ask, lambda found: found.get("subscription_count") == 1, '"subscription_count":1')


@topic.case("GET channel / users")
async def subscriptions_counted_in_vain(scene: Scene) -> None:
    """To ask for the subscription_count where that is switched off is refused with 400."""
    if "subscription-counts" not in scene.target.without:
        raise Skipped("subscription-counts is on")
    (await scene.api.get(f"/channels/{scene.channel()}", [("info", "subscription_count")])).expect(400)


@topic.observe("GET channel / users")
async def users_of_none_counted(scene: Scene) -> str:
    """The user_count of a presence channel that nobody is in."""
    return str(await scene.api.get(f"/channels/{scene.channel('presence-')}", [("info", "user_count")]))


@topic.observe("GET channel / users")
async def unknown_attribute(scene: Scene) -> str:
    """An attribute that nobody knows."""
    return str(await scene.api.get(f"/channels/{scene.channel()}", [("info", "nonsense")]))


# /channels/NAME/users


@topic.case("GET channel / users")
async def users(scene: Scene) -> None:
    """The users of a presence channel are listed once each, however many connections they have."""
    channel, first, second = scene.channel("presence-"), scene.user(), scene.user()
    await _joined(scene, channel, first, second, first)
    found = told(await scene.api.get(f"/channels/{channel}/users")).get("users")
    listed = sorted(found, key=str) if isinstance(found, list) else found
    equal(listed, sorted([{"id": first}, {"id": second}], key=str), "users:")


@topic.case("GET channel / users")
async def users_with_numbers(scene: Scene) -> None:
    """A user who joined with a number for an id is listed with a string."""
    channel = scene.channel("presence-")
    await (await scene.connect()).join(channel, 42)
    found = told(await scene.api.get(f"/channels/{channel}/users")).get("users")
    equal(found, [{"id": "42"}], "users:")


@topic.case("GET channel / users")
async def users_who_left(scene: Scene) -> None:
    """A user whose last connection has left is listed no more."""
    channel, first, second = scene.channel("presence-"), scene.user(), scene.user()
    await _joined(scene, channel, first)
    client = await scene.connect()
    await client.join(channel, second)
    await client.unsubscribe(channel)
    ask = partial(scene.api.get, f"/channels/{channel}/users")
    await _until(scene, ask, lambda found: found.get("users") == [{"id": first}], f"{first} alone")


@topic.case("GET channel / users")
async def no_users(scene: Scene) -> None:
    """Of a presence channel that nobody is in an empty list is told."""
    found = told(await scene.api.get(f"/channels/{scene.channel('presence-')}/users"))
    equal(found.get("users"), [], "users:")


async def _has_no_users(kind: str, scene: Scene) -> None:
    channel = scene.channel(kind)
    await scene.subscribed(channel)
    (await scene.api.get(f"/channels/{channel}/users")).expect(400)


topic.add("GET channel / users", "The users of a public channel are refused with 400", partial(_has_no_users, ""))
topic.add(
    "GET channel / users", "The users of a private channel are refused with 400", partial(_has_no_users, "private-")
)


# Paths


@topic.case("Encoded paths")
async def awkward_path(scene: Scene) -> None:
    """A channel whose name has all of =@,.;-_ is found by that name as it is."""
    channel = scene.channel() + AWKWARD
    await scene.subscribed(channel)
    answer = await scene.api.get(f"/channels/{channel}")
    equal(told(answer).get("occupied"), True, "occupied:")


async def _escaped_path(is_signed_escaped: bool, scene: Scene) -> str:
    channel = scene.channel() + AWKWARD
    await scene.subscribed(channel)
    raw = f"/apps/{scene.api.app.id}/channels/{channel}"
    escaped = raw.replace("=", "%3D").replace("@", "%40").replace(",", "%2C").replace(";", "%3B")
    signing = Signing(path=escaped if is_signed_escaped else raw, wire_path=escaped)
    return str(await scene.api.request("GET", "", signing=signing))


topic.add_observation(
    "Encoded paths", "A path that is percent-encoded, signed as it is sent", partial(_escaped_path, True)
)
topic.add_observation(
    "Encoded paths", "A path that is percent-encoded, signed as it was", partial(_escaped_path, False)
)
