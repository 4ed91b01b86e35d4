"""How a node is known to live, is known to be gone, and has roles.

Each node counts a number of its own up; the others see whether it grows, each by its own beats. So no clock is
compared with another, and while Redis is away, or the watcher itself stands still, nobody is taken for gone. Does not
know what a node has entered anywhere.
"""

import asyncio
import secrets
import time
from collections.abc import Callable, Collection, Iterator
from typing import Any, Final, Protocol

from hubbub.engine.redis.keys import Names
from hubbub.engine.redis.link import Link
from hubbub.engine.redis.node_scripts import BEAT, EVICT, QUIT
from hubbub.errors import Refusal

INTERVAL: Final = 2.5
"""Seconds between two beats."""

MISSED: Final = 4
"""Beats of its own within which a watcher must see another's number grow."""

BROKEN: Final = 3
"""Intervals without a beat of its own after which a watcher begins to count anew."""

_FIRST, _NEXT = "1", ""


class Watch:
    """What this node has seen of the others' numbers. `clock` gives seconds that never go back."""

    def __init__(self, interval: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._interval = interval
        self._clock = clock
        self._seen: dict[str, tuple[bytes, int]] = {}
        self._last = float("-inf")

    def see(self, beats: dict[str, bytes]) -> list[tuple[str, bytes]]:
        """Take all numbers, as they are once an interval; give whose has not grown for long, with that number."""
        now = self._clock()
        if now - self._last > BROKEN * self._interval:
            self._seen.clear()
        self._last = now
        seen, overdue = self._seen, []
        self._seen = {}
        for node, beat in beats.items():
            before, times = seen.get(node, (b"", 0))
            times = times + 1 if beat == before else 0
            self._seen[node] = (beat, times)
            if times >= MISSED:
                overdue.append((node, beat))
        return overdue

    def break_off(self) -> None:
        """Begin to count anew: Redis was away, so that nobody could beat."""
        self._seen.clear()


class Watching(Protocol):
    """Who is told what beats bring to light. Called in line."""

    def forgotten(self) -> None:
        """This node is not known in the cluster any more."""

    def gone(self, nodes: Collection[str]) -> None:
        """What these nodes have left is for this one to take out."""

    def missing(self, nodes: Collection[str]) -> None:
        """These nodes were known and are not any more, and nothing is left of them."""


class Lease:
    """A node's place in the cluster. Its id and its `term` are what it enters things with."""

    def __init__(self, link: Link, names: Names, watching: Watching, interval: float = INTERVAL) -> None:
        self._link = link
        self._names = names
        self._watching = watching
        self._interval = interval
        self._watch = Watch(interval)
        self._hurried = asyncio.Event()
        self._beating = asyncio.Lock()
        self._wanted_roles: dict[str, None] = {}
        self._roles: dict[str, str] = {}
        self._good_until = float("-inf")
        self.node = new_id()
        """Who this node is: another after it was forgotten."""
        self.term = 0
        """Grows whenever messages of before may still be on their way, which are to be refused."""
        self.is_held = False
        """Whether this node may enter things: it is known, as far as it knows."""
        self.nodes: frozenset[str] = frozenset()
        """All that lived with the last beat."""
        self._known: frozenset[str] = frozenset()
        self.past: list[str] = []
        """Who this node was before, as long as something of that may be left."""

    @property
    def name(self) -> bytes:
        """The id as it is written in messages."""
        return self.node.encode()

    def leads(self, role: str) -> bool:
        """Tell whether this node has a role. Who asks for the first time applies for it."""
        if role not in self._wanted_roles:
            self._wanted_roles[role] = None
            self.hurry()
        return self._roles.get(role) == self.node and time.monotonic() < self._good_until

    def hurry(self) -> None:
        """Beat at once."""
        self._hurried.set()

    def let_go(self) -> None:
        """Enter nothing until `take`: Redis is away."""
        self.is_held = False

    async def take(self) -> None:
        """Be known, after `let_go` and at the start. Raises STORE_UNAVAILABLE."""
        self._watch.break_off()
        self.term += 1
        if not self._known:
            await self._beat(_FIRST)
        elif not await self._beat(_NEXT):
            self.past.append(self.node)
            self.node = new_id()
            await self._beat(_FIRST)
        self.is_held = True

    async def keep(self) -> None:
        """Beat, until cancelled."""
        clock = asyncio.get_running_loop().time
        due = clock() + self._interval
        while True:
            try:
                async with asyncio.timeout_at(due):
                    await self._hurried.wait()
            except TimeoutError:
                pass
            self._hurried.clear()
            is_regular = clock() >= due
            if is_regular:
                due = clock() + self._interval
            if not self.is_held:
                continue
            try:
                is_known = await self._beat(_NEXT, is_regular=is_regular)
            except Refusal:
                continue
            if not is_known and self.is_held:
                self.is_held = False
                self._watching.forgotten()

    async def quit(self, *, is_clean: bool) -> None:
        """Be known no more; what this node has left, if it is not `is_clean`, the others take out."""
        self.is_held = False
        self._roles.clear()
        names = self._names
        keys = [names.beats, names.gone, names.roles, names.places(self.node)]
        await self._link.run(QUIT, keys, [self.node, "1" if is_clean else ""])

    async def evict(self, node: str, beat: bytes) -> bool:
        """Take a node for gone whose last beat was that one; False if another was first, or it has beaten since."""
        names = self._names
        return await self._link.run(EVICT, [names.beats, names.gone, names.roles], [node, beat, self.node]) == 1

    async def _beat(self, kind: str, *, is_regular: bool = False) -> bool:
        """Beat, and see what has come to light; False if this node is not known."""
        async with self._beating:
            began, node, names = time.monotonic(), self.node, self._names
            keys = [names.beats, names.gone, names.roles]
            answer: Any = await self._link.run(BEAT, keys, [node, kind, " ".join(self.past), *self._wanted_roles])
            if answer == 0:
                self._roles.clear()
                return False
            beats, gone = dict(_pairs(answer[0])), dict(_pairs(answer[1]))
            self._roles = {role: holder.decode() for role, holder in _pairs(answer[2])}
            # A role passes on when its holder has missed four beats; it is used for two at most.
            self._good_until = began + MISSED * self._interval / 2
            missing = self._known - beats.keys() - gone.keys()
            self.nodes = frozenset(beats)
            self._known = self.nodes | gone.keys()
        if missing:
            self._watching.missing(missing)
        mine = [name for name, holder in gone.items() if holder.decode() == node]
        if mine:
            self._watching.gone(mine)
        if is_regular:
            for other, beat in self._watch.see(beats):
                if other != node and await self.evict(other, beat):
                    self._watching.gone([other])
        return True


def new_id() -> str:
    """Give an id that no node has, of 16 letters."""
    return secrets.token_hex(8)


def _pairs(flat: list[bytes]) -> Iterator[tuple[str, bytes]]:
    for name, value in zip(flat[::2], flat[1::2], strict=True):
        yield name.decode(), value
