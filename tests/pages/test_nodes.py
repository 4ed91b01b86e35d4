"""Stock pusher-js in a browser, over what it falls back to, before several processes that get its requests in turn."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from playwright.sync_api import Browser
from pusher import Pusher  # type: ignore[import-untyped]

from conftest import Start
from engine.redis.redisserver import Server
from pages.elsewhere import Elsewhere, Visitor
from sockets.forwarding.nodes import Balancer, Nodes

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.needs("node"), pytest.mark.needs("redis")]

FALLBACKS = ["xhr_streaming", "xhr_polling", "sockjs"]
EVENTS = 300

Backend = Callable[..., Pusher]


class Workers(Balancer):
    """Workers of one server; each request comes by a connection of its own, so that the kernel chooses one."""

    def __init__(self, server: Any) -> None:
        super().__init__([(server.host, server.port)])
        self.app_id, self.key, self.secret = server.app_id, server.key, server.secret


@pytest.fixture(scope="module")
def site() -> Iterator[Elsewhere]:
    with Elsewhere() as elsewhere:
        yield elsewhere


@pytest.fixture(scope="module")
def redis() -> Iterator[Server]:
    with Server() as server:
        yield server


@pytest.fixture(scope="module")
def nodes(redis: Server) -> Iterator[Nodes]:
    with Nodes(redis, max_backlog_bytes=16_000_000) as nodes:
        yield nodes


@pytest.fixture
def arrive(chromium: Browser, site: Elsewhere, backend: Backend) -> Iterator[Callable[..., Visitor]]:
    """Give a way to have visitors who are connected. The test fails if a page threw, or asked anybody else."""
    visitors: list[Visitor] = []
    with ExitStack() as contexts:

        def come(server: Any, transport: str, user_id: str, **options: object) -> Visitor:
            context = contexts.enter_context(chromium.new_context())
            visitor = Visitor(context, site, server, backend(server), user_id)
            visitors.append(visitor)
            visitor.connect(transport, **options)  # type: ignore[arg-type]
            visitor.until({"state": "connected"})
            return visitor

        yield come
    problems = [problem for visitor in visitors for problem in visitor.problems]
    assert not problems, "\n".join(problems)


def converse(arrive: Callable[..., Visitor], server: Any, sdk: Pusher, transport: str, **options: object) -> None:
    """Have two visitors meet, hear everything once and in order, speak to each other, and part."""
    room = f"presence-{transport}-{len(options)}"
    ann, bob = (arrive(server, transport, name, **options) for name in ("ann", "bob"))
    ann.subscribe(room)
    bob.subscribe(room)
    ann.until(added(room, "pusher:member_added"))
    for start in range(0, EVENTS, 10):
        sdk.trigger_batch([{"channel": room, "name": "n", "data": f'[{start + n}, "{"x" * 3000}"]'} for n in range(10)])
    for visitor in (ann, bob):
        visitor.wait_for("count => heard.filter(({event}) => event === 'n').length >= count", EVENTS)
        assert [data[0] for data in visitor.of(room, "n")] == list(range(EVENTS))
    ann.do("name => pusher.channel(name).trigger('client-hello', {to: 'bob'})", room)
    bob.until({"channel": room, "event": "client-hello", "data": {"to": "bob"}})
    bob.page.close()
    ann.until(added(room, "pusher:member_removed"))
    assert ann.do("() => heard.filter(({state}) => state).map(({state}) => state)") == ["connected"]


def added(room: str, event: str) -> dict[str, object]:
    return {"channel": room, "event": event, "data": {"id": "bob", "info": {"name": "Bob"}}}


@pytest.mark.parametrize("transport", FALLBACKS)
def test_three_nodes_are_as_one(arrive: Callable[..., Visitor], nodes: Nodes, backend: Backend, transport: str) -> None:
    converse(arrive, nodes, backend(nodes[0]), transport)


def test_three_nodes_are_as_one_to_scripts_and_forms(
    arrive: Callable[..., Visitor], nodes: Nodes, backend: Backend
) -> None:
    ann = arrive(nodes, "sockjs", "ann", has_sockjs=False)
    ann.subscribe("scripts")
    for number in range(20):
        backend(nodes[0]).trigger("scripts", "n", number)
    ann.wait_for("() => heard.filter(({event}) => event === 'n').length >= 20")
    assert ann.of("scripts", "n") == list(range(20))


@pytest.mark.parametrize("transport", ["xhr_polling", "xhr_streaming"])
def test_workers_on_one_port_are_as_one(
    arrive: Callable[..., Visitor], start_server: Start, redis: Server, backend: Backend, transport: str
) -> None:
    server = start_server(workers=2, engine_url=redis.url, max_backlog_bytes=16_000_000)
    with Workers(server) as workers:
        converse(arrive, workers, backend(server), transport)
