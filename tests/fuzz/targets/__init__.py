"""The parsers that are fuzzed, each by a file here with a `check` and `SEEDS`.

`check` takes any bytes and raises, mostly by `assert`, when what became of them is wrong: that is its oracle, and says
more than that nothing crashed. `SEEDS` are inputs to begin with. Knows nothing of who fuzzes.
"""

import importlib
from collections.abc import Sequence
from typing import Final, Protocol, cast


class Target(Protocol):
    """A module of this package."""

    SEEDS: Sequence[bytes]

    @staticmethod
    def check(data: bytes) -> None:
        """Hold that these bytes are read as they should be."""


NAMES: Final = (
    "deflating",
    "forwarding",
    "frames",
    "http",
    "importing",
    "opening",
    "parcels",
    "phoenix",
    "posting",
    "publishing",
    "pusher",
    "settings",
    "sockjs",
    "tokens",
)


def target(name: str) -> Target:
    """Give one by its name."""
    return cast("Target", importlib.import_module(f"fuzz.targets.{name}"))
