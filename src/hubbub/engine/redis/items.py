"""What is said to the scripts ENTER and LEAVE, and what they answer."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from hubbub.engine.redis import parcels
from hubbub.messages import Fact, Member, MemberRemoved, Vacated, WentOffline

AT_ONCE: Final = 50
"""Items in one script: it holds up all others."""

NO_LIMIT: Final = 2**53

Entry = tuple[str, str | None]
"""A channel, and a user in it, or None: that the node has subscribers there."""


class Answered(msgspec.Struct, frozen=True, gc=False):
    """What a script changed, and the number with which that was told, or what was told last."""

    number: int
    channel: bool
    member: Member | None


class Item(msgspec.Struct, frozen=True, gc=False):
    """One thing to enter or to leave; `told` and `member` are packed."""

    channel: str
    is_channel: bool
    told: bytes = b""
    user_id: str = ""
    member: bytes = b""
    limit: int = NO_LIMIT


def entry_of(name: bytes) -> Entry:
    """Give what one of a node's entries in Redis is called by there: see `Names.entries`."""
    if name[:1] == b"c":
        return name[1:].decode(), None
    size, _, rest = name[1:].partition(b":")
    return rest[: int(size)].decode(), rest[int(size) :].decode()


def leaving(channel: str, user_id: str | None) -> Item:
    """Give what is to be said of who leaves without a call."""
    if user_id is not None:
        return Item(channel, is_channel=False, user_id=user_id)
    user = parcels.user_of(channel)
    return Item(channel, is_channel=True, told=parcels.pack(WentOffline(channel, user)) if user is not None else b"")


def facts_of(items: Sequence[Item], answers: Sequence[Any]) -> list[Fact]:
    """Give the transitions that the script `LEAVE` answered."""
    facts: list[Fact] = []
    for item, (_, is_last, removed) in zip(items, answers, strict=True):
        if removed:
            facts.append(MemberRemoved(item.channel, parcels.unpack_member(removed)))
        if is_last == 1:
            facts.append(Vacated(item.channel))
    return facts


def entries_in(channel: str, is_channel: bool, user_id: str | None) -> list[Entry]:
    """Name what one call enters or leaves."""
    return [*([(channel, None)] if is_channel else []), *([(channel, user_id)] if user_id is not None else [])]
