"""The way in, in the test's own process: real sockets and doors, and doorkeepers whose answers the test holds back."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from uvicorn.server import ServerState

from hubbub import eager
from hubbub.accounts.domain import Grant
from hubbub.apps import Application, Apps, KeyPair
from hubbub.engine.memory import Memory
from hubbub.errors import UNAUTHENTICATED
from hubbub.hub.hub import Hub
from hubbub.node.node import Node
from hubbub.session.doors import Doors
from hubbub.settings import AppSettings, Settings
from hubbub.transports.answers import Answers
from hubbub.transports.proxies import Proxies
from hubbub.transports.rest import Rest
from hubbub.transports.services import Services
from hubbub.transports.websocket import WebSocket
from hubbub.transports.wheel import Wheel
from sockets.client import LIMIT, eventually


class Gate:
    """Holds back who comes through while it is shut."""

    def __init__(self) -> None:
        self._opened = asyncio.Event()
        self._opened.set()
        self._arrivals: asyncio.Queue[None] = asyncio.Queue()

    def shut(self) -> None:
        """Let nobody through from now on."""
        self._opened.clear()

    def open(self) -> None:
        """Let everybody through."""
        self._opened.set()

    async def pass_through(self) -> None:
        """Wait while it is shut."""
        if not self._opened.is_set():
            self._arrivals.put_nowait(None)
            await self._opened.wait()

    async def arrival(self) -> None:
        """Come back when one more waits who had not arrived when this was last asked."""
        await asyncio.wait_for(self._arrivals.get(), LIMIT)


class Shelf:
    """A source of applications. What it answers it knows before the gate, as a database that answers late."""

    def __init__(self) -> None:
        self.apps: dict[str, Application] = {}
        self.gate = Gate()
        self.failure: Exception | None = None

    async def application_by_key(self, key: str) -> Application | None:
        found = next((app for app in self.apps.values() if app.secret_of(key) is not None), None)
        await self.gate.pass_through()
        if self.failure is not None:
            raise self.failure
        return found


class Book:
    """Grants by token, known before the gate as well."""

    def __init__(self) -> None:
        self.grants: dict[str, Grant] = {}
        self.gate = Gate()
        self.failure: Exception | None = None
        self.asked = 0

    async def admit(self, jwt: str, app: Application) -> Grant:
        self.asked += 1
        grant = self.grants.get(jwt)
        await self.gate.pass_through()
        if self.failure is not None:
            raise self.failure
        if grant is None:
            raise UNAUTHENTICATED(problem="not in the book")
        return grant

    async def readmit(self, grant: Grant, app: Application) -> bool:
        holds = grant in self.grants.values()
        await self.gate.pass_through()
        if self.failure is not None:
            raise self.failure
        return holds


class Hall:
    """A server of WebSockets alone, with the application `1` of the key `key`, and users 1 and 2 in the book."""

    key = "key"

    def __init__(self, settings: Settings) -> None:
        self.shelf = Shelf()
        self.book = Book()
        self.host = "127.0.0.1"
        self.port = 0
        self.state = ServerState()
        self.put("1", "key")
        for number in (1, 2):
            self.book.grants[f"jwt-{number}"] = Grant(user_id=number, token_id=number, expires_at=2**40)
        loop = asyncio.get_running_loop()
        self.apps = Apps(self.shelf)
        self.node = Node(Hub(loop.call_soon), Memory())
        eager.start(self.node.start())
        self.doors = Doors(self.apps, self.node, 120, None, self.book)
        self.wheel = Wheel(loop)
        rest, answers = Rest(self.apps, self.node), Answers(loop.call_soon)
        self.services = Services(settings, self.wheel, self.doors, rest, Proxies("127.0.0.1"), answers)

    def put(self, app_id: str, *keys: str, **settings: object) -> None:
        """Put an application on the shelf, in place of that of the same id."""
        pairs = tuple(KeyPair(key, "secret") for key in keys)
        self.shelf.apps[app_id] = Application(app_id, "Some", pairs, AppSettings.model_validate(settings))

    @property
    def sockets(self) -> list[WebSocket]:
        """The connections that are open."""
        return [one for one in list(self.state.connections) if isinstance(one, WebSocket)]

    async def has_closed(self) -> bool:
        """Tell whether all connections have ended."""
        return not self.state.connections

    async def is_empty(self) -> bool:
        """Tell whether nothing is left of anybody who came."""
        doors, hub = self.doors, self.node.hub
        return (
            not self.state.connections
            and doors.open_sessions == 0
            and not doors.sessions
            and hub.connection_count("1") == 0
            and await self.node.channels("1") == []
        )


@asynccontextmanager
async def hall(**settings: object) -> AsyncIterator[Hall]:
    """Open it on a free port."""
    place = Hall(Settings.model_validate(settings))
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: WebSocket(place.services, place.state), place.host, 0)
    place.port = server.sockets[0].getsockname()[1]
    place.wheel.start()
    try:
        yield place
    finally:
        server.close()
        place.wheel.stop()
        for socket in place.sockets:
            socket.shutdown()
        await eventually(place.has_closed, "a connection does not end")
