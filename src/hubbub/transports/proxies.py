"""Which peers are proxies of ours, whose word on the original connection is taken."""

import asyncio
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from hubbub.settings import ConfigurationError


class Proxies:
    """The trusted proxies: a comma-separated list of addresses and networks, or `*` for everyone.

    Raises ConfigurationError for anything else. A peer on a unix socket is trusted: only this machine can be one.
    """

    def __init__(self, trusted: str) -> None:
        self._trusts_all = trusted.strip() == "*"
        self._networks: list[IPv4Network | IPv6Network] = []
        for part in [] if self._trusts_all else trusted.split(","):
            if part.strip():
                try:
                    self._networks.append(ip_network(part.strip()))
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
        return self._trusts_all or self._is_trusted(transport.get_extra_info("peername"))

    def _is_trusted(self, peer: object) -> bool:
        if not isinstance(peer, tuple):
            return True
        try:
            address: IPv4Address | IPv6Address = ip_address(peer[0])
        except ValueError:
            return False
        if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        return any(address in network for network in self._networks)
