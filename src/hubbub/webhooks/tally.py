"""How much was delivered and how much was not, since the start: what metrics show."""


class Tally:
    """Numbers that only grow. `failed_attempts` are tries, the others but `dropped` requests."""

    __slots__ = ("delivered", "dropped", "failed", "failed_attempts")

    def __init__(self) -> None:
        self.delivered = 0
        """Requests that an endpoint has taken."""
        self.failed_attempts = 0
        """Tries that ended without a 2xx."""
        self.failed = 0
        """Requests that were given up."""
        self.dropped = 0
        """Events that were not kept for an endpoint: too many waited already, or it was removed meanwhile."""
