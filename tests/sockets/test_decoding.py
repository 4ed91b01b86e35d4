"""The protocol's decoders and encoders, pure: what holds for every text there is."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode
from websockets.streams import StreamReader

from hubbub.errors import Refusal
from hubbub.messages import (
    CacheMissed,
    ClientEvent,
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
from hubbub.protocols import pusher
from hubbub.transports.frames import PUSHER, frame

many = settings(max_examples=500, deadline=None)

ENTRIES = [
    "pusher:subscribe",
    "pusher:unsubscribe",
    "pusher:ping",
    "pusher:pong",
    "pusher:signin",
    "pusher:",
    "pusher_internal:member_added",
    "client-",
    "client-x",
    "event",
    "data",
    "channel",
    "auth",
    "channel_data",
    "user_data",
    "watchlist",
    "id",
    "user_id",
    "user_info",
    "presence-room",
]

anything = st.text(st.characters(exclude_categories=()))  # lone surrogates too
words = st.sampled_from(ENTRIES) | st.text()
values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | words,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=4),
    max_leaves=12,
)
documents = values.map(json.dumps)
subscriptions = st.fixed_dictionaries(
    {},
    optional={
        "channel": words | values,
        "auth": words | values,
        "channel_data": documents | values,
        "user_data": documents | values,
    },
)
frames = st.fixed_dictionaries(
    {"event": words | values},
    optional={"data": subscriptions | subscriptions.map(json.dumps) | values, "channel": words | values},
)
user_data = st.fixed_dictionaries(
    {},
    optional={
        "id": words | values,
        "user_info": values,
        "watchlist": st.lists(words | values) | values,
        "more": values,
    },
)
channel_data = st.fixed_dictionaries({}, optional={"user_id": words | values, "user_info": values, "more": values})
objects = st.dictionaries(st.text(), values.filter(lambda value: "NaN" not in json.dumps(value)), max_size=3)
infos = st.none() | objects.filter(lambda value: "Infinity" not in json.dumps(value))


@st.composite
def near(draw: st.DrawFn, good: st.SearchStrategy[Any]) -> str:
    """Make a text that was good JSON until something was cut out of it, or put into it."""
    text: str = json.dumps(draw(good))
    start = draw(st.integers(0, len(text)))
    end = draw(st.integers(start, min(len(text), start + 3)))
    return (
        text[:start]
        + draw(st.just("") | st.sampled_from(['"', "{", "]", "\\", "\\ud800", "\0", "9" * 400]))
        + text[end:]
    )


def decoded(text: str) -> object:
    """Decode, which may raise a Refusal and nothing else."""
    try:
        return pusher.decode(text)
    except Refusal as refusal:
        refusal.message.encode()  # it can be told
        return None


@many
@given(anything | documents | frames.map(json.dumps) | near(frames))
@example("[" * 100_000)
@example('{"event":' * 100_000)
@example('{"event":"client-x","channel":"c","data":' + "[" * 100_000 + "]" * 100_000 + "}")
@example('{"event":"client-x","channel":"c","data":' + "1" * 100_000 + "}")
@example('{"event":"pusher:subscribe","data":{"channel":' + "1" * 100_000 + "}}")
@example('{"event":"client-x","channel":"c","data":"\ud800"}')
@example('{"event":"pusher:signin"}')
@example('{"event":"pusher:signin","data":null}')
@example('{"event":"pusher:signin","data":"' + "[" * 50_000 + '"}')
@example('{"event":"pusher:signin","data":{"auth":' + "1" * 100_000 + "}}")
@example('{"event":"pusher:signin","data":{"auth":"","user_data":"\ud800"}}')
def test_a_frame_is_a_command_or_is_refused(text: str) -> None:
    assert isinstance(decoded(text), Subscribe | Unsubscribe | ClientEvent | SignIn | Ping | Pong | None)


@many
@given(anything | documents | channel_data.map(json.dumps) | near(channel_data))
@example("[" * 100_000)
@example('{"user_id":"1","user_info":' + '{"a":' * 100_000 + "1" + "}" * 100_000 + "}")
@example('{"user_id":"1","user_info":{"a":' + "1" * 100_000 + "}}")
@example('{"user_id":' + "1" * 100_000 + "}")
@example('{"user_id":-' + "1" * 5_000 + "}")
@example('{"user_id":"\ud800"}')
@example('{"user_id":1,"user_info":{"a":1e999}}')
def test_channel_data_is_a_member_or_is_refused(text: str) -> None:
    try:
        member = pusher.member(text)
    except Refusal as refusal:
        refusal.message.encode()
        return
    assert member.user_id
    assert json.loads(bytes(member.info)) is None or isinstance(json.loads(bytes(member.info)), dict)
    json.loads(pusher.encode(MemberAdded("presence-room", member)))


@many
@given(anything | documents | user_data.map(json.dumps) | near(user_data))
@example("[" * 100_000)
@example('{"id":"1","user_info":' + '{"a":' * 100_000 + "1" + "}" * 100_000 + "}")
@example('{"id":"1","user_info":{"a":' + "1" * 100_000 + "}}")
@example('{"id":"1","watchlist":' + "[" * 100_000 + "]" * 100_000 + "}")
@example('{"id":' + "1" * 100_000 + "}")
@example('{"id":"1","watchlist":[-' + "1" * 5_000 + "]}")
@example('{"id":"1","watchlist":["' + '","'.join(map(str, range(5_000))) + '"]}')
@example('{"id":"\ud800"}')
@example('{"id":"1","user_info":{"a":1e999}}')
@example('{"id":"1","user_info":\n null }')
def test_user_data_is_a_user_or_is_refused(text: str) -> None:
    try:
        user = pusher.user(text)
    except Refusal as refusal:
        refusal.message.encode()
        return
    assert user.id
    assert all(user.watchlist)
    assert len(set(user.watchlist)) == len(user.watchlist)
    assert json.loads(bytes(user.info)) is None or isinstance(json.loads(bytes(user.info)), dict)
    json.loads(pusher.encode(MemberAdded("presence-room", Member(user.id, user.info))))
    json.loads(pusher.encode(SignInSucceeded(text)))
    json.loads(pusher.encode(Watched(user.watchlist, ())))


@many
@given(st.text(min_size=1), infos, st.lists(st.text(min_size=1) | st.integers(-(2**53), 2**53)))
def test_a_user_is_read_as_it_was_written(user_id: str, info: dict[str, Any] | None, watchlist: list[Any]) -> None:
    user = pusher.user(json.dumps({"id": user_id, "user_info": info, "watchlist": watchlist}))
    assert user.id == user_id
    assert json.loads(bytes(user.info)) == info
    assert list(user.watchlist) == list(dict.fromkeys(map(str, watchlist)))


@many
@given(st.text(), st.text(), st.booleans())
def test_a_sign_in_is_read_as_it_was_written(auth: str, about: str, is_text: bool) -> None:
    data: object = {"auth": auth, "user_data": about}
    said = {"event": "pusher:signin", "data": json.dumps(data) if is_text else data}
    assert pusher.decode(json.dumps(said)) == SignIn(auth, about)
    told = json.loads(pusher.encode(SignInSucceeded(about)))
    assert json.loads(told["data"]) == {"user_data": about}


def version_or_code(text: str) -> int | None:
    try:
        return pusher.version(text)
    except Refusal as refusal:
        return refusal.code


@many
@given(st.text() | st.integers().map(str))
def test_a_version_is_one_of_four_or_is_refused(text: str) -> None:
    assert version_or_code(text) in (4, 5, 6, 7, 4006, 4007, 4008)


@many
@given(st.text(), st.text(), st.text(), st.booleans())
def test_a_clients_text_is_heard_as_it_was_said(name: str, channel: str, data: str, is_ascii: bool) -> None:
    said = json.dumps({"event": f"client-{name}", "channel": channel, "data": data}, ensure_ascii=is_ascii)
    command = pusher.decode(said)
    assert command == ClientEvent(f"client-{name}", channel, data)
    heard = json.loads(pusher.encode(Event(channel, f"client-{name}", data)))
    assert heard == {"event": f"client-{name}", "channel": channel, "data": data}


@many
@given(objects.map(json.dumps).filter(lambda text: "Infinity" not in text))
def test_a_clients_object_is_heard_as_its_own_json(data: str) -> None:
    command = pusher.decode(f'{{"event":"client-x","channel":"private-c","data": {data} }}')
    assert command == ClientEvent("client-x", "private-c", data)


@many
@given(subscriptions)
def test_control_data_may_be_an_object_or_its_text(data: dict[str, Any]) -> None:
    as_object = decoded(json.dumps({"event": "pusher:subscribe", "data": data}))
    as_text = decoded(json.dumps({"event": "pusher:subscribe", "data": json.dumps(data)}))
    assert as_object == as_text


@many
@given(st.text(min_size=1), infos)
def test_a_member_goes_out_as_it_came_in(user_id: str, info: dict[str, Any] | None) -> None:
    member = pusher.member(json.dumps({"user_id": user_id, "user_info": info}))
    out = json.loads(json.loads(pusher.encode(MemberAdded("presence-c", member)))["data"])
    assert out["user_id"] == user_id
    assert out.get("user_info") == info
    listed = json.loads(json.loads(pusher.encode(Subscribed("presence-c", {user_id: member})))["data"])
    assert listed == {"presence": {"count": 1, "ids": [user_id], "hash": {user_id: info}}}


@many
@given(st.integers(-(2**53), 2**53))
def test_a_numeric_user_becomes_its_digits(number: int) -> None:
    assert pusher.member(f'{{"user_id":{number}}}').user_id == str(number)


raws = infos.map(lambda info: msgspec.Raw(json.dumps(info).encode()))
codes = st.none() | st.integers(4000, 4999)
presences = words.map("presence-{}".format)
members = st.builds(Member, st.text(), raws)
messages: st.SearchStrategy[Fact | Reply] = st.one_of(
    st.builds(Event, words, words, st.text(), st.none() | st.text()),
    st.builds(MemberAdded, presences, members),
    st.builds(MemberRemoved, presences, members),
    st.builds(Welcome, words, st.integers(1, 10_000)),
    st.builds(Subscribed, words, st.none() | st.dictionaries(st.text(), members, max_size=3)),
    st.builds(Refused, codes, st.text()),
    st.builds(SubscriptionRefused, words, st.text(), st.integers(400, 599)),
    st.builds(Ping),
    st.builds(Pong),
    st.builds(SignInSucceeded, st.text()),
    st.builds(Watched, st.lists(words).map(tuple), st.lists(words).map(tuple)),
    st.builds(WentOnline, words, words),
    st.builds(WentOffline, words, words),
    st.builds(CacheMissed, words),
    st.builds(Counted, words, st.integers(0, 2**31)),
)


@many
@given(messages)
def test_data_is_text_in_every_frame_but_errors(message: Fact | Reply) -> None:
    out = json.loads(pusher.encode(message))
    assert out.keys() <= {"event", "channel", "data", "user_id"}
    assert isinstance(out["data"], dict if isinstance(message, Refused) else str)
    assert all(isinstance(out[key], str) for key in out.keys() - {"data"})
    if not isinstance(message, Event | Refused):
        assert isinstance(out["data"], str)
        assert isinstance(json.loads(out["data"]), dict)


def parsed(data: bytes) -> tuple[list[Frame], bytes]:
    """Read frames with the library; give them, and what is left."""
    reader, found = StreamReader(), []
    reader.feed_data(data)
    reader.feed_eof()
    while reader.buffer:
        steps = Frame.parse(reader.read_exact, mask=False)
        try:
            next(steps)
        except StopIteration as end:
            found.append(end.value)
    return found, bytes(reader.buffer)


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65_535, 65_536, 65_537, 1_000_000])
def test_a_frame_of_any_size_is_read_back(size: int) -> None:
    [read], rest = parsed(frame(b"x" * size))
    assert (read.opcode, bytes(read.data), read.fin, rest) == (Opcode.TEXT, b"x" * size, True, b"")


@many
@given(st.lists(messages, max_size=5))
def test_frames_one_after_the_other_are_a_stream(told: list[Fact | Reply]) -> None:
    read, rest = parsed(b"".join(PUSHER.pack(message) for message in told))
    assert [bytes(one.data) for one in read] == [pusher.encode(message) for message in told]
    assert rest == b""
