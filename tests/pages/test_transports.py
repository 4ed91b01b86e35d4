"""Stock pusher-js in a browser, on a page of another origin: over a WebSocket and over what it falls back to."""

import base64
import itertools
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from playwright.sync_api import Browser
from pusher import Pusher  # type: ignore[import-untyped]

from conftest import Start
from pages.elsewhere import PATIENCE, Elsewhere, Visitor
from running import Running

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.needs("node")]

TRANSPORTS = ["ws", "xhr_streaming", "xhr_polling", "sockjs"]
LARGEST = 100_000

Backend = Callable[..., Pusher]
Arrive = Callable[..., Visitor]

_numbers = itertools.count()


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    """Give a server that lets large events pass, and waits for a browser that has little of the machine."""
    with Running(
        app_max_event_bytes=LARGEST,
        app_watchlists=True,
        app_client_events_per_second=100,
        max_backlog_bytes=16_000_000,
    ) as running:
        yield running


@pytest.fixture(scope="module")
def site() -> Iterator[Elsewhere]:
    with Elsewhere() as elsewhere:
        yield elsewhere


@pytest.fixture(params=TRANSPORTS)
def transport(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def name() -> str:
    """Give part of a channel's name that no other test has."""
    return f"room-{next(_numbers)}"


@pytest.fixture(scope="module")
def key() -> str:
    """Give the key of encrypted channels."""
    return base64.b64encode(os.urandom(32)).decode()


@pytest.fixture
def arrive(chromium: Browser, site: Elsewhere, backend: Backend, key: str) -> Iterator[Arrive]:
    """Give a way to have a visitor: `arrive(server, "ann")`. The test fails if a page threw, or asked anybody else."""
    visitors: list[Visitor] = []
    with ExitStack() as contexts:

        def come(server: Running, user_id: str = "ann") -> Visitor:
            context = contexts.enter_context(chromium.new_context())
            sdk = backend(server, encryption_master_key_base64=key)
            visitors.append(Visitor(context, site, server, sdk, user_id))
            return visitors[-1]

        yield come
    problems = [problem for visitor in visitors for problem in visitor.problems]
    assert not problems, "\n".join(problems)


@pytest.fixture
def connect(arrive: Arrive, server: Running, transport: str) -> Arrive:
    """Give a way to have visitors of the shared server who are connected by the transport."""

    def come(user_id: str = "ann", **options: Any) -> Visitor:
        visitor = arrive(server, user_id).connect(transport, **options)
        visitor.until({"state": "connected"})
        return visitor

    return come


@pytest.fixture
def sdk(backend: Backend, server: Running, key: str) -> Pusher:
    return backend(server, encryption_master_key_base64=key)


def event(channel: str, name: str, data: object) -> dict[str, object]:
    return {"channel": channel, "event": name, "data": data}


def test_it_connects_by_that_transport_alone(connect: Arrive, transport: str, server: Running) -> None:
    visitor = connect()
    assert visitor.do("() => pusher.connection.connection.transport.name") == transport
    requests = [url for url in visitor.asked if url.startswith(server.url)]
    words = {"ws": [], "sockjs": ["/pusher/info"], "xhr_streaming": ["/xhr_streaming?"], "xhr_polling": ["/xhr?"]}
    for word in words[transport]:
        assert any(word in url for url in requests), requests
    assert bool(requests) == (transport != "ws")


def test_what_is_published_arrives(connect: Arrive, sdk: Pusher, name: str) -> None:
    visitor = connect()
    visitor.subscribe(name)
    sdk.trigger(name, "news", {"text": "Hello"})
    visitor.until(event(name, "news", {"text": "Hello"}))


def test_a_private_channel_opens_by_a_signature(connect: Arrive, sdk: Pusher, name: str) -> None:
    visitor = connect()
    visitor.subscribe(f"private-{name}")
    sdk.trigger(f"private-{name}", "news", {"text": "Hello"})
    visitor.until(event(f"private-{name}", "news", {"text": "Hello"}))


def test_members_see_each_other_come_and_go(connect: Arrive, name: str) -> None:
    room = f"presence-{name}"
    ann, bob = connect("ann"), connect("bob")
    ann.subscribe(room)
    bob.subscribe(room)
    ann.until(event(room, "pusher:member_added", {"id": "bob", "info": {"name": "Bob"}}))
    bob.until(event(room, "pusher:subscription_succeeded", ["ann", "bob"]))
    bob.do("name => pusher.unsubscribe(name)", room)
    ann.until(event(room, "pusher:member_removed", {"id": "bob", "info": {"name": "Bob"}}))


def test_a_member_whose_page_closes_is_gone(connect: Arrive, name: str) -> None:
    room = f"presence-{name}"
    ann, bob = connect("ann"), connect("bob")
    ann.subscribe(room)
    bob.subscribe(room)
    ann.until(event(room, "pusher:member_added", {"id": "bob", "info": {"name": "Bob"}}))
    bob.page.close()
    ann.until(event(room, "pusher:member_removed", {"id": "bob", "info": {"name": "Bob"}}))


def test_clients_send_to_each_other(connect: Arrive, name: str) -> None:
    room = f"presence-{name}"
    ann, bob = connect("ann"), connect("bob")
    ann.subscribe(room)
    bob.subscribe(room)
    ann.do("name => pusher.channel(name).trigger('client-hello', {to: 'bob'})", room)
    bob.until(event(room, "client-hello", {"to": "bob"}), event(room, "from", "ann"))
    bob.do("name => pusher.channel(name).trigger('client-hello', {to: 'ann'})", room)
    ann.until(event(room, "client-hello", {"to": "ann"}), event(room, "from", "bob"))
    assert bob.of(room, "client-hello") == [{"to": "bob"}]


def test_an_unsubscription_is_obeyed(connect: Arrive, sdk: Pusher, name: str) -> None:
    visitor = connect()
    visitor.subscribe(name)
    assert sdk.channel_info(name)["occupied"]
    visitor.do("name => pusher.unsubscribe(name)", name)
    until = time.monotonic() + PATIENCE
    while sdk.channel_info(name)["occupied"]:
        assert time.monotonic() < until
        time.sleep(0.02)


def test_any_text_arrives_as_it_was(connect: Arrive, sdk: Pusher, name: str) -> None:
    visitor = connect()
    visitor.subscribe(name)
    text = "Grüße, 世界 🎉 \u2028\u2029\u0000\x7f\ufeff\u200d \"quoted\" \\ 'single' </script> \r\n\t end"
    sdk.trigger(name, "news", {"text": text})
    visitor.until(event(name, "news", {"text": text}))


def test_many_large_messages_arrive_once_and_in_order(connect: Arrive, sdk: Pusher, name: str) -> None:
    """A megabyte and more, in German and Japanese: streams end and are taken up again on the way."""
    visitor = connect()
    visitor.subscribe(name)
    sent = [f"{number}: {'große Wörter, 大きい言葉 ' * 700}" for number in range(40)]
    for text in sent:
        sdk.trigger(name, "news", {"text": text})
    visitor.until(event(name, "news", {"text": sent[-1]}))
    assert [data["text"] for data in visitor.of(name, "news")] == sent
    assert visitor.do("() => heard.filter(({state}) => state).map(({state}) => state)") == ["connected"]


def test_many_small_messages_arrive_once_and_in_order(connect: Arrive, sdk: Pusher, name: str) -> None:
    visitor = connect()
    visitor.subscribe(name)
    for start in range(0, 500, 10):
        sdk.trigger_batch([{"channel": name, "name": "n", "data": str(start + n)} for n in range(10)])
    visitor.until(event(name, "n", 499))
    assert visitor.of(name, "n") == list(range(500))


def test_a_large_message_of_a_client_arrives(connect: Arrive, name: str) -> None:
    room = f"private-{name}"
    ann, bob = connect("ann"), connect("bob")
    ann.subscribe(room)
    bob.subscribe(room)
    text = "große Wörter, 大きい言葉 " * 700
    ann.do("([name, text]) => pusher.channel(name).trigger('client-book', {text})", [room, text])
    bob.until(event(room, "client-book", {"text": text}))


def test_a_wrong_key_is_told_once_and_for_all(arrive: Arrive, server: Running, transport: str) -> None:
    visitor = arrive(server).connect(transport, key="wrong")
    told = visitor.until({"state": "disconnected"})
    assert [what for what in told if "error" in what] == [{"error": 4001}]
    assert {"state": "connected"} not in told


def test_an_encrypted_channel_is_read(connect: Arrive, sdk: Pusher, name: str) -> None:
    visitor = connect(build="pusher-with-encryption")
    room = f"private-encrypted-{name}"
    visitor.subscribe(room)
    sdk.trigger(room, "secret", {"text": "for your eyes only 🎉"})
    visitor.until(event(room, "secret", {"text": "for your eyes only 🎉"}))


def test_all_come_back_to_a_restarted_server(arrive: Arrive, start_server: Start, backend: Backend, name: str) -> None:
    first = start_server()
    visitors = [arrive(first).connect(transport) for transport in TRANSPORTS]
    for visitor in visitors:
        visitor.until({"state": "connected"})
        visitor.subscribe(name)
    first.stop()
    second = start_server(port=first.port, app_secret=first.secret)
    for visitor in visitors:
        assert {"error": 4200} in visitor.until({"state": "connecting"})
        visitor.wait_for("() => pusher.connection.state === 'connected'")
        visitor.wait_for("name => pusher.channel(name).subscribed", name)
    backend(second).trigger(name, "news", {"second": True})
    for visitor in visitors:
        visitor.until(event(name, "news", {"second": True}))
        assert {"state": "disconnected"} not in visitor.told


def test_all_give_a_sign_of_life_when_they_are_asked(arrive: Arrive, start_server: Start) -> None:
    server = start_server(ping_after=1, pong_timeout=5)
    visitors = [arrive(server).connect(transport) for transport in TRANSPORTS]
    for visitor in visitors:
        # The server asks again only when it has been answered.
        told = visitor.until({"ping": 2})
        assert [what for what in told if "state" in what or "error" in what] == [{"state": "connected"}]


def test_a_cache_channel_begins_with_its_last_event(connect: Arrive, sdk: Pusher, name: str) -> None:
    visitor = connect()
    visitor.subscribe(f"cache-{name}-empty")
    visitor.until(event(f"cache-{name}-empty", "pusher:cache_miss", {}))
    sdk.trigger(f"cache-{name}", "news", {"text": "Hello"})
    visitor.subscribe(f"cache-{name}")
    visitor.until(event(f"cache-{name}", "news", {"text": "Hello"}))


def test_a_user_who_signs_in_is_reached_by_name(connect: Arrive, sdk: Pusher, name: str) -> None:
    visitor = connect(f"user-{name}")
    visitor.sign_in()
    sdk.send_to_user(f"user-{name}", "news", {"text": "Hello"})
    visitor.until({"user": "news", "data": {"text": "Hello"}})


def test_those_on_a_watchlist_are_told_of(connect: Arrive, name: str) -> None:
    ann, bob = connect(f"ann-{name}"), connect(f"bob-{name}")
    bob.watchlist = [f"ann-{name}"]
    bob.sign_in()
    bob.until({"watchlist": "offline", "ids": [f"ann-{name}"]})
    ann.sign_in()
    bob.until({"watchlist": "online", "ids": [f"ann-{name}"]})


def test_a_user_who_is_sent_away_stays_away(connect: Arrive, sdk: Pusher, name: str) -> None:
    visitor = connect(f"user-{name}")
    visitor.sign_in()
    sdk.terminate_user_connections(f"user-{name}")
    assert {"error": 4009} in visitor.until({"state": "disconnected"})


@pytest.mark.parametrize("way", ["websocket", "xhr-streaming", "xhr-polling", "eventsource", "jsonp-polling"])
def test_sockjs_has_several_ways(arrive: Arrive, server: Running, sdk: Pusher, name: str, way: str) -> None:
    visitor = arrive(server).connect("sockjs", prepare=f"() => restrictSockJS('{way}')")
    visitor.until({"state": "connected"})
    visitor.subscribe(name)
    sent = [f"{number}: {'große Wörter, 大きい言葉 ' * 700}" for number in range(20)]
    for text in sent:
        sdk.trigger(name, "news", {"text": text})
    visitor.until(event(name, "news", {"text": sent[-1]}))
    assert [data["text"] for data in visitor.of(name, "news")] == sent
    assert visitor.do("() => heard.filter(({state}) => state).map(({state}) => state)") == ["connected"]


# The SockJS that pusher-js fetches from Pusher's site when the page has none: iframes, which it gives up, then JSONP.


@pytest.fixture
def fetch(arrive: Arrive, server: Running) -> Arrive:
    """Give a way to have visitors who are connected by the SockJS that pusher-js fetches."""

    def come(user_id: str = "ann") -> Visitor:
        visitor = arrive(server, user_id).connect("sockjs", has_sockjs=False)
        visitor.until({"state": "connected"})
        return visitor

    return come


def test_the_sockjs_that_pusher_js_fetches_falls_through_to_scripts(fetch: Arrive, server: Running) -> None:
    visitor = fetch()
    assert visitor.do("() => pusher.connection.connection.transport.name") == "sockjs"
    assert visitor.do("() => heard") == [{"state": "connected"}]
    paths = [url.removeprefix(server.url) for url in visitor.asked if url.startswith(server.url)]
    assert paths[0] == "/pusher/info"
    assert re.fullmatch(r"/pusher/\d+/\w+/jsonp\?c=_jp\.\w+", paths[-1]), paths


def test_many_messages_of_any_text_arrive_by_scripts(fetch: Arrive, sdk: Pusher, name: str) -> None:
    visitor = fetch()
    visitor.subscribe(name)
    text = "Grüße, 世界 🎉 \u2028\u2029\u0000\x7f\ufeff\u200d \"quoted\" \\ 'single' </script><!-- \r\n\t end " * 100
    sent = [f"{number}: {text}" for number in range(20)]
    for text in sent:
        sdk.trigger(name, "news", {"text": text})
    visitor.until(event(name, "news", {"text": sent[-1]}))
    assert [data["text"] for data in visitor.of(name, "news")] == sent


def test_clients_send_to_each_other_by_forms(fetch: Arrive, name: str) -> None:
    room = f"presence-{name}"
    ann, bob = fetch("ann"), fetch("bob")
    ann.subscribe(room)
    bob.subscribe(room)
    text = "große Wörter, 大きい言葉 + & = % " * 500
    ann.do("([name, text]) => pusher.channel(name).trigger('client-hello', {text})", [room, text])
    bob.until(event(room, "client-hello", {"text": text}), event(room, "from", "ann"))
    bob.page.close()
    ann.until(event(room, "pusher:member_removed", {"id": "bob", "info": {"name": "Bob"}}))


def test_a_wrong_key_is_told_by_scripts(arrive: Arrive, server: Running) -> None:
    visitor = arrive(server).connect("sockjs", has_sockjs=False, key="wrong")
    told = visitor.until({"state": "disconnected"})
    assert [what for what in told if "error" in what] == [{"error": 4001}]


def test_a_page_that_asks_by_scripts_is_known_by_its_address(
    arrive: Arrive, start_server: Start, site: Elsewhere
) -> None:
    """Browsers send no origin with such a request."""
    visitor = arrive(start_server(app_allowed_origins=site.url)).connect("sockjs", has_sockjs=False)
    visitor.until({"state": "connected"})
    visitor = arrive(start_server(app_allowed_origins="https://example.com")).connect("sockjs", has_sockjs=False)
    assert {"error": 4009} in visitor.until({"state": "disconnected"})


def test_statistics_are_taken(arrive: Arrive, server: Running) -> None:
    where = f"{server.host}:{server.port}"
    visitor = arrive(server)
    with visitor.page.expect_response(
        lambda answer: "/timeline/v2/jsonp/" in answer.url, timeout=PATIENCE * 1000
    ) as told:
        visitor.connect("ws", enableStats=True, statsHost=where)
    assert told.value.status == 200
    # pusher-js takes its script away when it has been answered.
    visitor.wait_for("() => !document.querySelector('script[src*=timeline]')")
