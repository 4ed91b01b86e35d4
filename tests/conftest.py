"""What every test may ask for: a live server, a database of either kind (`databases`), and the means of the machine."""

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from pusher import Pusher  # type: ignore[import-untyped]

import postgres
from running import Running

Start = Callable[..., Running]

pytest_plugins = ["databases", "seeded", "tenants"]

CLIENTS = Path(__file__).parent / "clients"
CLIENT = Path(__file__).parent.parent / "client" / "js"


def _node() -> str | None:
    if shutil.which("node") is None:
        return "node is not installed"
    if not (CLIENTS / "node_modules" / "pusher-js").is_dir():
        return "the JavaScript clients are not installed: run `make test`, or `npm ci` in tests/clients"
    return None


def _client() -> str | None:
    if not (CLIENT / "node_modules" / ".stamp").is_file():
        return "what the client is built with is not installed: run `make client`"
    return _node()


def _program(name: str) -> Callable[[], str | None]:
    return lambda: None if shutil.which(name) else f"{name} is not installed"


NEEDS: dict[str, Callable[[], str | None]] = {
    "node": _node,
    "client": _client,
    "caddy": _program("caddy"),
    "chromium": _program("chromium"),
    "curl": _program("curl"),
    "haproxy": _program("haproxy"),
    "make": _program("make"),
    "nginx": _program("nginx"),
    "openssl": _program("openssl"),
    "postgresql": postgres.missing_server,
    "postgresql programs": postgres.missing_programs,
    "prometheus": _program("prometheus"),
    "redis": _program("redis-server"),
    "valgrind": _program("valgrind"),
}
"""What a test may need of the machine, each with a look that tells what is missing."""


def pytest_configure(config: pytest.Config) -> None:
    # Whoever gives up on the tests from outside, such as `timeout`, ends them like a Ctrl-C: no server is left behind.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    config.addinivalue_line(
        "markers", f"needs(name): skipped without it, failed if CI=true. One of: {', '.join(sorted(NEEDS))}"
    )


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip, by name, a test whose needs are not met; where CI promises to have everything, fail it."""
    for marker in item.iter_markers("needs"):
        for name in marker.args:
            missing = NEEDS[name]()
            if missing is None:
                continue
            if os.environ.get("CI") == "true":
                pytest.fail(f"{item.name} needs {name}: {missing}", pytrace=False)
            pytest.skip(f"{item.name} needs {name}: {missing}")


@pytest.fixture(scope="session")
def server() -> Iterator[Running]:
    """Give the server that tests share which change nothing about it; each takes channel names of its own."""
    with Running() as running:
        yield running


@pytest.fixture
def start_server() -> Iterator[Start]:
    """Give a way to start servers of one's own: `start_server(ping_after=1)`. They stop with the test."""
    with ExitStack() as servers:

        def start(*, migrate: bool = False, **settings: object) -> Running:
            return servers.enter_context(Running(migrate=migrate, **settings))

        yield start


@pytest.fixture
def backend() -> Iterator[Callable[..., Pusher]]:
    """Give a way to make SDK clients of a server: `backend(server, secret="wrong")`. They are closed with the test."""
    opened: list[Pusher] = []

    def make(server: Running, **options: object) -> Pusher:
        where = {"app_id": server.app_id, "key": server.key, "secret": server.secret}
        opened.append(Pusher(**{**where, "ssl": False, "host": server.host, "port": server.port, **options}))
        return opened[-1]

    yield make
    for client in opened:
        client._pusher_client.http.session.close()
        client._authentication_client.http.session.close()
