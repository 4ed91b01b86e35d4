"""Who is told of whom that they come online or go offline (pusher-protocol, "Watchlist events")."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pusher import Pusher  # type: ignore[import-untyped]

from running import Running
from sockets.client import MEMBER_ADDED, WATCHLIST, Dial, PusherSocket, eventually

Start = Callable[..., Running]
Backend = Callable[..., Pusher]


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with Running(app_watchlists=True) as running:
        yield running


def told(online: list[str] | None = None, offline: list[str] | None = None) -> dict[str, Any]:
    """Give the frame that says so."""
    pairs = (("online", online), ("offline", offline))
    events = [{"name": state, "user_ids": user_ids} for state, user_ids in pairs if user_ids]
    return {"event": WATCHLIST, "data": json.dumps({"events": events}, separators=(",", ":"))}


async def watching(connect: Dial, server: Running, *watchlist: str, user_id: str = "watcher") -> PusherSocket:
    """Give a socket of a user who watches others, all of them offline."""
    socket = await connect(server)
    await socket.sign_in(user_id, watchlist=watchlist)
    await socket.expect_frame(told(offline=list(watchlist)))
    return socket


async def test_who_signs_in_is_told_how_those_they_watch_are(server: Running, connect: Dial, name: str) -> None:
    ada, bob, cid = (f"{name}-{user}" for user in ("ada", "bob", "cid"))
    await (await connect(server)).sign_in(bob)
    socket = await connect(server)
    await socket.sign_in(name, watchlist=[ada, bob, cid])
    await socket.expect_frame(told([bob], [ada, cid]))
    all_online = await connect(server)
    await all_online.sign_in(name, watchlist=[bob])
    await all_online.expect_frame(told([bob]))
    await all_online.expect_nothing()


@pytest.mark.parametrize("about", [{}, {"watchlist": []}, {"watchlist": None}], ids=str)
async def test_who_watches_nobody_is_told_nothing(server: Running, connect: Dial, name: str, about: Any) -> None:
    socket = await connect(server)
    await socket.sign_in(name, **about)
    await socket.expect_nothing()
    await (await connect(server)).sign_in(f"{name}-other")
    await socket.expect_nothing()


async def test_the_first_connection_is_told_and_the_last(server: Running, connect: Dial, name: str) -> None:
    watcher = await watching(connect, server, name)
    first, second = await connect(server), await connect(server)
    await first.sign_in(name)
    await watcher.expect_frame(told([name]))
    await second.sign_in(name)
    await first.close()
    await watcher.expect_nothing()
    second.cut()
    await watcher.expect_frame(told(offline=[name]))
    await (await connect(server)).sign_in(name)
    await watcher.expect_frame(told([name]))
    await watcher.expect_nothing()


async def test_every_socket_that_watches_is_told(server: Running, connect: Dial, name: str) -> None:
    one = await watching(connect, server, name, f"{name}-other", user_id=f"{name}-w")
    two = await watching(connect, server, f"{name}-another", name, user_id=f"{name}-w")
    await (await connect(server)).sign_in(name)
    for socket in (one, two):
        await socket.expect_frame(told([name]))
        await socket.expect_nothing()


async def test_those_who_watch_each_other_hear_of_each_other(server: Running, connect: Dial, name: str) -> None:
    ada, bob = f"{name}-ada", f"{name}-bob"
    first = await watching(connect, server, bob, user_id=ada)
    second = await connect(server)
    await second.sign_in(bob, watchlist=[ada])
    await second.expect_frame(told([ada]))
    await first.expect_frame(told([bob]))
    await second.close()
    await first.expect_frame(told(offline=[bob]))


async def test_who_watches_oneself_is_online(server: Running, connect: Dial, name: str) -> None:
    socket = await connect(server)
    await socket.sign_in(name, watchlist=[name])
    await socket.expect_frame(told([name]))
    await (await connect(server)).sign_in(name)
    await socket.expect_nothing()


async def test_to_be_in_a_presence_channel_is_not_to_be_online(server: Running, connect: Dial, name: str) -> None:
    watcher, other = await watching(connect, server, name), await connect(server)
    await watcher.subscribe(f"presence-{name}", '{"user_id":"w"}')
    await other.subscribe(f"presence-{name}", json.dumps({"user_id": name}))
    await watcher.expect(MEMBER_ADDED)
    await watcher.expect_nothing()
    await other.sign_in(name)
    await watcher.expect_frame(told([name]))


async def test_a_hundred_are_watched_and_no_more(server: Running, connect: Dial, name: str) -> None:
    users = [f"{name}-{number}" for number in range(101)]
    socket = await connect(server)
    await socket.sign_in(name, watchlist=users)
    await socket.expect_frame(told(offline=users[:100]))
    error = await socket.expect("pusher:error")
    assert error["code"] == 4302
    assert error["message"].startswith(
        f"Watchlist of 101 users exceeds the allowed maximum (100), only these are watched: {users[0]}, {users[1]}, "
    )
    for user_id in (users[100], users[99]):
        await (await connect(server)).sign_in(user_id)
    await socket.expect_frame(told([users[99]]))
    await socket.expect_nothing()


async def test_an_id_counts_once_and_a_number_is_its_digits(server: Running, connect: Dial, name: str) -> None:
    users = [f"{name}-{number}" for number in range(98)]
    socket = await connect(server)
    user_data = json.dumps({"id": name, "watchlist": [*users, *users, 7007, "7007", 7008]})
    await socket.claim(user_data)
    await socket.expect("pusher:signin_success")
    await socket.expect_frame(told(offline=[*users, "7007", "7008"]))
    await (await connect(server)).sign_in("7007")
    await socket.expect_frame(told(["7007"]))


async def test_a_later_sign_in_replaces_the_watchlist(server: Running, connect: Dial, name: str) -> None:
    old, both, new = (f"{name}-{which}" for which in ("old", "both", "new"))
    socket = await watching(connect, server, old, both, user_id=name)
    await (await connect(server)).sign_in(both)
    await socket.expect_frame(told([both]))
    await socket.sign_in(name, watchlist=[both, new])
    await socket.expect_frame(told([both], [new]))
    for user_id in (old, new):
        await (await connect(server)).sign_in(user_id)
    await socket.expect_frame(told([new]))
    await socket.expect_nothing()
    await socket.sign_in(name)
    await socket.expect_nothing()
    await (await connect(server)).sign_in(f"{name}-nobody")
    await socket.expect_nothing()


async def test_a_refused_sign_in_leaves_the_watchlist(server: Running, connect: Dial, name: str) -> None:
    socket = await watching(connect, server, f"{name}-1", user_id=name)
    await socket.claim(json.dumps({"id": f"{name}-me", "watchlist": [f"{name}-2"]}))
    await socket.expect_error("Connection is signed in as another user already")
    for number in (2, 1):
        await (await connect(server)).sign_in(f"{name}-{number}")
    await socket.expect_frame(told([f"{name}-1"]))
    await socket.expect_nothing()


async def test_to_watch_is_no_subscription(server: Running, connect: Dial, backend: Backend, name: str) -> None:
    socket = await watching(connect, server, f"{name}-1", user_id=name)
    for channel in (f"#about-{name}-1", "#about-"):
        await socket.ask(channel, auth="")
        await socket.expect_refusal(channel, f"Invalid channel name '{channel}'", 400)
        await socket.send("pusher:unsubscribe", {"channel": channel})
        await socket.expect_error(f"No current subscription to channel {channel}, or subscription in progress")
    assert not [channel for channel in backend(server).channels_info()["channels"] if channel.startswith("#")]


async def test_coming_and_going_in_a_hurry_ends_with_the_truth(server: Running, connect: Dial, name: str) -> None:
    watcher = await watching(connect, server, name)
    for _ in range(20):
        socket = await connect(server)
        await socket.sign_in(name)
        socket.cut()
    states = [told([name]), told(offline=[name])]
    heard = []

    async def is_settled() -> bool:
        await watcher.send("pusher:ping")
        while (frame := await watcher.receive())["event"] != "pusher:pong":
            heard.append(frame)
        return len(heard) > 0 and heard[-1] == states[1]

    await eventually(is_settled, "the last was not told to have gone")
    assert heard == states * (len(heard) // 2), "it was told in turns"


async def test_an_application_may_do_without(start_server: Start, connect: Dial) -> None:
    server = start_server()
    socket = await connect(server)
    await socket.sign_in("ada", watchlist=[str(number) for number in range(200)])
    await (await connect(server)).sign_in("7")
    await socket.expect_nothing()
