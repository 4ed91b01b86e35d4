"""The case `connect`: connections with a subscription, as fast as a number of them at once allows."""

import asyncio
import time
from typing import Final

import msgspec

from hubbub.bench.audience import Audience
from hubbub.bench.orders import Done, Figures, Go, Ready, Timing
from hubbub.bench.plan import Part, Plan
from hubbub.bench.target import Target
from hubbub.bench.window import until

WARM_UP: Final = 50
"""Connections that are opened and closed before, at most."""


class Arriving:
    """Counts connections."""

    def __init__(self, target: Target, plan: Plan, part: Part) -> None:
        self._audience = Audience(target, plan, part)
        self._target = target
        self._plan = plan
        self._part = part
        self._seconds = 0.0
        self._busy = 0.0

    @property
    def units(self) -> int:
        """Connections that are subscribed."""
        return len(self._audience.listeners)

    @property
    def received(self) -> int:
        """Nothing is published."""
        return 0

    async def open(self, stop: asyncio.Event) -> Ready:
        """Warm the server up, and leave nothing open."""
        if self._plan.warm_up > 0:
            few = msgspec.structs.replace(self._plan, connections=min(WARM_UP, self._plan.connections))
            first = Audience(self._target, few, self._part)
            await first.open(stop)
            await first.close()
        return Ready({}, {})

    async def run(self, go: Go, stop: asyncio.Event) -> Done:
        """Connect all."""
        await until(go.start, stop)
        began, used = time.monotonic_ns(), time.process_time()
        await self._audience.open(stop)
        self._seconds = (time.monotonic_ns() - began) / 1e9
        self._busy = (time.process_time() - used) / self._seconds if self._seconds > 0 else 0.0
        return Done({}, 0)

    async def close(self) -> None:
        """Close them."""
        await self._audience.close()

    def figures(self) -> Figures:
        """Give how many there were, and how long each took to the welcome and to its subscription."""
        audience = self._audience
        return Figures(
            units=self.units,
            opened=len(audience.listeners),
            seconds=self._seconds,
            busy=self._busy,
            refused=dict(audience.refused),
            complaints=audience.errors,
            ended=dict(audience.ended),
            timings={
                "welcome": Timing.of(audience.welcomes),
                "subscription": Timing.of(audience.subscriptions),
            },
        )
