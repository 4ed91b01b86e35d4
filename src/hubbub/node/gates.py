"""Locks, one for each channel in which somebody comes or goes at the moment."""

import asyncio
from collections import deque

Place = tuple[str, str]

Queue = deque["asyncio.Future[None]"]
"""Who waits for a gate, in the order they came. One that is done has given up."""


class Gate:
    """The lock of one channel, held by an `async with`. Who waits goes in in the order they came."""

    __slots__ = ("_inside", "_place")

    def __init__(self, inside: dict[Place, Queue | None], place: Place) -> None:
        self._inside = inside
        self._place = place

    async def __aenter__(self) -> None:
        if self._place not in self._inside:
            self._inside[self._place] = None
            return
        queue = self._inside[self._place]
        if queue is None:
            queue = self._inside[self._place] = deque()
        turn = asyncio.get_running_loop().create_future()
        queue.append(turn)
        try:
            await turn
        except BaseException:
            if not (turn.cancel() or turn.cancelled()):
                self._pass_on()  # it was our turn already
            raise

    async def __aexit__(self, *_: object) -> None:
        self._pass_on()

    def _pass_on(self) -> None:
        queue = self._inside[self._place]
        while queue:
            turn = queue.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        del self._inside[self._place]


class Gates:
    """Keep joins and leaves of one channel apart while an engine makes them wait.

    Nothing is kept of a channel where nobody is inside, and no queue made where nobody waits.
    """

    def __init__(self) -> None:
        self._inside: dict[Place, Queue | None] = {}

    def of(self, app_id: str, channel: str) -> Gate:
        """Give the lock of a channel."""
        return Gate(self._inside, (app_id, channel))
