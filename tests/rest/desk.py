"""The HTTP API in this process: the real code from the request to the answer, with a clock of the test's own."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

from hubbub import eager
from hubbub.apps import Application, Apps, KeyPair
from hubbub.engine.memory import Memory
from hubbub.errors import Refusal
from hubbub.hub.connection import Wire
from hubbub.hub.hub import Hub
from hubbub.node.node import Node
from hubbub.protocols import pusher
from hubbub.settings import AppSettings
from hubbub.transports.request import Request
from hubbub.transports.rest import Rest
from rest.driver import Answer, Keys, Pairs, credentials, encoded, signature

NOW = 1353088179
"""When the documentation's example was signed."""

OURS = Keys("3", "278d425bdf160c739803", "7ad3773142a6692b25b8")
OTHERS = Keys("4", "another-key", "another-secret")
DISABLED = Keys("5", "disabled-key", "disabled-secret")
ROTATING = (Keys("6", "old-key", "old-secret"), Keys("6", "new-key", "new-secret"))


class Shelf:
    """Where the applications of these tests are kept."""

    async def application_by_key(self, key: str) -> Application | None:
        for pairs in ((OURS,), (OTHERS,), (DISABLED,), ROTATING):
            if key in (pair.key for pair in pairs):
                settings = AppSettings(enabled=pairs[0] is not DISABLED)
                known = tuple(KeyPair(pair.key, pair.secret) for pair in pairs)
                return Application(pairs[0].app_id, "Test", known, settings)
        return None


class Ear:
    """A connection that notes what it hears."""

    wire = Wire("Pusher, a frame a line", lambda message: pusher.encode(message) + b"\n")

    def __init__(self) -> None:
        self._writes: list[bytes] = []

    @property
    def write(self) -> Callable[[bytes], object]:
        return self._writes.append

    def close(self, refusal: Refusal) -> None:
        raise AssertionError(refusal)

    @property
    def heard(self) -> list[Any]:
        """The frames, read as JSON."""
        return [json.loads(line) for line in b"".join(self._writes).split(b"\n") if line]


class Desk:
    """Takes requests. `now` may be set."""

    def __init__(self) -> None:
        self.now: float = NOW
        self._turns: list[Callable[[], None]] = []
        self.hub = Hub(self._turns.append)
        node = Node(self.hub, Memory())
        eager.start(node.start())
        self.rest = Rest(Apps(Shelf()), node, clock=lambda: self.now)

    async def ask(self, method: str | bytes, target: str | bytes, body: bytes = b"") -> Answer:
        method = method.encode("latin-1") if isinstance(method, str) else method
        target = target.encode("latin-1") if isinstance(target, str) else target
        async with asyncio.timeout(10):
            response = await self.rest.answer(Request(method, target, body))
        return Answer(response.status, {"content-type": response.content_type.decode()}, response.body)

    def listen(self, keys: Keys, channel: str) -> Ear:
        ear = Ear()
        self.hub.add(keys.app_id, channel, ear)
        return ear

    def turn(self) -> None:
        """Let the hub write what it has to."""
        while self._turns:
            self._turns.pop(0)()


def signed_target(keys: Keys, path: str, body: bytes = b"", pairs: Pairs = (), *, method: str = "POST") -> str:
    """Give a path with a query that is signed at NOW."""
    parameters = [*pairs, *credentials(keys, body, at=NOW)]
    return f"{path}?{encoded([*parameters, ('auth_signature', signature(keys, method, path, parameters))])}"
