"""Writing down what comes, in order: in one transaction what came while the one before was written.

Knows: the database may be away for a while, and then what comes is kept in memory and nobody waits for it. Does not
know what is written, nor how much of it may be kept.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Generic, TypeVar

from hubbub.errors import Refusal
from hubbub.logs import named

MOST: Final = 1000
"""Pieces in one transaction."""

PATIENCE: Final = 3.0
"""Seconds that somebody waits for a database that does not answer."""

RETRY_SECONDS: Final = 0.5

T = TypeVar("T")

logger = named("hubbub.webhooks")


class Sheet(Generic[T]):
    """What goes in one transaction. `written` is done when that is committed, `answered` when nobody need wait."""

    __slots__ = ("answered", "pieces", "written")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.pieces: list[T] = []
        self.written: asyncio.Future[None] = loop.create_future()
        self.answered: asyncio.Future[None] = loop.create_future()

    def answer(self) -> None:
        """Let nobody wait any more."""
        if not self.answered.done():
            self.answered.set_result(None)


class Scribe(Generic[T]):
    """Hands what is put down to `write`, which raises STORE_UNAVAILABLE while the database is away.

    `what` is a word for the pieces, for the log. What `write` refuses by any other error, it refuses alone: that one is
    logged and lost, and those beside it are written.
    """

    def __init__(
        self, write: Callable[[Sequence[T]], Awaitable[None]], what: str, weigh: Callable[[T], int] = lambda _: 1
    ) -> None:
        self._write = write
        self._what = what
        self._weigh = weigh
        self.weight = 0
        """Of all pieces that are not written yet, by `weigh`."""
        self._sheets: deque[Sheet[T]] = deque()
        self._at: Sheet[T] | None = None
        self._count = 0
        self._come = asyncio.Event()
        self._is_away = False
        self._task: asyncio.Task[None] | None = None
        self.lost = 0
        """How many pieces could not be written down ever."""

    def __len__(self) -> int:
        return self._count

    @property
    def last(self) -> Sheet[T] | None:
        """What was put down last and is not written yet."""
        return self._sheets[-1] if self._sheets else None

    def start(self) -> None:
        """Begin to write."""
        self._task = asyncio.create_task(self._run())

    async def stop(self, limit: float) -> None:
        """Write what there is, for at most `limit` seconds, and end. What is left is logged, and lost."""
        if self._task is None:
            return
        if self._sheets:
            await asyncio.wait({self._sheets[-1].written}, timeout=limit)
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._task = None
        self._is_away = True  # for who comes too late: it is not written, and nobody waits
        for sheet in self._sheets:
            sheet.answer()
        if self._count:
            logger.error(
                "The database is away: what waited was not written down before the end",
                what=self._what,
                count=self._count,
            )

    def put(self, piece: T) -> Sheet[T]:
        """Put a piece down behind the others."""
        # What is being written is closed; what was answered while the database was away is not for who may wait.
        if (
            not self._sheets
            or self._sheets[-1] is self._at
            or len(self._sheets[-1].pieces) >= MOST
            or self._sheets[-1].answered.done() is not self._is_away
        ):
            sheet = Sheet[T](asyncio.get_running_loop())
            if self._is_away:
                sheet.answer()
            self._sheets.append(sheet)
        self._sheets[-1].pieces.append(piece)
        self._count += 1
        self.weight += self._weigh(piece)
        self._come.set()
        return self._sheets[-1]

    async def _run(self) -> None:
        while True:
            await self._come.wait()
            self._come.clear()
            while self._sheets:
                sheet = self._at = self._sheets[0]
                await self._write_down(sheet.pieces)
                self._count -= len(sheet.pieces)
                self.weight -= sum(map(self._weigh, sheet.pieces))
                self._sheets.popleft()
                self._at = None
                sheet.written.set_result(None)
                sheet.answer()

    async def _write_down(self, pieces: Sequence[T]) -> None:
        while True:
            try:
                await self._patiently(pieces)
            except Refusal:
                self._do_without("The database is away: what comes is kept in memory")
                await asyncio.sleep(RETRY_SECONDS)
            except Exception:
                if len(pieces) == 1:
                    logger.exception("Something cannot be written down, and is lost", what=self._what)
                    self.lost += 1
                    return
                break
            else:
                self._is_away = False
                return
        half = len(pieces) // 2
        await self._write_down(pieces[:half])
        await self._write_down(pieces[half:])

    async def _patiently(self, pieces: Sequence[T]) -> None:
        writing = asyncio.ensure_future(self._write(pieces))
        try:
            done, _ = await asyncio.wait({writing}, timeout=PATIENCE)
            if not done:
                self._do_without("The database does not answer: what comes is kept in memory")
                await asyncio.wait({writing})
        except asyncio.CancelledError:
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)
            raise
        writing.result()

    def _do_without(self, why: str) -> None:
        """Let nobody wait until the database is back."""
        if not self._is_away:
            self._is_away = True
            logger.warning(why, what=self._what)
        for sheet in self._sheets:
            sheet.answer()
