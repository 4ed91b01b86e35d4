"""How long the audit is kept.

Knows: when to look for what is too old, and that little is forgotten at once. Does not know tables.
"""

import asyncio
import logging
import random
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol, Self

from hubbub.errors import Refusal

_logger = logging.getLogger("hubbub.retention")

INTERVAL: Final = 3600.0
"""Seconds between two looks; each node looks, at a moment of its own."""

PAUSE: Final = 0.2
"""Seconds between two transactions: others write too."""


class Audit(Protocol):
    """Where the audit is kept."""

    async def prune_audit(self, before: datetime) -> int:
        """Forget some of the entries older than `before`, and give how many; 0 when there are no more."""


class Retention:
    """`async with` it: forgets what the audit has of longer than `seconds` ago; nothing with 0."""

    def __init__(self, audit: Audit, seconds: int, interval: float = INTERVAL) -> None:
        self._audit = audit
        self._kept = timedelta(seconds=seconds)
        self._interval = interval
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Begin to look."""
        if self._kept:
            self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *_: object) -> None:
        """End that. What is being forgotten is forgotten, or not."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            self._task = None

    async def _run(self) -> None:
        while True:
            try:
                is_more = True
                while is_more:
                    is_more = await self._audit.prune_audit(datetime.now(UTC) - self._kept) > 0
                    await asyncio.sleep(PAUSE)
            except Refusal:
                pass  # the next time will do
            except Exception:
                _logger.exception("Old entries of the audit cannot be forgotten")
            await asyncio.sleep(self._interval * random.uniform(0.8, 1.2))  # noqa: S311 - no secret
