"""Several nodes on one database, in one process: webhooks of each, and an engine that tells all of them the truth.

The engine here stands for the one on Redis, so that a test can say who leads, who is cut off and what comes in between.
What clients do is said to a node by `enter` and `leave`, which answer each transition to one node, as an engine does.
"""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Self

from hubbub.errors import STORE_UNAVAILABLE
from hubbub.messages import Event, Fact, Member, MemberAdded, MemberRemoved, Occupied, Vacated
from hubbub.store import Store
from hubbub.webhooks.seam import Endpoint, Outbox
from hubbub.webhooks.webhooks import Webhooks
from webhooks.conftest import APP, hooked, settings

Place = tuple[str, str]


class Town:
    """`async with Town(url, endpoint) as town:` and `await town.open(webhook_grace=1)` for each node."""

    def __init__(self, url: str, *endpoints: Endpoint) -> None:
        self._url = url
        self.endpoints = endpoints
        self.nodes: list[Node] = []
        self.leader: Node | None = None
        self.channels: dict[Place, set[Node]] = {}
        self.users: dict[Place, dict[str, set[Node]]] = {}
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        await self._stack.__aenter__()
        return self

    async def __aexit__(self, *about: object) -> None:
        await self._stack.aclose()

    async def open(self, *, outbox: type | None = None, **values: object) -> "Node":
        """Start a node; the first one leads."""
        store = Store.open(self._url)
        self._stack.push_async_callback(store.close)
        node = Node(self, store, outbox(store.outbox) if outbox is not None else store.outbox, values)
        self.nodes.append(node)
        self.leader = self.leader or node
        await node.webhooks.start()
        self._stack.push_async_callback(node.stop)
        return node


class Node:
    """One node: its `webhooks`, and the cluster as they see it (`hubbub.webhooks.seam.Cluster`)."""

    is_alone = False

    def __init__(self, town: Town, store: Store, outbox: Outbox, values: dict[str, object]) -> None:
        self._town = town
        self.store = store
        self.outbox = outbox
        self.gaps = 0
        self.is_cut_off = False
        self.is_mute = False
        self.has_usurped = False
        self._is_stopped = False
        declared = hooked(*town.endpoints) if town.endpoints else None
        self.webhooks = Webhooks(outbox, settings(**values), declared, cluster=self)

    async def stop(self) -> None:
        """Stop it as at the end of a server, once."""
        if not self._is_stopped:
            self._is_stopped = True
            await self.webhooks.stop()

    async def die(self) -> None:
        """Let it vanish with whatever it has in memory, and the others hear of it; the next one leads.

        Its tasks are ended, for it shares its process with the test; nothing of what they would do is done.
        """
        self.webhooks.freeze()
        self._town.nodes.remove(self)
        if self._town.leader is self:
            self._town.leader = self._town.nodes[0]
        for place, holders in list(self._town.channels.items()):
            holders.discard(self)
            if not holders:
                del self._town.channels[place]
        for users in self._town.users.values():
            for user_id in [user_id for user_id, holders in users.items() if holders == {self}]:
                del users[user_id]
        await self.stop()
        for node in self._town.nodes:
            node.webhooks.unsettle()

    # What clients do

    async def enter(self, channel: str, user_id: str = "", *, is_recorded: bool = True) -> None:
        """Let a client come; with a `user_id` as that member."""
        facts: list[Fact] = []
        if self._town.channels.setdefault((APP, channel), set()) == set():
            facts.append(Occupied(channel))
        self._town.channels[APP, channel].add(self)
        if user_id:
            users = self._town.users.setdefault((APP, channel), {})
            if user_id not in users:
                facts.append(MemberAdded(channel, Member(user_id)))
            users.setdefault(user_id, set()).add(self)
        if is_recorded and facts:
            await self.webhooks.record(APP, *facts)

    async def leave(self, channel: str, user_id: str = "", *, is_recorded: bool = True) -> None:
        """Let the last client of this node go; with a `user_id` that member's."""
        facts: list[Fact] = []
        if user_id:
            users = self._town.users[APP, channel]
            users[user_id].discard(self)
            if not users[user_id]:
                del users[user_id]
                facts.append(MemberRemoved(channel, Member(user_id)))
        if all(self not in holders for holders in self._town.users.get((APP, channel), {}).values()):
            self._town.channels[APP, channel].discard(self)
        if not self._town.channels[APP, channel]:
            del self._town.channels[APP, channel]
            facts.append(Vacated(channel))
        if is_recorded and facts:
            await self.webhooks.record(APP, *facts)

    async def say(self, data: str, channel: str = "private-last") -> None:
        """Let a client send an event."""
        await self.webhooks.record(APP, Event(channel, "client-said", data))

    # What the cluster answers

    @property
    def away(self) -> float | None:
        return 1.0 if self.is_cut_off else None

    @property
    def membership(self) -> "Node":
        return self

    def leads(self, role: str) -> bool:
        return (self._town.leader is self or self.has_usurped) and not self.is_cut_off

    async def announce(self, news: str, subject: str = "") -> None:
        self._ask()
        for node in self._town.nodes:
            if node is not self and not self.is_mute:
                node.webhooks.hear(subject)

    async def occupied(self, app_id: str, channels: Sequence[str]) -> list[bool]:
        self._ask()
        return [(app_id, channel) in self._town.channels for channel in channels]

    async def channels(self, app_id: str, prefix: str) -> list[str]:
        self._ask()
        return [channel for of, channel in self._town.channels if of == app_id and channel.startswith(prefix)]

    async def members(self, app_id: str, channel: str) -> dict[str, Member]:
        self._ask()
        return {user_id: Member(user_id) for user_id in self._town.users.get((app_id, channel), {})}

    def _ask(self) -> None:
        if self.is_cut_off:
            raise STORE_UNAVAILABLE()


class Held:
    """An outbox whose `accept` waits while it is held, as a database does that is slow for one node."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self.free = asyncio.Event()
        self.free.set()

    async def accept(self, notes: Sequence[object]) -> object:
        await self.free.wait()
        return await self._outbox.accept(notes)  # type: ignore[arg-type]

    def __getattr__(self, name: str) -> object:
        return getattr(self._outbox, name)
