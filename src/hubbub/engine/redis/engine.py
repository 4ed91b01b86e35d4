"""The engine of many nodes: what they know together lives in Redis, and each has a replica of what it listens to.

Knows: which of its parts does what, and what is to be done when Redis is away, back, or has forgotten this node. Does
not know how Redis is reached.
"""

import asyncio
import logging
import time
from collections.abc import Collection, Sequence
from typing import Final

import msgspec

from hubbub.durations import Durations
from hubbub.engine.redis import parcels
from hubbub.engine.redis.claims import Claims
from hubbub.engine.redis.entries import Entries
from hubbub.engine.redis.estates import Estates
from hubbub.engine.redis.items import Answered
from hubbub.engine.redis.keys import Names, bucket_of
from hubbub.engine.redis.lease import INTERVAL, Lease
from hubbub.engine.redis.link import Link
from hubbub.engine.redis.questions import Questions
from hubbub.engine.redis.register import Register
from hubbub.engine.redis.roster import Roster
from hubbub.engine.redis.rosters import Rosters
from hubbub.engine.redis.shares import Shares
from hubbub.engine.redis.shelf import Shelf
from hubbub.engine.redis.tasks import Tasks
from hubbub.engine.seam import Cached, Drawn, Host, Membership, Transition
from hubbub.errors import PRESENCE_FULL, STORE_UNAVAILABLE, Refusal
from hubbub.messages import Envelope, Event, Fact, Member, WentOffline, WentOnline

SETTLED: Final = 2
"""Intervals after which all nodes must have come back to a Redis that was away; who has not is shown no more."""

NOTHING: Final = Transition()

logger = logging.getLogger("hubbub.engine")


class Redis:
    """A node's share in a cluster on Redis. `interval` is that of its beats: the same on all nodes of a cluster."""

    is_alone = False

    def __init__(self, link: Link, prefix: str, *, interval: float = INTERVAL) -> None:
        self._link = link
        self._names = names = Names(prefix)
        self._interval = interval
        self._host: Host
        self._tasks = Tasks()
        self._lease = lease = Lease(link, names, self, interval)
        self._entries = Entries(link, names, lease, self._happened, self._want)
        self._rosters = Rosters(link, names, self._tell, self._want, self._missed)
        self._estates = Estates(link, names, lease, self._entries, self._happened, self._buried)
        self._register = Register(link, names, self._entries, self._rosters)
        self._questions = Questions(link, names, lease, self._tasks, self._count)
        self._shelf = Shelf(link, names)
        self._shares = Shares(link, names, lease)
        self._claims = Claims(link, names, lease)
        self._wanted = asyncio.Event()
        self._settling: asyncio.TimerHandle | None = None
        self._away_since: float | None = None
        self._post = ""
        self._gaps = 0
        self._gap_seconds = 0.0
        self._told_lost: dict[str, None] = {}

    # Joining and leaving the cluster

    async def start(self, host: Host) -> None:
        """See `Engine.start`. Waits until Redis is there."""
        self._host = host
        self._away_since = time.monotonic()
        await self._link.open(self)
        await self._link.subscribe(self._names.news)
        self._post = self._names.post(self._lease.node)
        await self._link.subscribe(self._post)
        if self._link.is_open:
            try:
                await self._return()
            except Refusal:
                self._want()
        self._tasks.start(self._lease.keep(), "to beat")
        self._tasks.start(self._mend_when_wanted(), "to mend")

    async def stop(self) -> None:
        """See `Engine.stop`."""
        if self._settling is not None:
            self._settling.cancel()
        await self._tasks.stop()
        try:
            if self._lease.is_held:
                await self._entries.leave_all()
                await self._shares.free_all()
                # What is not taken out is for others, with what this node owes.
                await self._lease.quit(is_clean=not self._lease.past and self._estates.is_done)
                message = parcels.LEFT + self._lease.name
                await self._link.publish(self._names.news, message)
        except Refusal:
            logger.warning("this node could not say that it stops: the others will find out")
        await self._link.close()

    @property
    def away(self) -> float | None:
        """See `Engine.away`."""
        return time.monotonic() - self._away_since if self._away_since is not None else None

    @property
    def membership(self) -> Membership:
        """See `Engine.membership`."""
        return Membership(len(self._lease.nodes | {self._lease.node}), self._gaps, self._gap_seconds)

    @property
    def round_trips(self) -> Durations:
        """See `Engine.round_trips`."""
        return self._link.round_trips

    # Telling

    async def publish(self, envelope: Envelope, *, echo: bool = False) -> None:
        """See `Engine.publish`."""
        app_id, channel = envelope.app_id, envelope.fact.channel
        roster = self._rosters.get(app_id, channel)
        topic = roster.topic if roster is not None else self._names.topic(bucket_of(app_id, channel), channel)
        sender = parcels.NOBODY if echo else self._lease.name
        packed = parcels.pack(envelope.fact, envelope.exclude)
        if envelope.trace:
            packed = parcels.traced(packed, envelope.trace)
        message = parcels.PUBLISHED + sender + packed
        await self._link.publish(topic, message)

    async def announce(self, news: str, subject: str = "") -> None:
        """See `Engine.announce`."""
        message = parcels.ANNOUNCED + self._lease.name + parcels.pack_values(news, subject)
        await self._link.publish(self._names.news, message)

    async def subscribe(self, app_id: str, channel: str) -> None:
        """See `Engine.subscribe`."""
        await self._rosters.subscribe(app_id, channel)

    async def unsubscribe(self, app_id: str, channel: str) -> None:
        """See `Engine.unsubscribe`."""
        await self._rosters.unsubscribe(app_id, channel)

    # Who is there

    async def enter(
        self,
        app_id: str,
        channel: str,
        *,
        occupies: bool,
        member: Member | None,
        limit: int,
        told: WentOnline | None = None,
    ) -> Transition:
        """See `Engine.enter`."""
        roster = self._rosters.get(app_id, channel)
        if not self._lease.is_held and roster is not None and member is not None:
            # As far as this node can know.
            others = len(roster.members.keys() - {member.user_id})
            if member.user_id not in roster.members and others >= limit:
                raise PRESENCE_FULL(channel=channel, limit=limit)
        answer = await self._entries.enter(app_id, channel, occupies=occupies, member=member, limit=limit, told=told)
        if roster is not None and not await self._heard(roster, answer):
            if member is not None:
                roster.add_alone(member)
            if told is not None:
                roster.turn_alone(told)
        if roster is not None and member is not None and member.user_id in roster.members:
            self._entries.adopt(app_id, channel, roster.members[member.user_id])
        return Transition(answer.channel, answer.member) if answer is not None else NOTHING

    async def leave(
        self, app_id: str, channel: str, *, vacates: bool, user_id: str | None, told: WentOffline | None = None
    ) -> Transition:
        """See `Engine.leave`."""
        roster = self._rosters.get(app_id, channel)
        answer = await self._entries.leave(app_id, channel, vacates=vacates, user_id=user_id, told=told)
        if roster is not None and not await self._heard(roster, answer):
            if user_id is not None and (answer is None or answer.member is not None):
                roster.remove_alone(user_id)
            if told is not None and (answer is None or answer.channel):
                roster.turn_alone(told)
        return Transition(answer.channel, answer.member) if answer is not None else NOTHING

    async def _heard(self, roster: Roster, answer: Answered | None) -> bool:
        """Wait until what was answered has been told here; False if it cannot be."""
        if answer is None:
            self._rosters.suspect(roster)  # Redis may be there, and have refused this call alone
            return False
        if await roster.reached(answer.number):
            return True
        if not roster.is_behind and self._rosters.get(roster.app_id, roster.channel) is roster:
            self._rosters.doubt(roster)
        return False

    def present(self, app_id: str, channel: str) -> dict[str, Member]:
        """See `Engine.present`."""
        roster = self._rosters.get(app_id, channel)
        return dict(roster.members) if roster is not None else {}

    async def members(self, app_id: str, channel: str) -> dict[str, Member]:
        """See `Engine.members`."""
        return await self._register.members(app_id, channel)

    async def is_present(self, app_id: str, channel: str, user_id: str) -> bool:
        """See `Engine.is_present`."""
        return await self._register.is_present(app_id, channel, user_id)

    async def user_counts(self, app_id: str, channels: Sequence[str]) -> list[int]:
        """See `Engine.user_counts`."""
        return await self._register.user_counts(app_id, channels)

    async def counts_elsewhere(self, app_id: str, channels: Sequence[str]) -> list[int]:
        """See `Engine.counts_elsewhere`."""
        return await self._questions.counts_elsewhere(app_id, channels)

    @property
    def unanswered(self) -> int:
        """See `Engine.unanswered`."""
        return self._questions.unanswered

    async def occupied(self, app_id: str, channels: Sequence[str]) -> list[bool]:
        """See `Engine.occupied`."""
        return await self._register.occupied(app_id, channels)

    async def channels(self, app_id: str, prefix: str) -> list[str]:
        """See `Engine.channels`."""
        return await self._register.channels(app_id, prefix)

    # Cache channels

    async def keep(self, envelope: Envelope, seconds: int, most: int) -> None:
        """See `Engine.keep`."""
        event = envelope.fact
        assert isinstance(event, Event), "only events are kept"
        number = await self._shelf.keep(envelope.app_id, event, envelope.exclude, seconds, most)
        roster = self._rosters.get(envelope.app_id, event.channel)
        if roster is not None and not await self._heard(roster, Answered(number, channel=False, member=None)):
            roster.keep_alone(number, event, envelope.exclude, seconds)

    def kept(self, app_id: str, channel: str) -> Cached | None:
        """See `Engine.kept`."""
        roster = self._rosters.get(app_id, channel)
        return roster.kept if roster is not None else None

    async def recall(self, app_id: str, channel: str) -> Cached | None:
        """See `Engine.recall`."""
        return await self._shelf.recall(app_id, channel)

    async def miss(self, app_id: str, channel: str, seconds: int) -> bool:
        """See `Engine.miss`."""
        return await self._shelf.miss(app_id, channel, seconds)

    # What is shared out

    def leads(self, role: str) -> bool:
        """See `Engine.leads`."""
        return self._lease.leads(role)

    async def draw(self, app_id: str, purse: str, least: int, most: int, limit: int) -> Drawn:
        """See `Engine.draw`."""
        return await self._shares.draw(app_id, purse, least, most, limit)

    async def hold(self, app_id: str, amount: int, limit: int) -> int:
        """See `Engine.hold`."""
        return await self._shares.hold(app_id, amount, limit)

    # Between two nodes

    @property
    def name(self) -> str:
        """See `Engine.name`."""
        return self._lease.node

    async def claim(self, name: str) -> str:
        """See `Engine.claim`."""
        return await self._claims.claim(name)

    async def release(self, name: str) -> None:
        """See `Engine.release`."""
        await self._claims.release(name)

    async def hand(self, node: str, message: bytes) -> None:
        """See `Engine.hand`."""
        await self._link.publish(self._names.post(node), parcels.HANDED + message)

    # What the link tells

    def hear(self, topic: bytes, message: bytes) -> None:
        """Take a message. What cannot be taken is not ours, of a version to come, or a fault that the log tells."""
        try:
            self._hear(topic, message)
        except (msgspec.MsgspecError, ValueError, TypeError, LookupError, RecursionError):
            logger.warning("a message of %d bytes on %r could not be read", len(message), topic, exc_info=True)

    def _hear(self, topic: bytes, message: bytes) -> None:
        kind = message[:1]
        roster = self._rosters.of(topic)
        if roster is not None:
            if kind == parcels.PUBLISHED:
                if not self._is_own(message):
                    packed, trace = message[17:], ""
                    if packed[0] == parcels.TRACED:
                        packed, trace = parcels.untraced(packed)
                    fact, exclude = parcels.unpack(packed, roster.channel)
                    self._tell(Envelope(roster.app_id, fact, exclude, trace))
            elif message[0] in parcels.NUMBERED:
                self._rosters.hear(roster, message)
        elif kind == parcels.ANSWERED:
            self._questions.take(message[1:])
        elif kind == parcels.HANDED:
            self._host.handed(message[1:])
        elif kind == parcels.ASKED:
            self._questions.answer(message[1:])
        elif kind == parcels.ANNOUNCED and not self._is_own(message):
            news, subject = parcels.unpack_values(message[17:])
            self._host.heard(news, subject)
        elif kind == parcels.LEFT:
            self._lost(message[1:].decode())

    def lost(self, reason: str) -> None:
        """Go on alone."""
        if self._away_since is None:
            self._away_since = time.monotonic()
        self._lease.let_go()
        self._rosters.fall_behind()

    def found(self, seconds: float) -> None:
        """Come back."""
        self._lease.let_go()
        self._rosters.fall_behind()
        self._want()

    # What beats bring to light

    def forgotten(self) -> None:
        """Come back as another: this node was taken for gone, or Redis has forgotten all."""
        logger.warning("the cluster did not know this node any more: it comes back under another name")
        self._rosters.fall_behind()
        self._want()

    def gone(self, nodes: Collection[str]) -> None:
        """Take out what gone nodes have left."""
        # What this node has left under another name it takes out when it has entered it again.
        for node in set(nodes).difference(self._lease.past):
            self._tasks.start(self._estates.take_out(node), "to take out what a lost node has left")

    def missing(self, nodes: Collection[str]) -> None:
        """Note that nodes are gone."""
        for node in nodes:
            self._lost(node)

    # Mending

    def _want(self) -> None:
        self._wanted.set()

    async def _mend_when_wanted(self) -> None:
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            if not self._link.is_open:
                continue  # it says when it is
            try:
                await self._return()
            except Refusal:
                await asyncio.sleep(self._interval / 5)
                self._want()
            except Exception:
                logger.exception("what Redis has of this node could not be made good")
                await asyncio.sleep(self._interval)
                self._want()

    async def _return(self) -> None:
        """Be known, and have everything known that is."""
        if not self._lease.is_held:
            await self._lease.take()
            self._entries.renew()
            self._shares.renew()
            if (post := self._names.post(self._lease.node)) != self._post:
                # Before anybody is told: what others hand to this node by its new name must not be lost.
                await self._link.subscribe(post)
                await self._link.unsubscribe(self._post)
                self._post = post
            if not self._link.is_open:
                self._lease.let_go()
                raise STORE_UNAVAILABLE()
            self._come_back()
        await self._entries.mend()
        await self._shares.mend()
        await self._rosters.catch_up()
        for node in list(self._lease.past):
            await self._estates.take_out(node, self._entries.buckets)
            self._lease.past.remove(node)

    def _come_back(self) -> None:
        """Note that this node is known, for the first time or again."""
        away, self._away_since = self._away_since, None
        if self._lease.term == 1:
            return
        if away is not None:
            self._gaps += 1
            self._gap_seconds += time.monotonic() - away
        self._host.heard("returned", "")
        self._doubt()

    def _missed(self) -> None:
        """Note that a channel is not as it was told to be: Redis may have forgotten all, and this node too."""
        self._doubt()
        self._lease.hurry()

    def _doubt(self) -> None:
        """Give all nodes time to enter again what Redis forgot: who it does not know meanwhile may not be gone."""
        self._rosters.in_doubt = True
        if self._settling is not None:
            self._settling.cancel()
        later = asyncio.get_running_loop().call_later
        self._settling = later(SETTLED * self._interval, self._rosters.settle)

    # What parts of this tell the host

    def _tell(self, envelope: Envelope) -> None:
        self._host.receive(envelope)

    def _happened(self, app_id: str, facts: Sequence[Fact]) -> None:
        self._host.happened(app_id, facts)

    def _count(self, app_id: str, channel: str) -> int:
        return self._host.count(app_id, channel)

    def _buried(self, node: str) -> None:
        self._tasks.start(
            self._link.publish(self._names.news, parcels.LEFT + node.encode()), "to say that a node is gone"
        )
        self._lost(node)

    def _lost(self, node: str) -> None:
        """Tell of a node that is gone, once; of this one, by its names of before, too: what it had there is no more."""
        if node != self._lease.node and node not in self._told_lost:
            self._told_lost[node] = None
            if len(self._told_lost) > 1000:
                del self._told_lost[next(iter(self._told_lost))]
            self._host.lost(node)
            self._lease.hurry()

    def _is_own(self, message: bytes) -> bool:
        return message.startswith(self._lease.name, 1) or message[1:17].decode() in self._lease.past
