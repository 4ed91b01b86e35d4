"""Only a trusted proxy's word is taken: on TLS, and on who is behind it."""

import asyncio
import logging
from typing import Any

import pytest

from hubbub.settings import ConfigurationError
from hubbub.transports.proxies import MOST_HOPS, Proxies


class Peer(asyncio.BaseTransport):
    """A transport that knows who is at its other end."""

    def __init__(self, peername: object, sslcontext: object = None) -> None:
        super().__init__({"peername": peername, "sslcontext": sslcontext})


UNIX = Peer("")
LOCAL = Peer(("127.0.0.1", 1))


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
        ("2001:db8::/32", ("2001:db8::9", 1, 0, 0), "https", True),
        ("", ("127.0.0.1", 1), "https", False),
        ("*", ("203.0.113.9", 1), "https", True),
        ("*", "", "https", True),
        ("unix", "", "https", True),
        ("10.0.0.1, unix", "", "https", True),
        ("127.0.0.1", "", "https", False),
    ],
)
def test_a_connection_counts_as_encrypted(trusted: str, peername: Any, forwarded: str | None, expected: bool) -> None:
    assert Proxies(trusted).is_secure(Peer(peername), forwarded) is expected


def test_tls_needs_nobodys_word() -> None:
    assert Proxies("").is_secure(Peer(("203.0.113.9", 1), object()), None)


@pytest.mark.parametrize(
    ("trusted", "peer", "forwarded", "expected"),
    [
        # One proxy: it has put its client at the end, whatever the client said before.
        ("127.0.0.1", LOCAL, "203.0.113.9", "203.0.113.9"),
        ("127.0.0.1", LOCAL, "1.1.1.1, 203.0.113.9", "203.0.113.9"),
        ("127.0.0.1", LOCAL, "127.0.0.1, 203.0.113.9", "203.0.113.9"),
        # Several: the last that is none of ours.
        ("127.0.0.1,10.0.0.0/8", LOCAL, "1.1.1.1, 203.0.113.9, 10.0.0.7, 10.0.0.8", "203.0.113.9"),
        ("127.0.0.1,10.0.0.0/8", LOCAL, "10.0.0.6, 10.0.0.7", "10.0.0.6"),
        # Ports, brackets, IPv6, IPv4 within it, white space.
        ("127.0.0.1", LOCAL, "203.0.113.9:51234", "203.0.113.9"),
        ("127.0.0.1", LOCAL, "[2001:db8::1]:51234", "2001:db8::1"),
        ("127.0.0.1", LOCAL, "[2001:db8::1]", "2001:db8::1"),
        ("127.0.0.1", LOCAL, "2001:DB8:0::1", "2001:db8::1"),
        ("127.0.0.1", LOCAL, "::ffff:203.0.113.9", "203.0.113.9"),
        ("127.0.0.1,10.0.0.0/8", LOCAL, "203.0.113.9,::ffff:10.0.0.7", "203.0.113.9"),
        ("127.0.0.1", LOCAL, "\t 203.0.113.9 ", "203.0.113.9"),
        # What is no address ends the chain: what stands before it may be anybody's invention.
        ("127.0.0.1", LOCAL, "1.1.1.1, unknown", None),
        ("127.0.0.1", LOCAL, "1.1.1.1, ", None),
        ("127.0.0.1,10.0.0.0/8", LOCAL, "1.1.1.1, garbage, 10.0.0.7", "10.0.0.7"),
        ("127.0.0.1", LOCAL, "", None),
        ("127.0.0.1", LOCAL, ",,,", None),
        ("127.0.0.1", LOCAL, "[", None),
        ("127.0.0.1", LOCAL, "[]:1", None),
        ("127.0.0.1", LOCAL, "999.1.1.1", None),
        ("127.0.0.1", LOCAL, "example.com", None),
        ("127.0.0.1", LOCAL, "1.1.1.1\x00", None),
        # Who is no proxy of ours is not asked.
        ("10.0.0.1", LOCAL, "203.0.113.9", None),
        ("", LOCAL, "203.0.113.9", None),
        # A unix socket, by its name.
        ("unix", UNIX, "1.1.1.1, 203.0.113.9", "203.0.113.9"),
        ("127.0.0.1", UNIX, "203.0.113.9", None),
        ("unix,10.0.0.0/8", UNIX, "203.0.113.9, 10.0.0.7", "203.0.113.9"),
        # Where everyone is trusted, the first was the client, if it did not lie.
        ("*", Peer(("198.51.100.1", 1)), "203.0.113.9, 10.0.0.7", "203.0.113.9"),
        ("*", Peer(("198.51.100.1", 1)), "unknown, 10.0.0.7", None),
    ],
)
def test_the_client_is_found_behind_its_proxies(trusted: str, peer: Peer, forwarded: str, expected: str | None) -> None:
    assert Proxies(trusted).client_of(peer, forwarded) == expected


def test_no_more_of_a_chain_is_read_than_any_has() -> None:
    proxies = Proxies("127.0.0.1,10.0.0.0/8")
    ours = ", ".join(["10.0.0.7"] * (MOST_HOPS - 1))
    assert proxies.client_of(LOCAL, f"203.0.113.9, {ours}") == "203.0.113.9"
    assert proxies.client_of(LOCAL, f"203.0.113.9, 10.0.0.7, {ours}") == "10.0.0.7"


def test_a_proxy_that_is_not_trusted_is_told_of_once(caplog: pytest.LogCaptureFixture) -> None:
    proxies = Proxies("10.0.0.1")
    with caplog.at_level(logging.WARNING, "hubbub.proxies"):
        for _ in range(3):
            proxies.client_of(LOCAL, "203.0.113.9")
    [record] = caplog.records
    assert "HUBBUB_TRUSTED_PROXIES" in record.getMessage()
    assert record.__dict__["fields"] == {"peer": "127.0.0.1"}


@pytest.mark.parametrize("trusted", ["localhost", "10.0.0.0/99", "10.0.0.1/8", "*, 10.0.0.1", "unix:/run/x"])
def test_nonsense_is_refused_at_the_start(trusted: str) -> None:
    with pytest.raises(ConfigurationError, match="HUBBUB_TRUSTED_PROXIES"):
        Proxies(trusted)
