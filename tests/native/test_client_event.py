"""The client event that is read in one go: only what the decoder and the checks of all messages would take alike."""

import json
from types import ModuleType
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from hubbub.channels import kind_of
from hubbub.messages import ClientEvent
from hubbub.protocols import pusher
from native.twins import COMPILED, needs_compiled, twins

MOST_NAME, MOST_BYTES = 20, 100
IN: Final[dict[str, str | None]] = {
    "private-a": None,
    "presence-b": "somebody",
    "private-encrypted-c": None,
    "public": None,
    "private-ü": None,
    "#server-to-user-1": None,
}
many = settings(max_examples=1500, suppress_health_check=list(HealthCheck), deadline=None)


def said(data: str = '"x"', event: str = "client-e", channel: str = "private-a") -> str:
    """Write an event as libraries do; `data` is JSON."""
    return f'{{"event":"{event}","channel":"{channel}","data":{data}}}'


def together(*parts: str | None) -> tuple[str | None, ...]:
    """Make nothing of what was read."""
    return parts


def check(text: str) -> bool:
    """Compare with the decoder and the rules; tell whether the text was read in one go."""
    assert COMPILED is not None
    read = COMPILED.client_event(text, IN, MOST_NAME, MOST_BYTES, together)
    if read is None:
        return False
    channel, name, data, user_id = read
    command = pusher.decode(text)
    assert isinstance(command, ClientEvent)
    assert (command.name, command.channel, command.data) == (name, channel, data)
    assert kind_of(channel).takes_client_events
    assert IN[channel] == user_id
    assert len(name) <= MOST_NAME
    assert len(data.encode()) <= MOST_BYTES
    return True


USUAL = {
    "a text": said(),
    "no text": said('""'),
    "a text that is JSON": said(json.dumps(json.dumps({"text": 'a "b"\n', "path": "a\\b"}))),
    "every short escape": said(r'"\"\\\/\b\f\n\r\t"'),
    "beyond ASCII": said('"ü€😀\x7f"'),
    "beyond ASCII, with an escape": said(r'"ü\n€"'),
    "a member": said(channel="presence-b"),
    "a channel beyond ASCII": said(channel="private-ü"),
    "no name but the prefix": said(event="client-"),
    "the longest name": said(event="client-" + "ü" * (MOST_NAME - 7)),
    "the longest data": said('"' + "x" * MOST_BYTES + '"'),
    "the longest data, with escapes": said('"' + r"\n" * MOST_BYTES + '"'),
    "the longest data, in bytes": said('"' + "ü" * (MOST_BYTES // 2) + '"'),
    "an object": said('{"x":[1,-2.5,0,-0,true,false,null,"\\n",{},[],{"x":{"x":[[]]}}]}'),
    "a list": said("[ 1 , 2 ]"),
    "a number": said("123456789012345"),
    "true": said("true"),
    "null": said("null"),
    "as pusher-js writes it": '{"event":"client-e","data":{"x":1},"channel":"private-a"}',
    "another order": '{"data":"x","channel":"private-a","event":"client-e"}',
    "spaces": ' {\t"event" :\n"client-e" ,\r"channel": "private-a", "data" :"x" } ',
    "spaces around an object": said(' { "x" : 1 } '),
}

UNUSUAL = {
    "nothing": "",
    "no object": "[]",
    "a part": said()[:-1],
    "more": said() + "x",
    "two": said() + said(),
    "no data": '{"event":"client-e","channel":"private-a"}',
    "no channel": '{"event":"client-e","data":"x"}',
    "no event": '{"channel":"private-a","data":"x"}',
    "something else": '{"event":"client-e","channel":"private-a","data":"x","user_id":"me"}',
    "two events": '{"event":"client-e","event":"client-f","channel":"private-a","data":"x"}',
    "two channels": '{"event":"client-e","channel":"public","channel":"private-a","data":"x"}',
    "two data": '{"event":"client-e","channel":"private-a","data":"x","data":"y"}',
    "an escaped key": said().replace('"event"', r'"\u0065vent"'),
    "an event of another kind": said(event="pusher:ping"),
    "an escape in the name": said(event=r"client-\n"),
    "an escape in the channel": said(channel=r"private\u002da"),
    "an event that is no text": said().replace('"client-e"', "1"),
    "a channel that is no text": said().replace('"private-a"', "null"),
    "a channel it is not in": said(channel="private-b"),
    "a channel without a name": said(channel=""),
    "a public channel": said(channel="public"),
    "an encrypted channel": said(channel="private-encrypted-c"),
    "a user's channel": said(channel="#server-to-user-1"),
    "a name that is too long": said(event="client-" + "x" * (MOST_NAME - 6)),
    "data that is too long": said('"' + "x" * (MOST_BYTES + 1) + '"'),
    "data that is too long in bytes": said('"' + "ü" * (MOST_BYTES // 2 + 1) + '"'),
    "an object that is too long": said('{"x":"' + "x" * MOST_BYTES + '"}'),
    "an escape by number": said(r'"\u0041"'),
    "half a pair": said(r'"\ud800"'),
    "half a pair as it is": said('"\ud800"'),
    "no such escape": said(r'"\x"'),
    "an escape cut": '{"event":"client-e","channel":"private-a","data":"\\',
    "a line's end": said('"\n"'),
    "NUL": said('"\0"'),
    "a comma too many": said('{"x":1,}'),
    "a comma too many in a list": said("[1,]"),
    "a comma too many at the end": said()[:-1] + ",}",
    "a leading zero": said("01"),
    "a bare point": said("1."),
    "a bare minus": said("-"),
    "a plus": said("+1"),
    "an exponent": said("1e400"),
    "sixteen digits": said("1234567890123456"),
    "NaN": said("NaN"),
    "a word cut": said("tru"),
    "a word too long": said("truex"),
    "single quotes": said("'x'"),
    "a key that is no text": said("{1:2}"),
    "no value": said(""),
    "no end of a text": said('"x'),
    "no end of a list": said("[1"),
    "the wrong end": said("[1}"),
    "too deep": said("[" * 20 + "]" * 20),
    "a mark of the byte order": "\ufeff" + said(),
    "a space of another kind": "\u00a0" + said(),
}


@needs_compiled
@pytest.mark.parametrize("text", USUAL.values(), ids=USUAL)
def test_what_is_usual_is_read(text: str) -> None:
    assert check(text)


@twins
@pytest.mark.parametrize("text", UNUSUAL.values(), ids=UNUSUAL)
def test_what_is_not_is_left_to_the_decoder(native: ModuleType, text: str) -> None:
    assert native.client_event(text, IN, MOST_NAME, MOST_BYTES, together) is None


@needs_compiled
def test_every_cut_is_left_to_the_decoder() -> None:
    text = said('{"x":["ü\\n",1.5,true]}')
    assert [size for size in range(len(text) + 1) if check(text[:size])] == [len(text)]


@needs_compiled
@pytest.mark.parametrize("where", range(len(said('{"a":"b\\n",  "c":[1.5,null]}'))))
def test_every_letter_everywhere_is_read_as_the_decoder_does(where: int) -> None:
    text = said('{"a":"b\\n",  "c":[1.5,null]}')
    for letter in [*map(chr, range(256)), "\u2028", "\ud800", "😀"]:
        check(text[:where] + letter + text[where + 1 :])
        check(text[:where] + letter + text[where:])


GIVEN: Final[list[tuple[Any, ...]]] = [
    (),
    ("{}", {}, 1, 1),
    (b"{}", {}, 1, 1, together),
    ("{}", [], 1, 1, together),
    ("{}", {}, "1", 1, together),
    ("{}", {}, 1, None, together),
]


@needs_compiled
def test_what_cannot_be_made_is_passed_on() -> None:
    assert COMPILED is not None
    for text in (said(), said('"\\n"'), said(channel="presence-b")):
        with pytest.raises(ZeroDivisionError):
            COMPILED.client_event(text, IN, MOST_NAME, MOST_BYTES, lambda *_: 1 // 0)


@needs_compiled
@pytest.mark.parametrize("given", GIVEN)
def test_what_is_not_for_it_is_a_type_error(given: tuple[Any, ...]) -> None:
    assert COMPILED is not None
    with pytest.raises(TypeError):
        COMPILED.client_event(*given)


values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
frames = st.fixed_dictionaries(
    {
        "event": st.sampled_from(["client-a", "client-ü", "client-" + "x" * 20, "pusher:ping"]),
        "channel": st.sampled_from([*IN, "private-b"]),
        "data": values,
    }
)


@needs_compiled
@many
@given(frame=frames, is_ascii=st.booleans(), separators=st.sampled_from([(",", ":"), (", ", ": ")]))
@example(frame={"event": "client-a", "channel": "private-a", "data": "\x1f\x80"}, is_ascii=False, separators=(",", ":"))
def test_whatever_is_written_is_read_as_the_decoder_does(
    frame: dict[str, Any], is_ascii: bool, separators: tuple[str, str]
) -> None:
    check(json.dumps(frame, ensure_ascii=is_ascii, separators=separators))


pieces = st.sampled_from(
    ['{"event":"client-e"', '"channel":"private-a"', '"data":', '"x"', "1", "{}", "[", "]", "{", "}", ",", ":", '"',
     "\\", " ", "ü", "\n", "null", "-", "."]
)  # fmt: skip


@needs_compiled
@many
@given(parts=st.lists(pieces, max_size=12))
def test_rubbish_is_read_as_the_decoder_does(parts: list[str]) -> None:
    check('{"event":"client-e","channel":"private-a","data":' + "".join(parts) + "}")
    check("".join(parts))
