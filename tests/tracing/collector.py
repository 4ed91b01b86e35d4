"""A collector of OpenTelemetry and an endpoint of webhooks, in one HTTP server: what servers send it, decoded."""

import gzip
import queue
import threading
import time
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, NamedTuple, Self

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

LIMIT = 20.0
"""Seconds in which what is waited for must have come."""


class Span(NamedTuple):
    """One, with ids in hexadecimal; `node` is the instance that made it, `links` the ids of spans."""

    name: str
    trace: str
    id: str
    parent: str
    node: str
    links: tuple[str, ...]
    attributes: dict[str, object]
    is_error: bool


class Collector:
    """`with Collector() as collector:` listens on a free port."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self.resources: list[dict[str, object]] = []
        self.webhooks: queue.SimpleQueue[tuple[dict[str, str], bytes]] = queue.SimpleQueue()
        self.headers: list[dict[str, str]] = []
        self._come = threading.Condition()
        collector = self

        class Answering(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                collector._take(self.path, headers, body)
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.shutdown()
        self._thread.join(LIMIT)
        self._server.server_close()

    def of(self, trace: str, *names: str) -> Sequence[Span]:
        """Give the spans of a trace, when there are as many of each name as asked for."""
        with self._come:
            end = time.monotonic() + LIMIT
            while True:
                found = [span for span in self.spans if span.trace == trace]
                if sorted(span.name for span in found) == sorted(names):
                    return found
                assert self._come.wait(max(end - time.monotonic(), 0)), f"there are {found}, not {names}"

    def _take(self, path: str, headers: dict[str, str], body: bytes) -> None:
        if path == "/hooks":
            self.webhooks.put((headers, body))
            return
        assert path == "/v1/traces", path
        if headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        sent = ExportTraceServiceRequest.FromString(body)
        with self._come:
            self.headers.append(headers)
            for resource in sent.resource_spans:
                about = _values(resource.resource.attributes)
                self.resources.append(about)
                self.spans += [
                    Span(
                        span.name,
                        span.trace_id.hex(),
                        span.span_id.hex(),
                        span.parent_span_id.hex(),
                        str(about["service.instance.id"]),
                        tuple(link.span_id.hex() for link in span.links),
                        _values(span.attributes),
                        span.status.code == 2,
                    )
                    for scope in resource.scope_spans
                    for span in scope.spans
                ]
            self._come.notify_all()


def _values(attributes: Any) -> dict[str, object]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in attributes}
