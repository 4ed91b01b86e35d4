"""The node of a test, over each engine."""

from collections.abc import AsyncIterator

import pytest

from hubbub.engine.memory import Memory
from node.engines import Hesitant
from node.watched import Watched


@pytest.fixture(params=[Memory, Hesitant])
async def watched(request: pytest.FixtureRequest) -> AsyncIterator[Watched]:
    watched = Watched(request.param())
    await watched.node.start()
    yield watched
    await watched.node.stop()
