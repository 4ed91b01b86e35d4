"""What the tests of deploy/ share: two nodes that can be told apart, and each proxy in front of them."""

import itertools
import secrets
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from conftest import Start
from deploy.proxies import PROXIES, Proxy
from running import Running
from seeded import Seeded
from sockets.conftest import _dial, connect
from sockets.fallbacks.conftest import fall, http

__all__ = ["_dial", "connect", "fall", "http"]  # fixtures

Front = Callable[..., Proxy]
Pair = tuple[Running, Running]

_numbers = itertools.count()


@pytest.fixture
def pair(start_server: Start) -> Pair:
    """Give two nodes with one application, each a cluster of its own: what one is told the other does not hear.

    They are told apart by the activity timeout that they tell each client.
    """
    secret = f"app-secret-{secrets.token_hex(8)}"
    first, second = (start_server(app_secret=secret, activity_timeout=timeout) for timeout in (101, 102))
    return first, second


@pytest.fixture(scope="session")
def lasting_pair() -> Iterator[Pair]:
    """Give two such nodes that tests share which change nothing about them."""
    secret = f"app-secret-{secrets.token_hex(8)}"
    with (
        Running(app_secret=secret, activity_timeout=101) as first,
        Running(app_secret=secret, activity_timeout=102) as second,
    ):
        yield first, second


@pytest.fixture(scope="session")
def seeded_pair(seeded: Seeded) -> Iterator[tuple[Seeded, Running]]:
    """Give two nodes on one database; they do not hear each other either."""
    path = Path(seeded._directory.name, "hubbub.db")
    polling = {"poll_window": 1, "poll_timeout": 2}
    nobody = {"app_id": None, "app_key": None, "app_secret": None}
    with Running(migrate=False, database_url=f"sqlite:///{path}", **{**polling, **nobody}) as second:
        yield seeded, second


@pytest.fixture(params=[pytest.param(name, marks=pytest.mark.needs(name)) for name in PROXIES])
def kind(request: pytest.FixtureRequest) -> str:
    """Give the name of a proxy."""
    return str(request.param)


@pytest.fixture
def front(kind: str, tmp_path: Path) -> Iterator[Front]:
    """Give a way to start the proxy: `front(node, other)`, or before what listens at `(host, port)`."""
    with ExitStack() as started:

        def start(*nodes: Running | tuple[str, int]) -> Proxy:
            folder = tmp_path / f"proxy-{next(_numbers)}"
            folder.mkdir()
            addresses = [(node.host, node.port) if isinstance(node, Running) else node for node in nodes]
            return started.enter_context(Proxy(PROXIES[kind], addresses, folder))

        yield start
