"""Only a trusted proxy's word on TLS is taken."""

import asyncio
from typing import Any

import pytest

from hubbub.settings import ConfigurationError
from hubbub.transports.proxies import Proxies


class Peer(asyncio.BaseTransport):
    """A transport that knows who is at its other end."""

    def __init__(self, peername: object, sslcontext: object = None) -> None:
        super().__init__({"peername": peername, "sslcontext": sslcontext})


@pytest.mark.parametrize(
    ("trusted", "peername", "forwarded", "expected"),
    [
        ("127.0.0.1", ("127.0.0.1", 1), "https", True),
        ("127.0.0.1", ("127.0.0.1", 1), "https, http", True),
        ("127.0.0.1", ("127.0.0.1", 1), "http", False),
        ("127.0.0.1", ("127.0.0.1", 1), None, False),
        ("127.0.0.1", ("10.0.0.1", 1), "https", False),
        ("10.0.0.0/8, ::1", ("10.9.9.9", 1), "HTTPS", True),
        ("10.0.0.0/8, ::1", ("::1", 1, 0, 0), "wss", True),
        ("10.0.0.0/8", ("::ffff:10.1.1.1", 1, 0, 0), "https", True),
        ("", ("127.0.0.1", 1), "https", False),
        ("*", ("203.0.113.9", 1), "https", True),
        ("127.0.0.1", "", "https", True),
    ],
)
def test_a_connection_counts_as_encrypted(trusted: str, peername: Any, forwarded: str | None, expected: bool) -> None:
    assert Proxies(trusted).is_secure(Peer(peername), forwarded) is expected


def test_tls_needs_nobodys_word() -> None:
    assert Proxies("").is_secure(Peer(("203.0.113.9", 1), object()), None)


def test_nonsense_is_refused_at_the_start() -> None:
    with pytest.raises(ConfigurationError, match="HUBBUB_TRUSTED_PROXIES"):
        Proxies("localhost")
