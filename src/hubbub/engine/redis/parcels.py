"""What nodes send each other through Redis, as bytes.

A message begins with its kind, one letter. What a node published ends up with itself too, if it subscribes: its id
comes next, so that it throws that away unread. What a script tells is numbered instead (see `scripts`). Pure.
"""

from typing import Any, Final

import msgspec
from msgspec import Raw

from hubbub.channels import about
from hubbub.messages import (
    CacheMissed,
    Counted,
    Event,
    Fact,
    Member,
    MemberAdded,
    MemberRemoved,
    Occupied,
    Terminated,
    Vacated,
    WentOffline,
    WentOnline,
)

PUBLISHED: Final = b"P"
NOBODY: Final = b"-" * 16
"""In place of the node that published: no node throws it away."""

ANNOUNCED: Final = b"N"
LEFT: Final = b"L"
ASKED: Final = b"Q"
ANSWERED: Final = b"W"
HANDED: Final = b"H"

ADDED: Final = ord("A")
REMOVED: Final = ord("R")
TURNED: Final = ord("T")
KEPT: Final = ord("K")
FORGOTTEN: Final = ord("F")
NUMBERED: Final = frozenset((ADDED, REMOVED, TURNED, KEPT, FORGOTTEN))

TRACED: Final = ord("#")
"""In place of a fact's kind: a traceparent comes next, of a length that is always the same, and then the fact."""

_TRACEPARENT: Final = 55

_ABOUT: Final = about("")

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder().decode

_CODES: Final[dict[type[Fact], bytes]] = {
    Event: b"e",
    Counted: b"c",
    WentOnline: b"o",
    WentOffline: b"f",
    Terminated: b"t",
    Occupied: b"y",
    Vacated: b"v",
    CacheMissed: b"m",
}
_TYPES: Final = {code[0]: kind for kind, code in _CODES.items()}

_events = msgspec.msgpack.Decoder(tuple[str | None, str, str, str | None, bool])


def pack(fact: Fact, exclude: str | None = None) -> bytes:
    """Make bytes of a fact that is published, and of the socket that it is not for. Not its channel's name."""
    if type(fact) is Event:
        return b"e" + _encode((exclude, fact.name, fact.data, fact.user_id, fact.is_binary))
    if isinstance(fact, MemberAdded | MemberRemoved):
        raise TypeError("members are told of by scripts")
    return _CODES[type(fact)] + _encode((exclude, *msgspec.structs.astuple(fact)[1:]))


def unpack(packed: bytes, channel: str) -> tuple[Fact, str | None]:
    """Give what `pack` made bytes of, in the channel in which it was heard."""
    kind = _TYPES[packed[0]]
    if kind is Event:
        exclude, name, data, user_id, is_binary = _events.decode(memoryview(packed)[1:])
        return Event(channel, name, data, user_id, is_binary), exclude
    exclude, *values = _decode(memoryview(packed)[1:])
    return kind(channel, *values), exclude


def traced(packed: bytes, trace: str) -> bytes:
    """Put a traceparent before what `pack` gave; nothing, if it is none."""
    mark = trace.encode()
    return b"#%s%s" % (mark, packed) if len(mark) == _TRACEPARENT else packed


def untraced(packed: bytes) -> tuple[bytes, str]:
    """Give what `traced` was given."""
    end = 1 + _TRACEPARENT
    return packed[end:], packed[1:end].decode("ascii")


def pack_member(member: Member) -> bytes:
    """Make bytes of a member."""
    return _encode((member.user_id, bytes(member.info), member.online_at, member.ref))


def unpack_member(packed: bytes | memoryview) -> Member:
    """Give what `pack_member` made bytes of."""
    user_id, info, online_at, ref = _decode(packed)
    return Member(user_id, Raw(info), online_at, ref)


def pack_kept(event: Event, exclude: str | None, seconds: int) -> bytes:
    """Make bytes of an event that is kept for so many seconds."""
    return _encode((exclude, event.name, event.data, event.user_id, event.is_binary, seconds))


def unpack_kept(packed: bytes | memoryview, channel: str) -> tuple[Event, str | None, int]:
    """Give what `pack_kept` made bytes of."""
    exclude, name, data, user_id, is_binary, seconds = _decode(packed)
    return Event(channel, name, data, user_id, is_binary), exclude, seconds


def pack_values(*values: object) -> bytes:
    """Make bytes of texts, numbers and lists of them."""
    return _encode(values)


def unpack_values(packed: bytes | memoryview) -> Any:
    """Give a list of what `pack_values` made bytes of."""
    return _decode(packed)


def user_of(channel: str) -> str | None:
    """Give the user whom a channel is about, if it is one in which nodes tell each other of one."""
    return channel.removeprefix(_ABOUT) if channel.startswith(_ABOUT) else None
