"""Figures: what was counted of an application in a stretch of time, of one node or of all.

Knows: how figures are added up, and what can be read from histograms. Pure. Does not know who counts, nor where figures
are kept.
"""

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

SIZES: Final = (*(64 << step for step in range(10)), None)
"""Bytes up to which a message is counted as of one size; the last has no bound. As `native.Meter` counts."""

LATENCIES: Final = (*(part * unit for unit in (100, 1000, 10_000, 100_000) for part in (1, 2, 5)), 1_000_000, None)
"""Microseconds up to which a latency is counted as one; the last has no bound."""

KINDS: Final = ("ws", "wss", "http", "phoenix")
"""The kinds of connections: Pusher's by WebSocket, by an encrypted one, by requests; Phoenix's by whichever."""


class Figures(msgspec.Struct, frozen=True, gc=False):
    """What was counted. `ws`, `wss`, `http` and `phoenix` are milliseconds that connections of that kind were open.

    `sizes` and `latencies` are histograms. `peak` is the most connections at once: of a node in an interval of
    INTERVAL seconds; of several nodes the sum of theirs in such an interval; of a longer time the highest of those.
    """

    events: int = 0
    client_events: int = 0
    bytes_in: int = 0
    deliveries: int = 0
    bytes_out: int = 0
    presence: int = 0
    queries: int = 0
    webhooks: int = 0
    failed_webhooks: int = 0
    refusals: int = 0
    ws: int = 0
    wss: int = 0
    http: int = 0
    phoenix: int = 0
    sizes: tuple[int, ...] = (0,) * len(SIZES)
    latencies: tuple[int, ...] = (0,) * len(LATENCIES)
    largest: int = 0
    peak: int = 0

    @property
    def messages(self) -> int:
        """Events of whoever: what came in."""
        return self.events + self.client_events

    @property
    def open_ms(self) -> int:
        """Milliseconds that connections were open, all together."""
        return self.ws + self.wss + self.http + self.phoenix

    @property
    def billed(self) -> int:
        """Messages as Pusher counts them: what the API is asked, what clients send, what is delivered, and webhooks."""
        return self.events + self.queries + self.client_events + self.deliveries + self.webhooks

    @property
    def mean_size(self) -> float | None:
        """Bytes of the average message; None of none."""
        return self.bytes_in / self.messages if self.messages else None

    def size(self, share: float) -> float | None:
        """Give the bytes that a `share` of all messages does not exceed; None of none."""
        return _quantile(self.sizes, SIZES, share, self.largest)

    def latency(self, share: float) -> float | None:
        """Give the microseconds that a `share` of all latencies does not exceed; None of none."""
        return _quantile(self.latencies, LATENCIES, share, 2 * LATENCIES[-2] if LATENCIES[-2] else 0)


NOTHING: Final = Figures()

ADDED: Final = tuple(
    name for name in Figures.__struct_fields__ if name not in ("sizes", "latencies", "largest", "peak")
)
"""The fields that are numbers to be added."""


def together(many: Iterable[Figures]) -> Figures:
    """Give the figures of one time after the other: counts are added, of peaks the highest is taken."""
    all_of_them = [one for one in many if one is not NOTHING]
    if len(all_of_them) < 2:
        return all_of_them[0] if all_of_them else NOTHING
    return Figures(
        **{name: sum(getattr(one, name) for one in all_of_them) for name in ADDED},
        sizes=_added([one.sizes for one in all_of_them]),
        latencies=_added([one.latencies for one in all_of_them]),
        largest=max(one.largest for one in all_of_them),
        peak=max(one.peak for one in all_of_them),
    )


def _added(histograms: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    return tuple(map(sum, zip(*histograms, strict=True)))


def _quantile(histogram: tuple[int, ...], bounds: Sequence[int | None], share: float, largest: int) -> float | None:
    """Give where a share of what was counted ends, taken to be spread evenly within each bound."""
    total = sum(histogram)
    if not total:
        return None
    wanted, below = share * total, 0
    for place, count in enumerate(histogram):
        if count and below + count >= wanted:
            low = bounds[place - 1] or 0 if place else 0
            high = bounds[place]
            top = max(largest, low) if high is None else min(high, largest) if largest > low else high
            return low + (top - low) * (wanted - below) / count
        below += count
    return float(largest)
