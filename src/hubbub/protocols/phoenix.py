"""The Phoenix Channels protocol, serializers V1 and V2: frames to messages, facts and replies to frames.

Pure: knows JSON, the binary frames of V2, the topics of ExPusherLite and the shape of Phoenix.Presence; not sockets,
nor who may do what. Topics are names of Pusher's channels:

    lobby:KEY              general
    lobby:KEY:TOPIC        TOPIC
    lobby:KEY/uid:UID      #server-to-user-UID
"""

import base64
import binascii
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, Final

import msgspec
from msgspec import Raw

from hubbub.channels import USER_PREFIX
from hubbub.errors import PHOENIX_MESSAGE, TOPIC_INVALID, TOPIC_OTHER_APP, VSN_UNKNOWN
from hubbub.messages import (
    NO_INFO,
    CacheMissed,
    Counted,
    Event,
    Fact,
    Member,
    MemberAdded,
    MemberRemoved,
    Reply,
)

GENERAL: Final = "general"
"""The channel of the topic that names none."""

HEARTBEATS: Final = "phoenix"
"""The topic of what concerns the socket itself."""

_PUSH: Final = 0
_BROADCAST: Final = 2
_LARGEST_FIELD: Final = 255
_EMPTY: Final = Raw(b"{}")

_RESERVED: Final = ("phx_", "chan_reply_", "pusher:", "pusher_internal:")
"""phoenix.js turns the reply to a ref into an event `chan_reply_REF` before it looks who waits for it."""

Ref = str | int | None


class Version(Enum):
    """A serializer: V1 writes a message as an object, V2 as an array, or in binary."""

    V1 = 1
    V2 = 2


class Message(msgspec.Struct, frozen=True):
    """One message from a client. `payload` is raw JSON, or bytes when it came in a binary frame."""

    topic: str
    event: str
    payload: Raw | bytes = _EMPTY
    ref: Ref = None
    join_ref: Ref = None


class _V1(msgspec.Struct):
    topic: str
    event: str
    payload: Raw = _EMPTY
    ref: Ref = None
    join_ref: Ref = None


class Encoding(msgspec.Struct, frozen=True, eq=False):
    """A serializer and a transport's framing: what turns UTF-8 text, and bytes where it can, into its frames."""

    version: Version
    text: Callable[[bytes], bytes]
    binary: Callable[[bytes], bytes] | None = None


_encode = msgspec.json.Encoder().encode
_v1_decoder = msgspec.json.Decoder(_V1)
_v2_decoder = msgspec.json.Decoder(tuple[Ref, Ref, str, str, Raw])
_any_decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder()


def version(vsn: str | None) -> Version:
    """Read the `vsn` query parameter: 1.x.y and its absence are V1, 2.x.y is V2. Raises VSN_UNKNOWN."""
    if vsn is None:
        return Version.V1
    numbers = vsn.split(".")
    if len(numbers) <= 3 and all(number.isascii() and number.isdigit() for number in numbers):
        for known in Version:
            if numbers[0] == str(known.value):
                return known
    raise VSN_UNKNOWN(vsn=vsn[:32])


def decode(by: Version, frame: str | bytes) -> Message:
    """Read one frame from a client, text or bytes. Raises PHOENIX_MESSAGE for what is no JSON, or of another shape."""
    if isinstance(frame, bytes):
        return _binary(by, frame)
    try:
        if by is Version.V1:
            one = _v1_decoder.decode(frame)
            message = Message(one.topic, one.event, one.payload, one.ref, one.join_ref)
        else:
            join_ref, ref, topic, event, payload = _v2_decoder.decode(frame)
            message = Message(topic, event, payload, ref, join_ref)
        # What is not read here is passed on, and must be JSON to the last bracket.
        _any_decoder.decode(message.payload)
    except msgspec.ValidationError as error:
        raise PHOENIX_MESSAGE(problem=str(error)) from None
    except RecursionError:
        raise PHOENIX_MESSAGE(problem="nested too deeply") from None
    except (msgspec.DecodeError, UnicodeError):
        raise PHOENIX_MESSAGE(problem="this is no JSON") from None
    for ref in (message.ref, message.join_ref):
        # As long as binary frames have them. A join's is kept for as long as the join.
        if isinstance(ref, str) and len(ref) > _LARGEST_FIELD:
            raise PHOENIX_MESSAGE(problem=f"a ref of more than {_LARGEST_FIELD} characters")
    return message


def _binary(by: Version, frame: bytes) -> Message:
    """Read a binary push: a byte of kind, four of sizes, then join_ref, ref, topic, event, and the payload."""
    if by is Version.V1:
        raise PHOENIX_MESSAGE(problem="serializer 1.0.0 has no binary frames")
    if len(frame) < 5 or frame[0] != _PUSH:
        raise PHOENIX_MESSAGE(problem="a binary frame is a push, with five bytes of header")
    texts, start = [], 5
    for size in frame[1:5]:
        texts.append(frame[start : start + size])
        start += size
    if start > len(frame):
        raise PHOENIX_MESSAGE(problem="the binary frame is cut short")
    try:
        join_ref, ref, topic, event = (text.decode() for text in texts)
    except UnicodeDecodeError:
        raise PHOENIX_MESSAGE(problem="the header of the binary frame is not UTF-8") from None
    return Message(topic, event, frame[start:], ref or None, join_ref or None)


# Topics


def channel_of(topic: str, key: str) -> str:
    """Give the channel that `topic` names, unchecked. Raises TOPIC_INVALID, TOPIC_OTHER_APP when it is not of `key`."""
    lobby, colon, rest = topic.partition(":")
    if lobby != "lobby" or not colon:
        raise TOPIC_INVALID(topic=topic[:512])
    # `/uid:` comes first: a key has neither sign, a channel's name no `/`.
    named, slash, uid = rest.partition("/uid:")
    if slash:
        channel = USER_PREFIX + uid
    else:
        named, colon, channel = rest.partition(":")
        if not colon:
            channel = GENERAL
        elif channel.startswith("#"):
            raise TOPIC_INVALID(topic=topic[:512])  # a user's channel has one name only
    if named != key:
        raise TOPIC_OTHER_APP(topic=topic[:512])
    return channel


def topic_of(channel: str, key: str, *, is_long: bool = False) -> str:
    """Give the topic that is `channel`'s name. `is_long` spells the general one out."""
    if channel == GENERAL and not is_long:
        return f"lobby:{key}"
    if channel.startswith(USER_PREFIX):
        return f"lobby:{key}/uid:{channel.removeprefix(USER_PREFIX)}"
    return f"lobby:{key}:{channel}"


def is_reserved(event: str) -> bool:
    """Tell whether only the server may send events of this name: a client of either protocol would take its word."""
    return event.startswith(_RESERVED) or event in ("presence_state", "presence_diff")


# Out


def pack(encoding: Encoding, key: str, fact: Fact | Reply, *, is_long: bool = False) -> bytes:
    """Write what happened in a channel, for all who joined it by `key`; nothing for what its clients are not told.

    TypeError for replies: they carry the refs of one client.
    """
    match fact:
        case Event():
            return _event(encoding, topic_of(fact.channel, key, is_long=is_long), fact)
        case MemberAdded():
            diff = {"joins": presence({fact.member.user_id: fact.member}), "leaves": {}}
        case MemberRemoved():
            diff = {"joins": {}, "leaves": presence({fact.member.user_id: fact.member})}
        case CacheMissed() | Counted():
            return b""  # of Pusher's clients
        case _:
            raise TypeError(f"{type(fact).__name__} is not told to everyone")
    return _write(encoding, topic_of(fact.channel, key, is_long=is_long), "presence_diff", diff)


def _event(encoding: Encoding, topic: str, event: Event) -> bytes:
    if is_reserved(event.name):
        return b""  # a publisher may use the name, but these clients would obey it
    if event.is_binary and encoding.binary is not None and (frame := _broadcast(topic, event.name, event.data)):
        return encoding.binary(frame)
    return _write(encoding, topic, event.name, _payload(event))


def reply(encoding: Encoding, to: Message, status: str, response: object) -> bytes:
    """Answer a message: `status` is `ok` or `error`."""
    payload = {"status": status, "response": response}
    return _write(encoding, to.topic, "phx_reply", payload, to.ref, to.join_ref)


def close(encoding: Encoding, topic: str, join_ref: Ref) -> bytes:
    """Tell that the join of this ref has ended."""
    return _write(encoding, topic, "phx_close", _EMPTY, join_ref, join_ref)


def presence_state(encoding: Encoding, topic: str, join_ref: Ref, members: Mapping[str, Member]) -> bytes:
    """Tell who has joined just now whom they meet."""
    return _write(encoding, topic, "presence_state", presence(members), None, join_ref)


def presence(members: Mapping[str, Member]) -> dict[str, Any]:
    """Give members in Phoenix.Presence's shape. A user is one meta, however many connections there are.

    `user_info` is what the application says of a user who came as a Pusher client.
    """
    return {
        user_id: {
            "metas": [
                {"phx_ref": member.ref, "online_at": member.online_at}
                | ({} if member.info == NO_INFO else {"user_info": member.info})
            ]
        }
        for user_id, member in members.items()
    }


def _write(encoding: Encoding, topic: str, event: str, payload: object, ref: Ref = None, join_ref: Ref = None) -> bytes:
    if encoding.version is Version.V1:
        return encoding.text(_encode({"topic": topic, "event": event, "payload": payload, "ref": ref}))
    return encoding.text(_encode((join_ref, ref, topic, event, payload)))


def _payload(event: Event) -> object:
    """Give an event's data as these clients want it: an object as it is, anything else as the `data` of one."""
    if event.is_binary:
        return {"data": event.data}
    try:
        value = _any_decoder.decode(event.data)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return {"data": event.data}
    return Raw(event.data.encode()) if isinstance(value, dict) else {"data": value}


def _broadcast(topic: str, event: str, data: str) -> bytes | None:
    """Write a binary broadcast: kind, two sizes, topic, event, bytes. None: a name is too long, or `data` no base64."""
    names = topic.encode(), event.encode()
    if max(map(len, names)) > _LARGEST_FIELD:
        return None
    try:
        content = base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        return None
    return bytes((_BROADCAST, len(names[0]), len(names[1]))) + names[0] + names[1] + content
