"""A node whose facts are noted, and who writes them down."""

import asyncio
import random

from hubbub.engine.seam import Engine
from hubbub.hub.connection import Wire
from hubbub.hub.hub import Hub
from hubbub.messages import (
    Fact,
    Member,
    Reply,
)
from hubbub.node.node import Node
from recording import Recording


class Notary:
    """Writes everything down, which takes a while. `seen` is what the node had told by then."""

    def __init__(self, facts: list[Fact]) -> None:
        self._facts = facts
        self._dice = random.Random(3)
        self.written: list[tuple[Fact, str]] = []
        self.told_before: list[Fact] = []

    def concerns(self, app_id: str) -> bool:
        return app_id == "1"

    async def record(self, app_id: str, *facts: Fact, socket_id: str = "") -> None:
        assert app_id == "1"
        for fact in facts:
            self.written.append((fact, socket_id))
            if fact in self._facts:
                self.told_before.append(fact)
        for _ in range(self._dice.randrange(3)):
            await asyncio.sleep(0)

    @property
    def facts(self) -> list[Fact]:
        return [fact for fact, _ in self.written]


class Watched:
    """A node whose facts are noted, and written down before."""

    def __init__(self, engine: Engine) -> None:
        self.facts: list[Fact] = []
        self.notary = Notary(self.facts)
        hub = Hub(asyncio.get_running_loop().call_soon)
        self.node = Node(hub, engine, [lambda _, fact: self.facts.append(fact)], self.notary)

    async def join(self, client: Recording, channel: str = "presence-x", user: str = "ann", limit: int = 100) -> None:
        await self.node.join("1", channel, client, Member(user), limit)

    async def leave(self, client: Recording, channel: str = "presence-x", user: str = "ann") -> None:
        await self.node.leave("1", channel, client, user)


class Ear(Recording):
    """A connection that notes the messages themselves."""

    def __init__(self) -> None:
        self.messages: list[Fact | Reply] = []
        super().__init__(Wire("ear", self._note))

    def _note(self, message: Fact | Reply) -> bytes:
        self.messages.append(message)
        return b"."
