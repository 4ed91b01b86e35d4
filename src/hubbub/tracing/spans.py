"""Spans, made and sent by OpenTelemetry's library.

Knows: which are made, by whose word, and where they go. Does not know what they are about.
"""

import asyncio
import os
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final, TypeVar

from opentelemetry import context, trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import Link, Span, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from hubbub.errors import Refusal
from hubbub.logs.current import carried
from hubbub.settings import Settings

NAME: Final = "hubbub"

SAMPLER: Final = "OTEL_TRACES_SAMPLER"

TRACES_PATH: Final = "/v1/traces"

STOP_SECONDS: Final = 5.0
"""In which the last spans must have been sent at the end."""

Value = str | int | float | bool | Sequence[str]
T = TypeVar("T")

_propagator = TraceContextTextMapPropagator()


class Spans:
    """Begins spans, and sends those that have ended. `label` names this node among others."""

    def __init__(self, settings: Settings, label: str) -> None:
        attributes = {"service.name": NAME, "service.instance.id": label}
        if "service.name" in os.environ.get("OTEL_RESOURCE_ATTRIBUTES", "") or "OTEL_SERVICE_NAME" in os.environ:
            del attributes["service.name"]  # what is given here would win
        sampler = None
        if SAMPLER not in os.environ or "trace_ratio" in settings.model_fields_set:
            sampler = ParentBased(TraceIdRatioBased(settings.trace_ratio))
        self._provider = TracerProvider(sampler=sampler, resource=Resource.create(attributes), shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(_exporter(settings.otlp_endpoint)))
        self._tracer = self._provider.get_tracer(NAME)

    def begin(
        self,
        name: str,
        kind: SpanKind,
        attributes: Mapping[str, Value],
        *,
        parent: str | None = None,
        links: Sequence[str] = (),
    ) -> Span:
        """Begin a span, below the one that this is done in, or that of a traceparent; "" begins a trace.

        Whether it is recorded is decided by its parent, else by the ratio.
        """
        return self._tracer.start_span(
            name,
            context=None if parent is None else _context_of(parent),
            kind=kind,
            attributes=attributes,
            links=[Link(trace.get_current_span(_context_of(one)).get_span_context()) for one in links],
        )

    async def stop(self) -> None:
        """Send what has ended. A collector that is away is not waited for."""
        loop, sent = asyncio.get_running_loop(), asyncio.Event()

        def send() -> None:
            self._provider.shutdown()
            loop.call_soon_threadsafe(sent.set)

        # Not by the loop's own threads, whose end would be waited for.
        threading.Thread(target=send, daemon=True).start()
        try:
            await asyncio.wait_for(sent.wait(), STOP_SECONDS)
        except TimeoutError:
            return


def is_traced() -> bool:
    """Tell whether what is done at this moment belongs to a span that is recorded."""
    return trace.get_current_span().get_span_context().trace_flags.sampled


def traceparent(span: Span | None = None) -> str:
    """Give what others continue a span by, or the one that this is done in; "" if it is not recorded."""
    one = span if span is not None else trace.get_current_span()
    if not one.get_span_context().trace_flags.sampled:
        return ""
    carrier: dict[str, str] = {}
    _propagator.inject(carrier, trace.set_span_in_context(one))
    return carrier.get("traceparent", "")


def fields() -> Mapping[str, object]:
    """Give what a line of the log has of the span that this is done in."""
    about = trace.get_current_span().get_span_context()
    if not about.trace_flags.sampled:
        return {}
    return {"trace_id": trace.format_trace_id(about.trace_id), "span_id": trace.format_span_id(about.span_id)}


@contextmanager
def inside(span: Span) -> Iterator[None]:
    """Do something in a span; nothing in there may wait, unless all is done in one task."""
    token = context.attach(trace.set_span_in_context(span))
    try:
        yield
    finally:
        context.detach(token)


@contextmanager
def continued(parent: str) -> Iterator[None]:
    """Do something, without waiting, in a span of another node's."""
    token = context.attach(_context_of(parent))
    try:
        yield
    finally:
        context.detach(token)


async def awaited(span: Span, work: Callable[[], Awaitable[T]], is_told: Callable[[T], bool] = lambda _: True) -> T:
    """Await something in a span, and end it; in a task of its own, for a coroutine here may change its task midway.

    What comes of it may be none that `is_told` of: then the span never ends, and is never sent.
    """

    async def run() -> T:
        is_sent = True
        try:
            with inside(span):
                done = await work()
        except Refusal as refusal:
            failed(span, refusal.message)
            raise
        except BaseException as error:
            failed(span, type(error).__name__)
            raise
        else:
            is_sent = is_told(done)
            return done
        finally:
            if is_sent:
                span.end()

    with carried():
        task = asyncio.ensure_future(run())
    return await task


def failed(span: Span, why: str) -> None:
    """Note that what a span is about has failed."""
    span.set_status(Status(StatusCode.ERROR, why))


def _context_of(parent: str) -> context.Context:
    # Of a context of its own: what is done at this moment is no parent.
    return _propagator.extract({"traceparent": parent}, context=context.Context())


def _exporter(endpoint: str | None) -> OTLPSpanExporter:
    if endpoint is None:
        return OTLPSpanExporter()  # which reads OpenTelemetry's variables, as it does for all but the endpoint
    bare = endpoint.rstrip("/")
    return OTLPSpanExporter(endpoint=bare if bare.endswith(TRACES_PATH) else bare + TRACES_PATH)
