"""The last refusal of each connection, as long as there is room for it. Connections that have none cost nothing."""

from typing import Final

from hubbub.errors import Refusal
from hubbub.taps.incident import Incident, Sort
from hubbub.taps.taps import Log

MOST: Final = 5000
"""Connections whose last refusal is remembered; the one that was refused something longest ago goes first."""


class Recent:
    """A log of incidents before another one, `behind`: what passes is remembered."""

    def __init__(self, behind: Log) -> None:
        self._behind = behind
        self._last: dict[tuple[str, str], Incident] = {}

    def admits(self, app_id: str, refusal: Refusal, sort: Sort) -> bool:
        """See `Log.admits`."""
        return self._behind.admits(app_id, refusal, sort)

    def keep(self, incident: Incident) -> None:
        """See `Log.keep`."""
        if incident.sort is Sort.CLIENT and incident.about.socket_id:
            place = (incident.app_id, incident.about.socket_id)
            self._last.pop(place, None)
            self._last[place] = incident
            if len(self._last) > MOST:
                del self._last[next(iter(self._last))]
        self._behind.keep(incident)

    def of(self, app_id: str, socket_id: str) -> Incident | None:
        """Give what was refused last to a connection, if it is remembered."""
        return self._last.get((app_id, socket_id))
