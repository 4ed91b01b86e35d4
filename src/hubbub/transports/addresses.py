"""What one address of the network may have and do: connections open at once, new ones and requests in a second.

Each process counts for itself. Of IPv6 64 bits are one address, for that is what one visitor has. Does not know how
an address is found out, that is `proxies`; nor how a refusal is told.

A rate is a bucket: so many at once, and as many in each second. Of a bucket only the time is kept at which it will be
full again (the "generic cell rate algorithm"), which is a second later at most: so what is kept is of two seconds, and
a million addresses that come once are forgotten as fast as they came.
"""

import asyncio
import socket
import time
from collections.abc import Callable, Hashable
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Final, Self

from hubbub.errors import ADDRESS_CONNECTIONS, ADDRESS_OPENINGS, ADDRESS_REQUESTS, Reason, Refusal
from hubbub.settings import ConfigurationError, Settings

MOST_BUCKETS: Final = 200_000
"""Addresses of which a rate is kept at once: of more, those seen longest ago may begin anew."""

RETRY_SECONDS: Final = 1
"""After which an address that is over a rate has places again."""

FAR: Final = 2
"""So many times as many connections as there may be, and an address is told nothing any more."""

Address = str | bytes
"""What stands for an address."""


class Bucket:
    """So many a second for each address, 0 for no limit. `clock` gives seconds."""

    def __init__(self, limit: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.limit = limit
        self._clock = clock
        self._interval = 1 / limit if limit else 0.0
        self._young: dict[Address, float] = {}
        self._old: dict[Address, float] = {}
        self._since = clock()

    @property
    def size(self) -> int:
        """How many addresses are known at present."""
        return len(self._young) + len(self._old)

    def use(self, address: Address) -> bool:
        """Use one; False when there is none, and then none is used."""
        now = self._clock()
        if now - self._since >= 1 or len(self._young) >= MOST_BUCKETS // 2:
            self._old, self._young, self._since = self._young, {}, now
        full_at = self._young.get(address) or self._old.get(address, now)
        full_at = max(full_at, now)
        # One is there while all but one are not used up; a sum of fractions may be a little more than it should.
        if full_at - now > 1 - self._interval + 1e-6:
            return False
        self._young[address] = full_at + self._interval
        return True


class Crowd:
    """How many of each address are there, of things that come and go: by what stands for one of them."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._address_of: dict[Hashable, Address] = {}
        self._counts: dict[Address, int] = {}

    def __len__(self) -> int:
        return len(self._address_of)

    def __contains__(self, thing: Hashable) -> bool:
        return thing in self._address_of

    def enter(self, thing: Hashable, address: Address) -> int:
        """Count one that is not there yet, until it leaves, and give how many there are now."""
        self._address_of[thing] = address
        count = self._counts[address] = self._counts.get(address, 0) + 1
        return count

    def count_of(self, thing: Hashable) -> int:
        """Give how many are there of the address of one; 0 if it is not there itself."""
        address = self._address_of.get(thing)
        return 0 if address is None else self._counts[address]

    def leave(self, thing: Hashable) -> None:
        """Count one out, if it is there."""
        address = self._address_of.pop(thing, None)
        if address is not None:
            left = self._counts[address] - 1
            if left:
                self._counts[address] = left
            else:
                del self._counts[address]


class Addresses:
    """Counts what addresses have and do; a limit of 0 is none. Raises ConfigurationError for networks that are none."""

    def __init__(self, most: int = 0, openings: int = 0, requests: int = 0, exempt: str = "") -> None:
        self.connections = Crowd(most)
        """Those of TCP, by their transports: who comes directly from the first moment, others as WebSockets."""
        self.sessions = Crowd(most)
        """Those of the HTTP fallbacks."""
        self._openings = Bucket(openings)
        self._requests = Bucket(requests)
        self._exempt = _networks(exempt)
        self.counts_open = bool(most)
        """Whether new connections must be told of."""
        self.counts_openings = bool(most or openings)
        """Whether new WebSockets must, and what stands in for them."""
        self.counts_requests = bool(most or requests)
        """Whether requests must."""

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Give the limits of the settings."""
        return cls(
            settings.max_connections_per_address,
            settings.connections_per_second_per_address,
            settings.requests_per_second_per_address,
            settings.unlimited_addresses,
        )

    def arrive(self, transport: asyncio.BaseTransport, host: str) -> bool:
        """Count a connection; False when its address has so many that it is to be cut without a word."""
        address = self._address(host)
        if address is None or transport in self.connections:
            return True
        return self.connections.enter(transport, address) <= FAR * self.connections.limit

    def leave(self, transport: asyncio.BaseTransport) -> None:
        """Count a connection out, if it was counted."""
        self.connections.leave(transport)

    def check_opening(self, transport: asyncio.BaseTransport, host: str) -> None:
        """Count a WebSocket of `host`. Raises ADDRESS_CONNECTIONS, ADDRESS_OPENINGS."""
        address = self._address(host)
        if address is None:
            return
        if self.counts_open and transport not in self.connections:
            self.connections.enter(transport, address)
        self._check_rate(address)
        self._check_connections(transport)

    def check_session(self, session: Hashable, host: str) -> None:
        """Count a session of the HTTP fallbacks, until `end`. Raises as above, and then does not count it."""
        address = self._address(host)
        if address is None:
            return
        self._check_rate(address)
        if self.counts_open and self.sessions.enter(session, address) > self.sessions.limit:
            self.sessions.leave(session)
            raise self._refused(ADDRESS_CONNECTIONS, self.sessions.limit)

    def end(self, session: Hashable) -> None:
        """Count a session out, if it was counted."""
        if self.counts_open:
            self.sessions.leave(session)

    def check_request(self, transport: asyncio.BaseTransport, host: str) -> None:
        """Count a request. Raises ADDRESS_REQUESTS, and ADDRESS_CONNECTIONS where it came by one too many."""
        address = self._address(host)
        if address is None:
            return
        self._check_connections(transport)
        if self._requests.limit and not self._requests.use(address):
            raise self._refused(ADDRESS_REQUESTS, self._requests.limit)

    def _check_connections(self, transport: asyncio.BaseTransport) -> None:
        if self.connections.count_of(transport) > self.connections.limit:
            raise self._refused(ADDRESS_CONNECTIONS, self.connections.limit)

    def _check_rate(self, address: Address) -> None:
        if self._openings.limit and not self._openings.use(address):
            raise self._refused(ADDRESS_OPENINGS, self._openings.limit)

    def _address(self, host: str) -> Address | None:
        """Give what stands for a host among addresses; None for one that has no limits: exempt, or not known."""
        if not host:
            return None
        if self._exempt:
            try:
                parsed = ip_address(host)
            except ValueError:
                return host
            if any(parsed in network for network in self._exempt):
                return None
        if ":" not in host:
            return host
        try:
            return socket.inet_pton(socket.AF_INET6, host.partition("%")[0])[:8]
        except OSError:
            return host

    @staticmethod
    def _refused(reason: Reason, limit: int) -> Refusal:
        return reason(limit=limit, seconds=RETRY_SECONDS)


def _networks(text: str) -> list[IPv4Network | IPv6Network]:
    try:
        return [ip_network(part) for part in map(str.strip, text.split(",")) if part]
    except ValueError as error:
        raise ConfigurationError(f"HUBBUB_UNLIMITED_ADDRESSES: {error}") from None
