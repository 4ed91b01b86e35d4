"""The opening of a WebSocket: the request, and the answer that makes it one (RFC 6455, 4.2).

Parsing is httptools' (llhttp, strict about what smuggling is made of). Knows which requests ask for a WebSocket, which
subprotocol is chosen, and what a request says of who comes. Does not know what is behind a path, nor sockets.
"""

import base64
import hashlib
import re
from binascii import a2b_base64, b2a_base64
from typing import Final
from urllib.parse import parse_qsl

import httptools
from msgspec.structs import replace

from hubbub.errors import BAD_REQUEST, METHOD, TOO_MANY_FIELDS, UPGRADE_REQUIRED, Refusal
from hubbub.protocols import pusher
from hubbub.transports.kind import MOST_FIELDS, origin_form
from hubbub.transports.response import refused, render

# Swift asks for this subprotocol and gives up unless it, or none, is chosen.
_SUBPROTOCOLS: Final = {f"pusher-channels-protocol-{number}" for number in range(pusher.OLDEST, pusher.NEWEST + 1)} | {
    "phoenix"
}
_TOKEN_SUBPROTOCOL: Final = "base64url.bearer.phx."  # noqa: S105 - a name
"""In place of a header, which browsers' WebSockets cannot send, phoenix.js names its `authToken` as a subprotocol."""

MOST_PARAMETERS: Final = 64
_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, 5.6.2

_SWITCHING: Final = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
# RFC 6455, 4.4: "the server MUST respond with one or more |Sec-WebSocket-Version| header fields".
_NEEDED: Final = b"\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"


class Request:
    """A request that came where WebSockets are opened. `head` is all of it, up to its last line break.

    Raises BAD_REQUEST for what is no HTTP request without a body, TOO_MANY_FIELDS for one that has too many.
    """

    __slots__ = ("_count", "_fields", "_is_complete", "_target", "is_current", "method", "path", "query")

    def __init__(self, head: bytes) -> None:
        self._fields: dict[bytes, bytes] = {}
        self._count = 0
        self._is_complete = False
        self._target = b""
        parser = httptools.HttpRequestParser(self)
        try:
            parser.feed_data(head)
        except httptools.HttpParserUpgrade:
            pass
        except httptools.HttpParserError:
            raise BAD_REQUEST(problem="this is no HTTP request") from None
        if self._count > MOST_FIELDS:
            raise TOO_MANY_FIELDS(limit=MOST_FIELDS)
        if not self._is_complete:
            raise BAD_REQUEST(problem="this is no HTTP request")
        self.method = parser.get_method()
        self.is_current = parser.get_http_version() == "1.1"
        try:
            # RFC 3986 knows only ASCII. What a browser shows otherwise it sends escaped.
            target = origin_form(self._target).decode("ascii")
        except UnicodeDecodeError:
            raise BAD_REQUEST(problem="the request target is not ASCII") from None
        self.path, _, self.query = target.partition("?")
        self._check()

    def header(self, name: str) -> str | None:
        """Give a header by its name in lower case; several of one name are joined by commas (RFC 9110, 5.3)."""
        field = name.encode()
        return self.bytes_of(field).decode("latin-1") if field in self._fields else None

    def bytes_of(self, name: bytes) -> bytes:
        """Give the same as bytes; none when it is not there."""
        # The parser leaves white space in at a value's end.
        return self._fields.get(name, b"").rstrip(b" \t")

    def has_token(self, name: bytes, token: bytes) -> bool:
        """Tell whether a header, which is a list, has this token, however it is written."""
        value = self._fields.get(name, b"").lower()
        return value == token or any(part.strip() == token for part in value.split(b","))

    # What the parser calls

    def on_url(self, part: bytes) -> None:
        """Take a part of the request target."""
        self._target += part

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header."""
        name, fields = name.lower(), self._fields
        self._count += 1
        fields[name] = value if name not in fields else fields[name] + b", " + value

    def on_headers_complete(self) -> None:
        """All of it has been read."""
        self._is_complete = True

    def _check(self) -> None:
        fields = self._fields
        # A host and an origin have no commas: they came twice, or are none.
        if b"," in (host := fields.get(b"host", b",")) and (self.is_current or host != b","):
            # RFC 9112, 3.2: a server "MUST respond with a 400" to one that "lacks a Host header field" or has several.
            raise BAD_REQUEST(problem="there must be one Host header")
        if b"," in fields.get(b"origin", b""):
            raise BAD_REQUEST(problem="there must be one Origin header at most")
        if b"transfer-encoding" in fields or fields.get(b"content-length", b"0").rstrip() != b"0":
            raise BAD_REQUEST(problem="the request must have no body")


def switching(request: Request, extensions: str = "") -> bytes:
    """Give the answer that makes the connection a WebSocket, with the extensions that were agreed on.

    Raises METHOD, UPGRADE_REQUIRED or BAD_REQUEST when the request is no good offer.
    """
    if request.method != b"GET":
        raise METHOD(method=request.method.decode("latin-1"), allow="GET")
    if not request.is_current:
        raise BAD_REQUEST(problem="a WebSocket needs HTTP/1.1")
    if not request.has_token(b"upgrade", b"websocket") or not request.has_token(b"connection", b"upgrade"):
        raise UPGRADE_REQUIRED()
    key = request.bytes_of(b"sec-websocket-key")
    if not _is_key(key):
        raise BAD_REQUEST(problem="there must be one Sec-WebSocket-Key, 16 bytes in base64")
    version = request.bytes_of(b"sec-websocket-version")
    if not version:
        raise BAD_REQUEST(problem="there must be one Sec-WebSocket-Version")
    if version != b"13":
        raise UPGRADE_REQUIRED()
    # SHA-1 is what the standard asks for, and guards nothing.
    accept = b2a_base64(hashlib.sha1(key + _GUID, usedforsecurity=False).digest(), newline=False)
    answer = b"%sSec-WebSocket-Accept: %s\r\n" % (_SWITCHING, accept)
    if extensions:
        answer += b"Sec-WebSocket-Extensions: %s\r\n" % extensions.encode()
    if (offered := request.header("sec-websocket-protocol")) is not None and (chosen := _subprotocol(offered)):
        answer += b"Sec-WebSocket-Protocol: %s\r\n" % chosen.encode()
    return answer + b"\r\n"


def declining(refusal: Refusal, status: int | None = None) -> bytes:
    """Give the answer to a request that does not become a WebSocket, with the refusal's own status or another."""
    response = refused(refusal)
    answer = render(response if status is None else replace(response, status=status), keep_alive=False)
    if refusal.reason is UPGRADE_REQUIRED:
        status_line, _, rest = answer.partition(b"\r\n")
        return status_line + _NEEDED + rest
    return answer


def parameters(query: str) -> dict[str, str]:
    """Read the query; one with absurdly many parameters counts as empty."""
    if query.count("&") >= MOST_PARAMETERS:
        return {}
    if "%" in query or "+" in query:
        return dict(parse_qsl(query, keep_blank_values=True))
    # As nearly all are: a fifth of the time.
    given = {}
    for part in query.split("&"):
        if part:
            name, _, value = part.partition("=")
            given[name] = value
    return given


def token_of(request: Request) -> str | None:
    """Give the JWT that phoenix.js sends as its `authToken`."""
    for name in (request.header("sec-websocket-protocol") or "").split(","):
        if name.strip().startswith(_TOKEN_SUBPROTOCOL):
            coded = name.strip().removeprefix(_TOKEN_SUBPROTOCOL)
            try:
                return base64.urlsafe_b64decode(coded + "=" * (-len(coded) % 4)).decode("ascii")
            except ValueError:
                return None
    return None


def _is_key(key: bytes) -> bool:
    try:
        return len(a2b_base64(key, strict_mode=True)) == 16
    except ValueError:
        return False


def _subprotocol(offered: str) -> str | None:
    """Choose the first that is known, of either protocol; none is no reason to refuse. Raises BAD_REQUEST."""
    names = [name for part in offered.split(",") if (name := part.strip(" \t"))]
    if not names or not all(map(_TOKEN.fullmatch, names)):
        raise BAD_REQUEST(problem="Sec-WebSocket-Protocol is no list of names")
    return next((name for name in names if name in _SUBPROTOCOLS), None)
