"""One application that somebody watches: everything that happens is counted, and some of it is kept to be shown.

Knows: how many of each kind are kept until they are taken, so that a busy application costs little more than counting.
Does not know who takes them, nor when.
"""

from typing import Final

import msgspec

from hubbub.messages import Event
from hubbub.taps.sights import URGENT, Kind, Sight, sight

ROOM: Final = 100
"""Things of one kind that are shown in a second, and as many at once. At 2,000 messages a second one in twenty."""

URGENT_ROOM: Final = 300
"""The same of each urgent kind."""


class Glimpse(msgspec.Struct, frozen=True, gc=False):
    """What happened since the last glimpse: how many things of each kind, and those that are shown."""

    counts: dict[Kind, int]
    sights: list[Sight]


class Watch:
    """Counts and keeps."""

    __slots__ = ("_counts", "_more", "_most", "_room", "_sights")

    def __init__(self) -> None:
        self._counts = dict.fromkeys(Kind, 0)
        self._sights: list[Sight] = []
        self._most: dict[Kind, int] = {}
        self._more: dict[Kind, int] = {}
        self.share(1, 1)
        self._room = dict(self._most)

    def share(self, nodes: int, seconds: float) -> None:
        """Keep what is this node's share of what is shown, of so many, the time between two takes being `seconds`."""
        most = {kind: (URGENT_ROOM if kind in URGENT else ROOM) / nodes for kind in Kind}
        self._most = {kind: max(round(room), 1) for kind, room in most.items()}
        self._more = {kind: max(round(room * seconds), 1) for kind, room in most.items()}

    def published(self, event: Event) -> None:
        """See an event that came by an API. What is not shown costs 0.1 µs."""
        self._counts[_API] += 1
        room = self._room
        if room[_API]:
            room[_API] -= 1
            self._sights.append(sight(_API, channel=event.channel, event=event.name, data=event.data))

    def relayed(self, event: Event, socket_id: str) -> None:
        """See an event that a client sent."""
        self._counts[_RELAYED] += 1
        room = self._room
        if room[_RELAYED]:
            room[_RELAYED] -= 1
            self._sights.append(
                sight(
                    _RELAYED,
                    socket_id=socket_id,
                    channel=event.channel,
                    event=event.name,
                    user_id=event.user_id or "",
                    data=event.data,
                )
            )

    def admits(self, kind: Kind) -> bool:
        """Count a thing, and tell whether it is to be shown: then `keep` is called with it."""
        self._counts[kind] += 1
        if not self._room[kind]:
            return False
        self._room[kind] -= 1
        return True

    def keep(self, seen: Sight) -> None:
        """Have a thing shown."""
        self._sights.append(seen)

    def take(self) -> Glimpse | None:
        """Give what there is since the last time, None if nothing; there is some room again."""
        more, most = self._more, self._most
        self._room = {kind: min(room + more[kind], most[kind]) for kind, room in self._room.items()}
        counts = {kind: count for kind, count in self._counts.items() if count}
        if not counts:
            return None
        taken = Glimpse(counts, self._sights)
        self._counts = dict.fromkeys(Kind, 0)
        self._sights = []
        return taken


# To name a member of an Enum takes 50 ns.
_API, _RELAYED = Kind.API_MESSAGE, Kind.CLIENT_EVENT
