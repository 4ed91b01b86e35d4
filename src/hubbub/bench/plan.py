"""What is measured: the cases, how large each is unless told, and how a case is dealt out among processes.

Pure. Does not know how a load is made.
"""

from enum import StrEnum
from typing import Final

import msgspec

GIVE_UP: Final = 100
"""Refusals in a row after which no more connections are tried."""


class Case(StrEnum):
    """What `--case` chooses from, in the order in which cases run."""

    CONNECT = "connect"
    PUBLISH = "publish"
    FAN_OUT = "fan-out"
    LATENCY = "latency"
    CLIENT_EVENTS = "client-events"


class Kind(StrEnum):
    """What sort of channel a connection subscribes to in the case `connect`."""

    PUBLIC = "public"
    PRIVATE = "private"
    PRESENCE = "presence"

    @property
    def prefix(self) -> str:
        """What the names of such channels begin with."""
        return "" if self is Kind.PUBLIC else f"{self.value}-"


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """One case with all its sizes. `run` is a word that makes its channels' names its own.

    `in_flight` is how many messages may be on their way to the subscribers before the next is published. `rate` is
    messages per second of all publishers together, 0 for as many as will go; in the case `client-events` it is those
    of one connection. `batch` is events of a request. `at_once` is how many connections are opened side by side.
    `duration` and `warm_up` are seconds, `size` bytes of an event's data.
    """

    case: Case
    run: str
    connections: int
    channels: int
    publishers: int
    in_flight: int = 0
    rate: float = 0
    batch: int = 1
    size: int = 100
    kind: Kind = Kind.PUBLIC
    at_once: int = 64
    duration: float = 3.0
    warm_up: float = 1.0

    def channel(self, number: int) -> str:
        """Name a channel."""
        prefix = "private-" if self.case is Case.CLIENT_EVENTS else self.kind.prefix
        return f"{prefix}bench-{self.run}-{number}"

    def seats(self, part: "Part") -> list[tuple[int, int]]:
        """Give the connections of one process, each with its channel: each has some of a channel's, if it can."""
        return [
            (number, number % self.channels)
            for number in range(self.connections)
            if (number // self.channels + number % self.channels) % part.parts == part.number
        ]

    def sources(self, part: "Part") -> range:
        """Give the publishers of one process."""
        return range(part.number, self.publishers, part.parts)

    @property
    def says(self) -> str:
        """What the load is, in a few words."""
        match self.case:
            case Case.CONNECT:
                return f"{self.connections} × {self.kind}, {self.at_once} at once"
            case Case.PUBLISH:
                return f"{self.publishers} connections" + (f", batches of {self.batch}" if self.batch > 1 else "")
            case Case.FAN_OUT:
                return f"{self._audience}, {self.publishers} pub., {self.in_flight} in flight"
            case Case.LATENCY:
                return f"{self._audience}, {self.rate:g} msg/s"
            case Case.CLIENT_EVENTS:
                return f"{self.connections} in pairs, {self.rate:g}/s each"

    @property
    def _audience(self) -> str:
        return f"{self.connections} on {self.channels} ch."


class Part(msgspec.Struct, frozen=True):
    """One process of several: its number, from 0, and how many there are."""

    number: int = 0
    parts: int = 1

    def share(self, whole: int) -> int:
        """Give this process's share of a number that is dealt out as evenly as it goes."""
        return len(range(self.number, whole, self.parts))


class Sizes(msgspec.Struct, frozen=True, kw_only=True):
    """What the user has said of sizes. What is None is as each case has it."""

    connections: int | None = None
    channels: int | None = None
    publishers: int | None = None
    in_flight: int | None = None
    rate: float | None = None
    client_rate: float | None = None
    batch: int = 10
    size: int = 100
    kind: Kind = Kind.PUBLIC
    at_once: int = 64
    duration: float = 3.0
    warm_up: float = 1.0


DEFAULTS: Final[dict[Case, tuple[int, int, int, int]]] = {
    Case.CONNECT: (500, 50, 0, 0),
    Case.PUBLISH: (0, 10, 16, 0),
    Case.FAN_OUT: (500, 1, 4, 16),
    Case.LATENCY: (100, 10, 8, 0),
    Case.CLIENT_EVENTS: (100, 50, 0, 0),
}
"""Connections, channels, publishers, and messages in flight."""

IN_A_CHANNEL: Final = 10
"""Connections of one channel in the case `connect`, unless told: a presence channel takes 100 at Pusher."""

RATE: Final = 100.0
CLIENT_RATE: Final = 5.0
"""Messages of one connection in a second: half of what Pusher allows."""


def plans(cases: list[Case], sizes: Sizes, run: str) -> list[Plan]:
    """Give what the chosen cases come to, in their order. `publish` is two: one by one, and in batches."""
    return [plan for case in Case if case in cases for plan in _plans_of(case, sizes, run)]


def _plans_of(case: Case, sizes: Sizes, run: str) -> list[Plan]:
    connections, channels, publishers, in_flight = DEFAULTS[case]
    if sizes.connections is not None and connections:
        connections = sizes.connections
    if case is Case.CONNECT:
        channels = max(1, connections // IN_A_CHANNEL)
    channels = sizes.channels or channels
    if case is Case.CLIENT_EVENTS:
        connections = max(2, connections - connections % 2)
        channels = connections // 2
    elif connections:
        channels = min(channels, connections)
    plan = Plan(
        case=case,
        run=f"{run}-{case}",
        connections=connections,
        channels=channels,
        publishers=(sizes.publishers or publishers) if publishers else 0,
        in_flight=(sizes.in_flight or in_flight) if in_flight else 0,
        size=sizes.size,
        kind=sizes.kind if case is Case.CONNECT else Kind.PUBLIC,
        at_once=sizes.at_once,
        duration=sizes.duration,
        warm_up=sizes.warm_up,
    )
    match case:
        case Case.PUBLISH if sizes.batch > 1:
            return [plan, msgspec.structs.replace(plan, run=f"{run}-batches", batch=sizes.batch)]
        case Case.LATENCY:
            return [msgspec.structs.replace(plan, rate=sizes.rate or RATE)]
        case Case.CLIENT_EVENTS:
            return [msgspec.structs.replace(plan, rate=sizes.client_rate or CLIENT_RATE)]
        case _:
            return [plan]
