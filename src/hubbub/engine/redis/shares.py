"""What the nodes share out among them: an application's rates, and its room for connections."""

from typing import Any, Final

from hubbub.engine.redis.keys import Names
from hubbub.engine.redis.lease import Lease
from hubbub.engine.redis.link import Argument, Link
from hubbub.engine.redis.node_scripts import DRAW, HOLD, MAKE_ROOM, TAKE_PLACE
from hubbub.engine.seam import Drawn
from hubbub.errors import STORE_UNAVAILABLE

NO_LIMIT: Final = 2**31 - 1


class Shares:
    """Purses and rooms. Every call may raise STORE_UNAVAILABLE."""

    def __init__(self, link: Link, names: Names, lease: Lease) -> None:
        self._link = link
        self._names = names
        self._lease = lease
        self._rooms: dict[str, int] = {}
        # Applications of which this node, by the name that it has now, may hold room; those of which it asks for some.
        self._opened: set[str] = set()
        self._asking: set[str] = set()

    async def draw(self, app_id: str, purse: str, least: int, most: int, limit: int) -> Drawn:
        """See `Engine.draw`."""
        answer: Any = await self._link.run(DRAW, [self._names.purse(app_id, purse)], [least, most, limit])
        amount, milliseconds = answer
        return Drawn(amount, milliseconds / 1000)

    async def hold(self, app_id: str, amount: int, limit: int) -> int:
        """See `Engine.hold`."""
        if amount == 0 and app_id not in self._rooms:
            return 0
        self._asking.add(app_id)
        try:
            await self._open(app_id)
            granted = await self._hold(app_id, amount, limit)
        finally:
            self._asking.discard(app_id)
        if granted:
            self._rooms[app_id] = granted
        else:
            self._rooms.pop(app_id, None)
            self._opened.discard(app_id)
        return granted

    def renew(self) -> None:
        """Note that Redis may have forgotten what this node has."""
        self._opened.clear()

    async def mend(self) -> None:
        """Put back what this node has."""
        for app_id in self._rooms.keys() - self._opened:
            await self._open(app_id)
            # A call that is under way puts it back itself.
            if app_id in self._rooms and app_id not in self._asking:
                await self._hold(app_id, self._rooms[app_id], NO_LIMIT)

    async def free_all(self) -> None:
        """Give back all room."""
        for app_id in list(self._rooms):
            await self.hold(app_id, 0, NO_LIMIT)

    async def _open(self, app_id: str) -> None:
        """Let this node, by the name that it has now, hold room of an application."""
        if app_id in self._opened:
            return
        if not self._lease.is_held:
            raise STORE_UNAVAILABLE()
        # Asked before it is used: what comes late, of a node that is gone, then finds no room that it may have.
        node = self._lease.node
        await self._link.run(TAKE_PLACE, [self._names.places(node)], [f"r{app_id}"])
        await self._link.run(MAKE_ROOM, [self._names.rooms(app_id)], [node])
        if node == self._lease.node:
            self._opened.add(app_id)

    async def _hold(self, app_id: str, amount: int, limit: int) -> int:
        arguments: list[Argument] = [self._lease.node, amount, limit, self._rooms.get(app_id, 0)]
        granted = await self._link.run(HOLD, [self._names.rooms(app_id)], arguments)
        if granted == -1:
            self._opened.discard(app_id)
            self._lease.hurry()
            raise STORE_UNAVAILABLE()
        assert isinstance(granted, int), "the script answers a number"
        return granted
