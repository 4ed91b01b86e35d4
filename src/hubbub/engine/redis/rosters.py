"""The channels that this node subscribes to, and how each of them catches up.

Knows: in which order to subscribe and to look, so that nothing falls between. Does not know what is told in them.
"""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any, Final

from hubbub.engine.redis import parcels
from hubbub.engine.redis.keys import Names, bucket_of
from hubbub.engine.redis.link import Link
from hubbub.engine.redis.roster import Roster, Snapshot
from hubbub.engine.redis.scripts import SNAPSHOT
from hubbub.engine.redis.tasks import for_all
from hubbub.errors import Refusal
from hubbub.messages import Envelope, Member

AT_ONCE: Final = 50
"""Channels of a bucket that are looked at in one script: it holds up all others."""


class Rosters:
    """By channel and by topic.

    `tell` gets what changes; `behind` is called when one is to `catch_up`, and `missed` if that is not known to come of
    Redis having been away.
    """

    def __init__(
        self,
        link: Link,
        names: Names,
        tell: Callable[[Envelope], None],
        behind: Callable[[], None],
        missed: Callable[[], None],
    ) -> None:
        self._link = link
        self._names = names
        self._tell = tell
        self._call_when_behind = behind
        self._call_when_missed = missed
        self._places: dict[tuple[str, str], Roster] = {}
        self._topics: dict[bytes, Roster] = {}
        self._behind: dict[Roster, None] = {}
        self._suspected: dict[Roster, None] = {}
        self.in_doubt = False
        """Whether other nodes may not yet have entered again what Redis forgot."""

    def get(self, app_id: str, channel: str) -> Roster | None:
        """Give the roster of a channel that this node subscribes to."""
        return self._places.get((app_id, channel))

    def of(self, topic: bytes) -> Roster | None:
        """Give the roster of the channel that has this topic."""
        return self._topics.get(topic)

    async def subscribe(self, app_id: str, channel: str) -> None:
        """Hear a channel from now on, and know it. While Redis is away that is done later."""
        if (app_id, channel) in self._places:
            return
        bucket = bucket_of(app_id, channel)
        roster = Roster(app_id, bucket, channel, self._names.topic(bucket, channel), self._tell)
        self._places[app_id, channel] = roster
        self._topics[roster.topic.encode()] = roster
        try:
            await self._link.subscribe(roster.topic)
            if self._link.is_open:
                await self._look(bucket, [roster])
        except Refusal:
            pass
        except BaseException:
            self._forget(roster)
            # Whoever is cancelled does not wait any more.
            self._leaving = asyncio.ensure_future(self._link.unsubscribe(roster.topic))
            raise
        roster.is_new = False
        if roster.is_behind:
            self._note(roster)

    async def unsubscribe(self, app_id: str, channel: str) -> None:
        """Hear a channel no more."""
        roster = self._places.get((app_id, channel))
        if roster is not None:
            self._forget(roster)
            await self._link.unsubscribe(roster.topic)

    def hear(self, roster: Roster, message: bytes) -> None:
        """Take what a script told of a channel."""
        if not roster.hear(message):
            self._call_when_missed()
            self._note(roster)

    def doubt(self, roster: Roster) -> None:
        """Look at a channel again: what should have been heard was not."""
        roster.fall_behind()
        self._call_when_missed()
        self._note(roster)

    def suspect(self, roster: Roster) -> None:
        """Have a channel looked at when all catch up next: it shows what only this node knows. Until then it hears."""
        self._suspected[roster] = None

    def fall_behind(self) -> None:
        """Note that of all of them something may have been missed."""
        for roster in self._places.values():
            roster.fall_behind()
            roster.give_up()
            self._behind[roster] = None

    def settle(self) -> None:
        """Look again where members are shown whom the cluster does not know: who has not come back by now is gone."""
        self.in_doubt = False
        for roster in self._places.values():
            if roster.has_doubts:
                roster.fall_behind()
                self._note(roster)

    async def catch_up(self) -> None:
        """Bring those that are behind up to date. Raises STORE_UNAVAILABLE; the rest are behind as before then."""
        for roster in self._suspected:
            roster.fall_behind()
            self._behind[roster] = None
        self._suspected.clear()
        while self._behind:
            buckets: dict[str, list[Roster]] = {}
            for roster in self._behind:
                buckets.setdefault(roster.bucket, []).append(roster)
            await for_all(buckets.items(), lambda bucket: self._look(*bucket))

    def _note(self, roster: Roster) -> None:
        self._behind[roster] = None
        self._call_when_behind()

    def _forget(self, roster: Roster) -> None:
        del self._places[roster.app_id, roster.channel]
        del self._topics[roster.topic.encode()]
        self._behind.pop(roster, None)
        self._suspected.pop(roster, None)
        roster.give_up()

    async def _look(self, bucket: str, rosters: Iterable[Roster]) -> None:
        names, left = self._names, list(rosters)
        while left:
            some, left = left[:AT_ONCE], left[AT_ONCE:]
            rounds = [roster.look() for roster in some]
            keys = [names.number(bucket)]
            for roster in some:
                channel = roster.channel
                keys += (names.nodes(bucket, channel), names.members(bucket, channel), names.kept(bucket, channel))
            answer: Any = await self._link.run(SNAPSHOT, keys, [])
            for roster, asked_in, found in zip(some, rounds, answer[1:], strict=True):
                if roster.round == asked_in and self._topics.get(roster.topic.encode()) is roster:
                    self._behind.pop(roster, None)
                    roster.catch_up(_snapshot(answer[0], found, roster.channel), in_doubt=self.in_doubt)
                    if roster.is_behind:
                        self._note(roster)


def _snapshot(number: int, found: Any, channel: str) -> Snapshot:
    is_occupied, members, kept, milliseconds = found
    held = None
    if kept is not None and milliseconds > 0:
        event, exclude, _ = parcels.unpack_kept(memoryview(kept)[32:], channel)
        held = (int(kept[:16]), event, exclude, milliseconds / 1000)
    return Snapshot(number, is_occupied == 1, members_of(members[1::2]), held)


def members_of(values: list[bytes]) -> dict[str, Member]:
    """Give members, in the order they came, of what Redis keeps of each: number, nodes, member."""
    found = {}
    for value in sorted(values):  # the number comes first, in 16 digits
        member = parcels.unpack_member(memoryview(value)[value.index(b" ") + 1 :])
        found[member.user_id] = member
    return found
