"""Publishing, joining and leaving: what follows from each, here, in the cluster, and for who writes it down.

Knows: when the engine must hear of a join or a leave, and which facts follow. Does not know protocols, signatures or
applications' settings. What concerns this process is dictionary work and never yields; what may wait is awaited before
the hub changes, so that nothing comes between joining the hub and saying "subscribed".
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

from hubbub import eager
from hubbub.channels import INTERNAL_PREFIX, Kind, is_cache, kind_of
from hubbub.engine.seam import Cached, Engine, Transition
from hubbub.errors import Refusal
from hubbub.hub.connection import Connection
from hubbub.hub.hub import Hub
from hubbub.messages import (
    CacheMissed,
    Counted,
    Envelope,
    Event,
    Fact,
    Member,
    MemberAdded,
    MemberRemoved,
    Occupied,
    Subscribed,
    Terminated,
    Vacated,
    WentOffline,
    WentOnline,
)
from hubbub.node.counts import Counts
from hubbub.node.gates import Gates
from hubbub.node.online import Online
from hubbub.node.seam import Recorder

MISS_SECONDS: Final = 10
"""Within which many who find a cache channel empty are told to webhooks as one."""

NOTHING: Final = Transition()

logger = logging.getLogger("hubbub.node")

Welcome = Callable[[dict[str, Member]], object]
"""Tells a connection, in place of its wire, that it is subscribed, and with whom."""

Observer = Callable[[str, Fact], None]
"""Hears the application's id and a fact. Called in line: it may queue, and must neither wait nor raise."""


class Node:
    """Publish, join, leave, members, counts. A `recorder` hears of facts before they count."""

    def __init__(
        self, hub: Hub, engine: Engine, observers: Iterable[Observer] = (), recorder: Recorder | None = None
    ) -> None:
        self.hub = hub
        self._engine = engine
        self._observers = tuple(observers)
        self._recorder = recorder
        self._gates = Gates()
        self._counts = Counts(self.subscription_count, self._publish_count)
        self.online = Online(hub, engine, self._gates)
        """Who is signed in."""

    async def start(self) -> None:
        """Join the cluster."""
        await self._engine.start(self._receive)

    async def stop(self) -> None:
        """Write what is on its way and leave the cluster. The sockets must have been closed."""
        self.hub.flush()
        self._counts.stop()
        await self._engine.stop()

    def publish(
        self, app_id: str, event: Event, exclude: str | None = None, *, keep: int = 0, most_kept: int = 10_000
    ) -> Awaitable[None]:
        """Send an application's event to all subscribers of its channel in the cluster, all but the socket `exclude`.

        A cache channel keeps it for `keep` seconds; `most_kept` channels of the application may. Gives eager.DONE when
        nothing had to be waited for.
        """
        if keep and is_cache(event.channel):
            return self._keep_and_send(app_id, event, exclude, keep, most_kept)
        return self._send(app_id, event, exclude, self._here(app_id, exclude))

    def relay(
        self, app_id: str, event: Event, sender: Connection, socket_id: str, *, to_sender: bool = False
    ) -> Awaitable[None]:
        """Send the event of a client, a socket here, to the others in its channel.

        And where its protocol wants that, to itself. Gives eager.DONE when nothing had to be waited for.
        """
        if (recorder := self._recorder_of(app_id)) is not None:
            return self._record_and_relay(recorder, app_id, event, sender, socket_id, to_sender=to_sender)
        if to_sender:
            return self._send(app_id, event, None, None)
        return self._send(app_id, event, socket_id, sender)

    async def join(
        self,
        app_id: str,
        channel: str,
        connection: Connection,
        member: Member | None,
        limit: int,
        *,
        welcome: Welcome | None = None,
        is_counted: bool = False,
    ) -> None:
        """Subscribe a connection, as `member` if it is one, tell it so, and tell the others.

        It is told by its wire, or by `welcome`, which gets the members; then it gets what a cache channel keeps. With
        `is_counted` all are told how many they are. Raises PRESENCE_FULL, having changed nothing, when the channel has
        `limit` other members.
        """
        async with self._gates.of(app_id, channel):
            here = self.hub.channel(app_id, channel)
            members: dict[str, Member] = {}
            if member is not None or welcome is not None:
                members = await self._engine.members(app_id, channel)
            if member is not None:
                members.setdefault(member.user_id, member)
            has_cache = is_cache(channel)
            kept = await self._engine.recall(app_id, channel) if has_cache else None
            transition = NOTHING
            if here is None or (member is not None and member.user_id not in here.users):
                transition = await self._enter(app_id, channel, member, limit, is_first=here is None)
            facts: list[Fact] = [Occupied(channel)] if transition.channel else []
            if transition.member is not None:
                facts.append(MemberAdded(channel, transition.member))
            last: Event | CacheMissed | None = kept.event if kept is not None else None
            if has_cache and kept is None:
                last = CacheMissed(channel)
                if await self._is_first_miss(app_id, channel):
                    facts.append(last)
            if facts and (recorder := self._recorder_of(app_id)) is not None:
                await recorder.record(app_id, *facts)
            # From here to the reply nothing waits: no event can overtake it.
            self.hub.add(app_id, channel, connection, member.user_id if member is not None else None)
            if welcome is not None:
                welcome(members)
            else:
                told = Subscribed(channel, members if member is not None else None)
                connection.write(connection.wire.pack(told))
            if last is not None and (frame := connection.wire.pack(last)):
                connection.write(frame)
        if transition.channel:
            self._tell(app_id, Occupied(channel))
        if transition.member is not None:
            await self._publish_membership(app_id, MemberAdded(channel, transition.member), connection)
        if is_counted:
            await self._count(app_id, channel)

    async def leave(
        self, app_id: str, channel: str, connection: Connection, user_id: str | None, *, is_counted: bool = False
    ) -> None:
        """Unsubscribe a connection; `user_id` is who it was there as a member. `is_counted` as with `join`."""
        async with self._gates.of(app_id, channel):
            self.hub.remove(app_id, channel, connection)
            here = self.hub.channel(app_id, channel)
            gone = user_id if here is None or user_id not in here.users else None
            transition = NOTHING
            if here is None or gone is not None:
                try:
                    transition = await self._engine.leave(app_id, channel, vacates=here is None, user_id=gone)
                finally:
                    if here is None:
                        await self._engine.unsubscribe(app_id, channel)
            facts: list[Fact] = []
            if transition.member is not None:
                facts.append(MemberRemoved(channel, transition.member))
            if transition.channel:
                facts.append(Vacated(channel))
            if facts and (recorder := self._recorder_of(app_id)) is not None:
                await recorder.record(app_id, *facts)
        if transition.member is not None:
            await self._publish_membership(app_id, MemberRemoved(channel, transition.member))
        if transition.channel:
            self._tell(app_id, Vacated(channel))
        if is_counted:
            await self._count(app_id, channel)

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
        return (await self._engine.occupied(app_id, [channel]))[0]

    async def channels(self, app_id: str, prefix: str = "") -> list[str]:
        """Name the occupied channels that begin with `prefix`, without those of single users."""
        found = await self._engine.channels(app_id, prefix)
        return [name for name in found if not name.startswith(INTERNAL_PREFIX)]

    async def recall(self, app_id: str, channel: str) -> Cached | None:
        """Give the event that a cache channel keeps."""
        return await self._engine.recall(app_id, channel)

    async def _enter(
        self, app_id: str, channel: str, member: Member | None, limit: int, *, is_first: bool
    ) -> Transition:
        """Tell the engine of the node's first subscriber in a channel, and of its first connection of a user."""
        if is_first:
            await self._engine.subscribe(app_id, channel)
        try:
            return await self._engine.enter(app_id, channel, occupies=is_first, member=member, limit=limit)
        except BaseException:
            if is_first:
                await self._engine.unsubscribe(app_id, channel)
            raise

    async def _is_first_miss(self, app_id: str, channel: str) -> bool:
        """Tell whether nobody has found this cache channel empty for a while."""
        try:
            return await self._engine.miss(app_id, channel, MISS_SECONDS)
        except Refusal:
            return True  # better told twice than never

    async def _count(self, app_id: str, channel: str) -> None:
        """Tell a channel that its number of subscriptions has changed; the change itself stands."""
        if kind_of(channel) is Kind.PRESENCE or channel.startswith(INTERNAL_PREFIX):
            return  # Pusher's presence channels tell who is there
        try:
            await self._counts.changed(app_id, channel)
        except Refusal as refusal:
            logger.warning("a channel was not told its number of subscriptions: %s", refusal.message)

    def _recorder_of(self, app_id: str) -> Recorder | None:
        """Give who writes down what happens in an application, if anybody does."""
        recorder = self._recorder
        return recorder if recorder is not None and recorder.concerns(app_id) else None

    async def _keep_and_send(self, app_id: str, event: Event, exclude: str | None, keep: int, most_kept: int) -> None:
        # So that who joins meanwhile gets it once: as the kept one, or as a new one.
        async with self._gates.of(app_id, event.channel):
            await self._engine.remember(app_id, event, keep, most_kept)
            await self._send(app_id, event, exclude, self._here(app_id, exclude))

    async def _record_and_relay(
        self, recorder: Recorder, app_id: str, event: Event, sender: Connection, socket_id: str, *, to_sender: bool
    ) -> None:
        await recorder.record(app_id, event, socket_id=socket_id)
        await self._send(app_id, event, *((None, None) if to_sender else (socket_id, sender)))

    def _send(self, app_id: str, event: Event, exclude: str | None, here: Connection | None) -> Awaitable[None]:
        """Send to all but the socket `exclude`; `here` is its connection, if it is one of this node's."""
        self.hub.deliver(app_id, event, here)
        if self._observers:
            self._tell(app_id, event)
        return eager.DONE if self._engine.is_alone else self._engine.publish(Envelope(app_id, event, exclude))

    async def _publish_count(self, app_id: str, channel: str, count: int) -> None:
        fact = Counted(channel, count)
        if (recorder := self._recorder_of(app_id)) is not None:
            await recorder.record(app_id, fact)
        self.hub.deliver(app_id, fact)
        self._tell(app_id, fact)
        await self._announce(app_id, fact)

    async def _publish_membership(
        self, app_id: str, fact: MemberAdded | MemberRemoved, exclude: Connection | None = None
    ) -> None:
        self.hub.deliver(app_id, fact, exclude)
        self._tell(app_id, fact)
        await self._announce(app_id, fact)

    async def _announce(self, app_id: str, fact: Fact) -> None:
        """Tell other nodes of what stands already, here and in the engine: the caller must not take it for refused."""
        if self._engine.is_alone:
            return
        try:
            await self._engine.publish(Envelope(app_id, fact))
        except Refusal as refusal:
            logger.warning("other nodes were not told of a change: %s", refusal.message)

    def _receive(self, envelope: Envelope) -> None:
        match envelope.fact:
            case Terminated(_, user_id):
                self.online.close(envelope.app_id, user_id)
            case WentOnline() | WentOffline() as fact:
                self.online.hear(envelope.app_id, fact)
            case fact:
                self.hub.deliver(envelope.app_id, fact, self._here(envelope.app_id, envelope.exclude))

    def _here(self, app_id: str, socket_id: str | None) -> Connection | None:
        return self.hub.connection(app_id, socket_id) if socket_id is not None else None

    def _tell(self, app_id: str, fact: Fact) -> None:
        for observer in self._observers:
            observer(app_id, fact)
