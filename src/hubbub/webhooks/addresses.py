"""Which addresses are anybody's on the internet, and which lead into the network that the server stands in.

Pure. Knows: IANA's special-purpose registries, by way of the standard library, and the ways to write an IPv4 address
inside an IPv6 one. Does not know names, nor who asks.
"""

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

Address = IPv4Address | IPv6Address

NEVER: Final = (
    ip_network("192.0.0.0/24"),  # protocols of a network's own, RFC 6890: also the few that are "global" in it
    ip_network("192.88.99.0/24"),  # relays of 6to4, withdrawn by RFC 7526
    ip_network("168.63.129.16/32"),  # answers every machine of Azure with what is its own
    IPv6Network("::/96"),  # IPv4 in IPv6 as it was written before RFC 4291 deprecated that
    IPv6Network("::ffff:0:0:0/96"),  # IPv4 "translated", RFC 2765
    IPv6Network("64:ff9b:1::/48"),  # translators of a network's own, RFC 8215
    IPv6Network("3fff::/20"),  # examples, RFC 9637
    IPv6Network("5f00::/16"),  # segments of a network's own, RFC 9602
    IPv6Network("fec0::/10"),  # "site-local", deprecated by RFC 3879
)
"""Not to be reached, though the standard library, or some version of it, takes them for public."""

TRANSLATED: Final = IPv6Network("64:ff9b::/96")
"""What translators make of IPv4 addresses, RFC 6052: the last 32 bits."""

ISATAP: Final = frozenset({0x0000_5EFE, 0x0200_5EFE})
"""What stands before the last 32 bits where these are an IPv4 address inside a site, RFC 5214."""


def is_public(address: Address) -> bool:
    """Tell whether an address is somebody's on the internet: not this machine, not a private network, not a group."""
    within = _within(address)
    if within is not None:
        return is_public(within)
    if any(address in network for network in NEVER):
        return False
    return (
        address.is_global
        and not address.is_multicast
        and not address.is_reserved
        and not address.is_unspecified
        and not address.is_loopback
        and not address.is_link_local
        and not address.is_private
    )


def literal(host: str) -> Address | None:
    """Give the address that the host of a URL is, without brackets; None for a name.

    Raises ValueError for what is no name and no address in its usual spelling, such as `2130706433`, `127.1` or
    `0x7f.0.0.1`: systems take these for addresses, and not all for the same.
    """
    bare = host.rstrip(".")
    if ":" in bare:
        return ip_address(bare)
    last = bare.rpartition(".")[2].lower()
    # No top-level domain is a number (RFC 3696, 2), so the whole can only be meant as one.
    if last.isdigit() or last.startswith("0x"):
        return ip_address(bare)
    return None


def _within(address: Address) -> IPv4Address | None:
    """Give the IPv4 address that packets to an IPv6 one end up at, if there is one."""
    if not isinstance(address, IPv6Address):
        return None
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    number = int(address)
    if address in TRANSLATED or (number >> 32) & 0xFFFF_FFFF in ISATAP:
        return IPv4Address(number & 0xFFFF_FFFF)
    return None
