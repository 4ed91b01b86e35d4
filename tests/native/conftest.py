"""An event loop of either kind."""

import asyncio
from collections.abc import Callable, Iterator

import pytest
import uvloop

LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "asyncio": asyncio.new_event_loop,
    "uvloop": uvloop.new_event_loop,
}


@pytest.fixture(params=sorted(LOOPS))
def runner(request: pytest.FixtureRequest) -> Iterator[asyncio.Runner]:
    """Give what runs a coroutine in an event loop of one kind."""
    with asyncio.Runner(loop_factory=LOOPS[request.param]) as running:
        yield running
