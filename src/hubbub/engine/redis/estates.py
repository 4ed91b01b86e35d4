"""What gone nodes have left behind, taken out by one that lives.

Knows: where a node has left something, and that each transition that follows must be written down once, whoever dies
meanwhile: it is owed by whoever brought it about until the host has it. Does not know how a node is known to be gone.
"""

from collections.abc import Callable, Iterable
from typing import Any

from hubbub.channels import INTERNAL_PREFIX
from hubbub.engine.redis import parcels
from hubbub.engine.redis.entries import Entries, Happened
from hubbub.engine.redis.items import AT_ONCE, entry_of, facts_of, leaving
from hubbub.engine.redis.keys import Names, app_of
from hubbub.engine.redis.lease import Lease
from hubbub.engine.redis.link import Argument, Link
from hubbub.engine.redis.node_scripts import BURY, FREE, PLACES
from hubbub.engine.redis.scripts import CLOSE, DISCHARGE, LEAVE
from hubbub.engine.redis.tasks import for_all
from hubbub.messages import Fact, MemberRemoved, Vacated


class Estates:
    """`happened` gets what follows, `buried` the node of which nothing is left."""

    def __init__(
        self,
        link: Link,
        names: Names,
        lease: Lease,
        entries: Entries,
        happened: Happened,
        buried: Callable[[str], None],
    ) -> None:
        self._link = link
        self._names = names
        self._lease = lease
        self._entries = entries
        self._happened = happened
        self._buried = buried
        self._under_way: set[str] = set()
        self._begun: set[str] = set()

    @property
    def is_done(self) -> bool:
        """Whether this node owes nothing for any that is gone, as far as it knows."""
        return not self._begun

    async def take_out(self, node: str, buckets: Iterable[str] = ()) -> None:
        """Take out all that a gone node has left; `buckets` are some in which that may be, known or not.

        Raises STORE_UNAVAILABLE; then it is to be done again, by this node or another.
        """
        if node in self._under_way:
            return
        self._under_way.add(node)
        self._begun.add(node)
        try:
            found: Any = await self._link.run(PLACES, [self._names.places(node)], [])
            places = {place.decode() for place in found} | {f"b{bucket}" for bucket in buckets}
            await for_all(places, lambda place: self._clear(node, place))
            await self._link.run(BURY, [self._names.gone, self._names.places(node)], [node])
        finally:
            self._under_way.discard(node)
        self._begun.discard(node)
        self._buried(node)

    async def _clear(self, node: str, place: str) -> None:
        names, me, bucket = self._names, self._lease.node, place[1:]
        if place[0] == "r":
            await self._link.run(FREE, [names.rooms(bucket)], [node])
            return
        # What is owed is then found by who takes out what this node leaves.
        await self._entries.open(bucket)
        owed = names.owed(bucket, me)
        entries = names.entries(bucket, node)
        left: Any = await self._link.run(CLOSE, [entries, names.owed(bucket, node), owed], [])
        inherited = dict(zip(left[1][::2], left[1][1::2], strict=True))
        await self._hand_over(bucket, owed, [_fact_of(name, value) for name, value in inherited.items()], inherited)
        rest = sorted((entry_of(name) for name in left[0] if name), key=lambda entry: entry[1] is None)
        for start in range(0, len(rest), AT_ONCE):
            items = [leaving(channel, user_id) for channel, user_id in rest[start : start + AT_ONCE]]
            keys = [names.number(bucket), names.occupied(bucket), entries, owed]
            arguments: list[Argument] = [node, "", ""]
            for item in items:
                keys += (names.nodes(bucket, item.channel), names.members(bucket, item.channel))
                arguments[2], topic = self._link.publishing(names.topic(bucket, item.channel))
                arguments += (item.channel, topic, "1" if item.is_channel else "", item.told, item.user_id)
            facts = facts_of(items, await self._link.run(LEAVE, keys, arguments))  # type: ignore[arg-type]
            await self._hand_over(bucket, owed, facts, map(_owed_as, facts))

    async def _hand_over(self, bucket: str, owed: str, facts: list[Fact], names: Iterable[bytes]) -> None:
        told = [fact for fact in facts if not fact.channel.startswith(INTERNAL_PREFIX)]
        if told:
            self._happened(app_of(bucket), told)
        if facts:
            await self._link.run(DISCHARGE, [owed], list(names))


def _fact_of(name: bytes, value: bytes) -> Fact:
    channel, user_id = entry_of(name)
    return Vacated(channel) if user_id is None else MemberRemoved(channel, parcels.unpack_member(value))


def _owed_as(fact: Fact) -> bytes:
    channel = fact.channel.encode()
    if isinstance(fact, MemberRemoved):
        return b"u%d:%b%b" % (len(channel), channel, fact.member.user_id.encode())
    return b"c" + channel
