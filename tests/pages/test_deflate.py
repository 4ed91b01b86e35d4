"""permessage-deflate with stock pusher-js in Chromium, which offers it by itself."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser
from pusher import Pusher  # type: ignore[import-untyped]

from conftest import Start
from pages.elsewhere import Elsewhere, Visitor
from running import Running

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.needs("node")]

ORDERS = [{"id": number * 7919, "state": "sent", "name": f"Order {number} 🎉"} for number in range(150)]

Arrive = Callable[[Running], Visitor]


@pytest.fixture
def arrive(chromium: Browser, backend: Callable[..., Pusher]) -> Iterator[Arrive]:
    with Elsewhere() as site, chromium.new_context() as context:
        yield lambda server: Visitor(context, site, server, backend(server), "ann")


class Watched:
    """What Chromium itself knows of a page's WebSocket: the answer to its handshake, and the bytes of the network."""

    def __init__(self, visitor: Visitor) -> None:
        self.answer: dict[str, str] = {}
        self.offer: dict[str, str] = {}
        session = visitor.page.context.new_cdp_session(visitor.page)
        session.on("Network.webSocketHandshakeResponseReceived", self._note)
        session.send("Network.enable")

    def _note(self, event: dict[str, Any]) -> None:
        self.answer = {name.lower(): value for name, value in event["response"]["headers"].items()}
        self.offer = {name.lower(): value for name, value in event["response"]["requestHeaders"].items()}


@pytest.mark.parametrize("is_on", [True, False])
def test_a_browser_hears_large_events_whole(
    start_server: Start, arrive: Arrive, backend: Callable[..., Pusher], is_on: bool
) -> None:
    server = start_server(deflate=is_on, deflate_threshold=1)
    visitor = arrive(server)
    watched = Watched(visitor)
    visitor.connect("ws")
    visitor.subscribe("private-orders")
    data = json.dumps(ORDERS)
    for number in range(3):
        backend(server).trigger("private-orders", f"updated-{number}", data)
    visitor.until({"channel": "private-orders", "event": "updated-2", "data": ORDERS})
    for number in range(3):
        assert visitor.of("private-orders", f"updated-{number}") == [ORDERS]
    assert "permessage-deflate" in watched.offer["sec-websocket-extensions"]
    assert ("sec-websocket-extensions" in watched.answer) == is_on


def test_what_a_browser_sends_is_understood(start_server: Start, arrive: Arrive) -> None:
    """However Chromium sends them: it may compress what it likes."""
    server = start_server(deflate=True)
    speaker, hearer = arrive(server).connect("ws"), arrive(server).connect("ws")
    for visitor in (speaker, hearer):
        visitor.subscribe("private-orders")
    said = [{"text": "ä" * size} for size in (1, 100, 4000)]
    for data in said:
        assert speaker.do("data => pusher.channel('private-orders').trigger('client-said', data)", data)
    hearer.until({"channel": "private-orders", "event": "client-said", "data": said[-1]})
    assert hearer.of("private-orders", "client-said") == said
