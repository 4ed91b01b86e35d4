"""Two key pairs of one application, as it has while they are exchanged: either is as good as the other."""

from hubbub.conformance.api import Signing
from hubbub.conformance.case import Topic
from hubbub.conformance.client import SUCCEEDED, user
from hubbub.conformance.scene import Scene

topic = Topic()


@topic.case("Second key pair")
async def connects(scene: Scene) -> None:
    """A client connects with either key, and hears what is published to those of the other."""
    channel = scene.channel()
    older, newer = await scene.subscribed(channel), await scene.connect(scene.second)
    await newer.subscribe(channel)
    await scene.reaches(older, channel)
    await newer.expect_event("witnessed", channel, "{}")


@topic.case("Second key pair")
async def publishes(scene: Scene) -> None:
    """A request that is signed with the second pair is done."""
    channel = scene.channel()
    client = await scene.subscribed(channel)
    await scene.api_of(scene.second).trigger(channel, "signed", "{}")
    await client.expect_event("signed", channel, "{}")


@topic.case("Second key pair")
async def opens_channels(scene: Scene) -> None:
    """Auth of either pair opens a private channel, whichever key the client has connected with."""
    first, second = scene.target.app, scene.second
    for key in (first, second):
        for signer in (first, second):
            client, channel = await scene.connect(key), scene.channel("private-")
            await client.ask(channel, auth=client.sign(channel, app=signer))
            await client.expect(SUCCEEDED, channel)


@topic.case("Second key pair")
async def signs_in(scene: Scene) -> None:
    """A user may be signed in by the second pair."""
    scene.needs("user-authentication")
    client = await scene.connect(scene.second)
    await client.sign_in(user(scene.user()))


@topic.case("Second key pair")
async def mixed_request(scene: Scene) -> None:
    """A request that names one key and is signed with the secret of the other is refused with 401."""
    signing = Signing(secret=scene.second.secret)
    (await scene.api.request("GET", "/channels", signing=signing)).expect(401)


@topic.case("Second key pair")
async def mixed_auth(scene: Scene) -> None:
    """Auth that names one key and is signed with the secret of the other is refused."""
    client, channel = await scene.connect(), scene.channel("private-")
    _, _, signature = client.sign(channel, app=scene.second).partition(":")
    await client.ask(channel, auth=f"{client.app.key}:{signature}")
    await client.refused()
