"""What the program and its processes tell each other: one JSON object a line, over pipes.

Pure. The program tells `Open`, `Go`, and `Finish` for each case, `Stop` when it is interrupted; a process answers
`Ready`, `Done` and `Figures`, and sends a `Tick` ten times a second meanwhile.
"""

from typing import Final

import msgspec

from hubbub.bench.histogram import Histogram
from hubbub.bench.plan import Part, Plan
from hubbub.bench.target import Target


class Open(msgspec.Struct, frozen=True, tag=True):
    """Connect whatever the case needs."""

    target: Target
    plan: Plan
    part: Part


class Go(msgspec.Struct, frozen=True, tag=True):
    """Make the load. Moments of the monotonic clock, in nanoseconds: its start, and what is measured of it."""

    start: int
    begin: int
    end: int


class Stop(msgspec.Struct, frozen=True, tag=True):
    """End what you are doing now, and tell what there is."""


class Finish(msgspec.Struct, frozen=True, tag=True):
    """Close everything, and tell what came of the case."""


Order = Open | Go | Stop | Finish


class Timing(msgspec.Struct, frozen=True):
    """A histogram on its way between processes."""

    counts: dict[int, int]
    longest: int

    @classmethod
    def of(cls, histogram: Histogram) -> "Timing":
        """Pack one."""
        return cls(histogram.counts, histogram.longest)

    def unpacked(self) -> Histogram:
        """Unpack it."""
        return Histogram(self.counts, self.longest)


class Ready(msgspec.Struct, frozen=True, tag=True):
    """Everything is connected that could be. `seats` is how many subscribers each channel has here."""

    seats: dict[int, int]
    refused: dict[str, int]


class Tick(msgspec.Struct, frozen=True, tag=True):
    """How far it is: units of the case, and messages that arrived."""

    units: int
    received: int


class Done(msgspec.Struct, frozen=True, tag=True):
    """Nothing more will be published. `accepted` is how many messages of each channel the server has taken."""

    accepted: dict[int, int]
    received: int


class Figures(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """What came of a case in one process.

    `units` were counted in `seconds`, the measured window; `busy` is the share of a core that this process used in it.
    `opened` is how many connections were subscribed.
    All else is of the whole run, warm-up included. `refused`, `complaints` and `ended` are texts with how often each
    was told: to a connection or a request, to a subscriber, at the end of a connection.
    """

    units: int = 0
    seconds: float = 0
    busy: float = 0
    accepted: int = 0
    refused: dict[str, int] = {}
    complaints: dict[str, int] = {}
    opened: int = 0
    unanswered: int = 0
    not_sent: int = 0
    stalls: int = 0
    received: int = 0
    duplicates: int = 0
    disordered: int = 0
    ended: dict[str, int] = {}
    timings: dict[str, Timing] = {}


News = Ready | Tick | Done | Figures

_encoder: Final = msgspec.json.Encoder()
_orders: Final[msgspec.json.Decoder[Order]] = msgspec.json.Decoder(Order)
_news: Final[msgspec.json.Decoder[News]] = msgspec.json.Decoder(News)


def line(message: Order | News) -> bytes:
    """Give the message as a line."""
    return _encoder.encode(message) + b"\n"


def order(text: bytes) -> Order:
    """Read a line of the program."""
    return _orders.decode(text)


def news(text: bytes) -> News:
    """Read a line of a process."""
    return _news.decode(text)
