"""Parts of the server as they are when it is traced, in place of those that know nothing of it.

Knows: what is a span, below which, and what is told of it: names and numbers, never what was published. Does not know
how spans are made.
"""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any, Final, TypeVar, cast

import msgspec
from opentelemetry.trace import SpanKind

from hubbub.apps import Application
from hubbub.engine.seam import Engine, Host
from hubbub.hub.connection import Connection
from hubbub.hub.hub import Hub
from hubbub.hub.meters import Meter
from hubbub.logs import served
from hubbub.logs.current import SOURCES
from hubbub.messages import Envelope, Event, Fact
from hubbub.node.node import Node
from hubbub.tracing.spans import Spans, Value, awaited, continued, failed, fields, inside, is_traced, traceparent
from hubbub.transports.access import Answer
from hubbub.transports.request import Caller, Request
from hubbub.transports.response import Response
from hubbub.webhooks.seam import Delivery, Sending

PUBLISHING: Final = ("/events", "/batch_events")
"""What the paths of requests that publish end with."""

TRACEPARENT: Final = b"traceparent"

T = TypeVar("T")


class Tracing:
    """Makes them. `stop` it when all else has ended."""

    def __init__(self, spans: Spans) -> None:
        self._spans = spans
        SOURCES.append(fields)

    async def stop(self) -> None:
        """Send what is left."""
        if fields in SOURCES:
            SOURCES.remove(fields)
        await self._spans.stop()

    def hub(self, schedule: Callable[[Callable[[], None]], object], slice_size: int) -> Hub:
        """Give a hub whose deliveries are spans, where they belong to a trace."""
        return _Hub(self._spans, schedule, slice_size)

    def engine(self, engine: Engine) -> Engine:
        """Give an engine that takes traces to other nodes, and continues theirs."""
        return cast("Engine", _Engine(self._spans, engine))

    def node(self, hub: Hub, engine: Engine, **others: Any) -> Node:
        """Give a node where the events of clients begin traces; made of the same as `Node`."""
        return _Node(self._spans, hub, engine, **others)

    def answers(self, answer: Answer) -> Answer:
        """Give what answers requests to the signed API: those that publish are spans."""

        async def traced(request: Request, caller: Callable[[], Caller]) -> Response:
            if request.method != b"POST" or not request.path.endswith(PUBLISHING):
                return await answer(request, caller)
            app_id, _, rest = request.path.removeprefix("/apps/").partition("/")
            route = "/apps/{app_id}/" + ("channels/{channel}/events" if rest.startswith("channels/") else rest)
            told: dict[str, Value] = {"http.request.method": "POST", "http.route": route, "hubbub.app_id": app_id}
            span = self._spans.begin(f"POST {route}", SpanKind.SERVER, told, parent=_given())

            async def publish() -> Response:
                response = await answer(request, caller)
                span.set_attribute("http.response.status_code", response.status)
                if response.status >= 500:
                    failed(span, f"status {response.status}")
                return response

            if not span.is_recording():
                return await answer(request, caller)
            # Whoever cannot sign would else have as much recorded as they like, whatever the ratio.
            return await awaited(span, publish, lambda response: response.status != HTTPStatus.UNAUTHORIZED)

        return traced

    def publishes(
        self, publish: Callable[[Application, T], Awaitable[None]]
    ) -> Callable[[Application, T], Awaitable[None]]:
        """Give what publishes for the JSON API, or a page, as a span."""

        async def traced(app: Application, asked: T) -> None:
            span = self._spans.begin("publish", SpanKind.SERVER, {"hubbub.app_id": app.id}, parent=_given())
            if span.is_recording():
                await awaited(span, lambda: publish(app, asked))
            else:
                await publish(app, asked)

        return traced

    # What webhooks ask for: see `webhooks.seam.Tracer`

    def mark(self) -> str:
        """Give what an event is kept with, so that its delivery continues the trace; "" where there is none."""
        return traceparent()

    @contextmanager
    def sending(self, delivery: Delivery, endpoint_id: int, marks: Sequence[str]) -> Iterator[Sending]:
        """Send a delivery in a span, below the first of its events that is traced, and linked with all of them."""
        told: dict[str, Value] = {
            "hubbub.app_id": delivery.app_id,
            "hubbub.webhook": endpoint_id,
            "hubbub.delivery": delivery.id,
            "hubbub.events": len(marks),
        }
        traced = [mark for mark in marks if mark]
        span = self._spans.begin("webhook", SpanKind.CLIENT, told, parent=traced[0], links=traced)
        sending = _Sending(span)
        try:
            with inside(span):
                yield sending
        finally:
            span.end()


class _Sending:
    """See `webhooks.seam.Sending`."""

    def __init__(self, span: Any) -> None:
        self._span = span
        self.headers: Mapping[str, str] = {"traceparent": traceparent(span)}

    def ended(self, status: int | None, problem: str) -> None:
        if status is not None:
            self._span.set_attribute("http.response.status_code", status)
        if problem or status is None or not 200 <= status < 300:
            failed(self._span, problem or f"status {status}")


class _Hub(Hub):
    def __init__(self, spans: Spans, schedule: Callable[[Callable[[], None]], object], slice_size: int) -> None:
        super().__init__(schedule, slice_size)
        self._spans = spans

    def deliver(self, app_id: str, fact: Fact, exclude: Connection | None = None) -> Meter:
        """See `Hub.deliver`. The span ends when all who are to hear it here have been written to."""
        if type(fact) is not Event or not is_traced():
            return super().deliver(app_id, fact, exclude)
        channel = self.channel(app_id, fact.channel)
        told: dict[str, Value] = {
            "hubbub.app_id": app_id,
            "messaging.destination.name": fact.channel,
            "hubbub.subscribers": len(channel) if channel is not None else 0,
        }
        span = self._spans.begin("deliver", SpanKind.INTERNAL, told)
        try:
            return super().deliver(app_id, fact, exclude)
        finally:
            if channel is not None:
                channel.when_written(span.end)
            else:
                span.end()


class _Receiver:
    """A host that continues the traces of what it receives."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def receive(self, envelope: Envelope) -> None:
        """See `Host.receive`."""
        if envelope.trace:
            with continued(envelope.trace):
                self._host.receive(envelope)
        else:
            self._host.receive(envelope)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._host, name)


class _Engine:
    def __init__(self, spans: Spans, engine: Engine) -> None:
        self._spans = spans
        self._engine = engine
        self.is_alone = engine.is_alone

    async def start(self, host: Host) -> None:
        """See `Engine.start`."""
        await self._engine.start(cast("Host", _Receiver(host)))

    async def publish(self, envelope: Envelope, *, echo: bool = False) -> None:
        """See `Engine.publish`."""
        if not is_traced():
            await self._engine.publish(envelope, echo=echo)
            return
        span = self._spans.begin("engine publish", SpanKind.PRODUCER, _about(envelope))
        marked = msgspec.structs.replace(envelope, trace=traceparent(span))
        await awaited(span, lambda: self._engine.publish(marked, echo=echo))

    async def keep(self, envelope: Envelope, seconds: int, most: int) -> None:
        """See `Engine.keep`."""
        if not is_traced():
            await self._engine.keep(envelope, seconds, most)
            return
        span = self._spans.begin("engine keep", SpanKind.PRODUCER, _about(envelope))
        marked = msgspec.structs.replace(envelope, trace=traceparent(span))
        await awaited(span, lambda: self._engine.keep(marked, seconds, most))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)


class _Node(Node):
    def __init__(self, spans: Spans, hub: Hub, engine: Engine, **others: Any) -> None:
        super().__init__(hub, engine, **others)
        self._spans = spans

    def relay(
        self, app_id: str, event: Event, sender: Connection, socket_id: str, *, to_sender: bool = False
    ) -> Awaitable[None]:
        """See `Node.relay`. Who sent it waits for the end of what is traced, so that nothing overtakes it."""
        told: dict[str, Value] = {
            "hubbub.app_id": app_id,
            "messaging.destination.name": event.channel,
            "hubbub.connection_id": socket_id,
        }
        span = self._spans.begin("client event", SpanKind.SERVER, told, parent="")
        if not span.is_recording():
            return super().relay(app_id, event, sender, socket_id, to_sender=to_sender)
        relay = super().relay
        return awaited(span, lambda: relay(app_id, event, sender, socket_id, to_sender=to_sender))


def _about(envelope: Envelope) -> dict[str, Value]:
    return {"hubbub.app_id": envelope.app_id, "messaging.destination.name": envelope.fact.channel}


def _given() -> str:
    """Give the traceparent that whoever publishes has sent; "" where there is none."""
    found = served()
    return found.header(TRACEPARENT) if found is not None else ""
