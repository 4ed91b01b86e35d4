"""A stream whose client reads nothing: the system's own buffers hide such a one from a test over a real socket."""

import asyncio
from typing import Any

from starlette.types import Message

from hubbub import eager
from hubbub.apps import Application, Apps, KeyPair
from hubbub.engine.memory import Memory
from hubbub.hub.hub import Hub
from hubbub.node.node import Node
from hubbub.session.doors import Doors, Opening
from hubbub.settings import AppSettings, Settings
from hubbub.transports.absence import Absence
from hubbub.transports.answers import Answers
from hubbub.transports.httpsocket import HttpSocket
from hubbub.transports.proxies import Proxies
from hubbub.transports.receiving import CUT, STREAM, Receiving
from hubbub.transports.rest import Rest
from hubbub.transports.services import Services
from hubbub.transports.wheel import Wheel

LIMIT = 15.0  # seconds


class Shelf:
    async def application_by_key(self, key: str) -> Application | None:
        return Application("1", "Test", (KeyPair(key, "secret"),), AppSettings())


def services(**settings: Any) -> Services:
    loop = asyncio.get_running_loop()
    apps = Apps(Shelf())
    node = Node(Hub(loop.call_soon, 256), Memory())
    eager.start(node.start())
    wheel = Wheel(loop)
    wheel.start()
    doors, rest, answers = Doors(apps, node, 120), Rest(apps, node), Answers(loop.call_soon)
    return Services(Settings(**settings), wheel, doors, rest, Proxies(""), answers)


async def test_a_client_that_reads_nothing_is_cut_off() -> None:
    given = services(max_backlog_bytes=100_000, close_timeout=0.5)
    forgotten = asyncio.Event()
    welcomed = asyncio.Event()
    cut = asyncio.Event()
    absence = Absence(given.doors, given.wheel, ())
    socket = HttpSocket(given, Opening("key", {}, is_secure=False), absence, lambda _: forgotten.set())
    stream = Receiving(socket, STREAM)
    socket.attach(stream)
    written: list[Message] = []

    async def send(message: Message) -> None:
        written.append(message)
        body = message.get("body", b"")
        if b"connection_established" in body:
            welcomed.set()
        if b"xxx" in body:
            await cut.wait()  # as a server's does while the connection takes no more

    async def receive() -> Message:
        await cut.wait()
        return {"type": "http.disconnect"}

    scope = {"type": "http", "extensions": {CUT: {"connection": cut.set}}}
    answering = asyncio.create_task(stream(scope, receive, send))
    async with asyncio.timeout(LIMIT):
        await welcomed.wait()
    for _ in range(30):
        socket.write(b"x" * 10_000 + b"\n")
        await asyncio.sleep(0)
    async with asyncio.timeout(LIMIT):
        await cut.wait()
        await forgotten.wait()
        await answering
    assert sum(len(message.get("body", b"")) for message in written) < 200_000
    assert given.doors.open_sessions == 0
    given.wheel.stop()
