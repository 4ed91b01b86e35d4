"""One node of the application `1`, of real parts: hub, engine, doors, sessions, signed API, and what webhooks note.

Knows how clients are let in and what must be true at rest. Does not know what they do.
"""

import asyncio
import json
from collections.abc import Awaitable, Sequence
from typing import Any, Final
from urllib.parse import quote

from fuzz.sessions.clock import rest
from fuzz.sessions.ends import NOWHERE, End
from hubbub.accounts.domain import Grant
from hubbub.apps import Application, Apps, KeyPair
from hubbub.engine.memory import Memory
from hubbub.engine.seam import Engine
from hubbub.errors import Refusal
from hubbub.hub.hub import Hub
from hubbub.messages import Fact
from hubbub.node.node import Node
from hubbub.protocols import phoenix
from hubbub.session.doors import Doors, Opening
from hubbub.session.phoenix import PhoenixSession, admit
from hubbub.session.pusher import PusherSession
from hubbub.settings import AppSettings, Settings
from hubbub.signing import body_md5, request_text, sign
from hubbub.transports.frames import PHOENIX
from hubbub.transports.request import Request
from hubbub.transports.rest import Rest
from hubbub.webhooks.notebook import Notebook
from hubbub.webhooks.ownroll import OwnRoll
from hubbub.webhooks.pad import Pad
from hubbub.webhooks.readers import Readers
from hubbub.webhooks.seam import KINDS, Endpoint, Hooked, Note
from hubbub.webhooks.tally import Tally
from sockets.phoenix.hall import Book, Shelf

APP: Final = "1"
KEYS: Final = ("key", "old")
SECRET: Final = "secret"
GRACE: Final = 0.2

ENDLESS: Final = {"client_events_per_second": 10**6, "leaves_per_second": 10**6}
"""Limits of what real time has a part in."""


class Land:
    """What all nodes share: applications and grants."""

    def __init__(self) -> None:
        self.shelf = Shelf()
        self.book = Book()
        self.put(KEYS)
        for number in (1, 2):
            self.book.grants[f"jwt-{number}"] = Grant(user_id=number, token_id=number, expires_at=2**40)

    def put(self, keys: Sequence[str], **settings: object) -> None:
        """Have the application be so from now on; sessions feel it at the next review."""
        pairs = tuple(KeyPair(key, SECRET) for key in keys)
        self.shelf.apps[APP] = Application(APP, "Test", pairs, AppSettings.model_validate(ENDLESS | settings))


class Chronicle:
    """What webhooks note, as they do on a node that is alone, and the notes in the order they were written down."""

    def __init__(self) -> None:
        self.notes: list[Note] = []
        tally, readers = Tally(), Readers(lambda *_: True)
        self.pad = Pad(10**6, tally, self._accept)
        self.roll = OwnRoll(Settings(webhook_grace=GRACE), readers, self.pad)
        self.notebook = Notebook(readers, self.pad, self.roll)
        endpoint = Endpoint(1, "http://127.0.0.1/", frozenset(KINDS))
        self.notebook.start([Hooked(APP, KeyPair("key", SECRET), True, (endpoint,))], [])

    async def _accept(self, notes: Sequence[Note]) -> None:
        await asyncio.sleep(0)
        self.notes += notes

    def concerns(self, app_id: str) -> bool:
        return app_id == APP

    async def record(self, app_id: str, *facts: Fact, socket_id: str = "") -> None:
        sheet = None
        for fact in facts:
            sheet = self.notebook.note(app_id, fact, socket_id) or sheet
        if sheet is not None and not sheet.answered.done():
            await asyncio.wait({sheet.answered})

    @property
    def events(self) -> list[dict[str, Any]]:
        """What receivers are told, in its order."""
        return [json.loads(note.event) for note in self.notes if note.event]


class House:
    """A node. With a `chronicle` everything waits for what webhooks note."""

    def __init__(self, land: Land, engine: Engine, chronicle: Chronicle | None = None) -> None:
        self.land = land
        self.engine = engine
        self.chronicle = chronicle
        self.node = Node(Hub(asyncio.get_running_loop().call_soon), engine, recorder=chronicle)
        self.apps = Apps(land.shelf)
        self.doors = Doors(self.apps, self.node, 120, None, land.book)
        self.rest = Rest(self.apps, self.node)
        self._standing: set[asyncio.Task[Any]] = set()

    async def start(self) -> None:
        """Join the cluster. What runs from then on runs for good."""
        await self.node.start()
        await asyncio.sleep(0)
        self._standing = {task for task in asyncio.all_tasks() if task is not asyncio.current_task()}

    async def stop(self) -> None:
        """Leave it."""
        self.doors.quota.stop()
        if self.chronicle is not None:
            await self.chronicle.notebook.stop(1)
        await self.node.stop()

    # Clients

    async def pusher(self, key: str, version: int = 7) -> End:
        """Let a Pusher client in, or not."""
        end = End()
        session = PusherSession(self.doors, end, Opening(key, {"protocol": str(version)}, False))
        end.session = session
        session.begin()
        while session.is_busy:  # noqa: ASYNC110  # the application is being looked for
            await asyncio.sleep(0)
        return end

    async def phoenix(self, key: str, uid: str, jwt: str, vsn: str) -> End:
        """Let a Phoenix client in. Raises the Refusal that it is turned away with."""
        query = {"guardian_token": jwt, "unique_identifier": uid, "vsn": vsn, "app_key": key}
        ticket = await admit(self.doors, Opening(key, query, False), NOWHERE)
        end = End()
        end.session = PhoenixSession(self.doors, end, PHOENIX[phoenix.version(vsn)], ticket)
        return end

    # The signed API

    async def ask(self, method: str, path: str, body: object = None, **parameters: str) -> tuple[int, Any]:
        """Ask it as the application's server does, signed; give the status and what was answered."""
        content = json.dumps(body).encode() if body is not None else b""
        path = f"/apps/{APP}{path}"
        given = {"auth_key": "key", "auth_timestamp": str(int(self.rest._clock())), "auth_version": "1.0"}
        if content:
            given["body_md5"] = body_md5(content)
        given |= parameters
        given["auth_signature"] = sign(SECRET, request_text(method, path, given.items()))
        query = "&".join(f"{name}={quote(value, safe='')}" for name, value in sorted(given.items()))
        response = await self.rest.answer(Request(method.encode(), f"{path}?{query}".encode(), content))
        is_json = response.content_type == b"application/json"
        return response.status, json.loads(response.body) if is_json else response.body.decode()

    # Rest

    def is_quiet(self) -> bool:
        """Tell whether nothing is under way."""
        sessions = self.doors.sessions.get(APP, {})
        if any(session.is_busy for session in sessions):  # type: ignore[attr-defined]
            return False
        if self.node.hub._ready or self.node._gates._inside:
            return False
        return self.chronicle is None or self.chronicle.pad.last is None

    async def rest_all(self, *others: "House") -> None:
        """Come back when nothing is under way here, nor in other houses."""
        houses = (self, *others)
        standing = set().union(*(house._standing for house in houses))

        def is_quiet() -> bool:
            tasks = asyncio.all_tasks() - standing - {asyncio.current_task()}
            return not tasks and all(house.is_quiet() for house in houses)

        await rest(is_quiet)

    def left(self) -> dict[str, object]:
        """Give whatever is left of anybody, by where it is: nothing, when all have gone and it is at rest."""
        doors, node, hub = self.doors, self.node, self.node.hub
        here = hub._locals.get(APP)
        found: dict[str, object] = {
            "sessions": doors.sessions,
            "open sessions": doors.open_sessions,
            "unauthorized": doors.unauthorized,
            "endings": doors.endings,
            "queued admissions": doors.admissions._queued,
            "connections": here.connections if here is not None else {},
            "channels": here.channels if here is not None else {},
            "ready": hub._ready,
            "gates": node._gates._inside,
            "online": node.online._connections,
            "heard": node.online._heard,
            "counts": node._counts._known,
            "resting counts": node._counts._changed,
            "owed counts": node._counts._owed,
            "news": node._news,
        }
        if here is not None:
            found["open by way"] = here.meter.open_by_way()
        if isinstance(self.engine, Memory):
            found["engine"] = self.engine._channels
        if self.chronicle is not None:
            found["stays"] = self.chronicle.roll._stays._ending
        return {name: what for name, what in found.items() if what}


async def turned_away(coming: Awaitable[End]) -> End | Refusal:
    """Give who came in, or why not."""
    try:
        return await coming
    except Refusal as refusal:
        return refusal
