"""Who wants to hear of what: each application's endpoints.

Knows: an endpoint for which too much waits already is told nothing new. Does not know what happened.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from hubbub.webhooks import events
from hubbub.webhooks.seam import Hooked, Standing


class Readers:
    """Applications with endpoints, by id. `has_room` tells whether an endpoint may be sent one more event."""

    def __init__(self, has_room: Callable[[str, int], bool]) -> None:
        self._has_room = has_room
        self._hooked: dict[str, Hooked] = {}
        self.hooked: Final[Callable[[str], Hooked | None]] = self._hooked.get
        """Gives an application with its endpoints by its id, None if it has none: asked for each event of a client."""

    def start(self, hooked: Iterable[Hooked]) -> None:
        """Begin with these."""
        self._hooked.clear()
        self._hooked.update({one.app_id: one for one in hooked})

    def change(self, app_id: str, hooked: Hooked | None) -> bool:
        """Go on with an application as it is now; True if it has no endpoints any more, as None says."""
        if hooked is not None:
            self._hooked[app_id] = hooked
            return False
        return self._hooked.pop(app_id, None) is not None

    def all(self) -> Sequence[Hooked]:
        """Give all of them."""
        return list(self._hooked.values())

    def hears(self, hooked: Hooked, kind: str, channel: str) -> tuple[int, ...]:
        """Give the endpoints that want to hear of it, without those for which too much waits."""
        told = self.wants(hooked, kind, channel)
        return tuple(endpoint_id for endpoint_id in told if self._has_room(hooked.app_id, endpoint_id))

    @staticmethod
    def wants(hooked: Hooked, kind: str, channel: str) -> tuple[int, ...]:
        """Give the endpoints that want to hear of it."""
        return tuple(endpoint.id for endpoint in hooked.endpoints if endpoint.wants(kind, channel))

    @staticmethod
    def wants_end(hooked: Hooked, stay: Standing) -> bool:
        """Tell whether anybody wants to hear of its end."""
        kind = events.kind_over(stay)
        return any(endpoint.wants(kind, stay.channel) for endpoint in hooked.endpoints)

    @classmethod
    def wants_either(cls, hooked: Hooked, stay: Standing) -> bool:
        """Tell whether anybody wants to hear of its beginning or of its end."""
        kind = events.kind_begun(stay)
        return cls.wants_end(hooked, stay) or any(one.wants(kind, stay.channel) for one in hooked.endpoints)
