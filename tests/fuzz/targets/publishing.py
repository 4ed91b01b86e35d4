"""Bodies of `/events` and `/batch_events`, the query, and channels' names: accepted as Python's `json` reads them.

The first line is the query, the rest the body.
"""

import json
import re
from typing import Any, Final
from urllib.parse import parse_qsl

from hubbub.apps import Application, KeyPair
from hubbub.channels import Kind, check_name, is_cache, kind_of
from hubbub.errors import CHANNEL_INVALID, CHANNEL_TOO_LONG, Refusal
from hubbub.settings import AppSettings
from hubbub.transports.request import NO_PARAMETERS, Parameters, Request, parameters, verify
from hubbub.transports.trigger import batch, raw_trigger, trigger
from hubbub.triggers import Trigger
from native.test_sealed import NOW, SECRET, signed

SETTINGS: Final = AppSettings(
    max_event_bytes=100, max_event_name_length=20, max_channel_name_length=20, max_channels_per_event=3,
    max_batch_events=2,
)  # fmt: skip
APP: Final = Application("3", "Test", (KeyPair("key", SECRET),), SETTINGS)

_ONE: Final = b'\n{"name":"n","channel":"c","data":"d"}'
SEEDS: Final = (
    _ONE,
    b'socket_id=1.2&info=user_count\n{"name":"n","channels":["a","b","a"],"data":{"x":[1,2]}}',
    b"name=n&channels[]=a&channels[1]=b&data=d\n",
    b"a=%20+&A=1&&b\n{}",
    b'\n{"batch":[{"name":"n","channel":"c","data":"d"},{"name":"n","channel":"c","data":1,"info":"x"}]}',
    b'\n{"name":"pusher:x","channel":"c","data":"d"}',
    b'\n{"name":"n","channel":"#server-to-user-1","data":"d","socket_id":"1.x"}',
    b'\n{"name":"n","channel":"c","data":"' + b"x" * 101 + b'"}',
    b'\n{"name":1,"channels":"x","data":null}',
    b'\n{"name":"n","channel":"c","data":"\\ud800"}',
    b'\n{"name":"n","channel":"c","data":' + b"[" * 1500,
    b"\n\xff",
)

_RULE: Final = re.compile(r"(#server-to-user-)?[A-Za-z0-9_=@,.;-]{1,20}")


def check(data: bytes) -> None:
    """Read the parts."""
    query, _, body = data.partition(b"\n")
    request = Request(b"POST", b"/apps/3/events?" + query, body)
    given = parameters(request)
    _check_query(request.query, given)
    for read in (NO_PARAMETERS, given):
        asked = _accepted(lambda read=read: [trigger(body, read, SETTINGS)])
        if asked and read is NO_PARAMETERS:
            _check_asked(asked[0], _loads(body))
    events = _accepted(lambda: batch(body, SETTINGS))
    for asked_of, told in zip(events, _loads(body)["batch"] if events else (), strict=True):
        _check_asked(asked_of, told | {"channels": None})
    name = query.decode("utf-8", "replace")
    for one in _accepted(lambda: [raw_trigger(name, body, given, SETTINGS)]):
        assert (one.channels, one.data) == ((name,), body.decode())
    _check_name(name)
    _check_signed(request, query)


def _loads(body: bytes) -> Any:
    """Give what Python reads. What is no UTF-8 in a field that nobody asks for is passed over."""
    return json.loads(body.decode("utf-8", "replace"))


def _accepted(read: Any) -> list[Trigger]:
    """Give what is accepted, which is within its limits; nothing for what is refused, in words that can be told."""
    try:
        asked: list[Trigger] = read()
    except Refusal as refusal:
        assert refusal.status in (400, 413)
        refusal.message.encode("utf-8", "replace")
        return []
    for one in asked:
        assert 0 < len(one.name) <= 20
        assert len(one.data.encode()) <= 100
        assert 0 < len(set(one.channels)) == len(one.channels) <= 3
        assert all(map(_RULE.fullmatch, one.channels))
        assert not one.name.startswith("pusher:")
    return asked


def _check_asked(asked: Trigger, told: Any) -> None:
    """It is what Python reads there: a text as it is, and anything else as JSON of the same value."""
    assert asked.name == told["name"]
    expected = told["channels"] if told.get("channels") is not None else [told["channel"]]
    assert set(asked.channels) == set(expected)
    if isinstance(told["data"], str):
        assert asked.data == told["data"]
    else:
        assert json.loads(asked.data) == told["data"]
    assert asked.exclude == told.get("socket_id")


def _check_query(query: str, given: Parameters) -> None:
    """Each parameter has the value that Python's reading gives the last of its name."""
    read = {key.lower(): value for key, value in parse_qsl(query, keep_blank_values=True)}
    for key in ("name", "data", "socket_id", "info", "auth_key", "a", "b"):
        assert given.get(key) == read.get(key), key
    given.repeated("auth_")
    given.list("channels")


def _check_name(name: str) -> None:
    try:
        check_name(name, 20)
    except Refusal as refusal:
        assert refusal.reason in (CHANNEL_INVALID, CHANNEL_TOO_LONG)
        assert _RULE.fullmatch(name) is None
    else:
        assert _RULE.fullmatch(name) is not None
    kind = kind_of(name)
    assert (kind is Kind.USER) == name.startswith("#server-to-user-")
    assert (kind is Kind.PRESENCE) == name.startswith("presence-")
    assert not is_cache(name) or kind is not Kind.USER


def _check_signed(request: Request, query: bytes) -> None:
    """A request signed for what stands there is refused in words, or taken; with one letter changed it is not taken."""
    if b"&" in query and b"auth_signature" not in query.lower():
        path, _, stands = request.target.partition(b"?")
        for right in (True, False):
            proof = signed(path, stands)
            shown = proof if right else proof[:-1] + ("0" if proof[-1] != "0" else "1")
            whole = Request(b"POST", b"%s?%s&auth_signature=%s" % (path, stands, shown.encode()), request.body)
            try:
                verify(whole, parameters(whole), APP, "key", NOW)
            except Refusal as refusal:
                assert refusal.status == 401
            else:
                assert right
