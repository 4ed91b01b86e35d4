"""What this node has entered: who of its own is where, and that Redis knows it.

Knows: which scripts say so, and how to make good what could not be said, or may have been said or not. Does not know
who is told of it.

What is held here is the truth about this node, and what a bucket in Redis has of this node is made equal to it whenever
that is in doubt: entering twice, or leaving where nobody is, is no transition, so nothing is told that did not happen.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from hubbub.channels import INTERNAL_PREFIX
from hubbub.engine.redis import parcels
from hubbub.engine.redis.items import AT_ONCE, Answered, Entry, Item, entries_in, entry_of, facts_of, leaving
from hubbub.engine.redis.keys import Names, app_of, bucket_of
from hubbub.engine.redis.lease import Lease
from hubbub.engine.redis.link import Argument, Link
from hubbub.engine.redis.node_scripts import PLACES, TAKE_PLACE
from hubbub.engine.redis.scripts import ENTER, FULL, IS_MEMBER, LEAVE, OCCUPIED, OPEN, SHUT
from hubbub.engine.redis.tasks import for_all
from hubbub.errors import PRESENCE_FULL, STORE_UNAVAILABLE, Refusal
from hubbub.messages import Fact, Member, MemberAdded, MemberRemoved, Occupied, Vacated, WentOffline, WentOnline


class Holding:
    """What this node has in a channel."""

    __slots__ = ("is_occupied", "told", "users")

    def __init__(self) -> None:
        self.is_occupied = False
        self.told: WentOnline | None = None
        self.users: dict[str, Member] = {}


Happened = Callable[[str, Sequence[Fact]], None]


class Entries:
    """By bucket and channel.

    `happened` gets transitions that nobody's call is answered with; `soiled` is called when `mend` is wanted.
    """

    def __init__(self, link: Link, names: Names, lease: Lease, happened: Happened, soiled: Callable[[], None]) -> None:
        self._link = link
        self._names = names
        self._lease = lease
        self._happened = happened
        self._call_when_soiled = soiled
        self._held: dict[str, dict[str, Holding]] = {}
        self._under_way: Counter[tuple[str, Entry]] = Counter()
        # Buckets that this node may enter in, in this term; those that may differ from what is held.
        self._opened: set[str] = set()
        self._opening: dict[str, asyncio.Task[None]] = {}
        self._soiled: set[str] = set()
        # What was said without an answer, and whether it was that somebody comes: it may have been a transition.
        self._unanswered: dict[str, dict[Entry, tuple[bool, Member | None]]] = {}

    def holds(self, app_id: str, channel: str) -> bool:
        """Tell whether this node has subscribers in a channel."""
        holding = self._held.get(bucket_of(app_id, channel), {}).get(channel)
        return holding is not None and holding.is_occupied

    @property
    def buckets(self) -> list[str]:
        """All in which this node has anything."""
        return list(self._held)

    async def enter(
        self, app_id: str, channel: str, *, occupies: bool, member: Member | None, limit: int, told: WentOnline | None
    ) -> Answered | None:
        """See `Engine.enter`. None when Redis could not be told: it holds for this node, and is made good."""
        bucket = bucket_of(app_id, channel)
        user_id = member.user_id if member is not None else None
        entries = entries_in(channel, occupies, user_id)
        item = Item(
            channel,
            occupies,
            parcels.pack(told) if told is not None else b"",
            user_id or "",
            parcels.pack_member(member) if member is not None else b"",
            limit,
        )
        with self._keeping_out(bucket, entries):
            answer = await self._say(ENTER, bucket, item, dict.fromkeys(entries, (True, member)))
        if answer is not None and answer[0] == FULL:
            raise PRESENCE_FULL(channel=channel, limit=limit)
        holding = self._held.setdefault(bucket, {}).setdefault(channel, Holding())
        if occupies:
            holding.is_occupied, holding.told = True, told
        if member is not None:
            holding.users.setdefault(member.user_id, member)
        if answer is None:
            return None
        number, is_first, is_new = answer
        return Answered(number, is_first == 1, member if is_new == 1 else None)

    def adopt(self, app_id: str, channel: str, member: Member) -> None:
        """Take a user here for the member that the cluster knows, who came first: so they enter again as the same."""
        holding = self._held.get(bucket_of(app_id, channel), {}).get(channel)
        if holding is not None and member.user_id in holding.users:
            holding.users[member.user_id] = member

    async def leave(
        self, app_id: str, channel: str, *, vacates: bool, user_id: str | None, told: WentOffline | None
    ) -> Answered | None:
        """See `Engine.leave`. None as with `enter`."""
        bucket = bucket_of(app_id, channel)
        entries = entries_in(channel, vacates, user_id)
        member = self._let_go(bucket, channel, vacates=vacates, user_id=user_id)
        item = Item(channel, vacates, parcels.pack(told) if told is not None else b"", user_id or "")
        with self._keeping_out(bucket, entries):
            answer = await self._say(LEAVE, bucket, item, dict.fromkeys(entries, (False, member)))
        if answer is None:
            return None
        number, is_last, removed = answer
        return Answered(number, is_last == 1, parcels.unpack_member(removed) if removed else None)

    def renew(self) -> None:
        """Note that this node has a new term: what it has entered is to be looked at in all buckets."""
        self._opened.clear()
        self._soiled.update(self._held)

    async def open(self, bucket: str) -> None:
        """Let this node enter in a bucket. Raises STORE_UNAVAILABLE."""
        if bucket not in self._opened:
            await self._mend_bucket(bucket)
        if not self._lease.is_held:
            raise STORE_UNAVAILABLE()

    async def mend(self) -> None:
        """Make good what is in doubt. Raises STORE_UNAVAILABLE; then the rest is in doubt as before."""
        while self._soiled:
            await for_all(list(self._soiled), self._mend_bucket)

    async def leave_all(self) -> None:
        """Take back everything, also what could not be taken back before. Raises STORE_UNAVAILABLE."""
        while buckets := {*self._held, *self._soiled, *self._opening}:
            await for_all(buckets, self._empty)
        node = self._lease.node
        # Those of earlier terms, too, in which this node has not been since.
        places: Any = await self._link.run(PLACES, [self._names.places(node)], [])
        opened = [place[1:].decode() for place in places if place.startswith(b"b")]
        await for_all(opened, lambda bucket: self._link.run(SHUT, [self._names.entries(bucket, node)], []))

    async def _empty(self, bucket: str) -> None:
        await self.open(bucket)
        channels = self._held.pop(bucket, {})
        users = [(channel, user_id) for channel, holding in channels.items() for user_id in holding.users]
        await self._leave(bucket, [*users, *((channel, None) for channel in channels)])
        if bucket in self._soiled or bucket in self._opening:
            await self._mend_bucket(bucket)

    # Saying

    async def _say(
        self, script: Any, bucket: str, item: Item, entries: dict[Entry, tuple[bool, Member | None]]
    ) -> Any | None:
        """Run a script for one item; None if it was not, or if nobody knows."""
        try:
            await self.open(bucket)
        except Refusal:
            self._soil(bucket)
            return None
        except BaseException:
            self._soil(bucket)
            raise
        try:
            answer = await self._run(script, bucket, [item])
        except Refusal:
            self._unanswered.setdefault(bucket, {}).update(entries)
            self._soil(bucket)
            return None
        except BaseException:
            self._soil(bucket)
            raise
        return answer[0] if answer is not None else None

    async def _run(self, script: Any, bucket: str, items: Sequence[Item]) -> Any | None:
        """Run a script for items of a bucket; None if this node may not enter or leave in its term."""
        names, lease = self._names, self._lease
        keys = [names.number(bucket), names.occupied(bucket), names.entries(bucket, lease.node)]
        if script is LEAVE:
            keys.append(names.owed(bucket, lease.node))
        arguments: list[Argument] = [lease.node, lease.term, ""]
        for item in items:
            keys += (names.nodes(bucket, item.channel), names.members(bucket, item.channel))
            arguments[2], topic = self._link.publishing(names.topic(bucket, item.channel))
            arguments += (item.channel, topic, "1" if item.is_channel else "", item.told, item.user_id)
            if script is ENTER:
                arguments += (item.member, item.limit)
        answer: Any = await self._link.run(script, keys, arguments)
        if answer != 0:
            return answer
        self._opened.discard(bucket)
        self._soil(bucket)
        self._lease.hurry()
        return None

    def _soil(self, bucket: str) -> None:
        self._soiled.add(bucket)
        self._call_when_soiled()

    @contextmanager
    def _keeping_out(self, bucket: str, entries: Iterable[Entry]) -> Iterator[None]:
        """Let what is mended meanwhile leave these alone: a call of theirs is under way."""
        keys = [(bucket, entry) for entry in entries]
        self._under_way.update(keys)
        try:
            yield
        finally:
            for key in keys:
                self._under_way[key] -= 1
                if not self._under_way[key]:
                    del self._under_way[key]

    def _let_go(self, bucket: str, channel: str, *, vacates: bool, user_id: str | None) -> Member | None:
        channels = self._held.get(bucket, {})
        holding = channels.get(channel)
        if holding is None:
            return None
        member = holding.users.pop(user_id, None) if user_id is not None else None
        if vacates:
            holding.is_occupied, holding.told = False, None
        if not holding.is_occupied and not holding.users:
            del channels[channel]
            if not channels:
                del self._held[bucket]
        return member

    # Mending

    async def _mend_bucket(self, bucket: str) -> None:
        """Make a bucket equal to what is held, once for all who ask for it."""
        mending = self._opening.get(bucket)
        if mending is None:
            mending = self._opening[bucket] = asyncio.ensure_future(self._make_equal(bucket))
            mending.add_done_callback(lambda ended: (self._opening.pop(bucket), ended.cancelled() or ended.exception()))
        await asyncio.shield(mending)

    async def _make_equal(self, bucket: str) -> None:
        self._soiled.discard(bucket)
        try:
            await self._compare(bucket)
        except BaseException:
            self._soiled.add(bucket)
            raise

    async def _compare(self, bucket: str) -> None:
        lease, names = self._lease, self._names
        term, node = lease.term, lease.node
        if not lease.is_held:
            raise STORE_UNAVAILABLE()
        # Known before anything is entered: who takes out what this node leaves looks there.
        await self._link.run(TAKE_PLACE, [names.places(node)], [f"b{bucket}"])
        found: Any = await self._link.run(OPEN, [names.entries(bucket, node), names.owed(bucket, node)], [term])
        if lease.term != term or not lease.is_held:
            raise STORE_UNAVAILABLE()
        self._opened.add(bucket)
        known = {entry_of(name) for name in found if name}
        await self._enter(bucket, [entry for entry in self._entries_of(bucket) if entry not in known])
        await self._leave(bucket, sorted(known, key=lambda entry: entry[1] is None))
        await self._clear_up(bucket)

    def _entries_of(self, bucket: str) -> Iterator[Entry]:
        for channel, holding in self._held.get(bucket, {}).items():
            if holding.is_occupied:
                yield channel, None
            for user_id in holding.users:
                yield channel, user_id

    async def _enter(self, bucket: str, entries: Sequence[Entry]) -> None:
        """Enter what is held of these."""
        for start in range(0, len(entries), AT_ONCE):
            # What is held is looked at right before the script goes out: what is said after that goes out after it.
            items = [item for entry in entries[start : start + AT_ONCE] if (item := self._item(bucket, entry))]
            answers = await self._run(ENTER, bucket, items) if items else []
            if answers is None:
                raise STORE_UNAVAILABLE()
            facts: list[Fact] = []
            for item, (_, is_first, is_new) in zip(items, answers, strict=True):
                if is_first == 1:
                    facts.append(Occupied(item.channel))
                if is_new == 1:
                    facts.append(MemberAdded(item.channel, parcels.unpack_member(item.member)))
            self._tell(bucket, facts)

    async def _leave(self, bucket: str, entries: Sequence[Entry]) -> None:
        """Leave what is not held of these."""
        for start in range(0, len(entries), AT_ONCE):
            items = [
                leaving(channel, user_id)
                for channel, user_id in entries[start : start + AT_ONCE]
                if not self._is_held(bucket, (channel, user_id))
            ]
            answers = await self._run(LEAVE, bucket, items) if items else []
            if answers is None:
                raise STORE_UNAVAILABLE()
            self._tell(bucket, facts_of(items, answers))

    def _is_held(self, bucket: str, entry: Entry) -> bool:
        """Tell whether an entry is held, or being said."""
        channel, user_id = entry
        holding = self._held.get(bucket, {}).get(channel)
        if holding is not None and (holding.is_occupied if user_id is None else user_id in holding.users):
            return True
        return (bucket, entry) in self._under_way

    def _item(self, bucket: str, entry: Entry) -> Item | None:
        channel, user_id = entry
        holding = self._held.get(bucket, {}).get(channel)
        if holding is None or (bucket, entry) in self._under_way:
            return None
        if user_id is None:
            told = parcels.pack(holding.told) if holding.told is not None else b""
            return Item(channel, is_channel=True, told=told) if holding.is_occupied else None
        member = holding.users.get(user_id)
        if member is None:
            return None
        return Item(channel, is_channel=False, user_id=user_id, member=parcels.pack_member(member))

    async def _clear_up(self, bucket: str) -> None:
        """Tell how it is where something was said without an answer: once too often, rather than never."""
        unanswered = self._unanswered.pop(bucket, {})
        try:
            while unanswered:
                entry = next(iter(unanswered))
                (channel, user_id), (came, member) = entry, unanswered[entry]
                is_there = await self._is_there(bucket, channel, user_id)
                if is_there is came:
                    if user_id is None:
                        self._tell(bucket, [Occupied(channel) if came else Vacated(channel)])
                    elif member is not None:
                        self._tell(bucket, [(MemberAdded if came else MemberRemoved)(channel, member)])
                del unanswered[entry]
        except BaseException:
            self._unanswered.setdefault(bucket, {}).update(unanswered)
            raise

    async def _is_there(self, bucket: str, channel: str, user_id: str | None) -> bool:
        names = self._names
        if user_id is not None:
            return await self._link.run(IS_MEMBER, [names.members(bucket, channel)], [user_id]) == 1
        return await self._link.run(OCCUPIED, [names.nodes(bucket, channel)], []) == [1]

    def _tell(self, bucket: str, facts: Sequence[Fact]) -> None:
        # A transition that a script has answered is in doubt no more.
        unanswered = self._unanswered.get(bucket, {})
        for fact in facts:
            user_id = fact.member.user_id if isinstance(fact, MemberAdded | MemberRemoved) else None
            unanswered.pop((fact.channel, user_id), None)
        told = [fact for fact in facts if not fact.channel.startswith(INTERNAL_PREFIX)]
        if told:
            self._happened(app_of(bucket), told)
