"""The HTTP transports of pusher-js, where a server has them: what stands in for a WebSocket does all that it does."""

from hubbub.conformance.case import Topic, check, equal
from hubbub.conformance.client import ESTABLISHED, PING, PONG, SUCCEEDED
from hubbub.conformance.polling import Polling
from hubbub.conformance.scene import Scene

topic = Topic()


async def _open(scene: Scene) -> Polling:
    client = Polling(scene)
    equal((await client.next()).event, ESTABLISHED, "first message")
    return client


@topic.case("Fallbacks")
async def polling_opens(scene: Scene) -> None:
    """A poll is answered by o, then the welcome comes, as over a WebSocket."""
    client = Polling(scene)
    frame = await client.next()
    check(client.lines[:1] != [] and client.lines[0].startswith("o"), "o first", client.lines)
    equal(frame.event, ESTABLISHED, "first message")
    check(isinstance(frame.data, str), "data that is a string", frame)


@topic.case("Fallbacks")
async def streaming_opens(scene: Scene) -> None:
    """A stream brings o and then the welcome, without an end."""
    client = Polling(scene)
    frame = await client.next(streaming=True)
    openings = [line for line in client.lines if line.strip("h")]
    check(openings[:1] != [] and openings[0].startswith("o"), "o first", client.lines)
    equal(frame.event, ESTABLISHED, "first message")


@topic.case("Fallbacks")
async def sending(scene: Scene) -> None:
    """What is sent is answered 200 or 204, and obeyed."""
    client, channel = await _open(scene), scene.channel()
    status = await client.send("pusher:subscribe", {"auth": "", "channel": channel})
    check(status in (200, 204), "200 or 204", status)
    frame = await client.next()
    equal((frame.event, frame.channel), (SUCCEEDED, channel), "answer")


@topic.case("Fallbacks")
async def events(scene: Scene) -> None:
    """Events come, to it and to who is subscribed over a WebSocket."""
    client, channel = await _open(scene), scene.channel()
    witness = await scene.subscribed(channel)
    await client.send("pusher:subscribe", {"auth": "", "channel": channel})
    while (await client.next()).event != SUCCEEDED:
        pass
    await scene.api.trigger(channel, "greeting", '{"a": "\\u00e9 \\n😀"}')
    await witness.expect_event("greeting", channel, '{"a": "\\u00e9 \\n😀"}')
    while (frame := await client.next()).event != "greeting":
        pass
    equal(frame.data, '{"a": "\\u00e9 \\n😀"}', "data")


@topic.case("Fallbacks")
async def ping(scene: Scene) -> None:
    """pusher:ping is answered by pusher:pong."""
    client = await _open(scene)
    await client.send(PING, {})
    equal((await client.next()).event, PONG, "answer")


@topic.case("Fallbacks")
async def unknown_key(scene: Scene) -> None:
    """A session of an unknown key is closed with 4001."""
    await _open(scene)
    code, _ = await Polling(scene, key="no-such-key").closed()
    equal(code, 4001, "a close with")


@topic.case("Fallbacks")
async def other_origins(scene: Scene) -> None:
    """A page of another origin may send JSON."""
    client = await _open(scene)
    status, headers = await client.options("https://example.com")
    check(200 <= status < 300, "2xx to OPTIONS", status)
    check(headers.get("access-control-allow-origin") in ("*", "https://example.com"), "that origin or *", headers)
    check("content-type" in headers.get("access-control-allow-headers", "").lower(), "content-type", headers)
