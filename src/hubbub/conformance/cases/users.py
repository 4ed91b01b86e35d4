"""What signing in is good for: the user's own channel, presence by its name, and being put out."""

import asyncio

from hubbub.conformance.api import Signing
from hubbub.conformance.case import Topic, equal
from hubbub.conformance.client import MEMBER_ADDED, Client, member, user
from hubbub.conformance.scene import Scene

topic = Topic()

SWITCH = "user-authentication"


def own(user_id: str) -> str:
    """Give the name of a user's own channel."""
    return f"#server-to-user-{user_id}"


async def _signed_in(scene: Scene, user_id: str, **about: object) -> Client:
    scene.needs(SWITCH)
    client = await scene.connect()
    await client.sign_in(user(user_id, **about))
    return client


async def _at_home(scene: Scene, user_id: str) -> Client:
    """Give a client of that user, subscribed to its own channel."""
    client = await _signed_in(scene, user_id)
    await client.subscribe(own(user_id))
    return client


# The user's own channel


@topic.case("Server-to-user")
async def own_channel(scene: Scene) -> None:
    """Who is signed in may subscribe to #server-to-user-ID with an empty auth."""
    await _at_home(scene, scene.user())


@topic.case("Server-to-user")
async def not_signed_in(scene: Scene) -> None:
    """Who is not signed in may not, and hears nothing."""
    user_id = scene.user()
    witness, stranger = await _at_home(scene, user_id), await scene.connect()
    await stranger.ask(own(user_id))
    await stranger.refused()
    await scene.reaches(witness, own(user_id))
    await stranger.quiet()


@topic.case("Server-to-user")
async def other_one(scene: Scene) -> None:
    """Who is signed in as another may not, and hears nothing."""
    user_id = scene.user()
    witness, other = await _at_home(scene, user_id), await _signed_in(scene, scene.user())
    await other.ask(own(user_id))
    await other.refused()
    await scene.reaches(witness, own(user_id))
    await other.quiet()


@topic.case("Server-to-user")
async def signed_like_a_channel(scene: Scene) -> None:
    """A signature of the channel does not open it."""
    user_id = scene.user()
    await _at_home(scene, user_id)
    stranger = await scene.connect()
    await stranger.ask(own(user_id), auth=stranger.sign(own(user_id)))
    await stranger.refused()


@topic.case("Server-to-user")
async def all_connections(scene: Scene) -> None:
    """What is published there reaches all connections of the user, and those of no other."""
    user_id = scene.user()
    first, second = await _at_home(scene, user_id), await _at_home(scene, user_id)
    other = await _at_home(scene, scene.user())
    await scene.api.trigger(own(user_id), "notice", '{"n":1}')
    for client in (first, second):
        await client.expect_event("notice", own(user_id), '{"n":1}')
    await other.quiet()


@topic.case("Server-to-user")
async def nobody_there(scene: Scene) -> None:
    """To publish to a user who is not connected is answered 200."""
    scene.needs(SWITCH)
    await scene.api.trigger(own(scene.user()), "notice", "{}")


@topic.case("Server-to-user")
async def no_client_events(scene: Scene) -> None:
    """A client event to a user's own channel is not relayed."""
    user_id = scene.user()
    first, second = await _at_home(scene, user_id), await _at_home(scene, user_id)
    await first.send("client-notice", {}, own(user_id))
    await first.settled()
    await scene.reaches(second, own(user_id))


# Presence by sign-in


@topic.case("Presence via sign-in")
async def member_by_name(scene: Scene) -> None:
    """Who is signed in joins a presence channel without channel_data, as that user with its user_info."""
    user_id, channel = scene.user(), scene.channel("presence-")
    client = await _signed_in(scene, user_id, user_info={"name": "Ada"})
    frame = await client.subscribe(channel)
    equal(
        frame.payload,
        {"presence": {"count": 1, "ids": [user_id], "hash": {user_id: {"name": "Ada"}}}},
        "data",
    )


@topic.case("Presence via sign-in")
async def others_hear(scene: Scene) -> None:
    """The others hear member_added with the user's id and info."""
    user_id, channel = scene.user(), scene.channel("presence-")
    client = await _signed_in(scene, user_id, user_info={"name": "Ada"})
    witness = await scene.connect()
    await witness.join(channel, "witness")
    await client.subscribe(channel)
    frame = await witness.expect(MEMBER_ADDED, channel)
    equal(frame.payload, {"user_id": user_id, "user_info": {"name": "Ada"}}, "data")


@topic.case("Presence via sign-in")
async def channel_data_wins(scene: Scene) -> None:
    """When channel_data is given all the same, it counts."""
    user_id, channel = scene.user(), scene.channel("presence-")
    client = await _signed_in(scene, user_id, user_info={"name": "Ada"})
    frame = await client.subscribe(channel, member("bob"))
    equal(frame.payload.get("presence", {}).get("ids"), ["bob"], "ids")


@topic.case("Presence via sign-in")
async def signature_needed(scene: Scene) -> None:
    """The subscription must be signed all the same."""
    client = await _signed_in(scene, scene.user())
    await client.ask(scene.channel("presence-"), auth="")
    await client.refused()


# Terminate


async def _terminate(scene: Scene, user_id: str, body: object = None) -> None:
    path = f"/users/{user_id}/terminate_connections"
    (await scene.api.post(path, {} if body is None else body)).expect(200)


@topic.case("Terminate")
async def all_are_closed(scene: Scene) -> None:
    """All connections of the user are closed."""
    user_id = scene.user()
    first, second = await _signed_in(scene, user_id), await _signed_in(scene, user_id)
    await _terminate(scene, user_id)
    await first.closed()
    await second.closed()


@topic.case("Terminate")
async def answer(scene: Scene) -> None:
    """The answer is 200 and {}."""
    scene.needs(SWITCH)
    given = await scene.api.post(f"/users/{scene.user()}/terminate_connections", {})
    equal(given.expect(200).json, {}, "the answer")


@topic.case("Terminate")
async def empty_body(scene: Scene) -> None:
    """An empty body will do."""
    user_id = scene.user()
    client = await _signed_in(scene, user_id)
    await _terminate(scene, user_id, b"")
    await client.closed()


@topic.case("Terminate")
async def others_stay(scene: Scene) -> None:
    """Other users' connections, and those of nobody, stay."""
    user_id = scene.user()
    client, other, nobody = (
        await _signed_in(scene, user_id),
        await _signed_in(scene, scene.user()),
        await scene.connect(),
    )
    await _terminate(scene, user_id)
    await client.closed()
    await asyncio.gather(other.quiet(), nobody.quiet())


@topic.case("Terminate")
async def presence_stays(scene: Scene) -> None:
    """Who is only in a presence channel under that id, and not signed in, stays."""
    user_id, channel = scene.user(), scene.channel("presence-")
    client, present = await _signed_in(scene, user_id), await scene.connect()
    await present.join(channel, user_id)
    await _terminate(scene, user_id)
    await client.closed()
    await present.quiet()


@topic.case("Terminate")
async def back_again(scene: Scene) -> None:
    """The user may connect and sign in again."""
    user_id = scene.user()
    client = await _signed_in(scene, user_id)
    await _terminate(scene, user_id)
    await client.closed()
    await _at_home(scene, user_id)


@topic.case("Terminate")
async def unsigned(scene: Scene) -> None:
    """A request with a wrong signature closes nobody."""
    user_id = scene.user()
    client = await _signed_in(scene, user_id)
    signing = Signing(forged={"auth_signature": "0" * 64})
    await scene.api.request("POST", f"/users/{user_id}/terminate_connections", {}, signing=signing)
    await client.quiet()


@topic.case("Terminate")
async def other_application(scene: Scene) -> None:
    """Another application's request closes nobody here."""
    user_id = scene.user()
    client = await _signed_in(scene, user_id)
    await scene.api_of(scene.other).post(f"/users/{user_id}/terminate_connections", {})
    await client.quiet()


@topic.observe("Terminate")
async def close_code(scene: Scene) -> str:
    """With which code the connections are closed."""
    user_id = scene.user()
    client = await _signed_in(scene, user_id)
    await _terminate(scene, user_id)
    return str(await client.closed())


@topic.observe("Terminate")
async def without_apps(scene: Scene) -> str:
    """Whether the path of Pusher's Python library, without /apps/ID, is understood."""
    user_id = scene.user()
    client = await _signed_in(scene, user_id)
    path = f"/users/{user_id}/terminate_connections"
    given = await scene.api.request("POST", "", {}, signing=Signing(path=path))
    if given.status != 200:
        return str(given)
    return f"{given}, {await client.closed()}"
