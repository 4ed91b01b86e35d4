"""The engine of a single node: dictionaries. Nothing here ever waits."""

import heapq
import math
import time
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from hubbub.durations import Durations
from hubbub.engine.seam import Cached, Drawn, Host, Membership, Transition
from hubbub.errors import PRESENCE_FULL
from hubbub.messages import (
    Envelope,
    Event,
    Fact,
    Member,
    MemberAdded,
    MemberRemoved,
    WentOffline,
    WentOnline,
)

Members = dict[str, Member]
Place = tuple[str, str]

_encode = msgspec.msgpack.Encoder().encode
_decoder = msgspec.msgpack.Decoder(Event)

SWEPT: Final = 100
"""Cached events that are over and are taken away in one go: half a million would take a second."""


class Memory:
    """A cluster of one. `clock` gives seconds that never go back."""

    is_alone = True

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._host: Host
        self._channels: dict[str, dict[str, Members]] = {}
        # By application and channel, with the time at which each ends; the one noted longest ago comes first.
        # As bytes: a text with one emoji in it takes four times its letters.
        self._cached: dict[str, dict[str, tuple[bytes, float]]] = {}
        self._missed: dict[Place, float] = {}
        # When to look whether a place has ended: what is noted anew meanwhile is looked at again.
        self._cached_ends: list[tuple[float, Place]] = []
        self._missed_ends: list[tuple[float, Place]] = []

    async def start(self, host: Host) -> None:
        """Nothing to join: there is no other node."""
        self._host = host

    async def stop(self) -> None:
        """Nothing to leave behind."""

    @property
    def away(self) -> float | None:
        """Never away."""
        return None

    @property
    def membership(self) -> Membership:
        """Alone."""
        return Membership()

    @property
    def round_trips(self) -> Durations:
        """Of none: nothing is asked of anybody."""
        return Durations()

    # Telling

    async def publish(self, envelope: Envelope, *, echo: bool = False) -> None:
        """There is nobody else to tell."""
        if echo:
            self._host.receive(envelope)

    async def announce(self, news: str, subject: str = "") -> None:
        """There is nobody else to tell."""

    async def subscribe(self, app_id: str, channel: str) -> None:
        """There is nobody else to hear."""

    async def unsubscribe(self, app_id: str, channel: str) -> None:
        """There is nobody else to hear."""

    def _tell(self, app_id: str, fact: Fact) -> None:
        self._host.receive(Envelope(app_id, fact))

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
        members = self._channels.get(app_id, {}).get(channel, {})
        is_new = member is not None and member.user_id not in members
        if is_new and len(members) >= limit:
            raise PRESENCE_FULL(channel=channel, limit=limit)
        if occupies:
            self._channels.setdefault(app_id, {})[channel] = members
            if told is not None:
                self._tell(app_id, told)
        if member is None or not is_new:
            return Transition(channel=occupies)
        members[member.user_id] = member
        self._tell(app_id, MemberAdded(channel, member))
        return Transition(channel=occupies, member=member)

    async def leave(
        self, app_id: str, channel: str, *, vacates: bool, user_id: str | None, told: WentOffline | None = None
    ) -> Transition:
        """See `Engine.leave`."""
        channels = self._channels[app_id]
        member = channels[channel].pop(user_id) if user_id is not None else None
        if member is not None:
            self._tell(app_id, MemberRemoved(channel, member))
        if vacates:
            del channels[channel]
            if not channels:
                del self._channels[app_id]
            if told is not None:
                self._tell(app_id, told)
        return Transition(channel=vacates, member=member)

    def present(self, app_id: str, channel: str) -> dict[str, Member]:
        """See `Engine.present`."""
        return dict(self._channels.get(app_id, {}).get(channel, {}))

    async def members(self, app_id: str, channel: str) -> dict[str, Member]:
        """See `Engine.members`."""
        return self.present(app_id, channel)

    async def is_present(self, app_id: str, channel: str, user_id: str) -> bool:
        """See `Engine.is_present`."""
        return user_id in self._channels.get(app_id, {}).get(channel, {})

    async def user_counts(self, app_id: str, channels: Sequence[str]) -> list[int]:
        """See `Engine.user_counts`."""
        known = self._channels.get(app_id, {})
        return [len(known.get(channel, ())) for channel in channels]

    async def counts_elsewhere(self, app_id: str, channels: Sequence[str]) -> list[int]:
        """There is no elsewhere."""
        return [0] * len(channels)

    @property
    def unanswered(self) -> int:
        """There is nobody who could."""
        return 0

    async def occupied(self, app_id: str, channels: Sequence[str]) -> list[bool]:
        """See `Engine.occupied`."""
        known = self._channels.get(app_id, {})
        return [channel in known for channel in channels]

    async def channels(self, app_id: str, prefix: str) -> list[str]:
        """See `Engine.channels`."""
        return [name for name in self._channels.get(app_id, ()) if name.startswith(prefix)]

    # Cache channels

    async def keep(self, envelope: Envelope, seconds: int, most: int) -> None:
        """See `Engine.keep`."""
        assert isinstance(envelope.fact, Event), "only events are kept"
        self._keep(envelope.app_id, envelope.fact, seconds, most)
        self._host.receive(envelope)

    def _keep(self, app_id: str, event: Event, seconds: int, most: int) -> None:
        now = self._clock()
        self._sweep(now)
        self._missed.pop((app_id, event.channel), None)
        cached = self._cached.setdefault(app_id, {})
        if cached.pop(event.channel, None) is None:
            heapq.heappush(self._cached_ends, (now + seconds, (app_id, event.channel)))
        cached[event.channel] = (_encode(event), now + seconds)
        while len(cached) > most:
            del cached[next(iter(cached))]

    def kept(self, app_id: str, channel: str) -> Cached | None:
        """See `Engine.kept`."""
        packed, ends = self._cached.get(app_id, {}).get(channel, (b"", 0.0))
        left = ends - self._clock()
        return Cached(_decoder.decode(packed), math.ceil(left)) if left > 0 else None

    async def recall(self, app_id: str, channel: str) -> Cached | None:
        """See `Engine.recall`."""
        return self.kept(app_id, channel)

    def _sweep(self, now: float) -> None:
        """Take away some of what is over."""
        for _ in range(SWEPT):
            if not self._cached_ends or self._cached_ends[0][0] > now:
                break
            _, (app_id, channel) = heapq.heappop(self._cached_ends)
            cached = self._cached.get(app_id, {})
            if channel not in cached:
                continue  # it made room for another
            ends = cached[channel][1]
            if ends > now:
                heapq.heappush(self._cached_ends, (ends, (app_id, channel)))
                continue
            del cached[channel]
            if not cached:
                del self._cached[app_id]

    async def miss(self, app_id: str, channel: str, seconds: int) -> bool:
        """See `Engine.miss`."""
        place, now = (app_id, channel), self._clock()
        for _ in range(SWEPT):
            if not self._missed_ends or self._missed_ends[0][0] > now:
                break
            _, due = heapq.heappop(self._missed_ends)
            if self._missed.get(due, math.inf) <= now:
                del self._missed[due]
        if self._missed.get(place, now) > now:
            return False
        self._missed[place] = now + seconds
        heapq.heappush(self._missed_ends, (now + seconds, place))
        return True

    # What is shared out, with nobody

    def leads(self, role: str) -> bool:
        """Tell that this node has every role."""
        return True

    async def draw(self, app_id: str, purse: str, least: int, most: int, limit: int) -> Drawn:
        """See `Engine.draw`. Who is alone keeps its own count, and is given what it asks for."""
        return Drawn(min(most, limit) if least <= limit else 0, 1.0)

    async def hold(self, app_id: str, amount: int, limit: int) -> int:
        """See `Engine.hold`. Nobody else holds any."""
        return min(amount, limit)

    # Between two nodes, of which there is one

    @property
    def name(self) -> str:
        """See `Engine.name`."""
        return "alone"

    async def claim(self, name: str) -> str:
        """See `Engine.claim`."""
        return self.name

    async def release(self, name: str) -> None:
        """See `Engine.release`."""

    async def hand(self, node: str, message: bytes) -> None:
        """There is nobody else to hand it to."""
