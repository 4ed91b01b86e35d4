"""How many events an application may publish in a second."""

import time

from hubbub.apps import Application
from hubbub.errors import EVENT_RATE
from hubbub.hub.rate import Rate


class Budget:
    """What each application has left of this second, on this node."""

    def __init__(self) -> None:
        self._rates: dict[str, tuple[int, Rate]] = {}

    def spend(self, app: Application, events: int = 1) -> None:
        """Count events, all of them or, when they are too many, none: raises EVENT_RATE.

        More than the limit count as so many as it allows, or a large batch could never pass.
        """
        limit = app.settings.events_per_second
        if not limit:
            return
        known = self._rates.get(app.id)
        if known is None or known[0] != limit:
            known = self._rates[app.id] = (limit, Rate(limit))
        if not known[1].use(time.monotonic(), min(events, limit)):
            raise EVENT_RATE(limit=limit)
