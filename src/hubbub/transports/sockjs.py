"""SockJS, as a server speaks it: frames that are lines or WebSocket messages, and what clients send.

A frame is `o` (open), `a["…"]` (messages), `h` (heartbeat) or `c[code,"reason"]` (close). pusher-js's own HTTP
transports speak the same. Over JSONP a frame is the argument of a call in a script. Pure: does not know requests,
sockets or what a message means.
"""

import json
import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qsl, unquote

import msgspec

from hubbub.errors import BAD_REQUEST, MESSAGE_TOO_LARGE, PATH_NOT_FOUND
from hubbub.hub.connection import Wire
from hubbub.messages import Fact, Reply
from hubbub.protocols import pusher
from hubbub.transports.frames import frame

OPEN: Final = b"o\n"
HEARTBEAT: Final = b"h\n"

_PUSHER_PREFIX: Final = "/app/"
_MOST_PARAMETERS: Final = 64
MOST_AT_ONCE: Final = 1000
"""Messages in one WebSocket message: they are obeyed at one go, in about 10 ms if they say nothing."""

_FIRST: Final = re.compile(rb"(?:a.*\n)+|.*\n")


class _Destination(msgspec.Struct):
    path: str


_texts = msgspec.json.Decoder(list[str])
_text_or_texts = msgspec.json.Decoder(str | list[str])
_destination = msgspec.json.Decoder(_Destination)


def _line(message: Fact | Reply) -> bytes:
    text = pusher.encode(message)
    return b"a[%s]\n" % _quoted(text.decode()) if text else b""


def _message(message: Fact | Reply) -> bytes:
    line = _line(message)
    return frame(line[:-1]) if line else b""


LINES: Final = Wire("pusher over sockjs, lines", _line)
WEBSOCKET: Final = Wire("pusher over sockjs, websocket", _message)


def close(code: int, reason: str) -> bytes:
    """Give the line that closes, with a WebSocket's code."""
    return b"c[%d,%s]\n" % (code, _quoted(reason))


def first(lines: bytes) -> int:
    """Give how long the first of some lines is: with those behind it, as long as all are messages."""
    found = _FIRST.match(lines)
    return found.end() if found else 0


def script(callback: str, lines: bytes) -> bytes:
    """Give the script that calls `callback` with what `first` found, as one frame. JSONP knows one frame to a script.

    The comment before it keeps the bytes that the callback's name chooses from being the first.
    """
    frames = lines.splitlines()
    one = b"a[%s]" % b",".join([line[2:-1] for line in frames]) if len(frames) > 1 else frames[0]
    # No text of anybody ends a script element, in case a page holds this in one.
    return b"/**/%s(%s);\r\n" % (callback.encode("ascii"), _quoted(one.decode("ascii")).replace(b"<", b"\\u003c"))


def form(body: bytes) -> str:
    """Read the field `d` of a form that JSONP clients submit. Raises BAD_REQUEST."""
    try:
        fields = parse_qsl(body.decode("ascii"), errors="strict", max_num_fields=_MOST_PARAMETERS)
    except ValueError as error:
        raise BAD_REQUEST(problem=f"expected a form: {error}") from None
    return dict(fields).get("d", "")


def messages(body: bytes | str, limit: int) -> list[str]:
    """Read what a request brings: a JSON list of messages, of at most `limit` bytes each.

    Raises BAD_REQUEST, MESSAGE_TOO_LARGE.
    """
    texts: list[str] = _read(body, limit, _texts)
    return texts


def websocket_messages(text: str, limit: int) -> list[str]:
    """Read one WebSocket message: a JSON list of messages, one alone, or nothing. Raises as `messages`."""
    if not text:
        return []
    texts: str | list[str] = _read(text, limit, _text_or_texts)
    if isinstance(texts, str):
        return [texts]
    if len(texts) > MOST_AT_ONCE:
        raise BAD_REQUEST(problem=f"more than {MOST_AT_ONCE} messages in one")
    return texts


def destination(text: str) -> tuple[str, Mapping[str, str]]:
    """Read a client's first message, `{"path": "/app/KEY?…"}`: give the key and the query. Raises PATH_NOT_FOUND."""
    try:
        path, _, query = _destination.decode(text).path.partition("?")
        given = dict(parse_qsl(query, keep_blank_values=True, max_num_fields=_MOST_PARAMETERS))
    except ValueError:  # msgspec's own are
        raise PATH_NOT_FOUND() from None
    key = path.removeprefix(_PUSHER_PREFIX)
    if not path.startswith(_PUSHER_PREFIX) or not key or "/" in key:
        raise PATH_NOT_FOUND()
    return unquote(key), given


def _read(body: bytes | str, limit: int, decoder: "msgspec.json.Decoder[Any]") -> Any:
    try:
        texts = decoder.decode(body)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise BAD_REQUEST(problem=f"expected a JSON list of messages: {error}") from None
    for text in [texts] if isinstance(texts, str) else texts:
        if len(text) > limit or len(text.encode()) > limit:
            raise MESSAGE_TOO_LARGE(limit=limit)
    return texts


def _quoted(text: str) -> bytes:
    # In ASCII: a byte is then a character, as clients count them, and none is one that browsers change on the way.
    return json.dumps(text).encode("ascii")
