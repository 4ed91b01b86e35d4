"""How often something may be tried from one address of the network, and of one account.

Knows: the limits, and who has tried how often lately. Does not know what is tried. Each node counts for itself; what is
against guessing a password in the end is the lock of accounts, which all nodes share.

A limit is a bucket: so many tries at once, and one more in so many seconds. Of a bucket only the time is kept at which
it will be full again (the "generic cell rate algorithm"). Accounts are counted as they were typed, whether there is one
or not: the answer tells nothing.
"""

import ipaddress
import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

import msgspec

from hubbub.errors import TOO_MANY

MOST_BUCKETS: Final = 50_000
"""Buckets that are kept: of more, those go first that are full soonest."""

LONGEST: Final = 255
"""Characters of an account that are looked at."""


class Limit(msgspec.Struct, frozen=True):
    """`tries` at once, and one more every so many `seconds`."""

    tries: int
    seconds: float


class Limits(msgspec.Struct, frozen=True):
    """What one address may, and what may be done with one account."""

    address: Limit
    account: Limit


LIMITS: Final[Mapping[str, Limits]] = {
    "sign_in": Limits(Limit(60, 10), Limit(20, 30)),
    "code": Limits(Limit(30, 10), Limit(10, 30)),
    "sign_up": Limits(Limit(30, 60), Limit(3, 300)),
    "letter": Limits(Limit(30, 60), Limit(3, 300)),
    "text": Limits(Limit(60, 10), Limit(60, 10)),
    "password": Limits(Limit(60, 10), Limit(20, 30)),
}
"""What is tried: a password at the door, a code, signing up, asking for a letter, its text, one's own password."""


def letter_to(email: str, errand: str) -> str:
    """Give what counts as an account for letters of one kind.

    Who has used up those of another kind, of which none need even have gone out, keeps nobody from a new password.
    """
    return f"{errand} {email.strip()}"


class Throttle:
    """Counts tries, as long as `is_on`. `clock` gives seconds."""

    def __init__(self, *, is_on: bool = True, clock: Callable[[], float] = time.monotonic) -> None:
        self._is_on = is_on
        self._clock = clock
        self._full_at: dict[tuple[str, str], float] = {}

    def take(self, what: str, address: str | None, account: str = "") -> None:
        """Count a try. Raises TOO_MANY, which tells how long to wait, and then counts none."""
        if not self._is_on:
            return
        limits, now = LIMITS[what], self._clock()
        buckets = [(_by_address(what, address), limits.address)]
        if account:
            buckets.append((_by_account(what, account), limits.account))
        wait = max(self._wait(key, limit, now) for key, limit in buckets)
        if wait > 0:
            seconds = math.ceil(wait)
            raise TOO_MANY(wait=_in_words(seconds), seconds=seconds)
        for key, limit in buckets:
            self._full_at[key] = max(self._full_at.pop(key, now), now) + limit.seconds
        if len(self._full_at) > MOST_BUCKETS:
            self._forget(now)

    def give_back(self, what: str, address: str | None, account: str = "") -> None:
        """Take back a try that went well."""
        limits = LIMITS[what]
        for key, limit in ((_by_address(what, address), limits.address), (_by_account(what, account), limits.account)):
            if key in self._full_at:
                self._full_at[key] -= limit.seconds

    @contextmanager
    def trying(self, what: str, address: str | None, account: str = "") -> Iterator[None]:
        """Count a try, and take it back if nothing is raised within. Raises TOO_MANY."""
        self.take(what, address, account)
        yield
        self.give_back(what, address, account)

    def _wait(self, key: tuple[str, str], limit: Limit, now: float) -> float:
        """Give the seconds until there is a try in the bucket, 0 or less if there is one."""
        return self._full_at.get(key, now) - now - (limit.tries - 1) * limit.seconds

    def _forget(self, now: float) -> None:
        self._full_at = {key: at for key, at in self._full_at.items() if at > now}
        if len(self._full_at) > MOST_BUCKETS * 3 // 4:
            latest = sorted(self._full_at.items(), key=lambda one: one[1], reverse=True)
            self._full_at = dict(latest[: MOST_BUCKETS // 2])


def _by_address(what: str, address: str | None) -> tuple[str, str]:
    return f"{what} from", _network(address or "")


def _by_account(what: str, account: str) -> tuple[str, str]:
    return f"{what} of", account.strip()[:LONGEST].lower()


def _network(address: str) -> str:
    """Give what one visitor has of the network: of IPv6 that is 64 bits."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address[:LONGEST]
    if isinstance(parsed, ipaddress.IPv4Address):
        return address
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((int(parsed), 64), strict=False))


def _in_words(seconds: int) -> str:
    if seconds < 60:
        return f"{seconds} second{'' if seconds == 1 else 's'}"
    minutes = math.ceil(seconds / 60)
    return f"{minutes} minute{'' if minutes == 1 else 's'}"
