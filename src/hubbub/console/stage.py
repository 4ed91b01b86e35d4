"""One application as the viewers at this node see it: what all nodes tell of it, put together several times a second.

Knows: the bytes that go to browsers (Server-Sent Events), what was sent lately, and that a viewer who reads slowly
misses something and is told so. Does not know nodes, nor who may look.
"""

import asyncio
from collections import deque
from collections.abc import Iterable
from typing import Final

import msgspec

from hubbub.taps.sights import URGENT, Kind, Sight
from hubbub.taps.watch import ROOM, URGENT_ROOM, Glimpse

MOST_KEPT: Final = 300
"""Messages that are kept for viewers who come back: with five a second at most, a minute."""

MOST_BYTES: Final = 2_000_000
"""Bytes of them."""

MOST_QUEUED: Final = 50
"""Messages that wait for one viewer: ten seconds. Of more, the earliest are left out."""

_encode = msgspec.json.Encoder().encode


class Shown(msgspec.Struct, frozen=True):
    """What a browser gets. `counts` are of everything that happened, `left_out` of what is not among `sights`."""

    sights: list[Sight]
    counts: dict[Kind, int]
    left_out: dict[Kind, int]


class Message(msgspec.Struct, frozen=True):
    """One message on its way to browsers, and of how many things."""

    number: int
    data: bytes
    size: int


class Viewer:
    """One browser. `missed` is how many things were left out of what it got, for it reads too slowly."""

    def __init__(self, stage: "Stage", who: str) -> None:
        self._stage = stage
        self.who = who
        self.queue: deque[Message] = deque()
        self.missed = 0
        self.wakes = asyncio.Event()
        self.is_over = False

    def put(self, message: Message) -> None:
        """Have it sent, when the browser takes it."""
        if len(self.queue) >= MOST_QUEUED:
            self.missed += self.queue.popleft().size
        self.queue.append(message)
        self.wakes.set()

    def end(self) -> None:
        """Let it go."""
        self.is_over = True
        self.wakes.set()

    def close(self) -> None:
        """Be gone."""
        self._stage.leave(self)


class Stage:
    """What happens at an application. `name` is of this process: the numbers of its messages mean nothing elsewhere."""

    def __init__(self, name: str, now: float) -> None:
        self.name = name
        self.viewers: dict[Viewer, None] = {}
        self.left_at = now
        """Since when nobody looks, on the loop's clock."""
        self._clock = asyncio.get_running_loop().time
        self._ring: deque[Message] = deque()
        self._bytes = 0
        self._number = 0
        self._glimpses: list[Glimpse] = []

    def enter(self, last: str, who: str = "") -> tuple[Viewer, bool]:
        """Let a browser of `who` look that got the message `last` before; tell whether it misses nothing since.

        It is given at once what it has not got.
        """
        viewer = Viewer(self, who)
        name, _, number = last.partition("-")
        knows = name == self.name and number.isdigit()
        seen = int(number[:18]) if knows else -1
        if knows:
            for message in self._ring:
                if message.number > seen:
                    viewer.queue.append(message)
            viewer.wakes.set()
        earliest = self._ring[0].number if self._ring else self._number + 1
        self.viewers[viewer] = None
        return viewer, not last or (knows and seen >= earliest - 1)

    def leave(self, viewer: Viewer) -> None:
        """Let a browser go."""
        self.viewers.pop(viewer, None)
        if not self.viewers:
            self.left_at = self._clock()

    def add(self, glimpse: Glimpse) -> None:
        """Take what a node has seen."""
        self._glimpses.append(glimpse)

    def show(self) -> None:
        """Send what has come since the last time to who looks, and keep it a while."""
        glimpses, self._glimpses = self._glimpses, []
        if not glimpses:
            return
        shown = merged(glimpses)
        self._number += 1
        data = b"id: %s-%d\ndata: %s\n\n" % (self.name.encode(), self._number, _encode(shown))
        message = Message(self._number, data, len(shown.sights))
        self._ring.append(message)
        self._bytes += len(data)
        while len(self._ring) > MOST_KEPT or self._bytes > MOST_BYTES:
            self._bytes -= len(self._ring.popleft().data)
        for viewer in self.viewers:
            viewer.put(message)


def merged(glimpses: Iterable[Glimpse]) -> Shown:
    """Put together what several nodes, or several moments, have of the same application, in the order of time."""
    counts: dict[Kind, int] = {}
    sights: list[Sight] = []
    for glimpse in glimpses:
        sights += glimpse.sights
        for kind, count in glimpse.counts.items():
            counts[kind] = counts.get(kind, 0) + count
    sights.sort(key=_at)
    left_out = dict(counts)
    for one in sights:
        left_out[one.kind] -= 1
    return Shown(sights, counts, {kind: count for kind, count in left_out.items() if count > 0})


def _at(one: Sight) -> int:
    return one.at


def rooms() -> dict[str, int]:
    """Give how many things of each kind are shown in a second."""
    return {kind.value: URGENT_ROOM if kind in URGENT else ROOM for kind in Kind}
