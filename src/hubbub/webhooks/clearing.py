"""Discarding what waits for endpoints that are gone.

Knows: it is done in its own time, also when the database is away at the moment. Does not know who is gone: the outbox
discards nothing of an endpoint that is there.
"""

import asyncio
from typing import Final

from hubbub.errors import Refusal
from hubbub.logs import named
from hubbub.webhooks.dispatch import Place
from hubbub.webhooks.seam import Outbox
from hubbub.webhooks.tally import Tally

RETRY_SECONDS: Final = 1.0
"""Between two tries while the database is away."""

logger = named("hubbub.webhooks")


class Clearing:
    """`put` places, and let it `run`. While `changing` is held nothing is discarded."""

    def __init__(self, outbox: Outbox, tally: Tally, changing: asyncio.Lock) -> None:
        self._outbox = outbox
        self._tally = tally
        self._changing = changing
        self._gone: set[Place] = set()
        self._has_gone = asyncio.Event()

    def put(self, place: Place) -> None:
        """Note that an endpoint is gone."""
        self._gone.add(place)
        self._has_gone.set()

    def keep(self, place: Place) -> None:
        """Note that it is there again."""
        self._gone.discard(place)

    async def run(self) -> None:
        """Discard what waits for endpoints that are gone, whenever there are any."""
        while True:
            await self._has_gone.wait()
            self._has_gone.clear()
            async with self._changing:
                is_done = await self._discard_all()
            if not is_done:
                self._has_gone.set()
                await asyncio.sleep(RETRY_SECONDS)

    async def _discard_all(self) -> bool:
        while self._gone:
            place = self._gone.pop()
            try:
                count = await self._outbox.discard(*place)
            except Refusal:
                self._gone.add(place)
                return False
            except Exception:
                logger.exception(
                    "What waits for a webhook that is gone cannot be discarded", app_id=place[0], webhook=place[1]
                )
            else:
                self._tally.dropped += count
                if count:
                    app_id, endpoint_id = place
                    logger.warning(
                        "A webhook was removed, and what waited for it is dropped",
                        webhook=endpoint_id,
                        app_id=app_id,
                        events=count,
                    )
        return True
