"""The Pusher Channels protocol, versions 4 to 7: text to commands, facts and replies to text.

Pure: knows JSON and Pusher's frames, not sockets, signatures or who may do what. `data` is a JSON string in every frame
to a client except `pusher:error`, where it is an object: the strictest clients (Swift, .NET) insist on both.
"""

from collections.abc import Callable
from typing import Any, Final

import msgspec
from msgspec import Raw

from hubbub.channels import Kind, kind_of
from hubbub.errors import (
    CHANNEL_DATA_INVALID,
    CLIENT_EVENT_FIELDS,
    CLIENT_EVENT_PREFIX,
    INVALID_JSON,
    INVALID_MESSAGE,
    RESERVED_EVENT,
    SIGN_IN_MISSING,
    USER_DATA_INVALID,
    USER_INFO_INVALID,
    VERSION_INVALID,
    VERSION_MISSING,
    VERSION_UNSUPPORTED,
)
from hubbub.messages import (
    NO_INFO,
    CacheMissed,
    ClientEvent,
    Command,
    Counted,
    Event,
    Fact,
    Member,
    MemberAdded,
    MemberRemoved,
    Ping,
    Pong,
    Refused,
    Reply,
    SignIn,
    SignInSucceeded,
    Subscribe,
    Subscribed,
    SubscriptionRefused,
    Unsubscribe,
    Watched,
    Welcome,
    WentOffline,
    WentOnline,
)

NEWEST: Final = 7
OLDEST: Final = 4
ANSWERS_PINGS: Final = 5
"""From this version on a client must answer `pusher:ping`."""

LARGEST_EXACT_INTEGER: Final = 2**53
"""Beyond it a JavaScript number is no longer the one that was signed."""

PING: Final = Ping()
PONG: Final = Pong()
"""What `decode` gives for these: always the same."""


class _Frame(msgspec.Struct, gc=False):
    event: str
    data: Raw = Raw()
    channel: str | None = None


class _Subscription(msgspec.Struct, gc=False):
    channel: str
    auth: str | None = None
    channel_data: str | None = None


class _Unsubscription(msgspec.Struct, gc=False):
    channel: str


class _SignIn(msgspec.Struct, gc=False):
    auth: str = ""
    user_data: str | None = None


class User(msgspec.Struct, frozen=True):
    """Who signs in: a non-empty id, what the application says of the user as raw JSON, and whom the user watches."""

    id: str
    info: Raw = NO_INFO
    watchlist: tuple[str, ...] = ()


class _UserData(msgspec.Struct):
    id: str | int
    user_info: Raw = NO_INFO
    watchlist: list[str | int] | None = None


class _ChannelData(msgspec.Struct):
    user_id: str | int
    user_info: Raw = NO_INFO


class _Out(msgspec.Struct, omit_defaults=True, gc=False):
    event: str
    channel: str | None = None
    data: str | None = None
    user_id: str | None = None


class _Error(msgspec.Struct, gc=False):
    code: int | None
    message: str


class _ErrorOut(msgspec.Struct, gc=False):
    event: str
    data: _Error


class _UsualEvent(ClientEvent, frozen=True, gc=False):
    name: str = msgspec.field(name="event")


_frame_decoder = msgspec.json.Decoder(_Frame)
_usual_event_decoder = msgspec.json.Decoder(_UsualEvent)
_encode = msgspec.json.Encoder().encode


def version(text: str | None) -> int:
    """Read the `protocol` query parameter; None, the parameter's absence, counts as the newest.

    Raises VERSION_MISSING for an empty one, VERSION_INVALID for what is not a number, VERSION_UNSUPPORTED for others
    than 4 to 7.
    """
    if text is None:
        return NEWEST
    if not text:
        raise VERSION_MISSING()
    if not (text.isascii() and text.isdigit()):
        raise VERSION_INVALID(version=text[:32])
    if len(text) > 4 or not OLDEST <= int(text) <= NEWEST:
        raise VERSION_UNSUPPORTED(version=text[:32])
    return int(text)


def decode(text: str) -> Command:
    """Read one frame from a client.

    Raises only Refusals: INVALID_JSON for what is not JSON, INVALID_MESSAGE for JSON of another shape, RESERVED_EVENT
    for `pusher` names that are not a client's to send, CLIENT_EVENT_PREFIX and CLIENT_EVENT_FIELDS for client events.
    """
    if text.startswith('{"event":"client-'):
        # As all libraries write them, with text as data: read in one go they take half the time. Others are read below.
        try:
            usual = _usual_event_decoder.decode(text)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            pass
        else:
            if usual.name.startswith("client-"):  # the last of several "event" counts
                return usual
    try:
        frame = _frame_decoder.decode(text)
        event = frame.event
        if event.startswith("client-"):
            return _client_event(frame)
        match event:
            case "pusher:subscribe":
                wanted = _subscription_decoder.decode(_control_data(frame))
                return Subscribe(wanted.channel, wanted.auth or "", wanted.channel_data)
            case "pusher:unsubscribe":
                return Unsubscribe(_unsubscription_decoder.decode(_control_data(frame)).channel)
            case "pusher:signin":
                return _sign_in(frame)
            case "pusher:ping":
                return PING
            case "pusher:pong":
                return PONG
    except msgspec.ValidationError as error:
        raise INVALID_MESSAGE(problem=_problem(error)) from None
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise INVALID_JSON() from None
    if event.startswith(("pusher:", "pusher_internal:")):
        raise RESERVED_EVENT(event=event[:200])
    raise CLIENT_EVENT_PREFIX()


_subscription_decoder = msgspec.json.Decoder(_Subscription)
_unsubscription_decoder = msgspec.json.Decoder(_Unsubscription)
_channel_data_decoder = msgspec.json.Decoder(_ChannelData)
_sign_in_decoder = msgspec.json.Decoder(_SignIn)
_user_data_decoder = msgspec.json.Decoder(_UserData)


def member(channel_data: str) -> Member:
    """Read the `channel_data` of a presence subscription.

    A numeric `user_id` becomes text, as Swift, Java and .NET want it. Raises CHANNEL_DATA_INVALID or USER_INFO_INVALID.
    """
    try:
        given = _channel_data_decoder.decode(channel_data)
        if given.user_info != NO_INFO and not isinstance(msgspec.json.decode(given.user_info), dict):
            raise USER_INFO_INVALID()
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise CHANNEL_DATA_INVALID(problem=_problem(error)) from None
    if (problem := _id_problem(given.user_id)) is not None:
        raise CHANNEL_DATA_INVALID(problem=f"user_id {problem}")
    return Member(str(given.user_id), Raw(bytes(given.user_info)))


def user(user_data: str) -> User:
    """Read the `user_data` of a sign-in. Numeric ids become text. Raises USER_DATA_INVALID."""
    try:
        given = _user_data_decoder.decode(user_data)
        if given.user_info != NO_INFO and not isinstance(msgspec.json.decode(given.user_info), dict):
            raise USER_DATA_INVALID(problem="user_info must be an object")
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise USER_DATA_INVALID(problem=_problem(error)) from None
    watchlist = given.watchlist or []
    for name, user_id in (("id", given.id), *(("watchlist: an id", one) for one in watchlist)):
        if (problem := _id_problem(user_id)) is not None:
            raise USER_DATA_INVALID(problem=f"{name} {problem}")
    return User(str(given.id), Raw(bytes(given.user_info)), tuple(dict.fromkeys(map(str, watchlist))))


def _id_problem(user_id: str | int) -> str | None:
    if isinstance(user_id, int) and abs(user_id) > LARGEST_EXACT_INTEGER:
        return "must not exceed 2^53 if it is a number, send it as a string"
    return "must not be empty" if user_id == "" else None


def encode(message: Fact | Reply) -> bytes:
    """Write a fact or a reply as one frame of UTF-8 JSON, or as nothing where Pusher's clients are not told.

    What is not for clients, such as `Occupied`, is a TypeError.
    """
    write = _WRITERS.get(type(message))
    if write is None:
        raise TypeError(f"{type(message).__name__} is not told to clients")
    return write(message)


def _event(event: Event) -> bytes:
    return _encode(_Out(event.name, event.channel, event.data, event.user_id))


def _member_added(fact: MemberAdded) -> bytes:
    if not _tells_members(fact.channel):
        return b""
    who = fact.member
    about = {"user_id": who.user_id} if who.info == NO_INFO else {"user_id": who.user_id, "user_info": who.info}
    return _encode(_Out("pusher_internal:member_added", fact.channel, _text(about)))


def _member_removed(fact: MemberRemoved) -> bytes:
    if not _tells_members(fact.channel):
        return b""
    return _encode(_Out("pusher_internal:member_removed", fact.channel, _text({"user_id": fact.member.user_id})))


def _tells_members(channel: str) -> bool:
    # Elsewhere only Phoenix clients are members, and hear of each other.
    return kind_of(channel) is Kind.PRESENCE


def _counted(fact: Counted) -> bytes:
    count = _text({"subscription_count": fact.count})
    return _encode(_Out("pusher_internal:subscription_count", fact.channel, count))


def _welcome(reply: Welcome) -> bytes:
    # Every connection gets one, so it is written without dictionaries, in half the time.
    data = b'{"socket_id":%s,"activity_timeout":%d}' % (_encode(reply.socket_id), reply.activity_timeout)
    return b'{"event":"pusher:connection_established","data":%s}' % _encode(data.decode())


def _subscribed(reply: Subscribed) -> bytes:
    if reply.members is None:
        return b'{"event":"pusher_internal:subscription_succeeded","channel":%s,"data":"{}"}' % _encode(reply.channel)
    infos = {user_id: member.info for user_id, member in reply.members.items()}
    data = _text({"presence": {"count": len(infos), "ids": list(infos), "hash": infos}})
    return _encode(_Out("pusher_internal:subscription_succeeded", reply.channel, data))


def _subscription_refused(reply: SubscriptionRefused) -> bytes:
    why = _text({"type": reply.kind, "error": reply.message, "status": reply.status})
    return _encode(_Out("pusher:subscription_error", reply.channel, why))


def _watchlist(online: tuple[str, ...] = (), offline: tuple[str, ...] = ()) -> bytes:
    events = [
        {"name": name, "user_ids": user_ids}
        for name, user_ids in (("online", online), ("offline", offline))
        if user_ids
    ]
    return _encode(_Out("pusher_internal:watchlist_events", data=_text({"events": events})))


# A `match` with captures takes 0.4 µs to find an event's fields, twice what writing it takes.
_WRITERS: Final[dict[type, Callable[[Any], bytes]]] = {
    Event: _event,
    MemberAdded: _member_added,
    MemberRemoved: _member_removed,
    Counted: _counted,
    CacheMissed: lambda fact: _encode(_Out("pusher:cache_miss", fact.channel, "{}")),
    WentOnline: lambda fact: _watchlist(online=(fact.user_id,)),
    WentOffline: lambda fact: _watchlist(offline=(fact.user_id,)),
    Pong: lambda _: b'{"event":"pusher:pong","data":"{}"}',
    Ping: lambda _: b'{"event":"pusher:ping","data":"{}"}',
    Welcome: _welcome,
    Subscribed: _subscribed,
    SignInSucceeded: lambda reply: _encode(
        _Out("pusher:signin_success", data=_text({"user_data": reply.user_data})),
    ),
    Watched: lambda reply: _watchlist(reply.online, reply.offline),
    Refused: lambda reply: _encode(_ErrorOut("pusher:error", _Error(reply.code, reply.message))),
    SubscriptionRefused: _subscription_refused,
}


def _sign_in(frame: _Frame) -> SignIn:
    given = _sign_in_decoder.decode(_control_data(frame)) if bytes(frame.data) else _SignIn()
    if given.user_data is None:
        raise SIGN_IN_MISSING()
    return SignIn(given.auth, given.user_data)


def _client_event(frame: _Frame) -> ClientEvent:
    raw = bytes(frame.data)
    if not raw or frame.channel is None:
        raise CLIENT_EVENT_FIELDS()
    # A string stays as it is; anything else is passed on as its JSON text, for Swift only takes strings.
    data = _any_decoder.decode(raw)
    return ClientEvent(frame.event, frame.channel, data if isinstance(data, str) else raw.decode())


_any_decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder()
_string_decoder = msgspec.json.Decoder(str)


def _control_data(frame: _Frame) -> bytes | str:
    """Give a control event's data as JSON text: clients send an object, a few a string that holds one."""
    raw = bytes(frame.data)
    if not raw:
        raise INVALID_MESSAGE(problem=f"{frame.event} must contain data")
    return _string_decoder.decode(raw) if raw.startswith(b'"') else raw


def _problem(error: Exception) -> str:
    return "nested too deeply" if isinstance(error, RecursionError) else str(error)


def _text(value: object) -> str:
    return _encode(value).decode()
