"""One publish, seen as one trace by a collector: from its request over Redis to each node, and to a webhook."""

import secrets
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import Any, NamedTuple

import pytest

from engine.redis import redisserver
from rest.driver import Backend, Keys, listening, request
from running import Running
from sockets.client import dial
from tracing.collector import LIMIT, Collector, Span

pytestmark = pytest.mark.needs("redis")

CHANNEL = "private-room"


class Pair(NamedTuple):
    """Two nodes of a cluster, and where they send what they trace."""

    first: Running
    second: Running
    collector: Collector


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setenv("OTEL_BSP_SCHEDULE_DELAY", "100")
        patch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment=test")
        patch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-collector-key=1234")
        redis = stack.enter_context(redisserver.Server())
        collector = stack.enter_context(Collector())
        settings: dict[str, Any] = {
            "engine_url": redis.url,
            "database_url": f"sqlite:///{tmp_path_factory.mktemp('tracing')}/hubbub.db",
            "app_secret": f"secret-{secrets.token_hex(8)}",
            "app_webhook_url": f"{collector.url}/hooks",
            "webhook_private": True,
            "otlp_endpoint": collector.url,
        }
        first = stack.enter_context(Running(**settings))
        yield Pair(first, stack.enter_context(Running(**settings)), collector)


def given(*, is_sampled: bool = True) -> tuple[str, str, str]:
    """Give a trace and a span of whoever publishes, and the header that tells of them."""
    trace, span = secrets.token_hex(16), secrets.token_hex(8)
    return trace, span, f"00-{trace}-{span}-{'01' if is_sampled else '00'}"


def named(spans: Sequence[Span], name: str) -> list[Span]:
    return [span for span in spans if span.name == name]


async def test_a_signed_publish_is_one_trace_on_both_nodes(pair: Pair) -> None:
    trace, parent, header = given()
    body = b'{"name":"news","channel":"private-room","data":"a secret of the application"}'
    async with listening(pair.first, CHANNEL) as here, listening(pair.second, CHANNEL) as there:
        async with Backend(pair.first) as api:
            sent = request(Keys.of(pair.first), "POST", "/events", body, f"traceparent: {header}")
            answer = await api.ask(sent)
            assert answer.status == 200
            assert answer.headers["x-request-id"]
        assert await here.event() == await there.event()
    spans = pair.collector.of(trace, "POST /apps/{app_id}/events", "engine publish", "deliver", "deliver")
    [asked], [published] = named(spans, "POST /apps/{app_id}/events"), named(spans, "engine publish")
    delivered = named(spans, "deliver")
    assert asked.parent == parent
    assert published.parent == asked.id
    assert {span.parent for span in delivered} == {published.id}
    assert asked.node == published.node
    assert len({span.node for span in delivered}) == 2
    assert [span.attributes["hubbub.subscribers"] for span in delivered] == [1, 1]
    assert asked.attributes["http.response.status_code"] == 200
    assert "a secret of the application" not in str(spans)
    assert all(span.attributes["hubbub.app_id"] == "1" for span in spans)


async def test_a_clients_event_is_one_trace_to_the_webhook(pair: Pair) -> None:
    while not pair.collector.webhooks.empty():
        pair.collector.webhooks.get()
    async with listening(pair.first, CHANNEL) as other:
        sender = await (await dial(pair.second)).welcome()
        await sender.subscribe(CHANNEL)
        await sender.send("client-typed", {"who": "me"}, CHANNEL)
        assert (await other.event())[1] == "client-typed"
        while b"client_event" not in (taken := pair.collector.webhooks.get(timeout=LIMIT))[1]:
            pass
        await sender.close()
    _, trace, webhook, flags = taken[0]["traceparent"].split("-")
    assert int(flags, 16) & 1
    spans = pair.collector.of(trace, "client event", "engine publish", "deliver", "deliver", "webhook")
    [said], [published], [hooked] = (named(spans, name) for name in ("client event", "engine publish", "webhook"))
    assert said.parent == ""
    assert published.parent == said.id
    parents = {span.node == said.node: span.parent for span in named(spans, "deliver")}
    assert parents == {True: said.id, False: published.id}
    assert (hooked.id, hooked.parent, hooked.links) == (webhook, said.id, (said.id,))
    assert hooked.attributes["http.response.status_code"] == 200


async def test_whoever_publishes_decides_whether_it_is_traced(pair: Pair) -> None:
    hidden, _, header = given(is_sampled=False)
    body = b'{"name":"news","channel":"private-room","data":"{}"}'
    seen, _, other = given()
    async with listening(pair.second, CHANNEL) as there, Backend(pair.first) as api:
        for one in (header, other):
            sent = request(Keys.of(pair.first), "POST", "/events", body, f"traceparent: {one}")
            assert (await api.ask(sent)).status == 200
            await there.event()
    # Spans of a node come in their order: what would have been sent of the first is there with the second.
    pair.collector.of(seen, "POST /apps/{app_id}/events", "engine publish", "deliver")
    assert [span for span in pair.collector.spans if span.trace == hidden] == []


async def test_a_refused_publish_is_traced_with_its_status(pair: Pair) -> None:
    trace, parent, header = given()
    async with Backend(pair.second) as api:
        sent = request(Keys.of(pair.second), "POST", "/events", b"{}", f"traceparent: {header}")
        assert (await api.ask(sent)).status == 400
    [asked] = pair.collector.of(trace, "POST /apps/{app_id}/events")
    assert (asked.parent, asked.attributes["http.response.status_code"]) == (parent, 400)


async def test_what_is_not_signed_is_not_told_of(pair: Pair) -> None:
    forged, _, header = given()
    seen, _, other = given()
    body = b'{"name":"news","channel":"private-room","data":"{}"}'
    async with Backend(pair.first) as api:
        keys = Keys.of(pair.first)
        sent = request(keys, "POST", "/events", body, f"traceparent: {header}")
        assert (await api.ask(sent.replace(b"auth_signature=", b"auth_signature=0"))).status == 401
        assert (await api.ask(request(keys, "POST", "/events", body, f"traceparent: {other}"))).status == 200
    pair.collector.of(seen, "POST /apps/{app_id}/events", "engine publish")
    assert [span for span in pair.collector.spans if span.trace == forged] == []


def test_the_variables_of_opentelemetry_are_honoured(pair: Pair) -> None:
    assert {about["deployment.environment"] for about in pair.collector.resources} == {"test"}
    assert {about["service.name"] for about in pair.collector.resources} == {"hubbub"}
    assert {headers["x-collector-key"] for headers in pair.collector.headers} == {"1234"}
