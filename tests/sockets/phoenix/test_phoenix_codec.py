"""The codec of Phoenix Channels, pure: what holds for every frame, topic and fact there is."""

import base64
import json
import re
from typing import Any, Final

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec import Raw

from hubbub.errors import TOPIC_INVALID, TOPIC_OTHER_APP, VSN_UNKNOWN, Reason, Refusal
from hubbub.messages import Event, Member, MemberAdded, MemberRemoved, Ping, Reply, Subscribed, Welcome
from hubbub.protocols import phoenix
from hubbub.protocols.phoenix import Encoding, Message, Ref, Version
from hubbub.transports.frames import PHOENIX
from sockets.test_decoding import parsed

many = settings(max_examples=300, deadline=None)

KEY: Final = "app-key"
V1: Final = Encoding(Version.V1, bytes)
V2: Final = Encoding(Version.V2, bytes, b"binary:".__add__)
V2_TEXT_ONLY: Final = Encoding(Version.V2, bytes)

anything = st.text(st.characters(exclude_categories=()))  # lone surrogates too
words = (
    st.sampled_from(
        ["topic", "event", "payload", "ref", "join_ref", "phoenix", "heartbeat", "phx_join", "lobby:app-key", "direct"]
    )
    | st.text()
)
values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | words,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=4),
    max_leaves=12,
)


def is_json(value: object) -> bool:
    """Tell whether a value can be written as JSON: Python's NaN and Infinity are none."""
    try:
        json.dumps(value, allow_nan=False)
    except ValueError:
        return False
    return True


documents = values.map(json.dumps)
objects = st.dictionaries(st.text(), values, max_size=3)
finite_objects = objects.filter(is_json)
refs: st.SearchStrategy[Ref] = st.none() | st.text(max_size=255) | st.integers(0, 2**64)
v1_frames = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("topic", "event", "payload", "ref", "join_ref"), words | values)
)
v2_frames = st.lists(words | values, min_size=3, max_size=7)
channels = st.from_regex(r"[-a-zA-Z0-9_=@,.;]{1,40}", fullmatch=True) | st.from_regex(
    r"#server-to-user-[-a-zA-Z0-9_=@,.;]{1,40}", fullmatch=True
)
keys = st.from_regex(r"[-a-zA-Z0-9_]{1,64}", fullmatch=True)


@st.composite
def near(draw: st.DrawFn, good: st.SearchStrategy[Any]) -> str:
    """Make a text that was good JSON until something was cut out of it, or put into it."""
    text: str = json.dumps(draw(good))
    start = draw(st.integers(0, len(text)))
    end = draw(st.integers(start, min(len(text), start + 3)))
    put = draw(st.just("") | st.sampled_from(['"', "{", "]", "\\", "\\ud800", "\0", "9" * 400, "1e999"]))
    return text[:start] + put + text[end:]


def decoded(by: Version, frame: str | bytes) -> Message | None:
    """Decode, which may raise a Refusal that closes with 1007, and nothing else."""
    try:
        return phoenix.decode(by, frame)
    except Refusal as refusal:
        refused = refusal
    assert refused.code == 1007
    assert len(refused.message.encode()) < 500  # it can be told
    return None


def reason_of(topic: str, key: str = KEY) -> Reason | str:
    """Give the channel that a topic names, or why it names none."""
    try:
        return phoenix.channel_of(topic, key)
    except Refusal as refusal:
        refusal.message.encode(errors="surrogatepass")
        return refusal.reason


def said(encoding: Encoding, frame: bytes) -> tuple[Any, Any, str, str, Any]:
    """Read a frame of the server as phoenix.js would: join_ref, ref, topic, event, payload."""
    if encoding.version is Version.V1:
        message = json.loads(frame)
        assert message.keys() == {"topic", "event", "payload", "ref"}
        return None, message["ref"], message["topic"], message["event"], message["payload"]
    join_ref, ref, topic, event, payload = json.loads(frame)
    return join_ref, ref, topic, event, payload


def told(encoding: Encoding, fact: Event | MemberAdded | MemberRemoved, *, is_long: bool = False) -> Any:
    """Give the payload of a fact's frame, having looked at the rest of it."""
    join_ref, ref, topic, event, payload = said(encoding, phoenix.pack(encoding, KEY, fact, is_long=is_long))
    assert (join_ref, ref) == (None, None)
    assert topic == phoenix.topic_of(fact.channel, KEY, is_long=is_long)
    assert event == (fact.name if isinstance(fact, Event) else "presence_diff")
    return payload


def push(join_ref: str, ref: str, topic: str, event: str, content: bytes) -> bytes:
    """Write a binary push as phoenix.js does."""
    texts = [text.encode() for text in (join_ref, ref, topic, event)]
    return bytes([0, *map(len, texts)]) + b"".join(texts) + content


def broadcast(frame: bytes) -> tuple[str, str, bytes]:
    """Read a binary broadcast as phoenix.js does: topic, event, content."""
    assert frame.startswith(b"binary:")
    frame = frame.removeprefix(b"binary:")
    kind, topic_size, event_size = frame[:3]
    assert kind == 2
    topic, rest = frame[3 : 3 + topic_size], frame[3 + topic_size :]
    return topic.decode(), rest[:event_size].decode(), rest[event_size:]


# In


@many
@given(anything | documents | v1_frames.map(json.dumps) | near(v1_frames) | v2_frames.map(json.dumps) | near(v2_frames))
@example("[" * 100_000)
@example('{"topic":' * 100_000)
@example('{"topic":"t","event":"e","payload":' + "[" * 100_000 + "]" * 100_000 + "}")
@example('[null,null,"t","e",' + '{"a":' * 100_000 + "1" + "}" * 100_000 + "]")
@example('[null,null,"t","e",' + "1" * 100_000 + "]")
@example("[null," + "1" * 100_000 + ',"t","e",{}]')
@example('[null,null,"t","e",{"a":1e999}]')
@example('[null,null,"t","e",{]}]')
@example('[null,null,"t","e",{"a":"\\ud800"}]')
@example('[null,null,"t","e",{"a":"\ud800"}]')
@example('{"topic":"t","event":"e","payload":{"a":"\\ud800"}}')
@example('{"topic":"\\udc00","event":"e"}')
def test_any_text_is_a_message_or_is_refused_with_1007(text: str) -> None:
    for by in Version:
        message = decoded(by, text)
        if message is not None:
            assert isinstance(message.payload, Raw)
            json.loads(bytes(message.payload))


@many
@given(st.binary() | st.builds(push, *4 * [st.text(max_size=60)], st.binary()))
@example(b"")
@example(bytes(5))
@example(b"\0\xff\xff\xff\xff")
@example(b"\0\1\0\0\0\xff")
def test_any_bytes_are_a_message_of_v2_or_are_refused_with_1007(frame: bytes) -> None:
    message = decoded(Version.V2, frame)
    assert message is None or isinstance(message.payload, bytes)
    assert decoded(Version.V1, frame) is None


@many
@given(st.text(), st.text(), finite_objects, refs, refs, st.booleans())
def test_a_message_is_heard_as_it_was_said(
    topic: str, event: str, payload: dict[str, Any], ref: Ref, join_ref: Ref, is_ascii: bool
) -> None:
    as_object = {"topic": topic, "event": event, "payload": payload, "ref": ref, "join_ref": join_ref, "more": 1}
    as_array = [join_ref, ref, topic, event, payload]
    for by, value in ((Version.V1, as_object), (Version.V2, as_array)):
        message = decoded(by, json.dumps(value, ensure_ascii=is_ascii))
        assert message is not None
        assert (message.topic, message.event, message.ref, message.join_ref) == (topic, event, ref, join_ref)
        assert bytes(message.payload) == json.dumps(payload, ensure_ascii=is_ascii).encode()


def test_a_message_of_v1_may_leave_out_all_but_its_topic_and_its_event() -> None:
    assert decoded(Version.V1, '{"topic":"t","event":"e"}') == Message("t", "e", Raw(b"{}"), None, None)


@pytest.mark.parametrize(
    "frame",
    [
        "",
        "null",
        "[]",
        "{}",
        '{"topic":"t"}',
        '{"topic":null,"event":"e"}',
        '{"topic":"t","event":1}',
        '{"topic":"t","event":"e","ref":true}',
        '{"topic":"t","event":"e","ref":1.5}',
        '{"topic":"t","event":"e","ref":[]}',
        '{"topic":"t","event":"e","join_ref":{}}',
        '["1","1","t","e"]',
        '["1","1","t","e",{},null]',
        '["1","1",null,"e",{}]',
        '["1","1","t",7,{}]',
        '[["1"],"1","t","e",{}]',
        '["1","1","t","e",]',
        '["1","1","t","e",{}]]',
        '["1","1","t","e",{}] []',
    ],
)
def test_a_message_of_another_shape_is_refused(frame: str) -> None:
    assert decoded(Version.V1, frame) is None
    assert decoded(Version.V2, frame) is None


@pytest.mark.parametrize("ref", [json.dumps("x" * 256), json.dumps("x" * 60_000), json.dumps("é" * 256)])
def test_a_ref_has_255_characters_at_most(ref: str) -> None:
    """A join's is kept for as long as the join: 10,000 joins must not hold 600 MB."""
    assert decoded(Version.V2, f'[{ref},"1","t","e",{{}}]') is None
    assert decoded(Version.V2, f'["1",{ref},"t","e",{{}}]') is None
    assert decoded(Version.V1, f'{{"topic":"t","event":"e","ref":{ref}}}') is None
    assert decoded(Version.V1, f'{{"topic":"t","event":"e","join_ref":{ref}}}') is None
    assert decoded(Version.V2, f'["{"x" * 255}","{"y" * 255}","t","e",{{}}]') is not None


@many
@given(*4 * [st.text(max_size=63)], st.binary())
def test_a_binary_push_is_heard_as_it_was_said(join_ref: str, ref: str, topic: str, event: str, content: bytes) -> None:
    frame = push(join_ref, ref, topic, event, content)
    assert decoded(Version.V2, frame) == Message(topic, event, content, ref or None, join_ref or None)


@many
@given(*4 * [st.text(max_size=20)], st.binary(max_size=20))
def test_a_binary_push_that_is_cut_in_its_head_is_refused(
    join_ref: str, ref: str, topic: str, event: str, content: bytes
) -> None:
    frame = push(join_ref, ref, topic, event, content)
    head = len(frame) - len(content)
    for size in range(len(frame)):
        message = decoded(Version.V2, frame[:size])
        assert (message is None) == (size < head)
        assert message is None or message.payload == content[: size - head]


@pytest.mark.parametrize("kind", range(1, 256))
def test_a_binary_frame_that_is_no_push_is_refused(kind: int) -> None:
    assert decoded(Version.V2, bytes([kind]) + push("1", "2", "t", "e", b"")[1:]) is None


@pytest.mark.parametrize("vsn", [None, "1.0.0", "1", "1.0", "1.9.27"])
def test_version_1_is_read(vsn: str | None) -> None:
    assert phoenix.version(vsn) is Version.V1


@pytest.mark.parametrize("vsn", ["2.0.0", "2", "2.0", "2.1.0"])
def test_version_2_is_read(vsn: str) -> None:
    assert phoenix.version(vsn) is Version.V2


@many
@given(st.text() | st.from_regex(r"\d*\.?\d*\.?\d*\.?\d*", fullmatch=True))
@example("")
@example("3.0.0")
@example("20.0.0")
@example("2.0.0.0")
@example("2..0")
@example("2.0.")
@example("²")
@example(" 2.0.0")
@example("2.0.0\n")
def test_any_other_version_is_unknown(vsn: str) -> None:
    if known := re.fullmatch(r"([12])(\.[0-9]+){0,2}", vsn, re.ASCII):
        assert phoenix.version(vsn) is Version(int(known[1]))
        return
    with pytest.raises(Refusal) as refused:
        phoenix.version(vsn)
    assert refused.value.reason is VSN_UNKNOWN


# Topics


@many
@given(channels, keys)
def test_a_channels_topic_names_that_channel(channel: str, key: str) -> None:
    assert phoenix.channel_of(phoenix.topic_of(channel, key), key) == channel
    assert phoenix.channel_of(phoenix.topic_of(channel, key, is_long=True), key) == channel


def test_the_topics_are_those_of_the_predecessor() -> None:
    assert phoenix.topic_of("general", "K") == "lobby:K"
    assert phoenix.topic_of("general", "K", is_long=True) == "lobby:K:general"
    assert phoenix.topic_of("orders", "K") == phoenix.topic_of("orders", "K", is_long=True) == "lobby:K:orders"
    assert phoenix.topic_of("#server-to-user-bob", "K") == "lobby:K/uid:bob"
    assert phoenix.topic_of("#server-to-user-bob", "K", is_long=True) == "lobby:K/uid:bob"


pieces = st.sampled_from(
    ["lobby", ":", "/uid:", "/", "uid:", "app-key", "app-key2", "app", "general", "#server-to-user-", "bob", " ", "\n"]
)


@many
@given(anything | st.lists(pieces | st.text(max_size=3), max_size=10).map("".join))
@example("lobby:app-key:general/uid:bob")
@example("lobby:app-key/uid:bob/uid:ann")
@example("lobby:app-key/uid:bob:general")
@example("lobby:app-key:#server-to-user-bob")
@example("lobby:app-key/uid:#server-to-user-bob")
@example("lobby:app-key2")
@example("lobby:app-ke")
@example("lobby:app-key ")
@example("lobby:")
@example("lobby:/uid:bob")
@example("lobby::general")
@example("LOBBY:app-key")
def test_no_topic_but_its_own_names_a_channel(topic: str) -> None:
    """Only `general` has two names, and a user's channel has none but that with `/uid:`."""
    channel = reason_of(topic)
    if isinstance(channel, str):
        assert topic in (phoenix.topic_of(channel, KEY), phoenix.topic_of(channel, KEY, is_long=True))
        assert channel.startswith("#server-to-user-") == topic.startswith(f"lobby:{KEY}/uid:")
    else:
        assert channel in (TOPIC_INVALID, TOPIC_OTHER_APP)


@many
@given(keys, keys, channels)
def test_a_topic_of_one_application_is_none_of_another(key: str, other: str, channel: str) -> None:
    if key != other:
        for is_long in (False, True):
            assert reason_of(phoenix.topic_of(channel, key, is_long=is_long), other) is TOPIC_OTHER_APP


def test_a_refused_topic_is_not_said_back_whole() -> None:
    for topic in ("x" * 60_000, "lobby:other:" + "x" * 60_000, f"lobby:{KEY}:#{'x' * 60_000}"):
        with pytest.raises(Refusal) as refused:
            phoenix.channel_of(topic, KEY)
        assert len(refused.value.message) < 700


# Out

encodings = st.sampled_from([V1, V2, V2_TEXT_ONLY])
names = words.filter(lambda name: not phoenix.is_reserved(name))


@many
@given(encodings, channels, names, objects, st.sampled_from([None, 2]), st.booleans(), st.booleans())
@example(V1, "c", "e", {"a": 1}, 2, True, False)
def test_an_object_is_the_payload_byte_for_byte(
    encoding: Encoding, channel: str, name: str, data: dict[str, Any], indent: int | None, is_ascii: bool, is_long: bool
) -> None:
    text = json.dumps(data, indent=indent, ensure_ascii=is_ascii)
    frame = phoenix.pack(encoding, KEY, Event(channel, name, text), is_long=is_long)
    payload = told(encoding, Event(channel, name, text), is_long=is_long)
    if is_json(data):
        assert payload == data
        assert (b',"payload":' if encoding is V1 else b",") + text.encode() in frame
    else:
        assert payload == {"data": text}


@many
@given(encodings, values.filter(lambda value: not isinstance(value, dict)))
def test_json_that_is_no_object_is_the_data_of_one(encoding: Encoding, value: object) -> None:
    text = json.dumps(value)
    payload = told(encoding, Event("room", "e", text))
    assert payload == {"data": value if is_json(value) else text}


@pytest.mark.parametrize(
    ("data", "payload"),
    [
        ('{"a":1}', {"a": 1}),
        ("[1,2]", {"data": [1, 2]}),
        ('"text"', {"data": "text"}),
        ("null", {"data": None}),
        ("7", {"data": 7}),
        ("1.50", {"data": 1.5}),
        ("hello", {"data": "hello"}),
        ("", {"data": ""}),
        ("{", {"data": "{"}),
        ('{"a":1}}', {"data": '{"a":1}}'}),
        ('{"a":"\\ud800"}', {"data": '{"a":"\\ud800"}'}),
        ('{"a":1e999}', {"data": '{"a":1e999}'}),
        ("\ufeff{}", {"data": "\ufeff{}"}),
        (" \t\r\n{ } \n", {}),
        ("[" * 5000 + "]" * 5000, {"data": "[" * 5000 + "]" * 5000}),
        ('{"a":' * 5000 + "1" + "}" * 5000, {"data": '{"a":' * 5000 + "1" + "}" * 5000}),
    ],
    ids=lambda value: ascii(str(value)[:30]),
)
def test_data_arrives_as_the_predecessors_clients_want_it(data: str, payload: object) -> None:
    for encoding in (V1, V2, V2_TEXT_ONLY):
        assert told(encoding, Event("room", "e", data)) == payload


@many
@given(encodings, channels, names, st.text(), st.booleans())
def test_text_is_the_data_of_a_payload(encoding: Encoding, channel: str, name: str, data: str, is_long: bool) -> None:
    payload = told(encoding, Event(channel, name, data), is_long=is_long)
    try:
        value = json.loads(data)
    except ValueError:
        assert payload == {"data": data}
    else:
        assert payload in ({"data": data}, {"data": value}, value)


@many
@given(channels, st.text(max_size=60).filter(lambda name: not phoenix.is_reserved(name)), st.binary())
def test_bytes_go_out_as_phoenix_js_reads_them(channel: str, name: str, content: bytes) -> None:
    event = Event(channel, name, base64.b64encode(content).decode(), is_binary=True)
    frame = phoenix.pack(V2, KEY, event)
    assert broadcast(frame) == (phoenix.topic_of(channel, KEY), name, content)
    for encoding in (V1, V2_TEXT_ONLY):
        assert told(encoding, event) == {"data": event.data}


@pytest.mark.parametrize(
    "event",
    [
        Event("room", "é" * 128, "AAAA", is_binary=True),
        Event("r" * 250, "e", "AAAA", is_binary=True),
        Event("room", "e", "no base64!", is_binary=True),
        Event("room", "e", "AAA", is_binary=True),
    ],
    ids=["the event is too long", "the topic is too long", "no alphabet of base64", "no length of base64"],
)
def test_bytes_that_fit_no_binary_frame_go_out_as_text(event: Event) -> None:
    assert told(V2, event) == {"data": event.data}


RESERVED = [
    "phx_close",
    "phx_error",
    "phx_reply",
    "phx_join",
    "phx_leave",
    "phx_",
    "phx_anything",
    "pusher:error",
    "pusher_internal:member_added",
    "presence_state",
    "presence_diff",
    "chan_reply_1",
    "chan_reply_",
]


@pytest.mark.parametrize("name", RESERVED)
def test_an_event_that_would_be_taken_for_the_servers_word_is_not_told(name: str) -> None:
    """`chan_reply_REF` is what phoenix.js turns a reply into before it looks who waits for it."""
    assert phoenix.is_reserved(name)
    for encoding in (V1, V2, V2_TEXT_ONLY):
        for is_binary in (False, True):
            assert phoenix.pack(encoding, KEY, Event("room", name, "AAAA", is_binary=is_binary)) == b""


@pytest.mark.parametrize("name", ["phx", "PHX_close", "new_message", "presence", "client-x", "pusher", "heartbeat", ""])
def test_other_names_are_not_reserved(name: str) -> None:
    assert not phoenix.is_reserved(name)
    assert told(V2, Event("room", name, "{}")) == {}


members = st.builds(
    Member,
    st.text(min_size=1),
    st.just(Raw(b"null")) | finite_objects.map(lambda info: Raw(json.dumps(info).encode())),
    st.integers(0, 2**53),
    st.text(),
)


def meta(member: Member) -> dict[str, Any]:
    info = json.loads(bytes(member.info))
    said = {"phx_ref": member.ref, "online_at": member.online_at}
    return {"metas": [said if info is None else said | {"user_info": info}]}


@many
@given(encodings, channels, members, st.booleans())
def test_who_comes_and_who_goes_is_a_presence_diff(
    encoding: Encoding, channel: str, member: Member, is_long: bool
) -> None:
    one = {member.user_id: meta(member)}
    assert told(encoding, MemberAdded(channel, member), is_long=is_long) == {"joins": one, "leaves": {}}
    assert told(encoding, MemberRemoved(channel, member), is_long=is_long) == {"joins": {}, "leaves": one}


@many
@given(encodings, words, refs, st.lists(members, max_size=3))
def test_who_is_there_is_a_presence_state(encoding: Encoding, topic: str, join_ref: Ref, there: list[Member]) -> None:
    by_id = {member.user_id: member for member in there}
    frame = phoenix.presence_state(encoding, topic, join_ref, by_id)
    state = {user_id: meta(member) for user_id, member in by_id.items()}
    heard = None if encoding is V1 else join_ref
    assert said(encoding, frame) == (heard, None, topic, "presence_state", state)


@many
@given(encodings, words, words, refs, refs, st.sampled_from(["ok", "error"]), objects)
def test_a_reply_has_the_refs_of_what_it_answers(
    encoding: Encoding, topic: str, event: str, ref: Ref, join_ref: Ref, status: str, response: dict[str, Any]
) -> None:
    frame = phoenix.reply(encoding, Message(topic, event, ref=ref, join_ref=join_ref), status, Raw(b'{"a":1}'))
    heard = None if encoding is V1 else join_ref
    assert said(encoding, frame) == (heard, ref, topic, "phx_reply", {"status": status, "response": {"a": 1}})


@many
@given(encodings, words, refs)
def test_a_close_has_the_ref_of_the_join(encoding: Encoding, topic: str, join_ref: Ref) -> None:
    heard = None if encoding is V1 else join_ref
    assert said(encoding, phoenix.close(encoding, topic, join_ref)) == (heard, join_ref, topic, "phx_close", {})


@pytest.mark.parametrize("reply", [Ping(), Welcome("1.1", 120), Subscribed("room")])
def test_a_reply_is_not_told_to_everyone(reply: Reply) -> None:
    with pytest.raises(TypeError, match="is not told to everyone"):
        phoenix.pack(V2, KEY, reply)


@pytest.mark.parametrize("version", Version)
@many
@given(st.lists(st.builds(Event, channels, words, st.text(max_size=200)), max_size=5))
def test_frames_one_after_the_other_are_a_stream(version: Version, facts: list[Event]) -> None:
    read, rest = parsed(b"".join(phoenix.pack(PHOENIX[version], KEY, fact) for fact in facts))
    plain = [phoenix.pack(Encoding(version, bytes), KEY, fact) for fact in facts]
    assert [bytes(one.data) for one in read] == [frame for frame in plain if frame]
    assert rest == b""
