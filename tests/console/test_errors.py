"""The error log: "why was user 42 cut off?" is answered from the pages alone."""

import asyncio
import json
import time
from collections.abc import Callable

import pytest
from pusher import Pusher  # type: ignore[import-untyped]

from console.conftest import Be, Chat, aside
from hubbub.accounts.accounts import Accounts
from hubbub.accounts.domain import OPERATOR
from hubbub.accounts.domain_incidents import Sought
from hubbub.store import Store
from pages.offices import office
from pages.visitor import Visitor
from sockets.client import Dial
from tenants import Tenants, World

Backend = Callable[..., Pusher]

LIMIT = 15.0  # seconds


async def find(page: Visitor, path: str, text: str, /, **query: str) -> Visitor:
    """Look into the error log until it has a text."""
    until = time.monotonic() + LIMIT
    while text not in (await asyncio.to_thread(lambda: page.get(path, **query))).text:
        assert time.monotonic() < until, f"{text!r} did not come into {path} {query}"
        await asyncio.sleep(0.1)
    return page


def first_link(page: Visitor, path: str) -> str:
    """Give the path of the first entry that the page lists."""
    return f"{path}/" + page.text.split(f'href="{path}/')[1].split('"')[0]


async def test_why_a_user_was_cut_off_is_told_in_three_pages(
    server: Tenants, be: Be, chat: Chat, connect: Dial
) -> None:
    socket = await connect(chat, f"/app/{chat.key}?protocol=7&client=js&version=8.6.0")
    await socket.claim(json.dumps({"id": "42"}))
    await socket.expect("pusher:signin_success")
    # It answers no ping: as a phone does that lost its network.
    socket.connection.transport.pause_reading()
    path = f"{chat.path}/errors"
    page = await find(be("ada"), path, "pong not received", user_id="42")
    socket.connection.transport.resume_reading()
    await aside(lambda: page.get(first_link(page, path)))
    assert page.status == 200
    for text in ("gave none: its network was gone", "What to do", "4201", "js 8.6.0", "127.0.0.1", socket.socket_id):
        assert text in page.text, text
    assert "come back by themselves at once" in page.text
    await aside(lambda: page.get(path, user_id="42"))
    assert socket.socket_id in page.text
    await aside(lambda: page.get(path, user_id="4"))
    assert "Nothing fits" in page.text
    assert "who was not let in has no user yet" in page.text


async def test_a_wrong_signature_is_kept_with_what_should_have_been_signed(
    be: Be, chat: Chat, connect: Dial, backend: Backend
) -> None:
    socket = await connect(chat)
    await socket.ask("private-room", auth=f"{chat.key}:{'0' * 64}")
    await socket.receive()
    wrong = backend(chat, secret="wrong")

    def trigger() -> None:
        with pytest.raises(Exception, match="Invalid signature"):
            wrong.trigger("orders", "created", {})

    await aside(trigger)
    path = f"{chat.path}/errors"
    page = await find(be("rita"), path, "request signature", reason="request_signature")
    await aside(lambda: page.get(first_link(page, path)))
    assert f"HmacSHA256Hex(&#34;POST\\n/apps/{chat.app_id}/events\\nauth_key={chat.key}" in page.text
    assert "orders" in page.text
    assert f"POST /apps/{chat.app_id}/events" in page.text
    assert chat.secret not in page.text
    await find(page, path, "private-room", channel="private-room")
    await find(page, path, socket.socket_id, text=f"digest of {socket.socket_id}")
    await aside(lambda: page.get(path, since="2020-01-01T00:00", until="2020-01-02T00:00"))
    assert "Nothing fits" in page.text


async def test_who_is_gone_without_a_word_is_noted(be: Be, chat: Chat, connect: Dial) -> None:
    socket = await connect(chat)
    socket.connection.transport.abort()
    await find(be("ada"), f"{chat.path}/errors", "connection lost", socket_id=socket.socket_id)


async def test_who_says_goodbye_is_not(be: Be, chat: Chat, connect: Dial) -> None:
    polite, rude = await connect(chat), await connect(chat)
    await polite.close()
    rude.connection.transport.abort()
    page = await find(be("ada"), f"{chat.path}/errors", rude.socket_id)
    assert polite.socket_id not in page.text


async def test_users_terminated_by_the_application_are_noted(
    be: Be, chat: Chat, connect: Dial, backend: Backend
) -> None:
    socket = await connect(chat)
    await socket.claim(json.dumps({"id": "13"}))
    await socket.expect("pusher:signin_success")
    await aside(lambda: backend(chat).terminate_user_connections("13"))
    await find(be("ada"), f"{chat.path}/errors", "user terminated", user_id="13")


async def test_of_many_alike_some_are_kept_and_the_others_counted(be: Be, chat: Chat, connect: Dial) -> None:
    socket = await connect(chat)
    for _ in range(60):
        await socket.send("pusher:unsubscribe", {"channel": "elsewhere"})
    for _ in range(60):
        await socket.receive()
    page = await find(be("ada"), f"{chat.path}/errors", " more</strong>", reason="not_subscribed")
    assert page.text.count(f'<span class="mono">{socket.socket_id}</span>') in range(10, 40)


async def test_unknown_keys_are_for_root_alone(server: Tenants, be: Be, dial: Dial) -> None:
    class Nowhere:
        host, port, key, secret = server.host, server.port, "no-such-key", "none"

    socket = await dial(Nowhere())
    await socket.receive()
    page = await find(be("rosa"), "/errors", "key no-such-key", text="no-such-key")
    await aside(lambda: page.get(first_link(page, "/errors")))
    assert "Compare the key with" in page.text
    other = be("ada")
    await aside(lambda: other.get("/errors"))
    assert "for administrators" in other.text


async def test_the_inspector_leads_to_what_was_refused_last(be: Be, chat: Chat, connect: Dial) -> None:
    socket = await connect(chat)
    await socket.ask("private-room", auth="nonsense")
    await socket.receive()
    page = be("ada")
    await aside(lambda: page.get(f"{chat.path}/connections"))
    assert "Invalid format: auth must" in page.text
    await find(page, first_link(page, f"{chat.path}/errors"), "KEY:SIGNATURE")
    assert "Everything of this connection" in page.text


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ({"since": "yesterday"}, "must be a time such as"),
        ({"since": "9999-12-31T23:59-12:00"}, "must be a time such as"),
        ({"since": "2026-01-02T00:00", "until": "2026-01-01T00:00"}, "must not be before the beginning"),
        ({"text": "x" * 600}, "should be at most 512"),
        ({"older_than": "x"}, "must be a whole number"),
    ],
)
def test_what_cannot_be_looked_for_is_said_beside_its_field(
    be: Be, chat: Chat, query: dict[str, str], text: str
) -> None:
    page = be("ada").get(f"{chat.path}/errors", **query)
    assert page.status == 422
    assert text in page.text


@pytest.mark.parametrize(
    "query", [{"text": "%_\\'\""}, {"user_id": '"'}, {"channel": "\0"}, {"until": "2026-11-23T10:31"}]
)
def test_odd_texts_find_nothing_and_break_nothing(be: Be, chat: Chat, query: dict[str, str]) -> None:
    assert be("ada").get(f"{chat.path}/errors", **query).status == 200


def test_what_is_not_there_is_404(be: Be, chat: Chat) -> None:
    assert be("ada").get(f"{chat.path}/errors/0123456789abcdef").status == 404


async def test_whoever_was_sent_away_by_a_stopping_server_finds_that(connect: Dial) -> None:
    with office() as server:
        world = server.world()
        key, secret = world.application["app_key"], world.application["app_secret"]
        place = Chat(server.host, server.port, key, secret, world.slots["application"], "")
        sockets = [await connect(place) for _ in range(3)]
        await aside(server.stop)
        for socket in sockets:
            await socket.connection.wait_closed()
        store = Store.open(server.database_url)
        sought = Sought(user_id="42")
        found = await Accounts(store).observing.incidents(OPERATOR, None, place.app_id, sought)
        await store.close()
        assert found.items == ()
        [told] = found.sums
        assert (told.incident.reason, told.incident.count) == ("shutting_down", 3)


async def test_all_whom_the_application_cuts_off_at_once_are_named(
    be: Be, chat: Chat, connect: Dial, backend: Backend
) -> None:
    for number in range(15):
        socket = await connect(chat)
        await socket.claim(json.dumps({"id": f"m{number}"}))
        await socket.expect("pusher:signin_success")
    api = backend(chat)
    await asyncio.gather(
        *(asyncio.to_thread(api.terminate_user_connections, f"m{number}") for number in range(15)),
    )
    for number in range(15):
        await find(be("ada"), f"{chat.path}/errors", "user terminated", user_id=f"m{number}")


async def test_the_end_of_a_connection_is_one_entry(
    server: Tenants, be: Be, chat: Chat, world: World, connect: Dial
) -> None:
    socket = await connect(chat)
    there = f"/organizations/{world.slots['organization']}/applications/{world.slots['application']}"
    server.data("PATCH", there, "ada", json={"application": {"settings": {"enabled": False}}})
    await socket.connection.wait_closed()
    page = await find(be("ada"), f"{chat.path}/errors", "app disabled", socket_id=socket.socket_id)
    assert page.text.count(socket.socket_id + "</span>") == 1
