"""How much was delivered and how much was not, since the start: what metrics show."""

from collections import Counter

import msgspec

from hubbub.durations import SLOW, Durations


class Tally:
    """Numbers that only grow. `failed_attempts` are tries, the others but `dropped` requests."""

    __slots__ = ("delivered", "dropped", "durations", "failed", "failed_attempts", "failed_of", "taken_of")

    def __init__(self) -> None:
        self.delivered = 0
        """Requests that an endpoint has taken."""
        self.taken_of: Counter[str] = Counter()
        """Requests that were taken, by the application's id."""
        self.failed_of: Counter[str] = Counter()
        """Requests that were given up, by the application's id."""
        self.durations = Durations(SLOW)
        """How long requests took, taken or not."""
        self.failed_attempts = 0
        """Tries that ended without a 2xx."""
        self.failed = 0
        """Requests that were given up."""
        self.dropped = 0
        """Events that were not kept for an endpoint: too many waited already, or it was removed meanwhile."""


class Queues(msgspec.Struct, frozen=True):
    """What is under way at this node at this moment.

    `unfinished` are deliveries that were begun and neither taken nor given up, `requests` those that are at an endpoint
    just now. `well`, `failing` and `dead` are endpoints. `events` and `attempts` wait to be written down; those `lost`
    could not be, since the start.
    """

    unfinished: int
    requests: int
    well: int
    failing: int
    dead: int
    events: int
    attempts: int
    lost_events: int
    lost_attempts: int
