"""What nodes send each other through Redis: any bytes are read or given up, and rosters tell what adds up.

The first byte chooses: one message of any kind, or several, numbered, for a channel.
"""

from collections.abc import Iterator
from contextlib import suppress
from typing import Final

import msgspec

from hubbub.engine.redis import items, parcels
from hubbub.engine.redis.roster import Roster
from hubbub.messages import (
    Counted,
    Envelope,
    Event,
    Member,
    MemberAdded,
    MemberRemoved,
    Terminated,
    WentOffline,
    WentOnline,
)
from hubbub.transports import handing

LEFT: Final = (msgspec.MsgspecError, ValueError, TypeError, LookupError, RecursionError)
"""What `Redis.hear` expects of what cannot be read, and logs."""

_ANN: Final = parcels.pack_member(Member("ann", online_at=1, ref="r"))
_EVENT: Final = Event("presence-x", "n", "d", "ann")

SEEDS: Final = (
    b"\0" + parcels.pack(_EVENT, "1.2"),
    b"\0" + parcels.pack(Counted("x", 3)),
    b"\0" + parcels.pack(WentOnline("#about-ann", "ann")),
    b"\0" + parcels.pack(Terminated("#about-ann", "ann")),
    b"\0" + _ANN,
    b"\0" + parcels.pack_kept(_EVENT, None, 60),
    b"\0" + parcels.pack_values("news", "1", ["a"], 3),
    b"\0c" + b"presence-x",
    b"\0u10:presence-xann",
    b"\0" + handing.encode(handing.Took(b"id", 3)),
    b"\0" + handing.encode(handing.Said(b"id", 0, handing.Head(200, [(b"a", b"b")]), b"x", True)),
    b"\0"
    + handing.encode(
        handing.Asked(b"id", "node", "sockjs", "POST", "/p", {"a": "b"}, b"q", [(b"a", b"b")], "http", ("h", 1), b"")
    ),
    b"\0" + b"\x91" * 3000,
    b"\0e" + b"\x91" * 3000,
    b"\1" + bytes([0x41, 1, 0, 0x52, 2, 1, 0x41, 3, 2]),
    b"\1" + bytes([0x41, 1, 0, 0x41, 3, 2, 0x52, 2, 1, 0x4B, 4, 3, 0x46, 5, 4]),
    b"\1" + bytes([0x54, 1, 0, 0x74, 2, 1, 0x54, 2, 1]),
)


def check(data: bytes) -> None:
    """Read it as each."""
    kind, said = (data[0] if data else 0), data[1:]
    if kind & 1:
        _check_roster(said)
    else:
        _check_one(said)


def _check_one(said: bytes) -> None:
    """What can be read can be written, and is read as the same."""
    try:
        fact, exclude = parcels.unpack(said, "x")
        anew = parcels.pack(fact, exclude)
    except LEFT:
        pass
    else:
        assert parcels.unpack(anew, "x") == (fact, exclude) or _is_odd(fact)
    try:
        member = parcels.unpack_member(said)
        anew = parcels.pack_member(member)
    except LEFT:
        pass
    else:
        assert parcels.unpack_member(anew) == member or _is_odd(member)
    try:
        event, exclude, seconds = parcels.unpack_kept(said, "x")
        anew = parcels.pack_kept(event, exclude, seconds)
    except LEFT:
        pass
    else:
        assert parcels.unpack_kept(anew, "x") == (event, exclude, seconds) or _is_odd(event)
    for read in (parcels.unpack_values, items.entry_of):
        with suppress(*LEFT):
            read(said)
    try:
        word = handing.decode(said)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return
    assert handing.decode(handing.encode(word)) == word


def _is_odd(value: object) -> bool:
    """Tell whether it is unlike itself, as NaN is."""
    return value != value  # noqa: PLR0124


def _messages(said: bytes) -> Iterator[bytes]:
    """Make numbered messages of three bytes each: a kind, a number, and the number told before it."""
    for start in range(0, len(said) - 2, 3):
        kind, number, before = said[start : start + 3]
        user = f"u{number % 5}"
        member = parcels.pack_member(Member(user, ref=str(number)))
        match chr(kind):
            case "A" | "R":
                told = member
            case "T":
                told = parcels.pack(WentOnline("#about-x", "x"))
            case "t":
                kind, told = ord("T"), parcels.pack(WentOffline("#about-x", "x"))
            case "K":
                told = parcels.pack_kept(Event("#about-x", "n", str(number)), None, 60)
            case "F":
                told = b""
            case _:
                continue
        yield b"%c%016d%016d" % (kind, number, before) + told


def _check_roster(said: bytes) -> None:
    """However numbered messages come, late, twice or with gaps: what is told adds up to what is shown."""
    members: dict[str, Member] = {}
    online: list[bool] = [False]
    last = 0

    def tell(envelope: Envelope) -> None:
        match envelope.fact:
            case MemberAdded(_, member):
                assert member.user_id not in members, "came twice"
                members[member.user_id] = member
            case MemberRemoved(_, member):
                assert members.pop(member.user_id) == member
            case WentOnline() | WentOffline() as fact:
                assert online[-1] is not isinstance(fact, WentOnline), "told twice"
                online.append(isinstance(fact, WentOnline))
            case Event():
                pass

    roster = Roster("1", "b", "#about-x", "topic", tell)
    roster.is_new = roster.is_behind = False
    for message in _messages(said):
        is_taken = roster.hear(message)
        assert is_taken is not roster.is_behind or not is_taken
        if not is_taken:
            break
        assert roster.number >= last
        last = roster.number
        assert roster.members == members
        assert roster.is_online is online[-1]
