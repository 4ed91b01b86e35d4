"""Signing in on a socket: what is signed, what is answered, and what is refused."""

import json
from functools import partial

from hubbub.conformance.case import Failed, Topic, check, equal
from hubbub.conformance.client import SIGNED_IN, Client, user
from hubbub.conformance.scene import Scene

topic = Topic()

SWITCH = "user-authentication"


async def _fails(client: Client, user_data: str, *, auth: str | None = None) -> None:
    """Try to sign in, which must not succeed; to be closed for it is an answer too."""
    await client.ask_sign_in(user_data, auth=auth)
    try:
        frames = await client.settled()
    except Failed:
        frames = (await client.closed()).before
    check(all(frame.event != SIGNED_IN for frame in frames), "no signin_success", ", ".join(map(str, frames)))


@topic.case("Sign-in")
async def succeeds(scene: Scene) -> None:
    """A signed sign-in is answered by pusher:signin_success."""
    scene.needs(SWITCH)
    client = await scene.connect()
    await client.sign_in(user(scene.user()))


@topic.case("Sign-in")
async def success_frame(scene: Scene) -> None:
    """The data of signin_success is a string that holds user_data, again a string: the text that was signed."""
    scene.needs(SWITCH)
    client = await scene.connect()
    text = f'{{ "user_info": {{"name":"\\u00e9"}},  "id":{json.dumps(scene.user())} }}'
    frame = await client.sign_in(text)
    check(isinstance(frame.data, str), "data that is a string", frame)
    equal(frame.payload, {"user_data": text}, "data")
    check("channel" not in frame.whole, "no channel", frame)


@topic.case("Sign-in")
async def wrong_signature(scene: Scene) -> None:
    """A wrong signature is refused by pusher:error, and the connection stays and may still sign in."""
    scene.needs(SWITCH)
    client, data = await scene.connect(), user(scene.user())
    await client.ask_sign_in(data, auth=f"{client.app.key}:{'0' * 64}")
    await client.refused("a refusal of the sign-in, told by pusher:error")
    await client.sign_in(data)


@topic.case("Sign-in")
async def altered(scene: Scene) -> None:
    """A user_data that is not what was signed is refused."""
    scene.needs(SWITCH)
    client = await scene.connect()
    await _fails(client, user(scene.user()), auth=client.sign_user(user(scene.user())))


@topic.case("Sign-in")
async def other_socket(scene: Scene) -> None:
    """A signature for another connection is refused."""
    scene.needs(SWITCH)
    client, other, data = await scene.connect(), await scene.connect(), user(scene.user())
    await _fails(client, data, auth=other.sign_user(data))


@topic.case("Sign-in")
async def wrong_key(scene: Scene) -> None:
    """An unknown key is refused."""
    scene.needs(SWITCH)
    client, data = await scene.connect(), user(scene.user())
    await _fails(client, data, auth=client.sign_user(data).replace(client.app.key, "no-such-key", 1))


@topic.case("Sign-in")
async def channel_signature(scene: Scene) -> None:
    """A signature of a channel does not sign a user in."""
    scene.needs(SWITCH)
    client, data = await scene.connect(), user(scene.user())
    await _fails(client, data, auth=client.sign(data))


@topic.case("Sign-in", rough=True)
async def without_user_data(scene: Scene) -> None:
    """Without user_data it is refused by pusher:error that begins "Missing parameter: data.user"."""
    scene.needs(SWITCH)
    client = await scene.connect()
    await client.send("pusher:signin", {"auth": client.sign_user("")})
    told = await client.trouble()
    check(told.message.startswith("Missing parameter: data.user"), "a text that begins so, code null", told.frame)


@topic.case("Sign-in", rough=True)
async def without_anything(scene: Scene) -> None:
    """A sign-in without data hurts no other connection."""
    witness, client = await scene.connect(), await scene.connect()
    await client.send("pusher:signin")
    await client.settled()
    await witness.quiet()


@topic.case("Sign-in")
async def other_user(scene: Scene) -> None:
    """To sign in as another user on one connection is refused, and the first stays signed in."""
    scene.needs(SWITCH)
    user_id = scene.user()
    client = await scene.connect()
    await client.sign_in(user(user_id))
    await _fails(client, user(scene.user()))
    await client.subscribe(f"#server-to-user-{user_id}")


@topic.observe("Sign-in")
async def same_user_again(scene: Scene) -> str:
    """What answers when the same user signs in again on one connection."""
    scene.needs(SWITCH)
    user_id = scene.user()
    client = await scene.connect()
    await client.sign_in(user(user_id))
    await client.ask_sign_in(user(user_id))
    return ", ".join(map(str, await client.settled())) or "nothing"


async def _odd(scene: Scene, user_data: str) -> str:
    scene.needs(SWITCH)
    client = await scene.connect()
    await client.ask_sign_in(user_data)
    return ", ".join(map(str, await client.settled())) or "nothing"


for name, user_data in {
    "has no id": '{"user_info":{}}',
    "has an empty id": '{"id":""}',
    "has an id that is a number": '{"id":42}',
    "is not JSON": "{not json",
}.items():
    topic.add_observation(
        "Sign-in", f"What answers user_data that {name}", partial(_odd, user_data=user_data), rough=True
    )
