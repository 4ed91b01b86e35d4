"""Webhooks, for the rest of Hubbub: what happened is recorded here, and an application's endpoints hear of it.

Knows: that a fact is safe before it counts; that of several nodes one delivers, and which. Does not know what is told
of a fact, nor how deliveries are made and sent.
"""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from hubbub.errors import Refusal
from hubbub.logs import named
from hubbub.messages import Fact
from hubbub.settings import Settings
from hubbub.taps.taps import Taps
from hubbub.webhooks.announcer import Announcer
from hubbub.webhooks.census import Census
from hubbub.webhooks.clearing import Clearing
from hubbub.webhooks.courier import DEAD_AFTER, Office
from hubbub.webhooks.dispatch import Dispatch, Place
from hubbub.webhooks.names import LookUp
from hubbub.webhooks.notebook import Notebook
from hubbub.webhooks.ownroll import OwnRoll
from hubbub.webhooks.pad import Pad
from hubbub.webhooks.post import Post
from hubbub.webhooks.readers import Readers
from hubbub.webhooks.scribe import Scribe
from hubbub.webhooks.seam import ROLE, Attempt, Cluster, Hooked, Note, Outbox, Tracer
from hubbub.webhooks.sharedroll import SharedRoll
from hubbub.webhooks.tally import Queues, Tally

PRUNE_SECONDS: Final = 600.0
"""Between two prunings of what was delivered."""

RETRY_SECONDS: Final = 1.0
"""Between two tries at beginning to deliver while the database is away."""

LEAD_SECONDS: Final = 0.25
"""Between two looks at who delivers."""

LOOK_SECONDS: Final = 3.0
"""Between two looks at what waits in the outbox, where other nodes put events too."""

STOP_SECONDS: Final = 5.0
"""In which a stop must have written down what came, and again what was tried."""

logger = named("hubbub.webhooks")


class Webhooks:
    """`start` it, `record` facts, `freeze` it when the server begins to stop, `stop` it.

    `declared` is an application of the settings with its endpoint, or without. `fixed` are the ids of all applications
    that are not the database's: a stored one of such an id is hidden here as everywhere, and its endpoints hear of
    nothing. `cluster` is the engine; without one, or where it is alone, this node is all there is. Elsewhere `hear`
    takes what other nodes announce as seam.NEWS, and `unsettle` is called when a node was lost. `look_up` finds the
    addresses of names in place of the system. `taps` see what was delivered, and what was not; `tracer` traces it.
    """

    def __init__(  # noqa: PLR0913 - each is another part that it works with
        self,
        outbox: Outbox,
        settings: Settings,
        declared: Hooked | None = None,
        *,
        fixed: Collection[str] = (),
        cluster: Cluster | None = None,
        look_up: LookUp | None = None,
        taps: Taps | None = None,
        tracer: Tracer | None = None,
    ) -> None:
        self.tally = Tally()
        self._changing = asyncio.Lock()
        self._outbox = outbox
        self._settings = settings
        self._declared = declared
        self._fixed = frozenset(fixed) | ({declared.app_id} if declared is not None else frozenset())
        self._cluster = cluster if cluster is not None and not cluster.is_alone else None
        self._post = Post(settings.webhook_timeout, is_private=settings.webhook_private, look_up=look_up)
        self._ledger = Scribe[Attempt](outbox.attempted, "attempts of webhooks")
        office = Office(outbox, self._post, self._ledger, self.tally, settings, self._leads, taps or Taps(), tracer)
        self._clearing = Clearing(outbox, self.tally, self._changing)
        self._dispatch = Dispatch(office, self._clear_away, is_alone=self._cluster is None)
        self._readers = Readers(self._has_room)
        self._pad = pad = Pad(settings.webhook_backlog, self.tally, self._accept)
        self._shared: SharedRoll | None = None
        self._census: Census | None = None
        self._announcer: Announcer | None = None
        if self._cluster is not None:
            self._shared = SharedRoll(settings, self._readers, pad, self._cluster)
            self._census = Census(settings, outbox, self._readers, self._shared, self._cluster, self._delivers)
            self._announcer = Announcer(self._cluster)
        roll = self._shared or OwnRoll(settings, self._readers, pad)
        self._notebook = Notebook(self._readers, pad, roll, tracer.mark if tracer is not None else str)
        # What waits for endpoints, as it was known last, where another node delivers.
        self._elsewhere: dict[Place, int] = {}
        self._full: set[Place] = set()
        self._is_started = False
        self._tasks: list[asyncio.Task[None]] = []

    # Beginning and end

    async def start(self) -> None:
        """Go on with what the outbox holds. Raises STORE_UNAVAILABLE."""
        async with self._changing:
            await self._start()
        work = [self._clearing.run(), self._prune()]
        if self._cluster is not None:
            work += [self._follow_lead(), self._keep_count()]
        self._tasks = [asyncio.create_task(one) for one in work]

    async def _start(self) -> None:
        hooked = {one.app_id: one for one in await self._outbox.hooked() if one.app_id not in self._fixed}
        if self._declared is not None and self._declared.endpoints:
            hooked[self._declared.app_id] = self._declared
        # Alone, who was there before is known from the beginning; elsewhere the leader compares.
        standing = await self._outbox.standing() if self._cluster is None else []
        self._post.open()
        if self._cluster is None:
            try:
                await self._dispatch.begin(list(hooked.values()))
            except BaseException:
                await self._post.close()
                raise
        self._ledger.start()
        self._notebook.start(list(hooked.values()), standing)
        if self._announcer is not None and self._census is not None:
            self._announcer.start()
            self._census.start()
        self._is_started = True

    def freeze(self) -> None:
        """Let nobody leave any more: that is for the server's own end. Who stays away then, the next start tells.

        Or the node that leads by then.
        """
        self._notebook.freeze()
        if self._census is not None:
            self._census.freeze()

    async def stop(self) -> None:
        """Write down what came, break off requests, and close what is open. Undelivered events stay in the outbox.

        Where there are other nodes, before this one leaves the cluster: the next to deliver begins when this has ended.
        """
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._census is not None:
            await self._census.stop()
        await self._notebook.stop(STOP_SECONDS)
        if self._announcer is not None:
            await self._announcer.stop()
        await self._dispatch.end()
        await self._ledger.stop(STOP_SECONDS)
        await self._post.close()

    # Other nodes

    @property
    def is_delivering(self) -> bool:
        """Whether this node is the one that delivers."""
        return self._dispatch.is_on

    def hear(self, subject: str) -> None:
        """Take what another node announced: events of that application wait; or, if "", nodes came or went."""
        if not subject:
            if self._census is not None and self._delivers():
                self._census.unsettle()
        else:
            self._dispatch.look(subject)

    def unsettle(self) -> None:
        """Note that a node was lost, or that this one was taken for lost and is back: the leader is to compare."""
        if self._census is None or self._announcer is None:
            return
        if self._delivers():
            self._census.unsettle()
        else:
            self._announcer.tell("")

    def _leads(self) -> bool:
        """Tell whether this node may deliver at this moment."""
        cluster = self._cluster
        return cluster is None or (cluster.leads(ROLE) and cluster.away is None)

    def _delivers(self) -> bool:
        return self._dispatch.is_on and self._leads()

    async def _follow_lead(self) -> None:
        """Deliver while this node leads, and not when it does not; and see when the cluster was away."""
        assert self._cluster is not None, "it is alone"
        assert self._shared is not None, "it is alone"
        gaps = self._cluster.membership.gaps
        while True:
            try:
                self._shared.is_quiet()
                if gaps != (gaps := self._cluster.membership.gaps):
                    self.unsettle()  # who left meanwhile, an engine that has forgotten all does not tell
                if self._dispatch.is_on and (self._dispatch.is_superseded or not self._leads()):
                    logger.info("Webhooks are delivered by another node from now on, or by none")
                    await self._dispatch.end()
                elif not self._dispatch.is_on and self._leads():
                    async with self._changing:
                        await self._dispatch.begin(self._readers.all())
                    self.unsettle()
                    logger.info("Webhooks are delivered by this node from now on")
            except Refusal:
                await asyncio.sleep(RETRY_SECONDS)
            except Exception:
                logger.exception("Webhooks of other nodes cannot be taken over, or given up")
                await asyncio.sleep(RETRY_SECONDS)
            await asyncio.sleep(LEAD_SECONDS)

    async def _keep_count(self) -> None:
        """Look at what waits in the outbox, now and then."""
        while True:
            try:
                self._elsewhere = dict(await self._outbox.backlog())
            except Refusal:
                pass  # what was known goes on
            except Exception:
                logger.exception("What waits for webhooks cannot be counted")
            else:
                self._dispatch.count(self._elsewhere)
            await asyncio.sleep(LOOK_SECONDS)

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
                self._dispatch.look(self._declared.app_id)
            if app_id in self._fixed:
                return
            found = await self._outbox.hooked(app_id)
            self._change(app_id, found[0] if found else None)

    def _change(self, app_id: str, hooked: Hooked | None) -> None:
        before = self._readers.hooked(app_id)
        endpoints = hooked.endpoints if hooked is not None else ()
        now = {endpoint.id for endpoint in endpoints}
        for endpoint in endpoints:
            assert hooked is not None, "it has endpoints"
            self._clearing.keep((app_id, endpoint.id))
            self._dispatch.update(hooked, endpoint)
        self._notebook.change(app_id, hooked)
        for endpoint in before.endpoints if before is not None else ():
            if endpoint.id not in now:
                self._full.discard((app_id, endpoint.id))
                self._dispatch.dismiss((app_id, endpoint.id))
        if self._census is not None and (before.endpoints if before is not None else ()) != endpoints:
            self._census.adopt(app_id)

    # What happened

    def concerns(self, app_id: str) -> bool:
        """Tell whether an application has endpoints. A look into a dictionary."""
        hooked = self._readers.hooked(app_id)
        return hooked is not None and bool(hooked.endpoints)

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
                logger.exception("A fact cannot be noted for webhooks", app_id=app_id)
        if sheet is not None and not sheet.answered.done():
            # Not awaited itself: many share it, and one who is cancelled would cancel it. Nor is this always in a task.
            await asyncio.wait({sheet.answered})

    def counts(self) -> dict[str, int]:
        """Give how many requests were delivered and failed, tries failed and events dropped, since the start."""
        counts = {name: getattr(self.tally, name) for name in self.tally.__slots__}
        return {name: count for name, count in counts.items() if isinstance(count, int)}

    def queues(self) -> Queues:
        """Give what is under way here at this moment."""
        couriers = self._dispatch.couriers
        dead = sum(courier.failures >= DEAD_AFTER for courier in couriers)
        well = sum(not courier.failures for courier in couriers)
        return Queues(
            unfinished=sum(courier.unfinished for courier in couriers),
            requests=sum(courier.requests for courier in couriers),
            well=well,
            failing=len(couriers) - well - dead,
            dead=dead,
            events=self._pad.waiting,
            attempts=len(self._ledger),
            lost_events=self._pad.lost,
            lost_attempts=self._ledger.lost,
        )

    async def _accept(self, notes: Sequence[Note]) -> None:
        """Have notes written down, and wake the couriers concerned. Raises STORE_UNAVAILABLE."""
        others = await self._outbox.accept(notes)
        if self._shared is not None:
            self._shared.written(notes, others)
        counts: dict[Place, int] = {}
        for note in notes:
            for endpoint_id in note.endpoints:
                place = (note.app_id, endpoint_id)
                counts[place] = counts.get(place, 0) + 1
        self._tell_waiting(counts)

    def _tell_waiting(self, counts: Mapping[Place, int]) -> None:
        """Tell who delivers how many events more wait for each endpoint."""
        for place, count in counts.items():
            app_id, endpoint_id = place
            hooked = self._readers.hooked(app_id)
            if hooked is None or all(endpoint.id != endpoint_id for endpoint in hooked.endpoints):
                self._clear_away(place)  # it went while this was written
            elif self._dispatch.is_on:
                self._dispatch.wake(place, count)
            else:
                self._elsewhere[place] = self._elsewhere.get(place, 0) + count
                if self._announcer is not None:
                    self._announcer.tell(app_id)

    def _has_room(self, app_id: str, endpoint_id: int) -> bool:
        """Tell whether an endpoint may have one more event wait for it; if not, it is counted as dropped."""
        place, limit = (app_id, endpoint_id), self._settings.webhook_backlog
        waiting = self._dispatch.waiting(place) if self._dispatch.is_on else self._elsewhere.get(place, 0)
        if waiting < limit:
            if place in self._full:
                self._full.discard(place)
                logger.warning("A webhook is sent new events again", webhook=endpoint_id, app_id=app_id)
            return True
        if place not in self._full:
            self._full.add(place)
            logger.error(
                "Too many events wait for a webhook, new ones are dropped: see `hubbub webhook deliveries`",
                webhook=endpoint_id,
                app_id=app_id,
                events=limit,
            )
        self.tally.dropped += 1
        return False

    def _clear_away(self, place: Place) -> None:
        self._full.discard(place)
        self._clearing.put(place)

    async def _prune(self) -> None:
        kept = timedelta(seconds=self._settings.webhook_retention)
        while True:
            try:
                if self._leads():
                    await self._outbox.prune(datetime.now(UTC) - kept)
            except Refusal:
                pass  # the next time will do
            except Exception:
                logger.exception("Old deliveries of webhooks cannot be pruned")
            await asyncio.sleep(PRUNE_SECONDS)
