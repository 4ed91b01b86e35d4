"""One node: ties what this process knows (hub) to what the cluster knows (engine), and tells observers.

Knows: when the engine must hear of a join or a leave, and which facts follow. Does not know protocols, signatures or
applications' settings. What concerns this process is dictionary work and never yields; what may wait is awaited before
the hub changes, so that nothing comes between joining the hub and saying "subscribed".
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from weakref import WeakValueDictionary

from hubbub.engine.seam import Engine, Transition
from hubbub.errors import Refusal
from hubbub.hub.connection import Connection
from hubbub.hub.hub import Hub
from hubbub.messages import (
    Envelope,
    Event,
    Fact,
    Member,
    MemberAdded,
    MemberRemoved,
    Occupied,
    Subscribed,
    Vacated,
)

logger = logging.getLogger("hubbub.node")

Welcome = Callable[[dict[str, Member]], object]
"""Tells a connection, in place of its wire, that it is subscribed, and with whom."""

Observer = Callable[[str, Fact], None]
"""Hears the application's id and a fact. Called in line: it may queue, and must neither wait nor raise."""


class Node:
    """Publish, join, leave, members, counts."""

    def __init__(self, hub: Hub, engine: Engine, observers: Iterable[Observer] = ()) -> None:
        self.hub = hub
        self._engine = engine
        self._observers = tuple(observers)
        self._gates: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()

    async def start(self) -> None:
        """Join the cluster."""
        await self._engine.start(self._receive)

    async def stop(self) -> None:
        """Write what is on its way and leave the cluster. The sockets must have been closed."""
        self.hub.flush()
        await self._engine.stop()

    async def publish(self, app_id: str, event: Event, exclude: str | None = None) -> None:
        """Send an event to all subscribers of its channel in the cluster, all but the socket `exclude`."""
        self._deliver(app_id, event, exclude)
        if self._observers:
            self._tell(app_id, event)
        await self._engine.publish(Envelope(app_id, event, exclude))

    async def join(
        self,
        app_id: str,
        channel: str,
        connection: Connection,
        member: Member | None,
        limit: int,
        *,
        welcome: Welcome | None = None,
    ) -> None:
        """Subscribe a connection, as `member` if it is one, tell it so, and tell the others.

        It is told by its wire, or by `welcome`, which gets the members. Raises PRESENCE_FULL, having changed nothing,
        when the channel has `limit` other members.
        """
        async with self._gate(app_id, channel):
            here = self.hub.channel(app_id, channel)
            members: dict[str, Member] = {}
            if member is not None or welcome is not None:
                members = await self._engine.members(app_id, channel)
            if member is not None:
                members.setdefault(member.user_id, member)
            transition = Transition()
            if here is None:
                await self._engine.subscribe(app_id, channel)
            if here is None or (member is not None and member.user_id not in here.users):
                try:
                    transition = await self._engine.enter(
                        app_id, channel, occupies=here is None, member=member, limit=limit
                    )
                except BaseException:
                    if here is None:
                        await self._engine.unsubscribe(app_id, channel)
                    raise
            # From here to the reply nothing waits: no event can overtake it.
            self.hub.add(app_id, channel, connection, member.user_id if member is not None else None)
            if welcome is not None:
                welcome(members)
            else:
                told = Subscribed(channel, members if member is not None else None)
                connection.write(connection.wire.pack(told))
        if transition.channel:
            self._tell(app_id, Occupied(channel))
        if transition.member is not None:
            await self._publish_membership(app_id, MemberAdded(channel, transition.member), connection)

    async def leave(self, app_id: str, channel: str, connection: Connection, user_id: str | None) -> None:
        """Unsubscribe a connection; `user_id` is who it was there as a member."""
        async with self._gate(app_id, channel):
            self.hub.remove(app_id, channel, connection)
            here = self.hub.channel(app_id, channel)
            gone = user_id if here is None or user_id not in here.users else None
            if here is not None and gone is None:
                return
            try:
                transition = await self._engine.leave(app_id, channel, vacates=here is None, user_id=gone)
            finally:
                if here is None:
                    await self._engine.unsubscribe(app_id, channel)
        if transition.member is not None:
            await self._publish_membership(app_id, MemberRemoved(channel, transition.member))
        if transition.channel:
            self._tell(app_id, Vacated(channel))

    async def settle(self, app_id: str, channel: str) -> None:
        """Come back when what was told to a channel so far has been written to those who listen here."""
        here = self.hub.channel(app_id, channel)
        if here is not None and not here.is_at_rest:
            written = asyncio.Event()
            here.when_written(written.set)
            await written.wait()

    async def users(self, app_id: str, channel: str) -> list[str]:
        """Give the user ids present in a channel, in the order they came."""
        return list(await self._engine.members(app_id, channel))

    async def members(self, app_id: str, channel: str) -> dict[str, Member]:
        """Give the members present in a channel by user id, in the order they came."""
        return await self._engine.members(app_id, channel)

    async def user_counts(self, app_id: str, channels: list[str]) -> list[int]:
        """Count the users present in each channel."""
        return await self._engine.user_counts(app_id, channels)

    async def subscription_count(self, app_id: str, channel: str) -> int:
        """Count the subscriptions to a channel in the cluster."""
        here = self.hub.channel(app_id, channel)
        return (len(here) if here is not None else 0) + await self._engine.count_elsewhere(app_id, channel)

    async def is_occupied(self, app_id: str, channel: str) -> bool:
        """Tell whether a channel has subscribers in the cluster."""
        return await self._engine.is_occupied(app_id, channel)

    async def channels(self, app_id: str, prefix: str = "") -> list[str]:
        """Name the occupied channels that begin with `prefix`."""
        return await self._engine.channels(app_id, prefix)

    async def _publish_membership(
        self, app_id: str, fact: MemberAdded | MemberRemoved, exclude: Connection | None = None
    ) -> None:
        self.hub.deliver(app_id, fact, exclude)
        self._tell(app_id, fact)
        try:
            await self._engine.publish(Envelope(app_id, fact))
        except Refusal as refusal:
            # The change stands, here and in the engine; the caller must not take it for refused.
            logger.warning("other nodes were not told of a membership: %s", refusal.message)

    def _gate(self, app_id: str, channel: str) -> asyncio.Lock:
        """Give the lock that keeps joins and leaves of one channel apart while an engine makes them wait."""
        gate = self._gates.get((app_id, channel))
        if gate is None:
            gate = self._gates[app_id, channel] = asyncio.Lock()
        return gate

    def _receive(self, envelope: Envelope) -> None:
        self._deliver(envelope.app_id, envelope.fact, envelope.exclude)

    def _deliver(self, app_id: str, fact: Fact, exclude: str | None) -> None:
        connection = self.hub.connection(app_id, exclude) if exclude is not None else None
        self.hub.deliver(app_id, fact, connection)

    def _tell(self, app_id: str, fact: Fact) -> None:
        for observer in self._observers:
            observer(app_id, fact)
