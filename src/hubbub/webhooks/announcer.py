"""Telling the node that delivers that events wait.

Knows: often is as good as once a moment. Does not know who delivers: it looks by itself now and then, so what is not
heard is only late.
"""

import asyncio
from typing import Final

from hubbub.errors import Refusal
from hubbub.webhooks.seam import NEWS, Cluster

PAUSE_SECONDS: Final = 0.05
"""Between two announcements of the same: 20 a second, however many events there are."""


class Announcer:
    """`start` it, `tell` it of applications, `stop` it."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._news: dict[str, None] = {}
        self._awake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """End."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def tell(self, subject: str) -> None:
        """Announce it to all other nodes, soon."""
        self._news[subject] = None
        self._awake.set()

    async def _run(self) -> None:
        while True:
            await self._awake.wait()
            self._awake.clear()
            news, self._news = self._news, {}
            for subject in news:
                try:
                    await self._cluster.announce(NEWS, subject)
                except Refusal:
                    break  # nobody can be reached
            await asyncio.sleep(PAUSE_SECONDS)
