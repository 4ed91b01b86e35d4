"""What proxies and browsers say of who comes: X-Forwarded-For, X-Forwarded-Proto, Origin, and the query of an opening.

Lines: the header, an origin, a list of allowed ones, a query.
"""

import asyncio
import re
import time
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import parse_qsl

from hubbub.session.arrivals import Arrivals
from hubbub.session.doors import Opening
from hubbub.session.origins import is_allowed
from hubbub.settings import AppSettings
from hubbub.transports.handshake import parameters
from hubbub.transports.proxies import Proxies
from hubbub.transports.request import told_of

SLOWEST: Final = 5.0

SEEDS: Final = (
    b"1.2.3.4, 10.0.0.1\nhttps://example.com\nhttps://*.example.com,example.com\nprotocol=7&client=js&version=8.4",
    b"[2001:db8::1]:443, ::ffff:10.0.0.1\nhttps://a.b.example.com:8443\nhttps://*.example.com:8443\na=%20+&b=",
    b"unknown, _hidden, 127.0.0.1:80\nnull\n*\n&&a&=b&a=c=d",
    b",,,  1.2.3.4 ,\nhttp://[::1]:4000\n[::1]\n" + b"a&" * 70,
    b"10.0.0.1,10.0.0.2\nhttps://aaaaaaaaaaaaaaaaaaaa\n*a*a*a*a*a*a*a*a*b\n",
    b"fe80::1%eth0\nHTTPS://EXAMPLE.COM\nhttps://example.com:*\n%",
)


class Peer(asyncio.BaseTransport):
    """A connection from here, or from a proxy of ours."""

    def __init__(self, host: str) -> None:
        super().__init__()
        self._host = host

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return (self._host, 1) if name == "peername" else default


NONE: Final = Proxies("")
SOME: Final = Proxies("127.0.0.1, 10.0.0.0/8, ::1")
ALL: Final = Proxies("*")
OURS: Final = re.compile(r"127\.0\.0\.1|10\..*|::1|::ffff:(10\..*|127\.0\.0\.1|a[0-9a-f]{2}:.*|7f00:1)")


def check(data: bytes) -> None:
    """Read the lines."""
    began = time.process_time()
    forwarded, origin, allowed, query = (*data.decode("latin-1").split("\n", 3), "", "", "")[:4]
    _check_address(forwarded)
    _check_origin(origin, allowed)
    _check_query(query)
    _check_headers(data)
    assert time.process_time() - began < SLOWEST


def _check_address(forwarded: str) -> None:
    near, far = Peer("10.1.1.1"), Peer("203.0.113.9")
    assert NONE.client_of(near, forwarded) is None
    assert SOME.client_of(far, forwarded) is None
    for proxies in (SOME, ALL):
        address = proxies.client_of(near, forwarded)
        if address is None:
            continue
        assert str(ip_address(address)) == address
        named = [part.strip() for part in forwarded.split(",")]
        if proxies is SOME and OURS.fullmatch(address):
            # Only where nobody in the chain is a stranger.
            assert not any(re.fullmatch(r"[1-9]\.[1-9]\.[1-9]\.[1-9]", name) for name in named)
    assert not NONE.is_secure(near, forwarded)
    assert not SOME.is_secure(far, forwarded)
    first = forwarded.split(",", maxsplit=1)[0].strip().lower()
    assert SOME.is_secure(near, forwarded) == (first in ("https", "wss"))


def _check_origin(origin: str, allowed: str) -> None:
    """A pattern without a wildcard lets in itself; what a setting takes as a list lets in nobody it does not name."""
    is_in = is_allowed(origin, allowed)
    assert is_allowed(None, allowed)
    assert not is_in or len(origin) <= 512 or not [text for text in allowed.split(",") if text.strip()]
    try:
        AppSettings(allowed_origins=allowed)
    except ValueError:
        return
    patterns = [text.strip().rstrip("/").lower() for text in allowed.split(",") if text.strip()]
    if is_in and patterns and "*" not in allowed:
        bare = re.sub(r"\A[a-z0-9+.-]+://", "", origin.lower(), count=1)
        assert any(origin.lower() == one or bare == one or re.sub(r":(\d+|\*)\Z", "", bare) == one for one in patterns)


def _check_query(query: str) -> None:
    given = parameters(query)
    if query.count("&") >= 64:
        assert given == {}
    elif query.isascii() and not set(query) & set("\t\r\n"):
        assert given == dict(parse_qsl(query, keep_blank_values=True)) or "" in given
    opening = Opening("key", given, False)
    library = Arrivals().of(opening).library
    assert max(map(len, (library.name, library.protocol, library.agent))) <= 256


def _check_headers(data: bytes) -> None:
    """Read from the lines as they came, or from a list, headers say the same."""
    if b"\r" in data or data.count(b"\n") > 20:
        return
    lines = [line for line in data.split(b"\n") if line and b":" not in line]
    raw = b"POST / HTTP/1.1\r\n" + b"".join(
        b"X-Forwarded-For: %s\r\nUser-Agent:%s\r\n" % (line, line) for line in lines
    )
    fields = [(name, line) for line in lines for name in (b"x-forwarded-for", b"user-agent")]
    assert told_of((), raw + b"\r\nX-Forwarded-For: no\r\n") == told_of(fields, b"")
