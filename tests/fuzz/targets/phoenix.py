"""What Phoenix's clients say, by either serializer and in binary; and what they are told of any event.

The first byte chooses: V1, V2, or binary.
"""

import base64
import json
from typing import Final

from hubbub.errors import PHOENIX_MESSAGE, TOPIC_INVALID, TOPIC_OTHER_APP, VSN_UNKNOWN, Refusal
from hubbub.messages import Event, Member
from hubbub.protocols import phoenix
from hubbub.protocols.phoenix import Encoding, Message, Version

PLAIN: Final = {
    Version.V1: Encoding(Version.V1, bytes),
    Version.V2: Encoding(Version.V2, bytes, lambda frame: b"\0" + frame),
}

SEEDS: Final = (
    b'\0{"topic":"lobby:key","event":"phx_join","payload":{},"ref":"1"}',
    b'\0{"topic":"phoenix","event":"heartbeat","payload":{},"ref":2,"join_ref":null}',
    b'\0{"topic":"lobby:key:presence-x","event":"say","payload":{"a":[1,{"b":null}]},"ref":"3"}',
    b'\1["1","1","lobby:key/uid:ann","phx_join",{}]',
    b'\1[null,"2","phoenix","heartbeat",{}]',
    b'\1["1",3,"lobby:key:general","direct",{"uid":"bob","event":"x","payload":{}}]',
    b'\1["1","4","lobby:key:x","phx_leave",{}]',
    b"\2\x00\x01\x01\x09\x0312lobby:keysaybytes",
    b"\2\x00\x00\x00\x00\x00",
    b"\2\x00\x01\x01\x09\x0312lobby",
    b'\1["' + b"r" * 256 + b'","1","a","b",{}]',
    b"\1" + b"[" * 2000,
)


def check(data: bytes) -> None:
    """Read it, and write it anew."""
    kind, said = (data[0] % 3 if data else 0), data[1:]
    by = Version.V1 if kind == 0 else Version.V2
    frame = said if kind == 2 else said.decode("utf-8", "replace")
    try:
        message = phoenix.decode(by, frame)
    except Refusal as refusal:
        assert refusal.reason is PHOENIX_MESSAGE
        refusal.message.encode("utf-8", "replace")
    else:
        _check_message(by, message)
        _check_topic(message.topic)
        _check_told(message)
    _check_version(said.decode("latin-1"))
    _check_topic(said.decode("utf-8", "replace"))


def _check_message(by: Version, message: Message) -> None:
    payload = message.payload
    refs = [ref for ref in (message.ref, message.join_ref) if isinstance(ref, str)]
    assert all(len(ref) <= 255 for ref in refs)
    if isinstance(payload, bytes):
        texts = [(text or "").encode() for text in (message.join_ref, message.ref, message.topic, message.event)]  # type: ignore[union-attr]
        anew: str | bytes = bytes((0, *map(len, texts))) + b"".join(texts) + payload
    else:
        text = bytes(payload).decode()
        json.loads(text)
        refs_and_names = json.dumps([message.join_ref, message.ref, message.topic, message.event])
        if by is Version.V2:
            anew = f"{refs_and_names[:-1]},{text}]"
        else:
            names = {"topic": message.topic, "event": message.event, "ref": message.ref, "join_ref": message.join_ref}
            anew = f'{json.dumps(names)[:-1]},"payload":{text}}}'
    assert phoenix.decode(by, anew) == message
    for encoding in PLAIN.values():
        told = json.loads(phoenix.reply(encoding, message, "ok", {}))
        topic, event = (told["topic"], told["event"]) if isinstance(told, dict) else told[2:4]
        assert (topic, event) == (message.topic, "phx_reply")


def _check_topic(topic: str) -> None:
    """A channel has two names at most, and each leads back to it."""
    try:
        channel = phoenix.channel_of(topic, "key")
    except Refusal as refusal:
        assert refusal.reason in (TOPIC_INVALID, TOPIC_OTHER_APP)
        return
    names = {phoenix.topic_of(channel, "key", is_long=is_long) for is_long in (False, True)}
    assert topic in names
    assert all(phoenix.channel_of(name, "key") == channel for name in names)


def _check_told(message: Message) -> None:
    """An event of these words is told to who joined, as JSON with its content, or in binary with its bytes."""
    is_binary = isinstance(message.payload, bytes)
    data = base64.b64encode(message.payload).decode() if is_binary else bytes(message.payload).decode()
    event = Event("general", message.event, data, None, is_binary)
    for encoding in PLAIN.values():
        told = phoenix.pack(encoding, "key", event)
        if phoenix.is_reserved(event.name):
            assert told == b""
        elif told[:1] == b"\0":
            assert is_binary
            assert told.endswith(bytes(message.payload))
        else:
            read = json.loads(told)
            topic, name, payload = read[2:] if isinstance(read, list) else map(read.get, ("topic", "event", "payload"))
            assert (topic, name) == ("lobby:key", event.name)
            assert isinstance(payload, dict), "phoenix.js takes objects only"
    member = Member(message.topic, online_at=1, ref="r")
    json.loads(phoenix.presence_state(PLAIN[Version.V2], message.topic, message.join_ref, {"x": member}))


def _check_version(text: str) -> None:
    try:
        version = phoenix.version(text)
    except Refusal as refusal:
        assert refusal.reason is VSN_UNKNOWN
    else:
        assert text.partition(".")[0] == str(version.value)
