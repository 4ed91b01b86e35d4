"""What one process does in each case. A load opens, runs, tells what it has counted, and closes."""

import asyncio
from typing import Protocol

from hubbub.bench.loads.arriving import Arriving
from hubbub.bench.loads.paced import Paced
from hubbub.bench.loads.pressing import Pressing
from hubbub.bench.loads.talking import Talking
from hubbub.bench.orders import Done, Figures, Go, Ready
from hubbub.bench.plan import Case, Part, Plan
from hubbub.bench.target import Target


class Load(Protocol):
    """What a case is to the process that makes its part of it."""

    @property
    def units(self) -> int:
        """What the case counts, so far."""

    @property
    def received(self) -> int:
        """Messages that have arrived, so far."""

    async def open(self, stop: asyncio.Event) -> Ready:
        """Connect what it takes."""

    async def run(self, go: Go, stop: asyncio.Event) -> Done:
        """Make the load, until its time is over or `stop` is set."""

    async def close(self) -> None:
        """End all connections."""

    def figures(self) -> Figures:
        """Give what came of it."""


def load_of(target: Target, plan: Plan, part: Part) -> Load:
    """Give the load of a plan."""
    match plan.case:
        case Case.CONNECT:
            return Arriving(target, plan, part)
        case Case.PUBLISH | Case.FAN_OUT:
            return Pressing(target, plan, part)
        case Case.LATENCY:
            return Paced(target, plan, part)
        case Case.CLIENT_EVENTS:
            return Talking(target, plan, part)
