"""Signs of life, from either side (pusher-protocol, "Ping, pong, liveness")."""

import asyncio
from collections.abc import Iterator

import pytest

from running import Running
from sockets.client import PING, PONG, TEXT, Dial, RawSocket, client_frame, command

PONG_EVENT = '{"event":"pusher:pong","data":{}}'


@pytest.fixture(scope="module")
def impatient() -> Iterator[Running]:
    """Give a server that soon asks whether its clients are there, and does not wait for their answer."""
    with Running(ping_after=0.25, pong_timeout=0.25) as running:
        yield running


@pytest.fixture(scope="module")
def curious() -> Iterator[Running]:
    """Give a server that asks as soon, and leaves time to answer."""
    with Running(ping_after=0.25, pong_timeout=2) as running:
        yield running


@pytest.mark.parametrize(
    "ping",
    [
        '{"event":"pusher:ping","data":{}}',
        '{"event":"pusher:ping"}',
        '{"event":"pusher:ping","data":"{}"}',
        '{"event":"pusher:ping","data":null}',
        ' { "event" : "pusher:ping" , "data" : [ 1 , { } ] , "more" : true } ',
    ],
)
async def test_a_ping_gets_one_pong(server: Running, connect: Dial, ping: str) -> None:
    socket = await connect(server)
    await socket.send_text(ping)
    await socket.expect_frame({"event": "pusher:pong", "data": "{}"})
    await socket.expect_nothing()


@pytest.mark.parametrize("pong", [PONG_EVENT, '{"event":"pusher:pong"}', '{"event":"pusher:pong","data":"{}"}'])
async def test_a_pong_gets_no_answer(server: Running, connect: Dial, pong: str) -> None:
    socket = await connect(server)
    await socket.send_text(pong)
    await socket.expect_nothing()


@pytest.mark.parametrize("payload", [b"", b"swift", bytes(range(125))])
async def test_a_ping_of_websocket_itself_gets_a_pong_with_its_payload(server: Running, payload: bytes) -> None:
    async with RawSocket.open(server) as raw:
        await raw.upgrade()
        await raw.expect_event("pusher:connection_established")
        await raw.send(client_frame(payload, PING))
        assert await raw.frame() == (PONG, payload)


async def test_a_mute_client_is_asked_and_then_closed(impatient: Running, connect: Dial) -> None:
    socket = await connect(impatient)
    await socket.expect_frame({"event": "pusher:ping", "data": "{}"})
    assert await socket.expect_close(4201) == "Pong reply not received in time"


SIGNS_OF_LIFE = {
    "pong": client_frame(PONG_EVENT.encode()),
    "websocket's pong": client_frame(b"", PONG),
    "websocket's ping": client_frame(b"", PING),
    "nonsense": client_frame(b"not even JSON"),
    "command": command("pusher:unsubscribe", channel="room"),
    "half a frame": b"\x81",
}


async def test_any_sign_of_life_keeps_a_client(curious: Running) -> None:
    async def is_asked_again(sign: bytes) -> None:
        async with RawSocket.open(curious) as raw:
            await raw.upgrade()
            await raw.expect_event("pusher:connection_established")
            await raw.expect_event("pusher:ping")
            await raw.send(sign)
            while (frame := await raw.frame()) == (PONG, b"") or b"pusher:error" in frame[1]:
                pass
            assert frame == (TEXT, b'{"event":"pusher:ping","data":"{}"}')

    outcomes = await asyncio.gather(*map(is_asked_again, SIGNS_OF_LIFE.values()), return_exceptions=True)
    assert dict(zip(SIGNS_OF_LIFE, outcomes, strict=True)) == dict.fromkeys(SIGNS_OF_LIFE)


async def test_a_client_of_version_4_is_asked_in_the_way_that_browsers_answer(curious: Running) -> None:
    async with RawSocket.open(curious) as raw:
        await raw.upgrade(f"/app/{curious.key}?protocol=4")
        await raw.expect_event("pusher:connection_established")
        assert await raw.frame() == (PING, b"")
        await raw.send(client_frame(b"", PONG))
        assert await raw.frame() == (PING, b"")


async def test_a_mute_client_of_version_4_is_closed_as_inactive(impatient: Running) -> None:
    async with RawSocket.open(impatient) as raw:
        await raw.upgrade(f"/app/{impatient.key}?protocol=4")
        await raw.expect_event("pusher:connection_established")
        assert await raw.frame() == (PING, b"")
        await raw.expect_close(4202)


async def test_a_mute_member_is_taken_out_of_its_channels(curious: Running, connect: Dial, name: str) -> None:
    watcher, mute = await connect(curious), await connect(curious)
    await watcher.subscribe(f"presence-{name}", '{"user_id":"watcher"}')
    await mute.subscribe(f"presence-{name}", '{"user_id":"mute"}')
    while (frame := await watcher.receive())["event"] in ("pusher:ping", "pusher_internal:member_added"):
        await watcher.send("pusher:pong")
    assert frame["event"] == "pusher_internal:member_removed"
    assert frame["data"] == '{"user_id":"mute"}'
    assert await mute.expect("pusher:ping") == {}
    await mute.expect_close(4201)
