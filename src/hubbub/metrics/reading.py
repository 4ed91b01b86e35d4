"""What one process tells when it is asked for its metrics.

Pure. Knows values by the metric's name and its labels' values. Does not know where they come from, nor how they are
written.
"""

from collections.abc import Iterable
from typing import Final

import msgspec

from hubbub.durations import Durations

Labels = tuple[str, ...]


class Histogram(msgspec.Struct, frozen=True, gc=False):
    """How many took how long: `counts` by the metric's bounds, and one for what was longer; `total` is in seconds."""

    counts: list[int]
    total: float


class Reading(msgspec.Struct, frozen=True):
    """Values by the name of their metric, each with its labels' values, in the order of the table.

    A metric that is not there is not known at this moment, or has nothing to tell.
    """

    numbers: dict[str, list[tuple[Labels, float]]] = {}
    histograms: dict[str, list[tuple[Labels, Histogram]]] = {}

    def tell(self, name: str, value: float, *labels: str) -> None:
        """Put down one value."""
        self.numbers.setdefault(name, []).append((labels, float(value)))

    def tell_each(self, name: str, values: Iterable[tuple[Labels, float]]) -> None:
        """Put down values by their labels, of which there may be none."""
        self.numbers.setdefault(name, []).extend(values)

    def tell_durations(self, name: str, durations: Durations, *labels: str) -> None:
        """Put down how long something took."""
        told = Histogram(list(durations.counts), durations.total)
        self.histograms.setdefault(name, []).append((labels, told))


_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(Reading).decode


def packed(reading: Reading) -> bytes:
    """Give a reading as one process tells it to another."""
    return _encode(reading)


def unpacked(message: bytes) -> Reading:
    """Give it back. Raises msgspec.MsgspecError for what is none, as another version may tell."""
    return _decode(message)
