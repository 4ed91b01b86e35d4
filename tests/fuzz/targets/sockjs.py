"""What SockJS's clients send, and the lines they are told: read as Python's `json` reads them.

The first byte says how long a message may be.
"""

import json
from typing import Final

from hubbub.errors import BAD_REQUEST, MESSAGE_TOO_LARGE, PATH_NOT_FOUND, Refusal
from hubbub.messages import Event
from hubbub.transports import sockjs

LIMITS: Final = (0, 5, 1000)

SEEDS: Final = (
    b'\2["{\\"event\\":\\"pusher:ping\\"}"]',
    b'\2"{}"',
    b"\2[]",
    b'\2["a","\\u00e9","' + b"x" * 20 + b'"]',
    b"\1d=%5B%22x%22%5D",
    b"\2d=a&d=b&e",
    b'\2{"path":"/app/key?protocol=7&a=%20"}',
    b'\2{"path":"/app/k%2fey"}',
    b'\2{"path":"/apps/key"}',
    b'\2a["x"]\na["y"]\nh\na["z"]\n',
    b"\2o\n",
    b'\2c[3000,"Go away!"]\n',
    b"\2" + b"[" * 2000,
    b'\2["\\ud800"]',
)


def check(data: bytes) -> None:
    """Read it as each."""
    limit, body = LIMITS[data[0] % len(LIMITS)] if data else 0, data[1:]
    text = body.decode("utf-8", "replace")
    for given in (body, text):
        try:
            texts = sockjs.websocket_messages(given, limit) if isinstance(given, str) else sockjs.messages(given, limit)
        except Refusal as refusal:
            assert refusal.reason in (BAD_REQUEST, MESSAGE_TOO_LARGE)
            continue
        assert all(len(one.encode()) <= limit for one in texts)
        if given:
            told = json.loads(given)
            assert texts == ([told] if isinstance(told, str) else told)
    try:
        assert isinstance(sockjs.form(body), str)
    except Refusal as refusal:
        assert refusal.reason is BAD_REQUEST
    try:
        key, query = sockjs.destination(text)
    except Refusal as refusal:
        assert refusal.reason is PATH_NOT_FOUND
    else:
        assert key
        assert len(query) <= 64
        assert json.loads(text)["path"].startswith("/app/")
    _check_lines(text)


def _check_lines(text: str) -> None:
    """Whatever an event holds: its line is one line, of ASCII, and a script of several has each message once."""
    lines = b""
    events = [Event("c", "n", part) for part in text.split("\n")[:5]]
    for event in events:
        try:
            line = sockjs.LINES.pack(event)
        except UnicodeError:  # half a pair, which no decoder lets in
            return
        assert line.isascii()
        assert line.count(b"\n") == 1
        lines += line
    end = sockjs.first(lines)
    assert end == len(lines)
    script = sockjs.script("call", lines)
    assert b"</" not in script
    assert script.startswith(b"/**/call(")
    frame = json.loads(script[len(b"/**/call(") : -len(b");\r\n")])
    told = [json.loads(message) for message in json.loads(frame[1:])]
    assert [one["data"] for one in told] == [event.data for event in events]
    reason = json.loads(sockjs.close(3000, text)[1:])[1]
    assert reason == text
