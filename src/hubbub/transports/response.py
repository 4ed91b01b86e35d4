"""HTTP/1.1 responses of the hot path, as bytes."""

import time
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from typing import Final

import msgspec

from hubbub.errors import Refusal

JSON: Final = b"application/json"
TEXT: Final = b"text/plain; charset=utf-8"

_A_SECOND: Final = 1
"""In which all rates begin anew that do not say so themselves."""

_STATUS_LINES: Final = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}


class Response(msgspec.Struct, frozen=True):
    """Status, body and content type; `allow` names the methods that a 405 asks for, `retry` the seconds of a 429."""

    status: int
    body: bytes
    content_type: bytes = JSON
    allow: str = ""
    retry: int | None = None


EMPTY: Final = Response(200, b"{}")
ACCEPTED: Final = Response(202, b"{}")
"""What the old way to publish is answered. Libraries read JSON from a 202 as from a 200."""


def refused(refusal: Refusal) -> Response:
    """Give a refusal as Pusher does: its text as plain text, ending in a newline."""
    body = refusal.message.encode("utf-8", "replace") + b"\n"
    wait = refusal.facts.get("seconds", _A_SECOND if refusal.status == HTTPStatus.TOO_MANY_REQUESTS else None)
    retry = wait if isinstance(wait, int) else None
    return Response(refusal.status, body, TEXT, str(refusal.facts.get("allow", "")), retry)


def render(response: Response, *, keep_alive: bool = True, version: str = "1.1", has_body: bool = True) -> bytes:
    """Write a response out. `has_body` is False for the answer to a HEAD, which only tells the length."""
    if response is EMPTY and keep_alive and has_body and version == "1.1":
        return _empty(_date_line())
    if not keep_alive:
        connection = b"Connection: close\r\n"
    elif version == "1.0":
        connection = b"Connection: keep-alive\r\n"
    else:
        connection = b""
    if response.allow:
        connection += b"Allow: %s\r\n" % response.allow.encode()
    if response.retry is not None:
        connection += b"Retry-After: %d\r\n" % response.retry
    body = response.body
    return b"".join(
        (
            _STATUS_LINES[response.status],
            _date_line(),
            b"Content-Type: ",
            response.content_type,
            b"\r\nContent-Length: ",
            b"%d\r\n" % len(body),
            connection,
            b"\r\n",
            body if has_body else b"",
        )
    )


@lru_cache(maxsize=1)
def _empty(date: bytes) -> bytes:
    """Give what nearly every publish is answered; written once a second."""
    head = b"%s%sContent-Type: %s\r\n" % (_STATUS_LINES[EMPTY.status], date, EMPTY.content_type)
    return head + b"Content-Length: %d\r\n\r\n%s" % (len(EMPTY.body), EMPTY.body)


def _date_line() -> bytes:
    """Give the Date header, which RFC 9110 asks of a server with a clock."""
    return _dated(int(time.time()))


@lru_cache(maxsize=1)
def _dated(now: int) -> bytes:
    return b"Date: " + formatdate(now, usegmt=True).encode() + b"\r\n"
