"""The error log: what goes wrong is written down a second later, a bounded number of things of each reason in full.

Knows: how many are kept whole, that the others are counted, and that nobody ever waits: what a database that is away
cannot take is dropped and counted. Does not know what is a reason, nor who reads it.
"""

import asyncio
import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from hubbub.console.seam import IncidentLog
from hubbub.errors import SHUTTING_DOWN, Refusal, name_of
from hubbub.logs import named
from hubbub.settings import Settings
from hubbub.taps.incident import Incident, Sort

FLUSH_SECONDS: Final = 1.0
"""Between two times at which incidents are written down."""

MOST_OF_A_REASON: Final = 10
"""Incidents of one application and reason that are kept whole in that time; of more, their number."""

MOST_ENDS: Final = 200
"""The same of connections that ended: each is somebody who may be asked about, and none can end twice."""

MOST_AT_ONCE: Final = 500
"""Incidents that are kept whole in that time, of all applications."""

PRUNE_SECONDS: Final = 60.0

STOP_SECONDS: Final = 2.0
"""In which a stop must have written down what is left."""

ROLE: Final = "incidents"
"""The role of the node that forgets old ones."""

logger = named("hubbub.console")

Place = tuple[str, str, Sort]
"""An application's id, a reason's name, and to whom it happened."""


class _Rest(msgspec.Struct):
    """How many more there were than are kept whole, and the last of them."""

    refusal: Refusal
    count: int = 0


class Incidents:
    """Admits, keeps, and writes down: what `hubbub.taps.taps.Log` asks for. `start` and `stop` it."""

    def __init__(self, kept: IncidentLog, settings: Settings) -> None:
        self._kept = kept
        self._settings = settings
        self._node = ""
        self._leads: Callable[[], bool] = lambda: True
        self._admitted: dict[Place, int] = {}
        self._rest: dict[Place, _Rest] = {}
        self._waiting: list[Incident] = []
        self._tasks: list[asyncio.Task[None]] = []
        self.dropped = 0
        """Incidents that could not be written down."""

    @property
    def waiting(self) -> int:
        """How much waits to be written down."""
        return len(self._waiting) + len(self._rest)

    # What the taps ask

    def admits(self, app_id: str, refusal: Refusal, sort: Sort) -> bool:
        """See `Log.admits`. Of a server's own end nothing but the number of those it sent away is kept."""
        place = (app_id, name_of(refusal.reason), sort)
        count = self._admitted.get(place, 0)
        most = MOST_ENDS if sort is Sort.CLOSED and app_id else MOST_OF_A_REASON
        if count < most and len(self._waiting) < MOST_AT_ONCE and refusal.reason is not SHUTTING_DOWN:
            self._admitted[place] = count + 1
            return True
        rest = self._rest.get(place)
        if rest is None:
            rest = self._rest[place] = _Rest(refusal)
        rest.refusal = refusal
        rest.count += 1
        return False

    def keep(self, incident: Incident) -> None:
        """See `Log.keep`."""
        self._waiting.append(incident)

    # Writing down

    def start(self, node: str, leads: Callable[[], bool]) -> None:
        """Begin to write down what happens at this node, called so, and to forget what is old whenever it `leads`."""
        self._node = node
        self._leads = leads
        self._tasks = [asyncio.create_task(self._write()), asyncio.create_task(self._prune())]

    async def stop(self) -> None:
        """Write down what is left, if that can be done soon."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await self._flush()
        except TimeoutError:
            logger.warning("the last incidents could not be written down in time")

    async def _write(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            await self._flush()

    async def _flush(self) -> None:
        """Write down what there is. Nothing escapes but a cancellation."""
        incidents = self._take()
        if not incidents:
            return
        try:
            await self._kept.keep(incidents)
        except Refusal:
            self._drop(incidents)
        except Exception:
            logger.exception("incidents could not be written down")
            self._drop(incidents)

    def _take(self) -> list[Incident]:
        incidents, self._waiting = self._waiting, []
        rest, self._rest, self._admitted = self._rest, {}, {}
        now = time.time()
        incidents += [
            Incident(
                reference=secrets.token_hex(8),
                app_id=app_id,
                at=now,
                sort=sort,
                reason=reason,
                code=one.refusal.code,
                status=one.refusal.status,
                text=one.refusal.message,
                count=one.count,
            )
            for (app_id, reason, sort), one in rest.items()
        ]
        return [msgspec.structs.replace(incident, node=self._node) for incident in incidents]

    def _drop(self, incidents: list[Incident]) -> None:
        count = sum(incident.count for incident in incidents)
        if not self.dropped:
            logger.warning("The database is away: incidents are dropped", incidents=count)
        self.dropped += count

    async def _prune(self) -> None:
        while True:
            await asyncio.sleep(PRUNE_SECONDS)
            if not self._leads():
                continue
            before = datetime.now(UTC) - timedelta(seconds=self._settings.incident_retention)
            try:
                while await self._kept.prune(before, self._settings.incident_limit):
                    pass
            except Refusal:
                continue
            except Exception:
                logger.exception("old incidents could not be forgotten")
