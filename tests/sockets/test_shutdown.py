"""A server that is told to stop: everyone is sent away in good order, and nothing accepted is lost."""

import asyncio
from collections.abc import Callable

from pusher import Pusher  # type: ignore[import-untyped]
from websockets.exceptions import ConnectionClosed

from running import Running
from sockets.client import LIMIT, Dial, PusherSocket, RawSocket, request

Start = Callable[..., Running]
Backend = Callable[..., Pusher]

CLEAN = (0, -15)  # an end of its own, or the signal's after all was done


async def stopped(server: Running) -> int:
    return await asyncio.to_thread(server.stop)


async def test_every_socket_is_told_to_come_back(start_server: Start, connect: Dial) -> None:
    server = start_server(drain_wave=20)
    sockets = await asyncio.gather(*(connect(server) for _ in range(100)))
    stopping = asyncio.create_task(stopped(server))
    for socket in sockets:
        assert await socket.expect_close(4200) == "Server is restarting, please reconnect"
    assert await stopping in CLEAN


async def test_sockets_are_closed_in_waves(start_server: Start, connect: Dial) -> None:
    server = start_server(drain_wave=1)
    sockets = [await connect(server) for _ in range(20)]
    stopping = asyncio.create_task(stopped(server))
    closings = [asyncio.create_task(socket.connection.wait_closed()) for socket in sockets]
    await asyncio.wait(closings, timeout=LIMIT, return_when=asyncio.FIRST_COMPLETED)
    assert any(await asyncio.gather(*map(is_answered, sockets))), "when one had been closed, all had"
    assert await stopping in CLEAN
    assert {socket.connection.close_code for socket in sockets} == {4200}


async def is_answered(socket: PusherSocket) -> bool:
    try:
        await socket.expect_nothing()
    except ConnectionClosed:
        return False
    return True


async def test_what_was_accepted_is_delivered_first(start_server: Start, connect: Dial, backend: Backend) -> None:
    server = start_server(fanout_slice=1)
    sockets = await asyncio.gather(*(connect(server) for _ in range(50)))
    for socket in sockets:
        await socket.subscribe("news")
    publisher = backend(server)
    for start in range(0, 100, 10):
        numbers = range(start, start + 10)
        publisher.trigger_batch([{"channel": "news", "name": "event", "data": str(number)} for number in numbers])
    stopping = asyncio.create_task(stopped(server))
    for socket in sockets:
        assert [await socket.expect("event", "news") for _ in range(100)] == list(range(100))
        await socket.expect_close(4200)
    assert await stopping in CLEAN


async def test_the_port_is_free_for_the_next(start_server: Start, connect: Dial) -> None:
    first = start_server()
    socket = await connect(first)
    stopping = asyncio.create_task(stopped(first))
    await socket.expect_close(4200)
    assert await stopping in CLEAN
    second = start_server(port=first.port)
    assert second.port == first.port
    assert await (await connect(second)).subscribe("room") == {}


async def test_those_who_do_not_answer_hold_nothing_up_for_long(start_server: Start) -> None:
    server = start_server(close_timeout=0.5, head_timeout=30, drain_timeout=20)
    loop = asyncio.get_running_loop()
    async with RawSocket.open(server) as mute, RawSocket.open(server) as silent, RawSocket.open(server) as half:
        await mute.upgrade()
        await half.send(request(server)[:-10])
        await mute.expect_event("pusher:connection_established")
        began = loop.time()
        assert await stopped(server) in CLEAN
        assert loop.time() - began < 10
        await silent.expect_hang_up()
        await half.expect_hang_up()


async def test_sockets_that_come_and_go_meanwhile_are_no_trouble(start_server: Start, connect: Dial) -> None:
    server = start_server(drain_wave=5)
    sockets = await asyncio.gather(*(connect(server) for _ in range(50)))
    for socket in sockets:
        await socket.subscribe("presence-room", f'{{"user_id":"{socket.socket_id}"}}')
    stopping = asyncio.create_task(stopped(server))
    await asyncio.gather(*(socket.close() for socket in sockets[::2]))
    for socket in sockets[1::2]:
        await asyncio.wait_for(socket.connection.wait_closed(), LIMIT)
        assert socket.connection.close_code == 4200
    assert await stopping in CLEAN
