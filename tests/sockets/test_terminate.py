"""The end of all connections of one user (pusher-protocol, "User authentication, user channel, terminate")."""

from collections.abc import Callable, Iterator

import pytest
from pusher import Pusher  # type: ignore[import-untyped]

from running import Running
from sockets.client import MEMBER_REMOVED, WATCHLIST, Dial, eventually

Backend = Callable[..., Pusher]

TERMINATED = "The application has closed all connections of this user"


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with Running(app_watchlists=True) as running:
        yield running


async def test_every_socket_of_the_user_is_closed_and_no_other(
    server: Running, connect: Dial, backend: Backend, name: str
) -> None:
    tab, phone, other, nobody = [await connect(server) for _ in range(4)]
    for socket, user_id in ((tab, name), (phone, name), (other, f"{name}x")):
        await socket.sign_in(user_id)
    await nobody.subscribe(f"presence-{name}", f'{{"user_id":"{name}"}}')
    assert backend(server).terminate_user_connections(name) == {}
    for socket in (tab, phone):
        await socket.expect_end(4009, TERMINATED)
    for socket in (other, nobody):
        await socket.expect_nothing()


async def test_the_user_may_come_back(server: Running, connect: Dial, backend: Backend, name: str) -> None:
    for _ in range(2):
        socket = await connect(server)
        await socket.sign_in(name)
        backend(server).terminate_user_connections(name)
        await socket.expect_end(4009, TERMINATED)
    back = await connect(server)
    await back.sign_in(name)
    await back.expect_nothing()


async def test_where_the_user_is_not_nothing_happens(server: Running, connect: Dial, backend: Backend) -> None:
    socket = await connect(server)
    assert backend(server).terminate_user_connections("nobody-of-this-name") == {}
    await socket.expect_nothing()


async def test_who_was_closed_has_left_everything(server: Running, connect: Dial, backend: Backend, name: str) -> None:
    watcher, user = await connect(server), await connect(server)
    await watcher.sign_in(f"{name}-w", watchlist=[name])
    await watcher.expect(WATCHLIST)
    await watcher.subscribe(f"presence-{name}", '{"user_id":"w"}')
    await user.sign_in(name)
    await watcher.expect(WATCHLIST)
    await user.subscribe(f"presence-{name}")
    await user.ask(f"#server-to-user-{name}", auth="")
    await user.receive()
    await watcher.receive()
    api = backend(server)
    api.terminate_user_connections(name)
    await user.expect_end(4009, TERMINATED)
    assert await watcher.expect(MEMBER_REMOVED) == {"user_id": name}
    assert await watcher.expect(WATCHLIST) == {"events": [{"name": "offline", "user_ids": [name]}]}
    assert api.users_info(f"presence-{name}") == {"users": [{"id": "w"}]}


async def test_nothing_is_obeyed_or_delivered_after_it(
    server: Running, connect: Dial, backend: Backend, name: str
) -> None:
    channel = f"private-{name}"
    user, other = await connect(server), await connect(server)
    await user.sign_in(name)
    for socket in (user, other):
        await socket.subscribe(channel)
    api = backend(server)
    api.terminate_user_connections(name)
    api.trigger(channel, "late", "{}")
    await user.send("client-late", "x", channel)
    await other.expect_frame({"event": "late", "channel": channel, "data": "{}"})
    await other.expect_nothing()
    await user.expect_end(4009, TERMINATED)


async def test_an_id_may_have_what_names_of_channels_have(server: Running, connect: Dial, backend: Backend) -> None:
    socket = await connect(server)
    await socket.sign_in("a=b@c,d.e;f-_")
    assert backend(server).terminate_user_connections("a=b@c,d.e;f-_") == {}
    await socket.expect_end(4009, TERMINATED)


async def test_fifty_sockets_of_a_user_are_closed_at_once(
    server: Running, connect: Dial, backend: Backend, name: str
) -> None:
    sockets = [await connect(server) for _ in range(50)]
    for socket in sockets:
        await socket.sign_in(name)
    api = backend(server)
    api.terminate_user_connections(name)
    for socket in sockets:
        await socket.expect_end(4009, TERMINATED)

    async def is_over() -> bool:
        watcher = await connect(server)
        await watcher.sign_in(f"{name}-w", watchlist=[name])
        told = await watcher.expect(WATCHLIST)
        await watcher.close()
        return bool(told["events"][0]["name"] == "offline")

    await eventually(is_over, "the user did not go offline")
