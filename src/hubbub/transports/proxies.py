"""Which peers are proxies of ours, whose word on the original connection is taken, and who is behind them.

Knows `X-Forwarded-For` and `X-Forwarded-Proto`. `Forwarded` and the PROXY protocol are not read, see decision 0018.
"""

import asyncio
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

from hubbub.logs import named
from hubbub.settings import ConfigurationError

UNIX: Final = "unix"
"""What stands for all peers on a unix socket in the list of those that are trusted."""

EVERYONE: Final = "*"

MOST_HOPS: Final = 32
"""Addresses of a chain of proxies that are looked at, from its end."""

_logger = named("hubbub.proxies")


class Proxies:
    """The trusted proxies: a comma-separated list of addresses, networks and `unix`, or `*` for everyone.

    Raises ConfigurationError for anything else.
    """

    def __init__(self, trusted: str) -> None:
        parts = [part.strip() for part in trusted.split(",")]
        self._trusts_all = parts == [EVERYONE]
        self._trusts_unix = UNIX in parts
        self._networks: list[IPv4Network | IPv6Network] = []
        self._has_warned = False
        for part in [] if self._trusts_all else parts:
            if part and part != UNIX:
                try:
                    self._networks.append(ip_network(part))
                except ValueError as error:
                    raise ConfigurationError(f"HUBBUB_TRUSTED_PROXIES: {error}") from None

    def is_secure(self, transport: asyncio.BaseTransport, forwarded_proto: str | None) -> bool:
        """Tell whether the client's own connection is encrypted: this one, or the one to a trusted proxy.

        `forwarded_proto` is the `X-Forwarded-Proto` header: of a chain of proxies, the first entry is the client's.
        """
        if transport.get_extra_info("sslcontext") is not None:
            return True
        if forwarded_proto is None or forwarded_proto.split(",")[0].strip().lower() not in ("https", "wss"):
            return False
        return self.trusts(transport)

    def client_of(self, transport: asyncio.BaseTransport, forwarded_for: str) -> str | None:
        """Give the client's own address, by the `X-Forwarded-For` of a trusted proxy; None where there is none.

        Of a chain, each proxy puts whom it speaks with at the end: it is the last that is no proxy of ours. Whatever
        stands before that, anybody may have written. What is no address ends the chain: who is behind it is not known,
        and the proxy that told of it stands for all of them.
        """
        if not self.trusts(transport):
            self._warn(transport)
            return None
        if self._trusts_all:
            return _bare(forwarded_for.partition(",")[0])
        last = None
        for part in reversed(forwarded_for.rsplit(",", MOST_HOPS)[-MOST_HOPS:]):
            host = _bare(part)
            if host is None:
                break
            last = host
            if not self._is_ours(host):
                break
        return last

    def trusts(self, transport: asyncio.BaseTransport) -> bool:
        """Tell whether the other end of a connection is a proxy of ours."""
        if self._trusts_all:
            return True
        peer = transport.get_extra_info("peername")
        return self._is_ours(str(peer[0])) if isinstance(peer, tuple) and peer else self._trusts_unix

    def _is_ours(self, host: str) -> bool:
        try:
            address = _plain(host)
        except ValueError:
            return False
        return any(address in network for network in self._networks)

    def _warn(self, transport: asyncio.BaseTransport) -> None:
        """Say, once, that a peer speaks as a proxy does and is not believed: all behind it have its address."""
        if not self._has_warned:
            self._has_warned = True
            _logger.warning(
                "X-Forwarded-For is not believed: if this is a proxy of yours, all who come by it count as one address"
                " in limits, logs and pages until HUBBUB_TRUSTED_PROXIES names it",
                peer=host_of(transport) or UNIX,
            )


def host_of(transport: asyncio.BaseTransport) -> str:
    """Give the address of a connection's other end; empty where it has none, as of a unix socket."""
    peer = transport.get_extra_info("peername")
    return str(peer[0]) if isinstance(peer, tuple) and peer else ""


def _plain(host: str) -> IPv4Address | IPv6Address:
    """Read an address; one of IPv4 in the clothes of IPv6 is one of IPv4. Raises ValueError."""
    address = ip_address(host)
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def _bare(text: str) -> str | None:
    """Give an address without the port and brackets that some proxies write; None for what is no address."""
    host = text.strip()
    if host.startswith("["):
        host = host[1:].partition("]")[0]
    elif host.count(":") == 1:
        host = host.partition(":")[0]
    try:
        return str(_plain(host))
    except ValueError:
        return None
