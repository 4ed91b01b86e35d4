"""The couriers of all endpoints, on the node that delivers.

Knows: they work while this node leads, and begin with what the database has; one that is gone ends in its own time.
Does not know who leads, nor what events are.
"""

import asyncio
import secrets
from collections.abc import Callable, Collection, Mapping, Sequence

from hubbub.webhooks.courier import Courier, Office, renew
from hubbub.webhooks.seam import Delivery, Endpoint, Hooked

Place = tuple[str, int]
"""An endpoint: its application's id and its own."""


class Dispatch:
    """`begin` when this node is to deliver, `end` when it is to no longer. `clear_away` is called with what is gone."""

    def __init__(self, office: Office, clear_away: Callable[[Place], None], *, is_alone: bool) -> None:
        self._office = office
        self._is_alone = is_alone
        self._token: int | None = None
        self.is_superseded = False
        """Whether another node has begun since: this one is to `end`, and to begin anew if it leads after all."""
        self._clear_away = clear_away
        self._couriers: dict[Place, Courier] = {}
        # Couriers of endpoints that are gone, which end in their own time: nobody else's change waits for that.
        self._leaving: dict[Place, asyncio.Task[None]] = {}
        self.is_on = False
        """Whether this node delivers."""

    async def begin(self, hooked: Sequence[Hooked]) -> None:
        """Go on with what the outbox holds, and let no other node do so.

        Raises STORE_UNAVAILABLE, having begun nothing.
        """
        office = self._office
        if (sheet := office.ledger.last) is not None:
            # What was tried when it led before, or it would be tried again.
            await asyncio.wait({sheet.written})
        if not self._is_alone:
            # Before anything is read: what another node makes now, it makes in vain.
            self._token = secrets.randbits(63)
            await office.outbox.lead(self._token)
        self.is_superseded = False
        by_id = {one.app_id: one for one in hooked}
        backlog = await office.outbox.backlog()
        pending = await renew(office, await office.outbox.pending(), by_id)
        of: dict[Place, list[Delivery]] = {}
        for delivery in pending:
            of.setdefault((delivery.app_id, delivery.endpoint_id), []).append(delivery)
        for one in hooked:
            for endpoint in one.endpoints:
                place = (one.app_id, endpoint.id)
                courier = self._couriers[place] = self._courier(one, endpoint)
                courier.know(of.get(place, []), backlog.get(place, 0))
                if not self._is_alone:
                    courier.look()  # what came since they were counted, nobody could tell it
                courier.start()
        self.is_on = True
        for place in {*backlog, *of} - set(self._couriers):
            self._clear_away(place)

    async def end(self) -> None:
        """Break off requests, and begin no more; what is undelivered stays in the outbox."""
        self.is_on = False
        couriers = list(self._couriers.values())
        self._couriers.clear()
        await asyncio.gather(*(courier.stop() for courier in couriers), *self._leaving.values())

    def _courier(self, hooked: Hooked, endpoint: Endpoint) -> Courier:
        return Courier(self._office, hooked, endpoint, self._token, self._note_superseded)

    def _note_superseded(self) -> None:
        self.is_superseded = True

    def update(self, hooked: Hooked, endpoint: Endpoint) -> None:
        """Go on with an endpoint as it is now; begin if it is new."""
        place = (hooked.app_id, endpoint.id)
        if not self.is_on:
            return
        if place in self._couriers:
            self._couriers[place].update(hooked, endpoint)
            return
        courier = self._couriers[place] = self._courier(hooked, endpoint)
        if place in self._leaving:
            # Gone and back: one courier at a time, or a channel's requests would overtake each other.
            self._leaving[place].add_done_callback(lambda _: courier.start())
        else:
            courier.start()

    def dismiss(self, place: Place) -> None:
        """Let the courier of an endpoint that is gone end, and have what it leaves cleared away."""
        if place not in self._couriers:
            self._clear_away(place)
            return
        before, courier = self._leaving.get(place), self._couriers.pop(place)

        async def leave() -> None:
            if before is not None:
                await before
            await courier.stop()
            if self._leaving.get(place) is task:
                del self._leaving[place]
                if place not in self._couriers:
                    self._clear_away(place)

        task = self._leaving[place] = asyncio.create_task(leave())

    def wake(self, place: Place, events: int) -> None:
        """Be told that so many events more are in the outbox for an endpoint."""
        if place in self._couriers:
            self._couriers[place].wake(events)

    def look(self, app_id: str) -> None:
        """Look for events of an application that somebody else has put into the outbox."""
        for place, courier in self._couriers.items():
            if place[0] == app_id:
                courier.look()

    def count(self, backlog: Mapping[Place, int]) -> None:
        """Be told how many events are in the outbox for each endpoint."""
        for place, courier in self._couriers.items():
            courier.count(backlog.get(place, 0))

    @property
    def couriers(self) -> Collection[Courier]:
        """Those of all endpoints that are delivered to."""
        return self._couriers.values()

    def waiting(self, place: Place) -> int:
        """Give how many events wait for an endpoint, as far as is known here."""
        return self._couriers[place].waiting if place in self._couriers else 0
