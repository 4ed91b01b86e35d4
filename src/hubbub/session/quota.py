"""How many connections an application may have at a time, on all nodes together.

A node lets in as many as it holds places for. It asks the engine for more than it needs, so that most who come need not
wait, and in time gives back what is not used. Where an application is nearly full all nodes give back what they do not
use, at once, and places are given one by one from then on: the last of them too, to whichever node asks.

Connections that are there already, as when a limit is lowered, hold their places whatever the limit. While the cluster
is away each node lets in as many as it holds places for, or up to an even share of the limit where that is more; others
are told to come back. So it is for a while afterwards, until all nodes have put back what they have.

Knows: the places that this node holds. Does not know what takes one.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

from hubbub.apps import Application
from hubbub.errors import OVER_QUOTA, STORE_UNAVAILABLE, Refusal
from hubbub.logs import named
from hubbub.node.node import RETURNED, Node
from hubbub.session.places import UNKNOWN, WHATEVER, Places

FULL: Final = "full"
"""What nodes are told of an application for which there was no place to be had in advance."""

TOLD_SECONDS: Final = 1.0
"""Between two times that nodes are told so, for those that are new."""

RETURN_SECONDS: Final = 5.0
"""For how long, after the cluster was away, the engine may not know yet what other nodes have."""

TIDY_SECONDS: Final = 1.0
"""After which places that are not used are given back, and a call that failed is made again."""

logger = named("hubbub.quota")


class Quota:
    """Places for connections. `count` gives how many connections of an application are here, of those that count."""

    def __init__(self, node: Node, count: Callable[[str], int]) -> None:
        self._node = node
        self._count = count
        self._is_alone = node.is_alone
        self._places: dict[str, Places] = {}
        self._untidy: dict[str, Places] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._is_stopped = False
        self._adrift_until = float("-inf")  # this node goes by itself, as if the cluster were away
        if not self._is_alone:
            node.listen(FULL, self._hear)
            node.listen(RETURNED, self._return)

    def room(self, app: Application) -> Awaitable[None] | None:
        """Give None when one more may come in this very turn of the loop; or what to wait for, and then look again.

        Raises OVER_QUOTA, here or when awaited, when the application has as many connections as it may, and
        STORE_UNAVAILABLE when that cannot be known.
        """
        limit = app.settings.max_connections
        if not limit:
            return None
        count = self._count(app.id)
        if count >= limit:
            raise OVER_QUOTA(limit=limit)
        if self._is_alone:
            return None
        places = self._places_of(app.id, limit)
        if (here := count + places.coming) < places.held:
            if places.held - here <= places.spare(here) // 2:
                self._settle(places)
            return None
        if self._node.away is not None or time.monotonic() < self._adrift_until:
            if count >= -(-limit // self._node.membership.nodes):
                raise STORE_UNAVAILABLE()
            self._tidy_later(places)  # to say so when the cluster is back
            return None
        return self._wait(places)

    def left(self, app_id: str) -> None:
        """Note that a connection has gone, one that counted or not."""
        places = self._places.get(app_id)
        if places is not None:
            if places.is_tight:
                self._give_back(places)
            else:
                self._tidy_later(places)

    def follow(self, app: Application) -> None:
        """Go by the application's limit as it is now."""
        if self._is_alone:
            return
        limit = app.settings.max_connections
        if app.id in self._places or (limit and self._count(app.id)):
            places = self._places_of(app.id, limit)
            self._settle(places)
            self._tidy_later(places)  # when all its connections go by it too

    def taken(self, app_id: str) -> int:
        """Give how many of an application's places are taken: here, and on other nodes as far as that is known."""
        places = self._places.get(app_id)
        return self._count(app_id) + (places.elsewhere if places is not None and places.are_few else 0)

    def stop(self) -> None:
        """Ask and tell nothing more; the engine gives back what is held."""
        self._is_stopped = True
        if self._timer is not None:
            self._timer.cancel()
        for places in self._places.values():
            if places.task is not None:
                places.task.cancel()

    # When to do something

    def _places_of(self, app_id: str, limit: int) -> Places:
        places = self._places.get(app_id)
        if places is None:
            places = self._places[app_id] = Places(app_id)
        if limit < places.limit:
            places.is_over = True
        places.limit = limit
        return places

    async def _wait(self, places: Places) -> None:
        """Come back when there may be a place, which is kept until then. Raises OVER_QUOTA."""
        place = asyncio.get_running_loop().create_future()
        places.waiting.append(place)
        self._settle(places)
        try:
            await place
        finally:
            if place.done() and not place.cancelled() and place.exception() is None:
                places.coming -= 1

    def _hear(self, app_id: str) -> None:
        places = self._places.get(app_id)
        if places is not None:
            places.tighten(max(places.limit - places.held, 0))
            self._settle(places)

    def _return(self, _subject: str) -> None:
        """The cluster may have taken this node for gone: others can have been given what it held and did not use."""
        self._adrift_until = time.monotonic() + RETURN_SECONDS
        for places in self._places.values():
            places.is_over = True
            places.drift()
            self._give_back(places)

    def _give_back(self, places: Places) -> None:
        """Hold no more than is used. At once: who comes in this very turn has no more right to it than others."""
        places.held = min(places.held, self._count(places.app_id) + places.coming)
        self._settle(places)

    def _tidy_later(self, places: Places) -> None:
        self._untidy[places.app_id] = places
        if self._timer is None and not self._is_stopped:
            self._timer = asyncio.get_running_loop().call_later(TIDY_SECONDS, self._tidy)

    def _tidy(self) -> None:
        self._timer = None
        untidy, self._untidy = self._untidy, {}
        for places in untidy.values():
            self._settle(places)

    def _settle(self, places: Places) -> None:
        if places.task is None and not self._is_stopped:
            places.task = asyncio.create_task(self._work(places))

    # What is done, for each application one thing at a time

    async def _work(self, places: Places) -> None:
        try:
            while await self._step(places):
                pass
        except Exception as error:
            if not isinstance(error, Refusal):
                logger.exception("The places of an application could not be shared", app_id=places.app_id)
            self._adrift_until = max(self._adrift_until, time.monotonic() + TIDY_SECONDS)
            places.drift()
        finally:
            places.task = None
            if places.is_empty and not self._count(places.app_id):
                self._places.pop(places.app_id, None)
            elif places.is_owed or not places.held:
                self._tidy_later(places)

    async def _step(self, places: Places) -> bool:
        """Do the next thing there is to do; False when there is none."""
        count = self._count(places.app_id)
        if places.limit and count > places.held:
            places.held = count  # whatever the engine says: they are here
            places.is_over = True
            await self._hold(places, count, WHATEVER)
            return True
        places.let_in(places.held - count if places.limit else WHATEVER)
        wanted = places.wanted(count)
        if wanted <= places.held:
            places.refuse(len(places.waiting))  # this node has as many as the limit
            if wanted == places.held and not places.is_owed:
                return False
            places.held = wanted  # before anybody can take what is given back
            await self._hold(places, wanted, WHATEVER)
            return True
        if places.told == UNKNOWN or (places.is_over and places.is_owed):
            # What it knows of the engine would leave us, whatever others hold: so first it must know what we have.
            await self._hold(places, places.held, WHATEVER)
            return True
        asked = len(places.waiting)
        held = places.held = await self._hold(places, wanted, places.limit)
        if held < wanted:
            # Who came while the engine was asked is not refused by its answer: a place may have become free since.
            asked -= places.let_in(held - self._count(places.app_id))
            is_news = not places.are_few
            places.tighten(max(places.limit - held, 0))
            await self._tell(places, at_once=is_news)
            if asked > 0 and not await places.pause():
                places.refuse(asked)
        else:
            places.is_over = False
        return True

    async def _hold(self, places: Places, amount: int, limit: int) -> int:
        places.told = UNKNOWN
        held = await self._node.hold(places.app_id, amount, limit)
        places.told = amount if limit == WHATEVER else held
        return held

    async def _tell(self, places: Places, *, at_once: bool) -> None:
        now = time.monotonic()
        if at_once or now >= places.told_at + TOLD_SECONDS:
            places.told_at = now
            await self._node.announce(FULL, places.app_id)
