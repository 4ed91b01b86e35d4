"""Signs of life: phoenix.js sends a heartbeat every 30 seconds, and the server asks for nothing."""

import asyncio
import time
from collections.abc import Iterator

import pytest

from seeded import Seeded
from sockets.client import PING, PONG, RawSocket, client_frame
from sockets.phoenix.client import V1, V2, lobby, message, path_of
from sockets.phoenix.conftest import Visit


@pytest.fixture(scope="module")
def impatient() -> Iterator[Seeded]:
    """Give a server that soon gives a silent client up."""
    with Seeded(heartbeat_timeout=2, ping_after=1) as running:
        yield running


async def test_how_long_silence_is_borne_does_not_depend_on_when_pusher_clients_are_pinged(visit: Visit) -> None:
    with Seeded(heartbeat_timeout=0.5, ping_after=60) as server:
        assert await (await visit(server, "ann")).expect_close(4202) == "Closed after inactivity"


@pytest.mark.parametrize("vsn", [V1, V2])
async def test_a_silent_client_is_closed_as_inactive(impatient: Seeded, visit: Visit, vsn: str) -> None:
    began = time.monotonic()
    socket = await visit(impatient, "ann", vsn=vsn)
    assert await socket.expect_close(4202) == "Closed after inactivity"
    assert time.monotonic() - began >= 1.5


async def test_a_silent_client_is_asked_for_nothing(impatient: Seeded) -> None:
    async with RawSocket.open(impatient) as raw:
        await raw.upgrade(path_of(impatient, guardian_token=impatient.jwt(), unique_identifier="ann"))
        await raw.expect_close(4202)


async def test_a_silent_member_is_taken_out_of_its_topics(impatient: Seeded, visit: Visit) -> None:
    watcher, mute, topic = await visit(impatient, "watcher"), await visit(impatient, "mute"), lobby(impatient)
    await watcher.join(topic)
    await mute.join(topic)
    await watcher.expect_diff(topic, joins=["mute"])
    while True:
        await asyncio.sleep(0.5)
        ref = await watcher.send("phoenix", "heartbeat")
        if (said := await watcher.receive()).event == "presence_diff":
            break
        assert said.ref == ref
    assert list(said.payload["leaves"]) == ["mute"]
    await mute.expect_close(4202)


SIGNS_OF_LIFE = {
    "heartbeat": message("phoenix", "heartbeat"),
    "push": message("nowhere", "hello"),
    "ping": client_frame(b"", PING),
    "pong": client_frame(b"", PONG),
    "part of a frame": bytes([0x81, 0x80 | 100]),
}


async def test_any_sign_of_life_keeps_a_client(impatient: Seeded) -> None:
    path = path_of(impatient, guardian_token=impatient.jwt(), unique_identifier="ann")

    async def lives_on(sign: bytes) -> None:
        async with RawSocket.open(impatient) as raw:
            await raw.upgrade(path)
            began = time.monotonic()
            for _ in range(6):
                await asyncio.sleep(0.7)
                await raw.send(sign)
            await raw.expect_close_in_the_end(4202)
            assert time.monotonic() - began > 5

    outcomes = await asyncio.gather(*map(lives_on, SIGNS_OF_LIFE.values()), return_exceptions=True)
    assert dict(zip(SIGNS_OF_LIFE, outcomes, strict=True)) == dict.fromkeys(SIGNS_OF_LIFE)


async def test_a_stopping_server_tells_its_clients_to_come_back(visit: Visit) -> None:
    with Seeded(drain_timeout=5) as server:
        socket = await visit(server, "ann")
        await socket.join(lobby(server))
        stopping = asyncio.create_task(asyncio.to_thread(server.stop))
        assert await socket.expect_close(4200) == "Server is restarting, please reconnect"
        assert await stopping in (0, -15)
