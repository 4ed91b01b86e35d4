"""What Pusher's clients say, read alike by the compiled reader, the decoder and Python's `json`; what they are told.

A text is tried as a frame, as `channel_data` and as `user_data`.
"""

import json
from typing import Any, Final

from msgspec.structs import astuple

from hubbub.errors import Refusal
from hubbub.messages import ClientEvent, Event, Ping, Pong, SignIn, Subscribe, Unsubscribe
from hubbub.native import event_frame, pure
from hubbub.protocols import pusher
from native import test_client_event
from native.twins import COMPILED

SEEDS: Final = (
    *(text.encode("utf-8", "surrogatepass") for text in test_client_event.USUAL.values()),
    *(text.encode("utf-8", "surrogatepass") for text in test_client_event.UNUSUAL.values()),
    b'{"event":"pusher:subscribe","data":{"channel":"presence-x","auth":"k:s","channel_data":"{\\"user_id\\":1}"}}',
    b'{"event":"pusher:subscribe","data":"{\\"channel\\":\\"x\\"}"}',
    b'{"event":"pusher:unsubscribe","data":{"channel":"x"}}',
    b'{"event":"pusher:signin","data":{"auth":"k:s","user_data":"{\\"id\\":\\"1\\"}"}}',
    b'{"event":"pusher:ping","data":{}}',
    b'{"event":"pusher:pong"}',
    b'{"event":"pusher_internal:x","event":"client-x"}',
    b'{"user_id":"ann","user_info":{"name":"Ann"}}',
    b'{"id":9007199254740992,"user_info":{"a":[1,2]},"watchlist":["bob",2]}',
    b"[" * 2000,
)


def check(data: bytes) -> None:
    """Read it as each."""
    text = data.decode("utf-8", "surrogateescape" if data[:1] == b"\xff" else "replace")
    if COMPILED is not None:
        test_client_event.check(text)
    try:
        command = pusher.decode(text)
    except Refusal as refusal:
        _told(refusal)
    else:
        _check_command(text, command)
    _check_member(text)
    _check_user(text)
    _check_frame(text)


def _told(refusal: Refusal) -> None:
    assert refusal.status in (400, 403)
    refusal.message.encode("utf-8", "replace")


def _loads(text: str) -> Any:
    """Give what Python reads; None where that is a matter of its limits, not of the text."""
    try:
        return json.loads(text, parse_int=lambda digits: str(int(digits)) if len(digits) < 20 else digits)
    except RecursionError:
        return None


def _as_text(value: object) -> object:
    """Give an id as it is told to others. `1.0` is a whole number in JSON."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else value


def _check_command(text: str, command: object) -> None:
    """Written anew, it is the same; and Python reads the same event."""
    read = _loads(text)
    match command:
        case ClientEvent(name, channel, said):
            anew = {"event": name, "channel": channel, "data": said}
            assert name.startswith("client-")
        case Subscribe(channel, auth, channel_data):
            anew = {"event": "pusher:subscribe", "data": {"channel": channel, "auth": auth}}  # type: ignore[dict-item]
            if channel_data is not None:
                anew["data"]["channel_data"] = channel_data  # type: ignore[index]
        case Unsubscribe(channel):
            anew = {"event": "pusher:unsubscribe", "data": {"channel": channel}}  # type: ignore[dict-item]
        case SignIn(auth, user_data):
            anew = {"event": "pusher:signin", "data": {"auth": auth, "user_data": user_data}}  # type: ignore[dict-item]
        case Ping() | Pong():
            anew = {"event": f"pusher:{type(command).__name__.lower()}"}
        case _:
            raise AssertionError(command)
    for is_ascii in (True, False):
        # A client's event is of one of two types, which say the same.
        assert astuple(pusher.decode(json.dumps(anew, ensure_ascii=is_ascii))) == astuple(command)
    assert read is None or read["event"] == anew["event"]


def _check_member(text: str) -> None:
    try:
        member = pusher.member(text)
    except Refusal as refusal:
        _told(refusal)
        return
    read = _loads(text)
    assert member.user_id
    assert read is None or _as_text(read["user_id"]) == member.user_id
    assert isinstance(json.loads(bytes(member.info)), dict | None)


def _check_user(text: str) -> None:
    try:
        user = pusher.user(text)
    except Refusal as refusal:
        _told(refusal)
        return
    read = _loads(text)
    assert user.id
    assert all(user.watchlist)
    assert len(set(user.watchlist)) == len(user.watchlist)
    assert read is None or _as_text(read["id"]) == user.id


def _check_frame(text: str) -> None:
    """Whatever an event holds is told as it is, by both writers."""
    name, channel, said = [*text.split("\n", 2), "", ""][:3]
    for user_id in (None, said[:10]):
        try:
            frame = pure.event_frame(name, channel, said, user_id)
        except UnicodeError:  # half a pair, which no decoder lets in
            return
        assert event_frame(name, channel, said, user_id) == frame
        head = 2 if frame[1] < 126 else 4 if frame[1] == 126 else 10
        assert frame[head:] == pusher.encode(Event(channel, name, said, user_id))
        told = json.loads(frame[head:])
        expected = {"event": name, "channel": channel, "data": said}
        assert told == (expected if user_id is None else {**expected, "user_id": user_id})
