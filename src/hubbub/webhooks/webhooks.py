"""Webhooks, for the rest of Hubbub: what happened is recorded here, and an application's endpoints hear of it.

Knows: that a fact is safe before it counts; which endpoints have a courier, and what is to be cleared away. Does not
know what is told of a fact, nor how deliveries are made and sent.
"""

import asyncio
import logging
from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from hubbub.errors import Refusal
from hubbub.messages import Fact
from hubbub.settings import Settings
from hubbub.webhooks.courier import Courier, Office, renew
from hubbub.webhooks.names import LookUp
from hubbub.webhooks.notebook import Notebook
from hubbub.webhooks.post import Post
from hubbub.webhooks.scribe import Scribe
from hubbub.webhooks.seam import Attempt, Delivery, Endpoint, Hooked, Note, Outbox
from hubbub.webhooks.tally import Tally

PRUNE_SECONDS: Final = 600.0
"""Between two prunings of what was delivered."""

RETRY_SECONDS: Final = 1.0
"""Between two tries at clearing away while the database is away."""

STOP_SECONDS: Final = 5.0
"""In which a stop must have written down what came, and again what was tried."""

Place = tuple[str, int]
"""An endpoint: its application's id and its own."""

logger = logging.getLogger("hubbub.webhooks")


class Webhooks:
    """`start` it, `record` facts, `freeze` it when the server begins to stop, `stop` it.

    `declared` is an application of the settings with its endpoint, or without. `fixed` are the ids of all applications
    that are not the database's: a stored one of such an id is hidden here as everywhere, and its endpoints hear of
    nothing. `look_up` finds the addresses of names in place of the system.
    """

    def __init__(
        self,
        outbox: Outbox,
        settings: Settings,
        declared: Hooked | None = None,
        *,
        fixed: Collection[str] = (),
        look_up: LookUp | None = None,
    ) -> None:
        self.tally = Tally()
        self._outbox = outbox
        self._settings = settings
        self._declared = declared
        self._fixed = frozenset(fixed) | ({declared.app_id} if declared is not None else frozenset())
        self._post = Post(settings.webhook_timeout, is_private=settings.webhook_private, look_up=look_up)
        self._ledger = Scribe[Attempt](outbox.attempted, "attempts of webhooks")
        self._office = Office(outbox, self._post, self._ledger, self.tally, settings)
        self._notebook = Notebook(settings, self.tally, self._accept, self._has_room)
        self._couriers: dict[Place, Courier] = {}
        self._full: set[Place] = set()
        self._gone: set[Place] = set()
        # Couriers of endpoints that are gone, which end in their own time: nobody else's change waits for that.
        self._leaving: dict[Place, asyncio.Task[None]] = {}
        self._has_gone = asyncio.Event()
        self._changing = asyncio.Lock()
        self._is_started = False
        self._tasks: list[asyncio.Task[None]] = []

    # Beginning and end

    async def start(self) -> None:
        """Go on with what the outbox holds. Raises STORE_UNAVAILABLE."""
        async with self._changing:
            await self._start()
        self._tasks = [asyncio.create_task(self._discard()), asyncio.create_task(self._prune())]

    async def _start(self) -> None:
        hooked = {one.app_id: one for one in await self._outbox.hooked() if one.app_id not in self._fixed}
        if self._declared is not None and self._declared.endpoints:
            hooked[self._declared.app_id] = self._declared
        backlog, pending = await self._outbox.backlog(), await renew(self._office, await self._outbox.pending(), hooked)
        standing = await self._outbox.standing()
        self._post.open()
        self._ledger.start()
        of: dict[Place, list[Delivery]] = {}
        for delivery in pending:
            of.setdefault((delivery.app_id, delivery.endpoint_id), []).append(delivery)
        for one in hooked.values():
            for endpoint in one.endpoints:
                place = (one.app_id, endpoint.id)
                courier = self._couriers[place] = Courier(self._office, one, endpoint)
                courier.know(of.get(place, []), backlog.get(place, 0))
                courier.start()
        self._notebook.start(list(hooked.values()), standing)
        for place in {*backlog, *of} - set(self._couriers):
            self._clear_away(place)
        self._is_started = True

    def freeze(self) -> None:
        """Let nobody leave any more: that is for the server's own end. Who stays away then, the next start tells."""
        self._notebook.freeze()

    async def stop(self) -> None:
        """Write down what came, break off requests, and close what is open. Undelivered events stay in the outbox."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._notebook.stop(STOP_SECONDS)
        await asyncio.gather(*(courier.stop() for courier in self._couriers.values()), *self._leaving.values())
        await self._ledger.stop(STOP_SECONDS)
        await self._post.close()

    # Applications

    async def refresh(self, app_id: str) -> None:
        """Look again at an application that has changed, or of which events were put into the outbox elsewhere.

        What waits for endpoints that were removed is discarded, in time; what waits for an application that is archived
        or has no key stays. Before the start there is nothing to do. Raises
        STORE_UNAVAILABLE, having changed nothing.
        """
        async with self._changing:
            if not self._is_started:
                return
            if self._declared is not None:
                # Its endpoint may be meant whichever the application: where changes are told it has no id.
                for endpoint in self._declared.endpoints:
                    self._couriers[self._declared.app_id, endpoint.id].look()
            if app_id in self._fixed:
                return
            found = await self._outbox.hooked(app_id)
            await self._change(app_id, found[0] if found else None)

    async def _change(self, app_id: str, hooked: Hooked | None) -> None:
        before = self._notebook.hooked(app_id)
        now = {endpoint.id for endpoint in hooked.endpoints} if hooked is not None else set[int]()
        if hooked is not None:
            for endpoint in hooked.endpoints:
                self._update(hooked, endpoint)
        self._notebook.change(app_id, hooked)
        for endpoint in before.endpoints if before is not None else ():
            if endpoint.id not in now:
                self._dismiss((app_id, endpoint.id))

    def _update(self, hooked: Hooked, endpoint: Endpoint) -> None:
        place = (hooked.app_id, endpoint.id)
        self._gone.discard(place)
        if place in self._couriers:
            self._couriers[place].update(hooked, endpoint)
        else:
            courier = self._couriers[place] = Courier(self._office, hooked, endpoint)
            if place in self._leaving:
                # Gone and back: one courier at a time, or a channel's requests would overtake each other.
                self._leaving[place].add_done_callback(lambda _: courier.start())
            else:
                courier.start()

    def _dismiss(self, place: Place) -> None:
        """Let the courier of an endpoint that is gone end, and clear away what it leaves."""
        before, courier = self._leaving.get(place), self._couriers.pop(place)
        self._full.discard(place)

        async def leave() -> None:
            if before is not None:
                await before
            await courier.stop()
            if self._leaving.get(place) is task:
                del self._leaving[place]
                if place not in self._couriers:
                    self._clear_away(place)

        task = self._leaving[place] = asyncio.create_task(leave())

    # What happened

    def concerns(self, app_id: str) -> bool:
        """Tell whether an application has endpoints. A look into a dictionary."""
        return self._notebook.concerns(app_id)

    async def record(self, app_id: str, *facts: Fact, socket_id: str = "") -> None:
        """Write facts down for the endpoints that want to hear of them, and come back when they are safe.

        An `Event` is one that the client `socket_id` sent. The order of events is that in which calls begin. While the
        database is away facts are kept in memory, and nobody waits for long. Never raises.
        """
        sheet = None
        for fact in facts:
            try:
                sheet = self._notebook.note(app_id, fact, socket_id) or sheet
            except Exception:
                logger.exception("A fact of application %s cannot be noted for webhooks", app_id)
        if sheet is not None and not sheet.answered.done():
            # Not awaited itself: many share it, and one who is cancelled would cancel it. Nor is this always in a task.
            await asyncio.wait({sheet.answered})

    def counts(self) -> dict[str, int]:
        """Give how many requests were delivered and failed, tries failed and events dropped, since the start."""
        return {name: getattr(self.tally, name) for name in self.tally.__slots__}

    async def _accept(self, notes: Sequence[Note]) -> None:
        """Have notes written down, and wake the couriers concerned. Raises STORE_UNAVAILABLE."""
        await self._outbox.accept(notes)
        counts: dict[Place, int] = {}
        for note in notes:
            for endpoint_id in note.endpoints:
                place = (note.app_id, endpoint_id)
                counts[place] = counts.get(place, 0) + 1
        for place, count in counts.items():
            if place in self._couriers:
                self._couriers[place].wake(count)
            else:
                self._clear_away(place)  # it went while this was written

    def _has_room(self, app_id: str, endpoint_id: int) -> bool:
        """Tell whether an endpoint may have one more event wait for it; if not, it is counted as dropped."""
        place, limit = (app_id, endpoint_id), self._settings.webhook_backlog
        if self._couriers[place].waiting < limit:
            if place in self._full:
                self._full.discard(place)
                logger.warning("Webhook %d of application %s is sent new events again", endpoint_id, app_id)
            return True
        if place not in self._full:
            self._full.add(place)
            logger.error(
                "Webhook %d of application %s: %d events wait, new ones are dropped; "
                "see `hubbub webhook deliveries %s`",
                *(endpoint_id, app_id, limit, app_id),
            )
        self.tally.dropped += 1
        return False

    # Clearing away

    def _clear_away(self, place: Place) -> None:
        self._gone.add(place)
        self._full.discard(place)
        self._has_gone.set()

    async def _discard(self) -> None:
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
                logger.exception("What waits for webhook %d, which is gone, cannot be discarded", place[1])
            else:
                self.tally.dropped += count
                if count:
                    app_id, endpoint_id = place
                    logger.warning(
                        "Webhook %d of application %s was removed: %d that waited are dropped",
                        endpoint_id,
                        app_id,
                        count,
                    )
        return True

    async def _prune(self) -> None:
        kept = timedelta(seconds=self._settings.webhook_retention)
        while True:
            try:
                await self._outbox.prune(datetime.now(UTC) - kept)
            except Refusal:
                pass  # the next time will do
            except Exception:
                logger.exception("Old deliveries of webhooks cannot be pruned")
            await asyncio.sleep(PRUNE_SECONDS)
