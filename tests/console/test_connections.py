"""The connection inspector: who is connected, found by anything that is known of them, and closed by hand."""

import json
from functools import partial

import pytest
from websockets.exceptions import ConnectionClosed

from console.conftest import Be, Chat, aside
from hubbub.accounts.accounts import Accounts
from hubbub.accounts.domain import OPERATOR
from hubbub.store import Store
from sockets.client import Dial
from tenants import Tenants, World


async def test_a_connection_is_shown_with_all_there_is_to_know_of_it(be: Be, chat: Chat, connect: Dial) -> None:
    socket = await connect(
        chat,
        f"/app/{chat.key}?protocol=7&client=js&version=8.6.0",
        headers={"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https", "User-Agent": "Mozilla/5.0 (Test)"},
    )
    await socket.claim(json.dumps({"id": "42"}))
    await socket.expect("pusher:signin_success")
    await socket.ask("presence-room", json.dumps({"user_id": "forty-two"}))
    await socket.receive()
    page = be("ada")
    await aside(lambda: page.get(f"{chat.path}/connections", socket=socket.socket_id))
    assert page.status == 200
    for text in (
        *("42", "forty-two", "presence-room", "203.0.113.9", "js 8.6.0", "Pusher 7", "Mozilla/5.0 (Test)"),
        *("WebSocket, encrypted", "0 B"),
    ):
        assert text in page.text, text


async def test_connections_are_found_by_anything_that_is_known_of_them(be: Be, chat: Chat, connect: Dial) -> None:
    one, other = await connect(chat), await connect(chat, headers={"X-Forwarded-For": "203.0.113.10"})
    await one.ask("presence-Lobby", json.dumps({"user_id": "user-1"}))
    await one.receive()
    page = be("rita")
    for search in (one.socket_id, "USER-1", "presence-lob"):
        await aside(partial(page.get, f"{chat.path}/connections", search=search))
        assert one.socket_id in page.text
        assert other.socket_id not in page.text
    await aside(lambda: page.get(f"{chat.path}/connections", search="203.0.113.10"))
    assert other.socket_id in page.text
    assert one.socket_id not in page.text
    await aside(lambda: page.get(f"{chat.path}/connections", search="nobody"))
    assert "No such connection" in page.text


async def test_many_connections_come_in_pages_each_once(be: Be, chat: Chat, connect: Dial) -> None:
    sockets = {(await connect(chat)).socket_id for _ in range(230)}
    page, found, path = be("ada"), list[str](), f"{chat.path}/connections"
    for _ in range(3):
        await aside(partial(page.get, path))
        found += [one for one in sockets if f">{one}</a>" in page.text]
        if 'rel="next"' not in page.text:
            break
        path = page.text.split('rel="next" href="')[1].split('"')[0].replace("&amp;", "&")
    assert len(found) == 230
    assert set(found) == sockets
    assert "230 connections" in page.text


async def test_an_admin_closes_a_connection_and_that_is_audited(
    server: Tenants, be: Be, chat: Chat, connect: Dial, world: World
) -> None:
    socket = await connect(chat)
    page, path = be("ada"), f"{chat.path}/connections"
    await aside(lambda: page.get(path).submit(f"{path}/close"))
    assert f"The connection {socket.socket_id} is closed." in page.text
    with pytest.raises(ConnectionClosed) as closed:
        await socket.receive()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4009
    assert closed.value.rcvd.reason.startswith("Closed by hand")
    store = Store.open(server.database_url)
    entries = (await Accounts(store).audit.list(OPERATOR, world.slots["organization"])).items
    await store.close()
    told = next(entry for entry in entries if entry.action == "connection.close")
    assert told.user is not None
    assert (told.user.email, told.subject) == ("ada@example.com", f"application:{chat.app_id}")
    assert told.details == {"socket_id": socket.socket_id}


@pytest.mark.parametrize("name", ["pete", "rita"])
async def test_who_is_no_admin_closes_nothing(be: Be, chat: Chat, connect: Dial, name: str) -> None:
    socket = await connect(chat)
    page, path = be(name), f"{chat.path}/connections"
    await aside(lambda: page.get(path))
    assert socket.socket_id in page.text
    assert f"{path}/close" not in page.text
    await aside(lambda: page.get(f"{chat.path}/console"))
    # The token of another form of this browser is as good as that of the one that it does not get.
    token = page.form("/sign-out").fields["csrf"]
    await aside(lambda: page.post(f"{path}/close", csrf=token, socket_id=socket.socket_id))
    assert "Not closed" in page.text
    await socket.send("pusher:ping")
    await socket.expect("pusher:pong")


def test_what_is_gone_is_said_to_be_gone(be: Be, chat: Chat) -> None:
    page = be("ada").get(f"{chat.path}/connections", socket="1.1")
    assert page.status == 404
    assert "Not connected at this moment" in page.text


@pytest.mark.parametrize("query", [{"since": "no number", "after": "x"}, {"search": "%" * 500}, {"since": "nan"}])
def test_what_makes_no_sense_is_no_failure(be: Be, chat: Chat, query: dict[str, str]) -> None:
    assert be("ada").get(f"{chat.path}/connections", **query).status == 200
