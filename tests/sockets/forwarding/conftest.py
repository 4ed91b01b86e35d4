"""Three nodes behind a balancer that sends each request to another one, in place of the server that tests share."""

import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from copy import copy

import pytest

from engine.redis.redisserver import Server
from sockets.client import Place
from sockets.fallbacks.client import Fallback
from sockets.fallbacks.conftest import fall, http
from sockets.forwarding.nodes import Nodes

__all__ = ["fall", "http"]

StartNodes = Callable[..., Nodes]

_numbers = itertools.count()


@pytest.fixture(scope="session")
def redis() -> Iterator[Server]:
    with Server() as server:
        yield server


@pytest.fixture(scope="session")
def server(redis: Server) -> Iterator[Nodes]:
    """Give the nodes that tests share which change nothing about them."""
    with Nodes(
        redis, max_backlog_bytes=16_000_000, app_max_event_bytes=30_000, app_client_events_per_second=100
    ) as nodes:
        yield nodes


@pytest.fixture
def start_nodes(redis: Server) -> Iterator[StartNodes]:
    """Give a way to start nodes of one's own: `start_nodes(count=2, ping_after=1)`. They stop with the test."""
    with ExitStack() as stack:

        def start(count: int = 2, *, redis: Server = redis, is_seeded: bool = False, **settings: object) -> Nodes:
            return stack.enter_context(Nodes(redis, count, is_seeded=is_seeded, **settings))

        yield start


@pytest.fixture
def name() -> str:
    """Give part of a channel's name that no other test has."""
    return f"room-{next(_numbers)}"


def at(session: Fallback, node: Place) -> Fallback:
    """Give the same session, whose requests go to a node from now on."""
    there = copy(session)
    there.server = node
    there.url = f"http://{node.host}:{node.port}/pusher" + session.url.partition("/pusher")[2]
    return there
