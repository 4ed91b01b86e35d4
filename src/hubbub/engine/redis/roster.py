"""What one node knows of one channel: who is there, what is kept, as the cluster tells it.

Knows: the numbers of what is told, and that what is heard late, twice or not at all must not be told twice or never.
Does not know Redis: messages and snapshots are handed to it. Nothing here waits.
"""

import asyncio
import math
import time
from collections.abc import Callable
from typing import Final

import msgspec

from hubbub.engine.redis import parcels
from hubbub.engine.seam import Cached
from hubbub.messages import Envelope, Event, Fact, Member, MemberAdded, MemberRemoved, WentOffline, WentOnline

HEARD_SECONDS: Final = 3.0
"""In which what a script tells must come; then it is taken for lost."""


Waiting = tuple[int, "asyncio.Future[bool]"]
"""Who waits until what was told with a number has been heard."""


class Snapshot(msgspec.Struct, frozen=True, gc=False):
    """A channel as Redis has it, after all that was told of it up to `number`; `kept` with the number that told it."""

    number: int
    is_occupied: bool
    members: dict[str, Member]
    kept: tuple[int, Event, str | None, float] | None


class Roster:
    """A channel that this node subscribes to.

    `tell` gets what changes, once: what is told, `members` and `kept` go together always. A roster that is behind has
    missed something; it keeps what it hears from `look` on until `catch_up`.
    """

    __slots__ = (
        "_doubted",
        "_early",
        "_kept",
        "_kept_ends",
        "_kept_number",
        "_tell",
        "_waiting",
        "app_id",
        "bucket",
        "channel",
        "is_behind",
        "is_new",
        "is_online",
        "members",
        "number",
        "round",
        "topic",
    )

    def __init__(self, app_id: str, bucket: str, channel: str, topic: str, tell: Callable[[Envelope], None]) -> None:
        self.app_id = app_id
        self.bucket = bucket
        self.channel = channel
        self.topic = topic
        self._tell = tell
        self.members: dict[str, Member] = {}
        """In the order they came."""
        self.is_online = False
        """Of the channel about a user: whether that user was told to be online."""
        self.is_new = True
        """Whether nobody has been shown it yet, so that nobody need be told how it comes to be."""
        self.number = 0
        self.round = 0
        """How often it has fallen behind: a snapshot asked for in an earlier round is of no use."""
        self.is_behind = True
        """Whether it waits for a snapshot."""
        self._early: list[bytes] | None = None
        # Most channels never have any of either: an empty set takes 216 bytes.
        self._doubted: set[str] | None = None
        self._kept: Event | None = None
        self._kept_ends = 0.0
        self._kept_number = 0
        self._waiting: list[Waiting] | None = None

    # Asking

    @property
    def has_doubts(self) -> bool:
        """Whether it shows members of whom the cluster does not know."""
        return bool(self._doubted)

    @property
    def kept(self) -> Cached | None:
        """What is kept, as it has been told."""
        left = self._kept_ends - time.monotonic()
        return Cached(self._kept, math.ceil(left)) if self._kept is not None and left > 0 else None

    async def reached(self, number: int) -> bool:
        """Come back when what was told with `number` has been told on; False if that cannot be known."""
        if not self.is_behind and self.number >= number:
            return True
        heard: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        waiting = (number, heard)
        if self._waiting is None:
            self._waiting = []
        self._waiting.append(waiting)
        try:
            async with asyncio.timeout(HEARD_SECONDS):
                return await heard
        except TimeoutError:
            return False
        finally:
            if self._waiting and waiting in self._waiting:
                self._waiting.remove(waiting)

    # Hearing

    def hear(self, message: bytes) -> bool:
        """Take what a script told; False if something before it has been missed, and a snapshot is needed."""
        if self.is_behind:
            if self._early is not None:
                self._early.append(message)
            return True
        number = int(message[1:17])
        if number <= self.number:
            return True
        before = int(message[17:33])
        if before > self.number or (before == 0 and (self.members or self.is_online)):
            self.fall_behind()
            return False
        self.number = number
        self._take(message)
        self._wake()
        return True

    def fall_behind(self) -> None:
        """Note that something may have been missed."""
        self.is_behind = True
        self._early = None
        self.round += 1

    def look(self) -> int:
        """Note that a snapshot is asked for; gives the round. What was heard before is in it."""
        self._early = []
        return self.round

    def give_up(self) -> None:
        """Let nobody wait any more: what they wait for may never be heard."""
        waiting, self._waiting = self._waiting, None
        for _, heard in waiting or ():
            if not heard.done():
                heard.set_result(False)

    def catch_up(self, snapshot: Snapshot, *, in_doubt: bool) -> None:
        """Take over what Redis knows, and tell the difference.

        `in_doubt`: other nodes may not yet have entered again what Redis forgot. Whom it does not know stays for now.
        """
        early, self._early = self._early or [], None
        self.is_behind = False
        self.number = snapshot.number
        known = self.members
        missing = {user_id for user_id in known if user_id not in snapshot.members}
        self._doubted = missing if missing and in_doubt else None
        for user_id in [] if in_doubt else missing:
            self._remove(user_id)
        for user_id, member in snapshot.members.items():
            if user_id in known and known[user_id] != member:
                self._remove(user_id)
            if user_id not in known:
                self._add(member)
        doubted = {user_id: known[user_id] for user_id in known if user_id in missing} if in_doubt else {}
        self.members = doubted | snapshot.members
        self._catch_up_kept(snapshot)
        self._catch_up_online(snapshot, in_doubt=in_doubt)
        for message in early:
            if not self.hear(message):
                break
        self._wake()

    def _catch_up_kept(self, snapshot: Snapshot) -> None:
        if snapshot.kept is None:
            self._kept = None
            return
        number, event, exclude, seconds = snapshot.kept
        is_news = number != self._kept_number
        self._kept, self._kept_ends, self._kept_number = event, time.monotonic() + seconds, number
        if is_news:
            self._say(event, exclude)

    def _catch_up_online(self, snapshot: Snapshot, *, in_doubt: bool) -> None:
        user_id = parcels.user_of(self.channel)
        if user_id is None or self.is_online == snapshot.is_occupied:
            return
        if self.is_online and in_doubt:
            self._doubted = {""}  # there are no members of it
        else:
            self._turn((WentOnline if snapshot.is_occupied else WentOffline)(self.channel, user_id))

    def _take(self, message: bytes) -> None:
        kind, told = message[0], memoryview(message)[33:]
        match kind:
            case parcels.ADDED:
                member = parcels.unpack_member(told)
                if self.members.get(member.user_id) == member:  # entered again: comes after the others now
                    self._trust(member.user_id)
                    self.members[member.user_id] = self.members.pop(member.user_id)
                else:
                    self._remove(member.user_id)
                    self._add(member)
            case parcels.REMOVED:
                self._remove(parcels.unpack_member(told).user_id)
            case parcels.TURNED:
                fact, _ = parcels.unpack(bytes(told), self.channel)
                self._turn(fact)
            case parcels.KEPT:
                self._keep(self.number, *parcels.unpack_kept(told, self.channel))
            case parcels.FORGOTTEN:
                self._kept = None

    # While Redis is away

    def add_alone(self, member: Member) -> None:
        """Take a member of this node's, of whom Redis has not told."""
        if member.user_id not in self.members:
            self._add(member)

    def remove_alone(self, user_id: str) -> None:
        """Take out a member who was this node's."""
        self._remove(user_id)

    def turn_alone(self, told: WentOnline | WentOffline) -> None:
        """Take that a user of this node's came or went."""
        self._turn(told)

    def keep_alone(self, number: int, event: Event, exclude: str | None, seconds: float) -> None:
        """Take an event that Redis keeps for this node by that number, and has not told here, or not yet."""
        self._keep(number, event, exclude, seconds)

    def _keep(self, number: int, event: Event, exclude: str | None, seconds: float) -> None:
        if number > self._kept_number:
            self._kept, self._kept_ends, self._kept_number = event, time.monotonic() + seconds, number
            self._say(event, exclude)

    def _add(self, member: Member) -> None:
        self.members[member.user_id] = member
        self._say(MemberAdded(self.channel, member))

    def _remove(self, user_id: str) -> None:
        self._trust(user_id)
        member = self.members.pop(user_id, None)
        if member is not None:
            self._say(MemberRemoved(self.channel, member))

    def _turn(self, fact: Fact) -> None:
        self._trust("")
        is_online = isinstance(fact, WentOnline)
        if is_online != self.is_online:
            self.is_online = is_online
            self._say(fact)

    def _trust(self, user_id: str) -> None:
        if self._doubted:
            self._doubted.discard(user_id)

    def _say(self, fact: Fact, exclude: str | None = None) -> None:
        if not self.is_new:
            self._tell(Envelope(self.app_id, fact, exclude))

    def _wake(self) -> None:
        if not self._waiting or self.is_behind:
            return
        for number, heard in self._waiting:
            if number <= self.number and not heard.done():
                heard.set_result(True)
        self._waiting = [waiting for waiting in self._waiting if not waiting[1].done()] or None
