"""Clients live through a restart of the server: pusher-js, and phoenix.js of four generations over both transports."""

from collections.abc import Callable

import pytest
from javascript import HERE, Page, environment
from pusher import Pusher  # type: ignore[import-untyped]

from running import Running
from seeded import ORGANIZATION, Seeded

pytestmark = pytest.mark.needs("node")

VERSIONS = ("1.2", "1.3", "1.4", "1.8")


def test_clients_return_to_a_restarted_server(
    start_server: Callable[..., Running], backend: Callable[..., Pusher]
) -> None:
    channels = ["news", "private-news", "presence-news"]
    subscribed = [{"subscribed": name} for name in channels]
    first = start_server()
    with Page(HERE / "reconnect.mjs", environment(first), *channels) as page:
        page.until({"state": "connected"}, *subscribed)
        first.stop()
        second = start_server(port=first.port, app_secret=first.secret)
        told = page.until({"state": "connected"}, *subscribed)
        assert {"state": "disconnected"} not in told, "the client was told not to come back"
        backend(second).trigger(channels, "news", {"second": True})
        page.until(*({"channel": name, "data": {"second": True}} for name in channels))


def test_phoenix_clients_return_to_a_restarted_server(backend: Callable[..., Pusher]) -> None:
    with Seeded() as server:
        variables = {**environment(server), "SERVER_TOKEN": server.token, "SERVER_ORGANIZATION": ORGANIZATION}
        clients = [f"phoenix.js {version} over {way}" for version in VERSIONS for way in ("WebSocket", "long-poll")]
        with Page(HERE / "phoenix" / "reconnect.mjs", variables, "news") as page:
            page.until(*({"joined": client, "times": 1} for client in clients))
            server.restart()
            page.until(*({"joined": client, "times": 2} for client in clients))
            backend(server).trigger("news", "news", {"second": True})
            # By then each has seen all others come again.
            heard = {"payload": {"second": True}, "present": len(clients)}
            page.until(*({"heard": client, **heard} for client in clients))
