"""The subscribers of one process: opened some at a time, counted, and closed as they should be.

Knows listeners. Does not know what is published.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from typing import Final

from hubbub.bench.histogram import Histogram
from hubbub.bench.listener import Listener
from hubbub.bench.plan import GIVE_UP, Part, Plan
from hubbub.bench.refusal import Refused, reason
from hubbub.bench.score import Score
from hubbub.bench.target import Target

PORTS: Final = 20_000
"""Connections from one address of our own: a machine has some 28,000 ports to give."""

CLOSING: Final = 10.0
"""Seconds that the server has to end its side of all connections."""

ALIVE: Final = 30.0
"""Seconds between signs of life: some servers want them of who listens only, and close after 60 s or more without."""

_WAVE: Final = 200


class Audience:
    """Connections with a subscription, each a listener. `on_burst` and `on_end` are called when one hears, or ends."""

    def __init__(self, target: Target, plan: Plan, part: Part) -> None:
        self.score = Score()
        self.welcomes = Histogram()
        self.subscriptions = Histogram()
        self.listeners: list[Listener] = []
        self.refused: Counter[str] = Counter()
        self.ended: Counter[str] = Counter()
        self.on_burst: Callable[[], None] | None = None
        self.on_end: Callable[[], None] | None = None
        self._target = target
        self._plan = plan
        self._part = part
        self._context = target.context() if plan.connections else None
        self._in_a_row = 0
        self._is_closing = False
        self._living: asyncio.Task[None] | None = None

    @property
    def seats(self) -> dict[int, int]:
        """How many are subscribed to each channel now."""
        return dict(Counter(one.number % self._plan.channels for one in self.listeners if one.is_there))

    @property
    def errors(self) -> dict[str, int]:
        """What the server has complained of to subscribers, and how often."""
        return dict(Counter(error for one in self.listeners for error in one.errors))

    async def open(self, stop: asyncio.Event) -> None:
        """Connect and subscribe all, or until `stop` is set. Those that are refused are counted, with the reason."""
        seats = iter(self._plan.seats(self._part))

        async def open_some() -> None:
            for number, channel in seats:
                if stop.is_set() or self._in_a_row >= GIVE_UP:
                    return
                await self._open(number, self._plan.channel(channel))

        await asyncio.gather(*(open_some() for _ in range(max(1, self._part.share(self._plan.at_once)))))
        self._living = asyncio.create_task(self._live())

    async def close(self) -> None:
        """Close all with 1000, and wait until the server has ended them; cut those that it does not end."""
        self._is_closing = True
        if self._living is not None:
            self._living.cancel()
        for count, listener in enumerate(self.listeners):
            listener.leave()
            if count % _WAVE == _WAVE - 1:
                await asyncio.sleep(0)
        if self.listeners:
            await asyncio.wait([one.ended for one in self.listeners], timeout=CLOSING)
        for listener in self.listeners:
            listener.cut()

    async def _open(self, number: int, channel: str) -> None:
        target = self._target
        listener = Listener(target, channel, self.score, number, self._heard)
        began = time.monotonic_ns()
        try:
            async with asyncio.timeout(target.patience):
                await asyncio.get_running_loop().create_connection(
                    lambda: listener,
                    target.address,
                    target.port,
                    ssl=self._context,
                    server_hostname=target.host if target.tls else None,
                    local_addr=_source(target.address, number, self._plan.connections),
                )
                await listener.ready
        except (OSError, Refused) as error:
            self._in_a_row += 1
            self.refused[reason(error, target.patience)] += 1
            listener.cut()
            return
        self._in_a_row = 0
        self.welcomes.add(listener.welcomed - began)
        self.subscriptions.add(listener.subscribed - began)
        self.listeners.append(listener)
        listener.ended.add_done_callback(self._one_ended)

    async def _live(self) -> None:
        while True:
            for start in range(0, max(1, len(self.listeners)), _WAVE):
                await asyncio.sleep(ALIVE * _WAVE / max(_WAVE, len(self.listeners)))
                for listener in self.listeners[start : start + _WAVE]:
                    if listener.is_there:
                        listener.ping()

    def _heard(self) -> None:
        if self.on_burst is not None:
            self.on_burst()

    def _one_ended(self, ended: "asyncio.Future[str]") -> None:
        if not self._is_closing:
            self.ended[ended.result()] += 1
            if self.on_end is not None:
                self.on_end()


def _source(address: str, number: int, connections: int) -> tuple[str, int] | None:
    """Give the address to connect from, where one has not enough ports and others are known to be ours."""
    if connections <= PORTS or not address.startswith("127."):
        return None
    return f"127.0.0.{1 + number // PORTS}", 0
