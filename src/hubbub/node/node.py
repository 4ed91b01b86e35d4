"""Publishing, joining and leaving: what follows from each, here, in the cluster, and for who writes it down.

Knows: when the engine must hear of a join or a leave, and which facts follow. Does not know protocols, signatures or
applications' settings. What concerns this process is dictionary work and never yields; what may wait is awaited before
the hub changes, so that nothing comes between joining the hub and saying "subscribed".
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Final

from hubbub import eager
from hubbub.channels import INTERNAL_PREFIX, Kind, is_cache, kind_of
from hubbub.durations import Durations
from hubbub.engine.seam import Cached, Drawn, Engine, Membership, Transition
from hubbub.errors import STORE_UNAVAILABLE, Refusal
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
from hubbub.taps.taps import Taps

MISS_SECONDS: Final = 10
"""Within which many who find a cache channel empty are told to webhooks as one."""

LOST: Final = "lost"
"""News that no node announces: another one is gone."""

RETURNED: Final = "returned"
"""News of the engine itself: this node was cut off, or forgotten, and is known again."""

NOTHING: Final = Transition()

logger = logging.getLogger("hubbub.node")

Welcome = Callable[[dict[str, Member]], object]
"""Tells a connection, in place of its wire, that it is subscribed, and with whom."""

Observer = Callable[[str, Fact], None]
"""Hears the application's id and a fact. Called in line: it may queue, and must neither wait nor raise."""


class Node:
    """Publish, join, leave, members, counts. A `recorder` hears of facts before they count, `taps` of what happened.

    With `delivers_alone`, events are told to those who listen here when the cluster cannot be reached.
    """

    def __init__(
        self,
        hub: Hub,
        engine: Engine,
        observers: Iterable[Observer] = (),
        recorder: Recorder | None = None,
        *,
        taps: Taps | None = None,
        delivers_alone: bool = False,
    ) -> None:
        self.hub = hub
        self._taps = taps if taps is not None else Taps()
        self._watched = self._taps.watched
        self._engine = engine
        self._observers = tuple(observers)
        self._recorder = recorder
        self._delivers_alone = delivers_alone
        self._listening: dict[str, list[Callable[[str], object]]] = {}
        self._takers: dict[int | None, Callable[[bytes], object]] = {}
        self._news: list[tuple[str, Sequence[Fact]]] = []
        self._writing: asyncio.Future[None] | None = None
        self._recounting: asyncio.Future[None] | None = None
        self._recounts_again = False
        self._gates = Gates()
        self._counts = Counts(self)
        self.online = Online(hub, engine, self._gates)
        """Who is signed in."""

    async def start(self) -> None:
        """Join the cluster."""
        await self._engine.start(self)

    async def stop(self) -> None:
        """Write what is on its way and leave the cluster. The sockets must have been closed."""
        self.hub.flush()
        self._counts.stop()
        if self._recounting is not None:
            self._recounting.cancel()
        await self._engine.stop()
        if self._writing is not None:
            await self._writing

    # The cluster

    @property
    def away(self) -> float | None:
        """For how many seconds the cluster has not been reached; None while all is well."""
        return self._engine.away

    @property
    def is_alone(self) -> bool:
        """Whether there can be no other node."""
        return self._engine.is_alone

    @property
    def membership(self) -> Membership:
        """How this node stands with its cluster."""
        return self._engine.membership

    @property
    def round_trips(self) -> Durations:
        """See `Engine.round_trips`."""
        return self._engine.round_trips

    def draw(self, app_id: str, purse: str, least: int, most: int, limit: int) -> Awaitable[Drawn]:
        """See `Engine.draw`."""
        return self._engine.draw(app_id, purse, least, most, limit)

    def hold(self, app_id: str, amount: int, limit: int) -> Awaitable[int]:
        """See `Engine.hold`."""
        return self._engine.hold(app_id, amount, limit)

    def leads(self, role: str) -> bool:
        """Tell whether this node has a role that one node has at a time."""
        return self._engine.leads(role)

    @property
    def name(self) -> str:
        """See `Engine.name`."""
        return self._engine.name

    def claim(self, name: str) -> Awaitable[str]:
        """See `Engine.claim`."""
        return self._engine.claim(name)

    def release(self, name: str) -> Awaitable[None]:
        """See `Engine.release`."""
        return self._engine.release(name)

    def hand(self, node: str, message: bytes) -> Awaitable[None]:
        """See `Engine.hand`."""
        return self._engine.hand(node, message)

    def take_with(self, take: Callable[[bytes], object], mark: int | None = None) -> None:
        """Have what other nodes hand to this one taken by `take`, which neither waits nor raises.

        With a `mark` only what begins with that byte, which nobody else's may; without one all that has no other taker.
        """
        self._takers[mark] = take

    def listen(self, news: str, call: Callable[[str], object]) -> None:
        """Call with the subject whenever another node announces `news`; for LOST, with the id of one that is gone."""
        self._listening.setdefault(news, []).append(call)

    async def announce(self, news: str, subject: str = "") -> None:
        """Let all other nodes hear something, as far as they can be reached. Never raises a Refusal."""
        try:
            await self._engine.announce(news, subject)
        except Refusal as refusal:
            logger.warning("other nodes were not told of %s: %s", news, refusal.message)

    # Channels

    def publish(
        self, app_id: str, event: Event, exclude: str | None = None, *, keep: int = 0, most_kept: int = 10_000
    ) -> Awaitable[None]:
        """Send an application's event to all subscribers of its channel in the cluster, all but the socket `exclude`.

        A cache channel keeps it for `keep` seconds; `most_kept` channels of the application may. Gives eager.DONE when
        nothing had to be waited for. Raises STORE_UNAVAILABLE when the cluster is away, unless this node delivers alone
        then: nobody has been told, or, where an answer of the cluster was lost, nobody knows.
        """
        if not self._engine.is_alone and self._engine.away is not None and not self._delivers_alone:
            raise STORE_UNAVAILABLE()
        if self._watched and (watch := self._watched.get(app_id)) is not None:
            watch.published(event)
        if keep and is_cache(event.channel):
            return self._keep_and_send(app_id, event, exclude, keep, most_kept)
        if self._engine.is_alone or self._delivers_alone:
            return self._send(app_id, event, exclude, self._here(app_id, exclude))
        return self._send_in_order(app_id, event, exclude)

    def relay(
        self, app_id: str, event: Event, sender: Connection, socket_id: str, *, to_sender: bool = False
    ) -> Awaitable[None]:
        """Send the event of a client, a socket here, to the others in its channel.

        And where its protocol wants that, to itself. While the cluster is away, to those who are here. Gives eager.DONE
        when nothing had to be waited for.
        """
        if self._watched and (watch := self._watched.get(app_id)) is not None:
            watch.relayed(event, socket_id)
        recorder = self._recorder
        if recorder is not None and recorder.concerns(app_id):
            return self._record_and_relay(recorder, app_id, event, sender, socket_id, to_sender=to_sender)
        if self._engine.is_alone and not self._observers:
            # What most do: two calls fewer are a tenth of its Python.
            self.hub.deliver(app_id, event, None if to_sender else sender).said(event.data)
            return eager.DONE
        if to_sender:
            return self._send(app_id, event, None, None, of_client=True)
        return self._send(app_id, event, socket_id, sender, of_client=True)

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
            has_cache = is_cache(channel)
            transition = NOTHING
            if here is None or (member is not None and member.user_id not in here.users):
                transition = await self._enter(app_id, channel, member, limit, is_first=here is None)
            facts: list[Fact] = [Occupied(channel)] if transition.channel else []
            if transition.member is not None:
                facts.append(MemberAdded(channel, transition.member))
                self.hub.meter(app_id).presence += 1
            if has_cache and self._engine.kept(app_id, channel) is None and await self._is_first_miss(app_id, channel):
                facts.append(CacheMissed(channel))
            if facts and (recorder := self._recorder_of(app_id)) is not None:
                await recorder.record(app_id, *facts)
            # From here to the reply nothing waits: no event can overtake it, and what the engine knows is what the
            # channel was told.
            self.hub.add(app_id, channel, connection, member.user_id if member is not None else None)
            if welcome is not None:
                welcome(self._engine.present(app_id, channel))
            else:
                members = self._engine.present(app_id, channel) if member is not None else None
                connection.write(connection.wire.pack(Subscribed(channel, members)))
            if has_cache:
                kept = self._engine.kept(app_id, channel)
                if frame := connection.wire.pack(kept.event if kept is not None else CacheMissed(channel)):
                    connection.write(frame)
                    self.hub.meter(app_id).wrote(1, 1, frame)
        for fact in facts:
            self._tell(app_id, fact)
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
                self.hub.meter(app_id).presence += 1
            if transition.channel:
                facts.append(Vacated(channel))
            if here is None and not is_counted:
                self._counts.forget(app_id, channel)  # it may have been counted before
            if facts and (recorder := self._recorder_of(app_id)) is not None:
                await recorder.record(app_id, *facts)
        for fact in facts:
            self._tell(app_id, fact)
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
        return (await self.subscription_counts(app_id, [channel]))[0]

    async def subscription_counts(self, app_id: str, channels: list[str]) -> list[int]:
        """Count the subscriptions to each channel in the cluster."""
        elsewhere = await self._engine.counts_elsewhere(app_id, channels)
        return [self.count(app_id, channel) + count for channel, count in zip(channels, elsewhere, strict=True)]

    @property
    def unanswered(self) -> int:
        """See `Engine.unanswered`."""
        return self._engine.unanswered

    async def is_there(self, app_id: str, channel: str, user_id: str = "") -> bool:
        """Tell whether a channel is occupied, or with `user_id` whether that user is a member of it, in the cluster."""
        if user_id:
            return await self._engine.is_present(app_id, channel, user_id)
        return await self.is_occupied(app_id, channel)

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
        except Refusal:
            if self._engine.is_alone:
                raise
            # The cluster is away, as the log says; the channel is told its number when it is back.

    def _recorder_of(self, app_id: str) -> Recorder | None:
        """Give who writes down what happens in an application, if anybody does."""
        recorder = self._recorder
        return recorder if recorder is not None and recorder.concerns(app_id) else None

    async def _keep_and_send(self, app_id: str, event: Event, exclude: str | None, keep: int, most_kept: int) -> None:
        # So that who joins meanwhile gets it once: as the kept one, or as a new one.
        async with self._gates.of(app_id, event.channel):
            envelope = Envelope(app_id, event, exclude)
            try:
                await self._engine.keep(envelope, keep, most_kept)
            except Refusal:
                if not self._delivers_alone:
                    raise
                self.receive(envelope)
        self.hub.meter(app_id).published(event.data)
        self._tell(app_id, event)

    async def _record_and_relay(
        self, recorder: Recorder, app_id: str, event: Event, sender: Connection, socket_id: str, *, to_sender: bool
    ) -> None:
        await recorder.record(app_id, event, socket_id=socket_id)
        await self._send(app_id, event, *((None, None) if to_sender else (socket_id, sender)), of_client=True)

    def _send(
        self, app_id: str, event: Event, exclude: str | None, here: Connection | None, *, of_client: bool = False
    ) -> Awaitable[None]:
        """Send to all but the socket `exclude`; `here` is its connection, if it is one of this node's."""
        meter = self.hub.deliver(app_id, event, here)
        if of_client:
            meter.said(event.data)
        else:
            meter.published(event.data)
        if self._observers:
            self._tell(app_id, event)
        return (
            eager.DONE
            if self._engine.is_alone
            else self._send_on(Envelope(app_id, event, exclude), of_client=of_client)
        )

    async def _send_in_order(self, app_id: str, event: Event, exclude: str | None) -> None:
        """Send to all, those here too, by way of the cluster.

        Who publishes one event here and the next, behind a balancer, at another node has them heard in that order.
        """
        await self._engine.publish(Envelope(app_id, event, exclude), echo=True)
        self.hub.meter(app_id).published(event.data)
        self._tell(app_id, event)

    async def _send_on(self, envelope: Envelope, *, of_client: bool) -> None:
        """Send to the other nodes what is on its way here already."""
        try:
            await self._engine.publish(envelope)
        except Refusal:
            if not of_client and not self._delivers_alone:
                raise

    async def tell_count(self, app_id: str, channel: str, count: int) -> None:
        """Tell a channel its number of subscriptions, on all nodes."""
        fact = Counted(channel, count)
        if (recorder := self._recorder_of(app_id)) is not None:
            await recorder.record(app_id, fact)
        self.hub.deliver(app_id, fact)
        self._tell(app_id, fact)
        if not self._engine.is_alone:
            await self._engine.publish(Envelope(app_id, fact))

    def tell_count_here(self, app_id: str, channel: str, count: int) -> None:
        """Tell it on this node, and nobody else: each node finds out by itself."""
        fact = Counted(channel, count)
        self.hub.deliver(app_id, fact)
        self._tell(app_id, fact)

    # What the engine asks for

    def receive(self, envelope: Envelope) -> None:
        """Deliver to those who listen here what was published elsewhere, or follows of a transition."""
        app_id = envelope.app_id
        match envelope.fact:
            case Terminated(_, user_id):
                self.online.close(app_id, user_id)
            case WentOnline() | WentOffline() as fact:
                self.online.hear(app_id, fact)
            case fact:
                if type(fact) is Counted:
                    self._counts.told(app_id, fact.channel, fact.count)
                self.hub.deliver(app_id, fact, self._here(app_id, envelope.exclude))

    def happened(self, app_id: str, facts: Sequence[Fact]) -> None:
        """Have transitions written down that no call of this node's was answered with."""
        self._news.append((app_id, facts))
        if len(self._news) == 1:
            self._writing = asyncio.ensure_future(self._write_down())

    def count(self, app_id: str, channel: str) -> int:
        """Count the subscriptions to a channel here."""
        here = self.hub.channel(app_id, channel)
        return len(here) if here is not None else 0

    def heard(self, news: str, subject: str) -> None:
        """Hand what another node announced to who listens for it, and the engine's own news, LOST and RETURNED."""
        if news in (LOST, RETURNED):
            self._recount()
        for call in self._listening.get(news, ()):
            call(subject)

    def handed(self, message: bytes) -> None:
        """Hand what another node handed over to who takes such."""
        take = self._takers.get(message[0] if message else None) or self._takers.get(None)
        if take is not None:
            take(message)

    def lost(self, node: str) -> None:
        """Hand on that another node is gone."""
        self.heard(LOST, node)

    async def _write_down(self) -> None:
        while self._news:
            news, count = self._news[:], len(self._news)
            # All at once: many notes share a commit, and they are taken in the order in which the calls begin.
            await asyncio.gather(
                *(
                    recorder.record(app_id, *facts)
                    for app_id, facts in news
                    if (recorder := self._recorder_of(app_id)) is not None
                )
            )
            for app_id, facts in news:
                for fact in facts:
                    if type(fact) in (MemberAdded, MemberRemoved):
                        self.hub.meter(app_id).presence += 1
                    self._tell(app_id, fact)
            del self._news[:count]

    def _recount(self) -> None:
        """Tell the numbers of subscriptions anew; once more after that if this is asked for meanwhile."""
        if self._recounting is None or self._recounting.done():
            self._recounting = asyncio.ensure_future(self._recount_all())
        else:
            self._recounts_again = True

    async def _recount_all(self) -> None:
        while True:
            self._recounts_again = False
            try:
                await self._counts.recount()
            except Refusal:
                return  # it is away again, and RETURNED will be heard when it is back
            if not self._recounts_again:
                return

    def _here(self, app_id: str, socket_id: str | None) -> Connection | None:
        return self.hub.connection(app_id, socket_id) if socket_id is not None else None

    def _tell(self, app_id: str, fact: Fact) -> None:
        if self._watched:
            self._taps.told(app_id, fact)
        for observer in self._observers:
            observer(app_id, fact)
