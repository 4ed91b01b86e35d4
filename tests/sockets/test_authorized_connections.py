"""Connections that must show whose they are (pusher-protocol, "Authorized Connections")."""

from collections.abc import Callable

import pytest

from running import Running
from seeded import Seeded
from sockets.client import Dial, PusherSocket, eventually
from sockets.phoenix.client import knock, lobby

Start = Callable[..., Running]

LATE = "Connection not authorized within timeout"
SOON = 3.0  # seconds: for those who are to be closed; time enough to show something on a busy machine
NEVER = 3600.0


async def show(socket: PusherSocket, how: str) -> None:
    """Show whose the connection is."""
    match how:
        case "sign-in":
            await socket.sign_in("ada")
        case "presence-x":
            await socket.subscribe("presence-x", '{"user_id":"1"}')
        case channel:
            await socket.subscribe(channel)


@pytest.fixture
def strict(start_server: Start) -> Callable[..., Running]:
    def start(timeout: float = SOON, **settings: object) -> Running:
        return start_server(app_authorized_connections=True, app_authorization_timeout=timeout, **settings)

    return start


async def test_one_that_shows_nothing_is_closed(strict: Start, connect: Dial) -> None:
    server = strict()
    idle, public, refused, talking = [await connect(server) for _ in range(4)]
    await public.subscribe("news")
    await refused.ask("private-x", auth="")
    await refused.expect("pusher:error")
    await refused.expect("pusher:subscription_error", "private-x")
    await refused.claim('{"id":"ada"}', f"{server.key}:0123")
    await refused.expect("pusher:error")
    await talking.expect_nothing()
    for socket in (idle, public, refused, talking):
        await socket.expect_end(4009, LATE)


async def test_one_that_has_shown_it_stays(strict: Start, connect: Dial) -> None:
    server = strict()
    ways = ["sign-in", "private-x", "presence-x", "private-encrypted-x", "private-cache-x"]
    sockets = [await connect(server) for _ in ways]
    for socket, how in zip(sockets, ways, strict=True):
        await show(socket, how)
        if how != "sign-in":
            await socket.send("pusher:unsubscribe", {"channel": how})  # once shown is enough
    idle = await connect(server)  # its time ends after the others' would have
    await idle.expect_end(4009, LATE)
    for socket, how in zip(sockets, ways, strict=True):
        if how == "private-cache-x":
            await socket.expect("pusher:cache_miss")
        await socket.expect_nothing()


async def test_they_may_wait_as_long_as_they_like_where_it_is_off(start_server: Start, connect: Dial) -> None:
    server = start_server(app_authorization_timeout=0.01, ping_after=1)
    socket = await connect(server)
    await socket.expect("pusher:ping")


async def test_who_has_shown_nothing_does_not_count_for_the_quota(strict: Start, connect: Dial) -> None:
    server = strict(NEVER, app_max_connections=2)
    crowd = [await connect(server) for _ in range(10)]
    await show(crowd[0], "sign-in")
    await show(crowd[1], "private-x")
    over = "Application is over its connection quota of 2"
    await crowd[2].ask("private-x")
    await crowd[2].expect_end(4004, over)
    await crowd[3].claim('{"id":"ada"}')
    await crowd[3].expect_end(4004, over)
    await crowd[4].ask("private-x", auth="")
    await crowd[4].expect("pusher:error")
    await crowd[4].expect("pusher:subscription_error")
    # Who counts already may go on showing it.
    await show(crowd[0], "private-x")
    await show(crowd[1], "sign-in")
    crowd.append(await connect(server))

    await crowd[0].close()

    async def is_free() -> bool:
        socket = await connect(server)
        await socket.ask("private-y")
        return bool((await socket.receive())["event"] != "pusher:error")

    await eventually(is_free, "the place of one that left was not free")
    for socket in crowd[5:]:
        await socket.expect_nothing()


async def test_who_is_closed_for_it_leaves_the_quota_as_it_was(strict: Start, connect: Dial) -> None:
    server = strict(SOON, app_max_connections=1)
    for _ in range(2):
        crowd = [await connect(server) for _ in range(3)]
        crowd[0].cut()
        for socket in crowd[1:]:
            await socket.expect_end(4009, LATE)
    first, second = await connect(server), await connect(server)
    await show(first, "private-x")
    await second.ask("private-x")
    await second.expect_end(4004, "Application is over its connection quota of 1")


async def test_a_full_channel_does_not_unsay_what_was_shown(strict: Start, connect: Dial) -> None:
    server = strict(SOON, app_max_presence_members=1)
    first, second = await connect(server), await connect(server)
    await first.subscribe("presence-x", '{"user_id":"1"}')
    await second.ask("presence-x", '{"user_id":"2"}')
    await second.expect("pusher:error")
    await second.expect("pusher:subscription_error")
    await (await connect(server)).expect_end(4009, LATE)
    for socket in (first, second):
        await socket.expect_nothing()


async def test_phoenix_clients_have_shown_it_by_their_token(connect: Dial) -> None:
    with Seeded() as server:
        key = server.create_app("--set", "authorized_connections=true", "--set", f"authorization_timeout={SOON}")
        # Of no organization, so that only a token of the seeded one's own application opens anything.
        server.command("app", "set", server.key, "authorized_connections=true", f"authorization_timeout={SOON}")
        socket = await knock(server, guardian_token=server.jwt(), unique_identifier="ada")
        idle = await connect(server, f"/app/{key}?protocol=7")
        await idle.expect_end(4009, LATE)
        await (await connect(server)).expect_end(4009, LATE)
        await socket.join(lobby(server))
        await socket.close()
