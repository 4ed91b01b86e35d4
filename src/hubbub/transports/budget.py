"""How many events an application may publish in a second, on all nodes together.

A second begins with the first event after the one before has ended, as that of a `Rate`; in none of them more than the
limit pass, whichever nodes they come to. Where there are several nodes it is the engine's second: what a node draws it
uses before that ends, or not at all.

Knows: what this node has drawn, and when to draw more. Does not know what an event is.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec

from hubbub.apps import Application
from hubbub.eager import DONE
from hubbub.errors import EVENT_RATE, Refusal
from hubbub.hub.rate import Rate
from hubbub.logs import named
from hubbub.node.node import Node

PURSE: Final = "events"

SPARE: Final = 16
"""One for so many events of a second is drawn in advance: a busy node asks about so often in a second, and what others
lack when it falls silent is no more than this part of what it used."""

logger = named("hubbub.budget")


class Budget:
    """What each application has left of this second, as far as this node knows. `clock` gives seconds, steadily."""

    def __init__(self, node: Node, clock: Callable[[], float] = time.monotonic) -> None:
        self._node = node
        self._clock = clock
        self._is_alone = node.is_alone
        self._rates: dict[str, tuple[int, Rate]] = {}
        self._shares: dict[str, Share] = {}

    def spend(self, app: Application, events: int = 1) -> Awaitable[None]:
        """Count events, all of them or, when they are too many, none: raises EVENT_RATE, here or when awaited.

        More than the limit count as so many as it allows, or a large batch could never pass. Gives eager.DONE when
        nothing had to be waited for. While the cluster is away each node has an even share of the limit.
        """
        limit = app.settings.events_per_second
        if not limit:
            return DONE
        if not self._is_alone:
            share = self._shares.get(app.id)
            if share is None or share.limit != limit:
                share = self._shares[app.id] = Share(self._node, self._clock, app.id, limit)
            return share.spend(min(events, limit))
        known = self._rates.get(app.id)
        if known is None or known[0] != limit:
            known = self._rates[app.id] = (limit, Rate(limit))
        if not known[1].use(self._clock(), min(events, limit)):
            raise EVENT_RATE(limit=limit)
        return DONE


class _Waiting(msgspec.Struct):
    """Someone who wants to use `amount`, all of it or none."""

    amount: int
    answer: "asyncio.Future[None]"


class Share:
    """What this node has drawn of one application's purse, whose second ends at `_ends`, or a little later.

    One draw is under way at a time; who comes meanwhile waits for the next, in order.
    """

    __slots__ = (
        "_app_id", "_before", "_beyond", "_clock", "_drawing", "_ends", "_even", "_left", "_node", "_used", "_waiting",
        "limit",
    )  # fmt: skip

    def __init__(self, node: Node, clock: Callable[[], float], app_id: str, limit: int) -> None:
        self._node = node
        self._clock = clock
        self._app_id = app_id
        self.limit = limit
        self._ends = float("-inf")
        self._left = 0
        self._beyond = limit  # what the purse can still have in this second, at most
        self._used = 0
        self._before = 0  # what was used in the second before
        self._waiting: deque[_Waiting] = deque()
        self._drawing: asyncio.Task[None] | None = None
        self._even = (limit, Rate(limit))

    def spend(self, amount: int) -> Awaitable[None]:
        """Use so much, all of it or none: raises EVENT_RATE. Gives eager.DONE when nothing had to be waited for."""
        now = self._clock()
        if self._drawing is None:
            if now < self._ends:
                if amount <= self._left:
                    self._left -= amount
                    self._used += amount
                    return DONE
                if amount > self._left + self._beyond:
                    raise EVENT_RATE(limit=self.limit)
            if self._node.away is not None:
                if not self._use_even_share(amount):
                    raise EVENT_RATE(limit=self.limit)
                return DONE
            self._drawing = asyncio.create_task(self._draw_for_all())
        answer = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(amount, answer))
        return answer

    def _use_even_share(self, amount: int) -> bool:
        """Use so much, or all that a second has for a node, of what nobody can be asked for; False when it is gone."""
        share = -(-self.limit // self._node.membership.nodes)
        if self._even[0] != share:
            self._even = (share, Rate(share))
        return self._even[1].use(self._clock(), min(amount, share))

    async def _draw_for_all(self) -> None:
        try:
            while self._waiting:
                await self._draw()
                self._serve()
        except Exception as error:
            if not isinstance(error, Refusal):
                logger.exception("a rate could not be shared with other nodes")
            for one in self._waiting:
                self._answer(one, may=self._use_even_share(one.amount))
            self._waiting.clear()
        finally:
            self._drawing = None

    async def _draw(self) -> None:
        """Draw what those who wait need, and something for those to come."""
        asked = self._clock()
        if asked >= self._ends:
            self._left = 0
            self._before = self._used if asked < self._ends + 1 else 0
            self._used = 0
        needed = [one.amount for one in self._waiting]
        spare = max(self._before, self._used) // SPARE
        least = max(min(needed) - self._left, 1)
        most = max(min(sum(needed) - self._left + spare, self.limit), least)
        drawn = await self._node.draw(self._app_id, PURSE, least, most, self.limit)
        if self._clock() >= self._ends:
            self._left = 0  # it was of a second that has ended meanwhile
        self._left += drawn.amount
        self._ends = asked + drawn.seconds
        if drawn.amount == most:
            self._beyond = self.limit
        else:
            self._beyond = 0 if drawn.amount else least - 1

    def _serve(self) -> None:
        """Answer all but those who need another draw. What was drawn for them is theirs, however late it came."""
        unanswered: deque[_Waiting] = deque()
        for one in self._waiting:
            if one.answer.done():
                continue  # it was given up
            if one.amount <= self._left:
                self._left -= one.amount
                self._used += one.amount
                self._answer(one, may=True)
            elif one.amount > self._left + self._beyond:
                self._answer(one, may=False)
            else:
                unanswered.append(one)
        self._waiting = unanswered

    def _answer(self, one: _Waiting, *, may: bool) -> None:
        if one.answer.done():
            return
        if may:
            one.answer.set_result(None)
        else:
            one.answer.set_exception(EVENT_RATE(limit=self.limit))
