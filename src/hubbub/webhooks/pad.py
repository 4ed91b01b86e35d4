"""Notes on their way to the database, and how many may be on it.

Knows: while the database is away they are in memory, and beyond a limit new ones are dropped, counted and logged. Does
not know what is noted.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from hubbub.logs import named
from hubbub.webhooks.scribe import Scribe, Sheet
from hubbub.webhooks.seam import Note
from hubbub.webhooks.tally import Tally

MOST_CHARACTERS: Final = 32_000_000
"""Of the events in memory while the database is away, besides their number: some are large."""

logger = named("hubbub.webhooks")


class Pad:
    """Notes, handed to `accept` in their order; `limit` is how many may be in memory."""

    def __init__(self, limit: int, tally: Tally, accept: Callable[[Sequence[Note]], Awaitable[None]]) -> None:
        self._limit = limit
        self._tally = tally
        self._scribe = Scribe[Note](accept, "events for webhooks", lambda note: len(note.event))
        self._is_full = False

    @property
    def waiting(self) -> int:
        """How much waits to be written down."""
        return len(self._scribe)

    @property
    def lost(self) -> int:
        """How much could not be written down ever."""
        return self._scribe.lost

    @property
    def last(self) -> Sheet[Note] | None:
        """What was put down last and is not written yet."""
        return self._scribe.last

    def start(self) -> None:
        """Begin to write."""
        self._scribe.start()

    async def stop(self, limit: float) -> None:
        """Write what there is, for at most `limit` seconds, and end."""
        await self._scribe.stop(limit)

    def put(self, note: Note) -> Sheet[Note] | None:
        """Have a note written down; None if too many are in memory already, waiting for the database."""
        if len(self._scribe) < self._limit and self._scribe.weight < MOST_CHARACTERS:
            self._is_full = False
            return self._scribe.put(note)
        if not self._is_full:
            self._is_full = True
            logger.error(
                "The database is away: too many events for webhooks are in memory, new ones are dropped",
                events=len(self._scribe),
            )
        self._tally.dropped += len(note.endpoints)
        return None

    def put_anyway(self, note: Note) -> Sheet[Note]:
        """Have a note written down, however many there are: what was told to begin has an end."""
        return self._scribe.put(note)
