"""A request for a WebSocket: what is read in one go is read alike by the parser, and the rest is refused in words."""

from typing import Final

from fuzz.answers import whole_answers
from hubbub.errors import BAD_REQUEST, METHOD, TOO_MANY_FIELDS, UPGRADE_REQUIRED, Refusal
from hubbub.native import plain_opening
from hubbub.transports.handshake import Request, declining, parameters, switching, token_of
from native import test_plain_opening
from native.test_plain_opening import KEY, opening
from native.twins import COMPILED

SEEDS: Final = (
    opening(),
    *(head for name, head in test_plain_opening.PLAIN.items() if name != "upper case"),
    *test_plain_opening.OTHER.values(),
    opening(target=b"/socket/websocket?vsn=2.0.0&app_key=key&guardian_token=x"),
    opening(b"Sec-WebSocket-Protocol: phoenix, base64url.bearer.phx.aGVsbG8"),
    b"GET http://a/app/key HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /app/key?a=%20+&b=%ff HTTP/1.1\r\nHost: a\r\nSec-WebSocket-Key: " + KEY + b"\r\n\r\n",
)


def check(data: bytes) -> None:
    """Read them by both."""
    if COMPILED is not None:
        test_plain_opening.check(data)
    try:
        request = Request(data)
    except Refusal as refusal:
        assert refusal.reason in (BAD_REQUEST, TOO_MANY_FIELDS)
        assert plain_opening(data) is None
        _declined(refusal)
        return
    given = parameters(request.query)
    assert len(given) <= 64
    assert all(isinstance(text, str) for text in (*given, *given.values()))
    token = token_of(request)
    assert token is None or token.isascii()
    try:
        answer = switching(request)
    except Refusal as refusal:
        assert refusal.reason in (BAD_REQUEST, METHOD, UPGRADE_REQUIRED)
        assert plain_opening(data) is None
        _declined(refusal)
        return
    head, end, rest = answer.partition(b"\r\n\r\n")
    assert (end, rest) == (b"\r\n\r\n", b"")
    assert head.startswith(b"HTTP/1.1 101 ")
    # Nothing that the client chose ends up in a line of the answer but a subprotocol, which is one of few.
    assert head.count(b"\r\n") == head.count(b"\n") == 3 + (b"Sec-WebSocket-Protocol" in head)


def _declined(refusal: Refusal) -> None:
    (answer,) = whole_answers(declining(refusal))
    assert answer.status == refusal.status
    assert answer.is_last
