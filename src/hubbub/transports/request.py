"""A request to the signed API, and the proof that it comes from the application it names.

Knows the query, the signature and its window of time. Does not know what the request asks for.
"""

import json
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final
from urllib.parse import unquote, unquote_plus

import msgspec

from hubbub.apps import Application
from hubbub.errors import (
    BODY_MD5,
    BODY_MD5_MISSING,
    PARAMETER_MISSING,
    PARAMETER_REPEATED,
    REQUEST_SIGNATURE,
    SIGNING_VERSION,
    SIGNING_VERSION_MISSING,
    TIMESTAMP_EXPIRED,
    TIMESTAMP_INVALID,
    TIMESTAMP_MISSING,
)
from hubbub.native.pure import Sealed
from hubbub.signing import body_md5, is_signature, request_text
from hubbub.taps.incident import Particulars

WINDOW: Final = 600
"""Seconds that a request's timestamp may be off."""

_CHECKED: Final = ("auth_key", "auth_version", "auth_timestamp")

_SHOWN = 2048
"""Characters of the request that are told back in an error."""

Pairs = list[tuple[str, str]]

_TOLD: Final = re.compile(rb"\r\n(x-forwarded-for|user-agent):[ \t]*([^\r\n]*)", re.IGNORECASE)
_LONGEST_AGENT: Final = 256


class Request(msgspec.Struct):
    """Method and target as they came, the whole body, the HTTP version ("1.0" or "1.1"). `began` is set if timed."""

    method: bytes
    target: bytes
    body: bytes
    version: str = "1.1"
    began: float = 0.0

    @property
    def path(self) -> str:
        """The target without its query, escapes and all."""
        return self.target.partition(b"?")[0].decode("latin-1")

    @property
    def query(self) -> str:
        """The target's query, escapes and all."""
        return self.target.partition(b"?")[2].decode("latin-1")


class Parameters:
    """The query parameters: keys in lower case, values unescaped; of equal keys the last counts, lists keep all."""

    __slots__ = ("_pairs", "_values")

    def __init__(self, pairs: Pairs) -> None:
        self._pairs = pairs
        self._values = {key.lower(): value for key, value in pairs}

    def get(self, key: str) -> str | None:
        """Give a parameter's value."""
        return self._values.get(key)

    def repeated(self, prefix: str) -> str | None:
        """Give a parameter whose name begins with `prefix` and that is there more than once, if there is one."""
        names = [key for key in (key.lower() for key, _ in self._pairs) if key.startswith(prefix)]
        return next((name for name in names if names.count(name) > 1), None) if len(names) > len(set(names)) else None

    def list(self, key: str) -> list[str] | None:
        """Give all values of `key[]`, `key[0]`, …; None when there are none."""
        values = [value for name, value in self._pairs if name.lower().partition("[")[0] == key and "[" in name]
        return values or None


class Forwarded(StrEnum):
    """What became of a header in which a proxy tells of the client's own connection."""

    MISSING = "missing"
    IGNORED = "ignored"
    """It came, but from nobody whose word counts."""
    BELIEVED = "believed"


class Caller(msgspec.Struct, frozen=True):
    """Who sent a request, as far as the server sees it. `agent` is the User-Agent.

    `forwarded_for` and `forwarded_proto` are what became of X-Forwarded-For and X-Forwarded-Proto.
    """

    address: str = ""
    agent: str = ""
    is_secure: bool = False
    forwarded_for: Forwarded = Forwarded.MISSING
    forwarded_proto: Forwarded = Forwarded.MISSING

    @property
    def particulars(self) -> Particulars:
        """What is noted of it when it is refused."""
        return Particulars(address=self.address, client=self.agent)


NOBODY: Final = Caller()

NO_PARAMETERS: Final = Parameters([])
"""What a request says that has but what signs it."""


def is_sealed(seal: Sealed, body: bytes, secret: str, now: float) -> bool:
    """Tell whether a publish, read by `native.sealed`, was signed with `secret` for `body` within WINDOW of `now`.

    It is `verify` for what nearly every request is, and knows no reasons: what it does not take, `verify` is asked of.
    """
    _, _, signed, _, timestamp, md5, signature = seal
    return abs(now - timestamp) < WINDOW and is_signature(secret, signed, signature) and body_md5(body) == md5


def parameters(request: Request) -> Parameters:
    """Read the query in the usual way."""
    return Parameters(next(_readings(request.query)))


def verify(request: Request, given: Parameters, app: Application, key: str, now: float) -> Parameters:
    """Check that `request` was signed with the secret of `key` no longer than WINDOW from `now` (unix seconds).

    Gives the parameters as their signer read them. Raises the 401 that says what is wrong, in Pusher's words.
    """
    if (name := given.repeated("auth_")) is not None:
        raise PARAMETER_REPEATED(name=name[:_SHOWN])
    version = given.get("auth_version")
    if version is None:
        raise SIGNING_VERSION_MISSING()
    if version != "1.0":
        raise SIGNING_VERSION()
    _check_time(given.get("auth_timestamp"), now)
    signature = given.get("auth_signature")
    if signature is None:
        raise PARAMETER_MISSING(name="auth_signature")
    secret = app.secret_of(key)
    assert secret is not None, "the application was found by this key"
    read = _as_signed(request, secret, signature)
    if read is None or any(read.get(name) != given.get(name) for name in _CHECKED):
        raw = next(_texts(request))[1]
        raise REQUEST_SIGNATURE(signed=json.dumps(raw[:_SHOWN])[1:-1], signature=signature[:_SHOWN])
    md5 = read.get("body_md5")
    if md5 is None:
        if request.body:
            raise BODY_MD5_MISSING()
    elif md5 != (expected := body_md5(request.body)):
        raise BODY_MD5(expected=expected, given=md5[:_SHOWN])
    return read


def _check_time(timestamp: str | None, now: float) -> None:
    if not timestamp:
        raise TIMESTAMP_MISSING()
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 11):
        raise TIMESTAMP_INVALID(timestamp=timestamp[:32])
    if abs(now - int(timestamp)) >= WINDOW:
        raise TIMESTAMP_EXPIRED(given=_iso(int(timestamp)), window=WINDOW, now=_iso(now))


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _as_signed(request: Request, secret: str, signature: str) -> Parameters | None:
    """Find the reading of the request that its signature fits."""
    for pairs, text in _texts(request):
        if is_signature(secret, text, signature):
            return Parameters(pairs)
    return None


def _texts(request: Request) -> Iterator[tuple[Pairs, str]]:
    """Give each way to read the query, with the text that would have been signed; the likeliest first.

    The path is signed as it came or, where a proxy or client escaped it on the way, unescaped.
    """
    method = request.method.decode("latin-1")
    path = request.path
    for pairs in _readings(request.query):
        yield pairs, request_text(method, path, pairs)
        if "%" in path:
            yield pairs, request_text(method, unquote(path), pairs)
        if (joined := _joined(pairs)) is not None:
            yield pairs, request_text(method, path, joined)


def _readings(query: str) -> Iterator[Pairs]:
    """Read the query as a form, as a URI, and as it is: Python's library does not escape what it signs."""
    raw = [(key, value) for key, _, value in (part.partition("=") for part in query.split("&") if part)]
    if "%" not in query and "+" not in query:
        yield raw
        return
    yield [(unquote_plus(key), unquote_plus(value)) for key, value in raw]
    if "+" in query:
        yield [(unquote(key), unquote(value)) for key, value in raw]
    yield raw


def _joined(pairs: Pairs) -> Pairs | None:
    """Put lists into one parameter with commas, as PHP's library does before it signs; None where there is no list.

    None also where a list's name is a parameter of its own: what is signed must hold everything that is read.
    """
    lists: dict[str, list[str]] = {}
    joined: Pairs = []
    for key, value in pairs:
        name, bracket, _ = key.partition("[")
        if bracket:
            lists.setdefault(name.lower(), []).append(value)
        else:
            joined.append((key, value))
    if not lists or any(key.lower() in lists for key, _ in joined):
        return None
    return joined + [(name, ",".join(values)) for name, values in lists.items()]


def header_of(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> str | None:
    """Give what a header, by its name in lower case, says; of several the first; None without one."""
    return next((value.decode("latin-1").strip() for given, value in headers if given.lower() == name), None)


def header_in(headers: Iterable[tuple[bytes, bytes]], raw: bytes, name: bytes) -> str:
    """Give a header of a request, of its headers or of all of it, `raw`, if that is there; empty without one."""
    if not raw:
        return header_of(headers, name) or ""
    found = re.search(rb"\r\n" + name + rb":[ \t]*([^\r\n]*)", raw.partition(b"\r\n\r\n")[0], re.IGNORECASE)
    return found[1].decode("latin-1").strip() if found is not None else ""


def told_of(headers: Iterable[tuple[bytes, bytes]], raw: bytes) -> tuple[str, str]:
    """Give X-Forwarded-For and User-Agent of a request, of its headers or of all of it, `raw`, if that is there."""
    if raw:
        headers = _TOLD.findall(raw.partition(b"\r\n\r\n")[0])
    told: dict[bytes, list[str]] = {b"x-forwarded-for": [], b"user-agent": []}
    for name, value in headers:
        if (kept := told.get(name.lower())) is not None:
            kept.append(value.decode("latin-1").strip())
    return ", ".join(told[b"x-forwarded-for"]), " ".join(told[b"user-agent"])[:_LONGEST_AGENT]
