"""The live log: everything that Pusher's debug console has, for those who may see it, while somebody looks."""

import json
import time
from collections.abc import Callable

import pytest
from pusher import Pusher  # type: ignore[import-untyped]

from console.browsers import cookies_of
from console.conftest import Be, Chat, Look, aside
from console.stream import Stream
from hubbub.console.console import HEARTBEAT, MOST_OF_ONE
from hubbub.web.visit import SESSION
from sockets.client import Dial
from tenants import Tenants, World

Backend = Callable[..., Pusher]


@pytest.fixture
def api(backend: Backend, chat: Chat) -> Pusher:
    """Give the application's own server."""
    return backend(chat)


async def test_a_connection_is_seen_from_its_beginning_to_its_end(look: Look, chat: Chat, connect: Dial) -> None:
    stream = await aside(look)
    path = f"/app/{chat.key}?protocol=7&client=js&version=8.6.0"
    socket = await connect(chat, path)
    came = await aside(lambda: stream.find("connection", socket_id=socket.socket_id))
    assert "js 8.6.0" in came["text"]
    assert "127.0.0.1" in came["text"]
    await socket.subscribe("chat-room")
    await aside(lambda: stream.find("subscribed", socket_id=socket.socket_id, channel="chat-room"))
    await aside(lambda: stream.find("occupied", channel="chat-room"))
    await socket.send("pusher:unsubscribe", {"channel": "chat-room"})
    await aside(lambda: stream.find("unsubscribed", socket_id=socket.socket_id, channel="chat-room"))
    await aside(lambda: stream.find("vacated", channel="chat-room"))
    await socket.subscribe("another-room")
    await socket.close()
    left = await aside(lambda: stream.find("disconnection", socket_id=socket.socket_id))
    assert "1 channel: another-room" in left["text"]
    assert "Closed by the client" in left["text"]


async def test_a_page_that_is_a_file_is_said_to_have_no_origin(look: Look, chat: Chat, connect: Dial) -> None:
    stream = await aside(look)
    socket = await connect(chat, f"/app/{chat.key}?protocol=7", headers={"Origin": "null"})
    arrived = await aside(lambda: stream.find("connection", socket_id=socket.socket_id))
    assert arrived["text"].endswith("on a page without an origin")


async def test_events_of_the_api_and_of_clients_are_seen(look: Look, chat: Chat, connect: Dial, api: Pusher) -> None:
    stream = await aside(look)
    await aside(lambda: api.trigger("orders", "created", {"number": 42, "long": "x" * 1000}))
    seen = await aside(lambda: stream.find("api_message", channel="orders", event="created"))
    assert seen["data"].startswith('{"number": 42')
    assert len(seen["data"]) == 400
    assert seen["size"] > 1000
    ann, ben = await connect(chat), await connect(chat)
    for one, user in ((ann, "ann"), (ben, "ben")):
        await one.ask("presence-room", json.dumps({"user_id": user}))
        await one.receive()
    await aside(lambda: stream.find("presence", channel="presence-room", event="member_added", user_id="ben"))
    await ann.send("client-typing", {"on": True}, "presence-room")
    said = await aside(lambda: stream.find("client_event", event="client-typing"))
    assert (said["socket_id"], said["user_id"], said["channel"]) == (ann.socket_id, "ann", "presence-room")
    await ben.close()
    await aside(lambda: stream.find("presence", event="member_removed", user_id="ben"))


async def test_a_sign_in_is_seen(look: Look, chat: Chat, connect: Dial) -> None:
    stream = await aside(look)
    socket = await connect(chat)
    await socket.claim(json.dumps({"id": "42", "user_info": {"name": "Ann"}}))
    await socket.expect("pusher:signin_success")
    seen = await aside(lambda: stream.find("sign_in", user_id="42"))
    assert seen["socket_id"] == socket.socket_id


async def test_refusals_are_seen_with_their_reason_and_lead_to_the_error_log(
    look: Look, chat: Chat, connect: Dial, backend: Backend, be: Be
) -> None:
    stream = await aside(look)
    socket = await connect(chat)
    await socket.ask("private-room", auth=f"{chat.key}:0000")
    await socket.receive()
    seen = await aside(lambda: stream.find("client_error", socket_id=socket.socket_id))
    assert f"Expected HMAC SHA256 hex digest of {socket.socket_id}:private-room" in seen["text"]
    assert seen["channel"] == "private-room"
    wrong = backend(chat, secret="wrong")

    def trigger() -> None:
        with pytest.raises(Exception, match="Invalid signature"):
            wrong.trigger("orders", "created", {})

    await aside(trigger)
    api_error = await aside(lambda: stream.find("api_error", channel="orders"))
    assert api_error["code"] == 401
    assert "POST\\n/apps/" in api_error["text"]
    page = be("ada")
    path = f"{chat.path}/errors/{seen['incident']}"
    for _ in range(100):
        if (await aside(lambda: page.get(path).status)) == 200:
            break
    assert page.status == 200
    assert socket.socket_id in page.text


async def test_who_comes_back_gets_what_was_missed(look: Look, chat: Chat, api: Pusher) -> None:
    first = look()
    api.trigger("room", "one", {})
    first.find("api_message", event="one")
    last = first.last_id
    api.trigger("room", "two", {})
    first.find("api_message", event="two")
    again = look(last=last)
    assert again.events[0][1]["whole"] is True
    again.find("api_message", event="two")
    assert [one["event"] for one in again.seen] == ["two"]
    strange = look(last="0000-7")
    assert strange.events[0][1]["whole"] is False


def test_of_a_flood_a_part_is_shown_and_everything_counted(look: Look, api: Pusher) -> None:
    stream = look()
    batch = [{"channel": "flood", "name": f"event-{number}", "data": "{}"} for number in range(10)]
    for _ in range(60):
        api.trigger_batch(batch)
    stream.wait(lambda: stream.counts["api_message"] == 600, "600 events")
    shown = sum(one["kind"] == "api_message" for one in stream.seen)
    assert shown + stream.left_out["api_message"] == 600
    assert shown > 0


@pytest.mark.parametrize("name", ["ada", "pete", "rita", "rosa"])
def test_members_of_the_owner_may_look(look: Look, name: str) -> None:
    stream = look(name)
    assert stream.status == 200
    assert stream.headers["X-Accel-Buffering"] == "no"
    assert stream.headers["Content-Type"].startswith("text/event-stream")


@pytest.mark.parametrize(("name", "status"), [("bob", 403), ("olga", 404)])
def test_others_may_not(look: Look, be: Be, chat: Chat, name: str, status: int) -> None:
    assert look(name).status == status
    for page in ("console", "connections", "errors"):
        assert be(name).get(f"{chat.path}/{page}").status == status


def test_who_is_taken_out_of_the_organization_sees_no_more(
    server: Tenants, look: Look, api: Pusher, world: World
) -> None:
    stream = look("rita")
    slug = world.slots["organization"]
    server.data("DELETE", f"/organizations/{slug}/enrollments/{server.people['rita'].id}", "ada")
    assert stream.event("end") == {"why": "access"}
    stream.wait(lambda: stream.is_over, "the end of the stream")
    api.trigger("room", "secret", {})
    assert "secret" not in [one.get("event") for one in stream.seen]


def test_who_signs_out_sees_no_more_even_where_there_is_always_news(
    server: Tenants, look: Look, be: Be, api: Pusher, chat: Chat
) -> None:
    cookie = cookies_of(server.database_url, {"pete": "pete@example.com"})["pete"]
    page = be("pete")
    page.http.cookies.set(SESSION, cookie)
    with Stream(f"{server.url}{chat.path}/console/stream", {SESSION: cookie}) as stream:
        page.get(f"{chat.path}/console").submit("/sign-out")
        until = time.monotonic() + 2 * HEARTBEAT
        while not stream.is_over:
            assert time.monotonic() < until
            api.trigger("room", "news", {})
            time.sleep(0.1)
        assert stream.event("end") == {"why": "access"}


def test_one_user_has_so_many_streams_and_others_still_have_theirs(look: Look) -> None:
    for _ in range(MOST_OF_ONE):
        assert look("rosa").status == 200
    assert look("rosa").status == 503
    assert look("ada").status == 200


def test_a_page_without_script_says_what_there_is_instead(be: Be, chat: Chat) -> None:
    page = be("ada").get(f"{chat.path}/console")
    assert page.status == 200
    assert "The console needs JavaScript" in page.text


def test_streams_end_when_the_server_stops() -> None:
    with Tenants() as server:
        app_id = server.world().slots["application"]
        cookie = cookies_of(server.database_url, {"ada": "ada@example.com"})["ada"]
        with Stream(f"{server.url}/applications/{app_id}/console/stream", {SESSION: cookie}) as stream:
            server.stop()
            assert stream.event("end") == {"why": "restart"}
            stream.wait(lambda: stream.is_over, "the end of the stream")
