"""What changed in the database that a live socket may feel, as every node hears of it.

Knows: the journal's newest entry that was read here, and who wants to hear of the next. Does not know where the journal
is kept, nor what is done about a change: who hears of one reads the present state again.
"""

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Literal, Protocol

import msgspec

from hubbub.errors import Refusal

PAGE = 500
"""Changes read in one question."""

KEPT = timedelta(days=1)
"""How long a change stays in the journal: a node that could not read it for longer must be restarted."""

PRUNE_SECONDS = 600.0
"""Between two prunings of the journal by one node."""

_logger = logging.getLogger("hubbub.changes")


class Change(msgspec.Struct, frozen=True):
    """Something about the application or the user with the id `subject_id` is no longer what it was."""

    id: int
    kind: Literal["application", "user"]
    subject_id: int


Listener = Callable[[Change], Awaitable[None] | None]
"""Called with each change, in order. One that fails is logged, and the others still hear."""


class Source(Protocol):
    """Where the journal is kept. Each call raises the refusal STORE_UNAVAILABLE while it is away."""

    async def last_change(self) -> int:
        """Give the newest id, 0 for an empty journal."""

    async def changes_since(self, change_id: int, limit: int) -> Sequence[Change]:
        """Give those after `change_id`, oldest first, `limit` at most."""

    async def prune_changes(self, before: datetime) -> None:
        """Forget those older than `before`."""


class Changes:
    """The journal, followed: `watch` it, `start` it; it is read every `interval` seconds and whenever `catch_up` asks.

    While the journal is away it is tried again, silently: the store logs.
    """

    def __init__(self, source: Source, interval: float = 0.25) -> None:
        self._source = source
        self._interval = interval
        self._listeners: list[Listener] = []
        self._last = 0
        self._following: asyncio.Task[None] | None = None
        self._reading: asyncio.Task[None] | None = None
        self._next: asyncio.Task[None] | None = None

    def watch(self, listener: Listener) -> None:
        """Call `listener` with each change from now on. It must not await `catch_up`, which waits for it."""
        self._listeners.append(listener)

    async def start(self) -> None:
        """Remember the newest change, and follow from there. Raises STORE_UNAVAILABLE."""
        self._last = await self._source.last_change()
        self._following = asyncio.create_task(self._follow())

    async def stop(self) -> None:
        """Follow no longer."""
        tasks = [task for task in (self._following, self._next, self._reading) if task is not None]
        self._following = None
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def catch_up(self) -> None:
        """Read what is new now, and come back when every listener has heard of it.

        Callers at the same time share one reading, begun after they called. Does nothing before `start`; does not
        raise while the journal is away.
        """
        if self._following is None:
            return
        if self._reading is None:
            self._reading = asyncio.create_task(self._read())
            self._reading.add_done_callback(self._has_read)
            shared = self._reading
        else:
            # The reading under way may have asked before what this caller wrote could be seen.
            if self._next is None:
                self._next = asyncio.create_task(self._read_after(self._reading))
            shared = self._next
        # One caller who goes away must not end the reading for the others; nor does a stop look like their own end.
        await asyncio.wait([shared])

    def _has_read(self, _: asyncio.Task[None]) -> None:
        self._reading, self._next = self._next, None
        if self._reading is not None:
            self._reading.add_done_callback(self._has_read)

    async def _read_after(self, earlier: asyncio.Task[None]) -> None:
        await asyncio.wait([earlier])
        await self._read()

    async def _read(self) -> None:
        """Tell the listeners of everything after the last change they heard of."""
        try:
            while True:
                found = await self._source.changes_since(self._last, PAGE)
                for change in found:
                    await self._tell(change)
                    self._last = change.id
                if len(found) < PAGE:
                    return
        except Refusal:
            return  # the store has logged that it is away; the next reading begins where this one ended
        except Exception:
            _logger.exception("The changes after %d cannot be read", self._last)

    async def _tell(self, change: Change) -> None:
        for listener in self._listeners:
            try:
                answer = listener(change)
                if inspect.isawaitable(answer):
                    await answer
            except Exception:
                _logger.exception("A listener failed at change %d, of %s %d", change.id, change.kind, change.subject_id)

    async def _follow(self) -> None:
        loop = asyncio.get_running_loop()
        pruned_at = loop.time()
        while True:
            await asyncio.sleep(self._interval)
            await self.catch_up()
            if loop.time() - pruned_at >= PRUNE_SECONDS:
                pruned_at = loop.time()
                await self._prune()

    async def _prune(self) -> None:
        try:
            await self._source.prune_changes(datetime.now(UTC) - KEPT)
        except Refusal:
            return  # the next time will do
