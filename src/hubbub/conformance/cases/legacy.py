"""The routes of 2012, which Pusher still documents as deprecated."""

from hubbub.conformance.answers import told
from hubbub.conformance.api import Signing
from hubbub.conformance.case import Topic, equal
from hubbub.conformance.scene import Scene

topic = Topic()


@topic.case("Old trigger")
async def old_trigger(scene: Scene) -> None:
    """A POST to the old route is answered with 202, and its body arrives as data."""
    channel = scene.channel()
    client = await scene.subscribed(channel)
    data = '{"old" : "é"}'
    answer = await scene.api.request("POST", f"/channels/{channel}/events", data, [("name", "greeting")])
    answer.expect(202)
    await client.expect_event("greeting", channel, data)


@topic.case("Old trigger")
async def old_exclusion(scene: Scene) -> None:
    """The old route leaves out the connection that socket_id names."""
    channel = scene.channel()
    sender, other = await scene.subscribed(channel), await scene.subscribed(channel)
    query = [("name", "greeting"), ("socket_id", sender.socket_id)]
    (await scene.api.request("POST", f"/channels/{channel}/events", "{}", query)).expect(202)
    await other.expect_event("greeting", channel, "{}")
    await sender.quiet("no event for the excluded connection")


@topic.case("Old trigger")
async def old_trigger_takes_any_text(scene: Scene) -> None:
    """The old route does not ask whether data is JSON."""
    channel = scene.channel()
    client = await scene.subscribed(channel)
    answer = await scene.api.request("POST", f"/channels/{channel}/events", "{not json", [("name", "greeting")])
    answer.expect(202)
    await client.expect_event("greeting", channel, "{not json")


@topic.case("Old trigger")
async def old_trigger_without_a_name(scene: Scene) -> None:
    """The old route refuses an event without a name with 400."""
    (await scene.api.request("POST", f"/channels/{scene.channel()}/events", "{}")).expect(400)


@topic.case("Old trigger")
async def old_trigger_refuses_other_encodings(scene: Scene) -> None:
    """The old route refuses data that is not UTF-8 with 400."""
    query = [("name", "greeting")]
    (await scene.api.request("POST", f"/channels/{scene.channel()}/events", b'"\xff\xfe"', query)).expect(400)


@topic.case("Old trigger")
async def old_trigger_is_signed(scene: Scene) -> None:
    """The old route refuses what is signed with another secret with 401, and does not publish it."""
    channel = scene.channel()
    witness = await scene.subscribed(channel)
    signing = Signing(secret="not-the-secret")  # noqa: S106
    query = [("name", "greeting")]
    answer = await scene.api.request("POST", f"/channels/{channel}/events", "{}", query, signing=signing)
    answer.expect(401)
    await scene.reaches(witness, channel)


@topic.case("Old trigger")
async def old_stats(scene: Scene) -> None:
    """The old route stats tells whether a channel is occupied, and how many users a presence channel has."""
    channel, empty = scene.channel("presence-"), scene.channel()
    for user in (scene.user(), scene.user()):
        await (await scene.connect()).join(channel, user)
    found = told(await scene.api.get(f"/channels/{channel}/stats"))
    equal((found.get("occupied"), found.get("user_count")), (True, 2), "occupied, user_count:")
    equal(told(await scene.api.get(f"/channels/{empty}/stats")).get("occupied"), False, "occupied:")


@topic.observe("Old trigger")
async def old_connection_count(scene: Scene) -> str:
    """The old route stats, whose connection_count was only for some."""
    channel = scene.channel()
    await scene.subscribed(channel)
    return str(await scene.api.get(f"/channels/{channel}/stats"))
