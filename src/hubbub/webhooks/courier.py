"""The way of events to one endpoint: from the outbox into deliveries, and these over the network until taken or failed.

Knows: what was begun is tried again at its times, before anything new is begun; a channel waits for its unfinished
delivery, other channels go on. Does not know HTTP, nor where events come from.
"""

import asyncio
import heapq
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

import msgspec

from hubbub.errors import Refusal
from hubbub.logs import named
from hubbub.settings import Settings
from hubbub.taps.sights import Kind, Sight, sight
from hubbub.taps.taps import Taps
from hubbub.webhooks.backoff import next_try
from hubbub.webhooks.line import Line
from hubbub.webhooks.parcel import MOST_CHARACTERS, MOST_EVENTS, Parcel, is_late, kept, make, renewed
from hubbub.webhooks.post import Outcome, Post
from hubbub.webhooks.scribe import Scribe
from hubbub.webhooks.seam import (
    Attempt,
    Delivery,
    Endpoint,
    Hooked,
    Outbox,
    State,
    SupersededError,
    Tracer,
    Waiting,
)
from hubbub.webhooks.tally import Tally

PAGE: Final = 1000
"""Events read in one question."""

MOST_IN_LINE: Final = 10_000
"""Events of one endpoint in memory, and as many characters as MOST_IN_MEMORY; the others wait in the database."""

MOST_UNFINISHED: Final = 1000
"""Deliveries of one endpoint begun and not ended; together of as many characters as MOST_IN_MEMORY."""

MOST_IN_MEMORY: Final = 4_000_000

DEAD_AFTER: Final = 32
"""Failures in a row after which an endpoint is taken for dead: it gets a new delivery every PROBE_SECONDS until it
takes one. The others wait in the outbox, where their time does not run yet."""

PROBE_SECONDS: Final = 10.0

STORE_SECONDS: Final = 1.0
"""Between two questions to a database that is away."""

ANSWER_SECONDS: Final = 1.0
"""In which requests that are under way at a stop may still be answered, so that fewer are repeated."""

STOP_SECONDS: Final = 5.0

LEAD_SECONDS: Final = 0.25
"""Between two looks at whether this node may go on, while it may not."""

logger = named("hubbub.webhooks")


class Office(msgspec.Struct, frozen=True):
    """What all couriers work with. `ledger` is where attempts are written down.

    `leads` tells whether this node may send: nothing is made or begun while it may not.
    """

    outbox: Outbox
    post: Post
    ledger: Scribe[Attempt]
    tally: Tally
    settings: Settings
    leads: Callable[[], bool]
    taps: Taps
    tracer: Tracer | None = None


async def renew(office: Office, pending: Sequence[Delivery], hooked: Mapping[str, Hooked]) -> Sequence[Delivery]:
    """Give pending deliveries that are taken up; those that nobody could try in time are made anew, and kept so.

    For receivers refuse old times. They stay the earliest of their channels, and have their whole window again.
    """
    window, timeout = office.settings.webhook_window, office.settings.webhook_timeout
    late = {
        one.id: renewed(one, hooked[one.app_id])
        for one in pending
        if one.app_id in hooked and is_late(one, window, timeout)
    }
    await office.outbox.renew(list(late.values()))
    if late:
        logger.warning("Deliveries that no server tried in time are sent with a new time", deliveries=len(late))
    return [late.get(one.id, one) for one in pending]


class Courier:
    """Delivers to one endpoint. `start` it, `wake` it when events were accepted, `stop` it.

    By `token` it makes deliveries; when it cannot any more, for another node does, `superseded` is called.
    """

    def __init__(
        self,
        office: Office,
        hooked: Hooked,
        endpoint: Endpoint,
        token: int | None = None,
        superseded: Callable[[], None] = lambda: None,
    ) -> None:
        self._office = office
        self._token = token
        self._superseded = superseded
        self._hooked = hooked
        self._endpoint = endpoint
        self._line = Line()
        self._unfinished: dict[int, Parcel] = {}
        self._finished: set[int] | None = None
        self._characters = 0
        self._due: list[tuple[float, int]] = []
        self._alarm: asyncio.TimerHandle | None = None
        self._requests: set[asyncio.Task[None]] = set()
        self._awake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._is_stopping = False
        self._is_read_out = False
        # What is in the database may be other than what is known here, and is to be read anew.
        self._is_lost = True
        self._has_begun = False
        self._store_at = 0.0
        self._failures = 0
        self._made_at = float("-inf")
        self._probe_at: float | None = None
        self.waiting = 0
        """Events in the outbox for this endpoint, as far as is known."""

    # What the facade asks for

    def know(self, pending: Iterable[Delivery], waiting: int) -> None:
        """Be told, before `start`, what is in the database: unfinished deliveries, and how many events wait."""
        self._is_lost, self._has_begun = False, True
        self._is_read_out = not waiting
        self.waiting = waiting
        for delivery in pending:
            self._take_up(delivery)

    def start(self) -> None:
        """Begin, unless it was stopped before."""
        if self._is_stopping:
            return
        self._task = asyncio.create_task(self._run())

    def update(self, hooked: Hooked, endpoint: Endpoint) -> None:
        """Go on with the endpoint, and its application, as they are now. What was signed stays as it is."""
        self._hooked = hooked
        self._endpoint = endpoint
        self.look()

    def wake(self, events: int) -> None:
        """Be told that so many events more are in the outbox."""
        self.waiting += events
        self.look()

    def count(self, waiting: int) -> None:
        """Be told how many events are in the outbox, by who has just looked; other nodes may have put them there."""
        self.waiting = max(waiting, len(self._line))
        if waiting:
            self.look()

    @property
    def unfinished(self) -> int:
        """How many deliveries were begun, and neither taken nor given up."""
        return len(self._unfinished)

    @property
    def requests(self) -> int:
        """How many of them are at the endpoint at this moment."""
        return len(self._requests)

    @property
    def failures(self) -> int:
        """How many requests in a row it did not take; from DEAD_AFTER on it is taken for dead."""
        return self._failures

    def look(self) -> None:
        """Look for events in the outbox that somebody else has put there."""
        self._is_read_out = False
        self._awake.set()

    async def stop(self) -> None:
        """End what is under way; unfinished deliveries stay so."""
        self._is_stopping = True
        self._awake.set()
        if self._alarm is not None:
            self._alarm.cancel()
        if self._requests:
            await asyncio.wait(self._requests, timeout=ANSWER_SECONDS)
        for request in self._requests:
            request.cancel()
        await asyncio.gather(*self._requests, return_exceptions=True)
        if self._task is not None:
            # A transaction is let end: who cuts it off does not know what became of it.
            await asyncio.wait({self._task}, timeout=STOP_SECONDS)
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    # What goes on

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while not self._is_stopping:
            self._awake.clear()
            if loop.time() >= self._store_at:
                try:
                    await self._work()
                except Refusal:
                    self._lose_track()
                except SupersededError:
                    self._superseded()
                    self._lose_track()
                except Exception:
                    logger.exception("A courier failed, and goes on", **self._named)
                    self._lose_track()
            alarm = loop.call_at(self._next_time(), self._awake.set)
            await self._awake.wait()
            alarm.cancel()

    @property
    def _named(self) -> dict[str, object]:
        """What lines of the log say of it."""
        return {"webhook": self._endpoint.id, "app_id": self._hooked.app_id}

    def _lose_track(self) -> None:
        self._is_lost = True
        self._store_at = asyncio.get_running_loop().time() + STORE_SECONDS

    async def _work(self) -> None:
        """Read what waits, and make deliveries of it as long as there is room for requests."""
        if self._is_lost:
            await self._find_again()
        while not self._is_stopping and self._office.leads():
            await self._read()
            if not self._office.leads() or not await self._make():
                return

    def _next_time(self) -> float:
        """Give when to look again, if nothing wakes the courier before."""
        times = [asyncio.get_running_loop().time() + (60.0 if self._office.leads() else LEAD_SECONDS)]
        if self._is_lost:
            times.append(self._store_at)
        if self._probe_at is not None:
            times.append(self._probe_at)
        return min(times)

    # From the outbox

    async def _find_again(self) -> None:
        """Read anew what is in the database, beside what is known to be under way."""
        self._line.clear()
        self._finished = finished = set[int]()
        try:
            found = await self._office.outbox.pending()
        finally:
            self._finished = None
        place, known = (self._hooked.app_id, self._endpoint.id), finished | self._unfinished.keys()
        ours = [one for one in found if (one.app_id, one.endpoint_id) == place and one.id not in known]
        if not self._has_begun:
            # Its application is back, or has a key again: nobody tried these meanwhile.
            ours = list(await renew(self._office, ours, {self._hooked.app_id: self._hooked}))
        for delivery in ours:
            self._take_up(delivery)
        self._has_begun = True
        self._is_lost = self._is_read_out = False

    async def _read(self) -> None:
        line = self._line
        while not self._is_read_out and len(line) < MOST_IN_LINE and line.characters < MOST_IN_MEMORY:
            self._is_read_out = True  # unless somebody says otherwise meanwhile
            try:
                found = await self._office.outbox.waiting(line.last_id, PAGE, self._hooked.app_id, self._endpoint.id)
            except BaseException:
                self._is_read_out = False
                raise
            line.add(found)
            if len(found) == PAGE:
                self._is_read_out = False
        if self._is_read_out:
            self.waiting = len(line)

    async def _make(self) -> bool:
        """Make deliveries for which there is room now; False if there is none, or nothing to make."""
        batches = self._compose()
        if not batches:
            return False
        self._made_at = asyncio.get_running_loop().time()
        new = [make(self._hooked, self._endpoint.id, events) for events in batches]
        try:
            ids = await self._office.outbox.make(new, self._token)
        except BaseException:
            for one in new:
                self._line.free(one.channels)
            raise
        for delivery_id, one in zip(ids, new, strict=True):
            self.waiting = max(self.waiting - len(one.event_ids), 0)
            self._line.free(one.channels)
            if delivery_id is not None:
                self._take_up(kept(one, delivery_id))
        if None in ids:
            # By a server without the engine, if the endpoint is still there.
            logger.warning("Events were taken by somebody else, and are looked for", **self._named)
            self._lose_track()
            return False
        return True

    def _compose(self) -> list[list[Waiting]]:
        """Take out of the line what goes into new deliveries now."""
        room = self._office.settings.webhook_concurrency - len(self._requests) - self._count_due()
        room = min(room, MOST_UNFINISHED - len(self._unfinished))
        self._probe_at = None
        if self._failures >= DEAD_AFTER:
            if asyncio.get_running_loop().time() < self._made_at + PROBE_SECONDS:
                self._probe_at = self._made_at + PROBE_SECONDS
                return []
            room = min(room, 1)
        if self._unfinished and self._characters >= MOST_IN_MEMORY:
            return []
        most = MOST_EVENTS if self._hooked.is_batched else 1
        batches: list[list[Waiting]] = []
        while len(batches) < room and (events := self._line.take(most, MOST_CHARACTERS)):
            batches.append(events)
        return batches

    def _count_due(self) -> int:
        now = asyncio.get_running_loop().time()
        return sum(at <= now for at, _ in self._due)

    # Over the network

    def _take_up(self, delivery: Delivery) -> None:
        now = asyncio.get_running_loop().time()
        self._unfinished[delivery.id] = Parcel(delivery, now)
        self._characters += len(delivery.body)
        self._line.hold(delivery.channels)
        heapq.heappush(self._due, (now, delivery.id))
        self._go()

    def _go(self) -> None:
        """Begin the requests that are due, as many as may be, and be here again for the next."""
        loop = asyncio.get_running_loop()
        most = self._office.settings.webhook_concurrency
        may_begin = not self._is_stopping and self._office.leads()
        while may_begin and self._due and self._due[0][0] <= loop.time() and len(self._requests) < most:
            _, delivery_id = heapq.heappop(self._due)
            self._requests.add(asyncio.create_task(self._try(self._unfinished[delivery_id])))
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        if not self._is_stopping and self._due and len(self._requests) < most:
            at = self._due[0][0] if may_begin else max(self._due[0][0], loop.time() + LEAD_SECONDS)
            self._alarm = loop.call_at(at, self._go)

    async def _try(self, parcel: Parcel) -> None:
        at = datetime.now(UTC)
        try:
            outcome = await self._send(parcel.delivery)
        except Exception:
            logger.exception("A request to a webhook failed in an unknown way", **self._named)
            outcome = Outcome(0, problem="unknown")
        finally:
            task = asyncio.current_task()
            assert task is not None
            self._requests.discard(task)
        settings, now = self._office.settings, asyncio.get_running_loop().time()
        again = None
        if not outcome.is_success:
            again = next_try(now - parcel.made_at, settings.webhook_window, settings.webhook_timeout)
        state = State.PENDING
        if again is None:
            state = State.DELIVERED if outcome.is_success else State.FAILED
        self._count(parcel, outcome, state)
        if self._office.taps.watched:
            kind = Kind.WEBHOOK_SENT if outcome.is_success else Kind.WEBHOOK_FAILED
            self._office.taps.see(self._hooked.app_id, kind, lambda: self._seen(kind, parcel, outcome))
        sheet = self._office.ledger.put(
            Attempt(
                delivery_id=parcel.delivery.id,
                at=at,
                duration_ms=outcome.duration_ms,
                state=state,
                status=outcome.status,
                problem=outcome.problem,
                answer=outcome.answer,
            )
        )
        if again is not None:
            heapq.heappush(self._due, (parcel.made_at + again, parcel.delivery.id))
        else:
            # Not before it is written: else a restart would repeat it after what its channels send next.
            sheet.written.add_done_callback(lambda _: self._finish(parcel))
        self._go()
        self._awake.set()

    async def _send(self, delivery: Delivery) -> Outcome:
        post, tracer = self._office.post, self._office.tracer
        if tracer is None or not delivery.traces:
            return await post.send(self._endpoint, delivery)
        with tracer.sending(delivery, self._endpoint.id, delivery.traces) as sending:
            outcome = await post.send(self._endpoint, delivery, sending.headers)
            sending.ended(outcome.status, outcome.problem)
        return outcome

    def _seen(self, kind: Kind, parcel: Parcel, outcome: Outcome) -> Sight:
        delivery = parcel.delivery
        what = outcome.problem or f"status {outcome.status}"
        return sight(
            kind,
            channel=", ".join(delivery.channels),
            data=delivery.body,
            text=f"webhook {self._endpoint.id}, delivery {delivery.id}: {what}, after {outcome.duration_ms} ms",
            code=outcome.status,
        )

    def _finish(self, parcel: Parcel) -> None:
        del self._unfinished[parcel.delivery.id]
        if self._finished is not None:
            self._finished.add(parcel.delivery.id)
        self._characters -= len(parcel.delivery.body)
        self._line.free(parcel.delivery.channels)
        self._awake.set()

    def _count(self, parcel: Parcel, outcome: Outcome, state: State) -> None:
        tally = self._office.tally
        tally.durations.took(outcome.duration_ms / 1000)
        if outcome.is_success:
            tally.delivered += 1
            tally.taken_of[self._hooked.app_id] += 1
            if self._failures:
                logger.info("A webhook takes deliveries again", **self._named)
            self._failures = 0
            return
        tally.failed_attempts += 1
        why = outcome.problem or f"status {outcome.status}"
        if not self._failures:
            logger.warning(
                "A webhook did not take a delivery: see `hubbub webhook show`",
                **self._named,
                delivery=parcel.delivery.id,
                reason=why,
            )
        self._failures += 1
        if state is State.FAILED:
            tally.failed += 1
            tally.failed_of[self._hooked.app_id] += 1
            logger.warning(
                "A delivery has failed: see `hubbub webhook show`",
                **self._named,
                delivery=parcel.delivery.id,
                reason=why,
            )
