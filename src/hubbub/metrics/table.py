"""Every metric, in one table: its name, its kind, its labels, and what it means.

Pure. Does not know where values come from. `docs/metrics.md` is made of this, `/metrics` tells nothing else, and tests
compare the three.
"""

from collections.abc import Sequence
from enum import Enum
from typing import Final

import msgspec

from hubbub.durations import QUICK, SLOW

WORKER: Final = "worker"
"""The label that tells workers apart, where there are several."""

DELIVERY: Final = (0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
"""Bounds of a delivery, which are those of the statistics: `hubbub.statistics.figures.LATENCIES`."""


class Kind(Enum):
    """How a metric is to be read."""

    GAUGE = "gauge"
    """How it is now, computed when it is asked for."""

    COUNTER = "counter"
    """How often, or how much, since the process began. Its series end in `_total`."""

    HISTOGRAM = "histogram"
    """How many took how long since the process began, in seconds."""


class Metric(msgspec.Struct, frozen=True):
    """A row of the table. `bounds` are those of a histogram; `is_of_worker` is False for what holds for all workers."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    bounds: tuple[float, ...] = ()
    is_of_worker: bool = True

    @property
    def series(self) -> str:
        """What its series are called, those of a histogram without what is added to them."""
        return f"{self.name}_total" if self.kind is Kind.COUNTER else self.name


class Group(msgspec.Struct, frozen=True):
    """Metrics that are looked at together."""

    title: str
    metrics: tuple[Metric, ...]


def _gauge(name: str, help_: str, *labels: str, is_of_worker: bool = True) -> Metric:
    return Metric(name, Kind.GAUGE, help_, labels, is_of_worker=is_of_worker)


def _counter(name: str, help_: str, *labels: str) -> Metric:
    return Metric(name, Kind.COUNTER, help_, labels)


def _histogram(name: str, help_: str, *labels: str, bounds: Sequence[float] = QUICK) -> Metric:
    return Metric(name, Kind.HISTOGRAM, help_, labels, tuple(bounds))


GROUPS: Final = (
    Group(
        "Clients",
        (
            _gauge("hubbub_connections", "Clients connected now."),
            _gauge("hubbub_connections_limit", "Clients that may be connected at once, see `max_connections`."),
            _gauge(
                "hubbub_app_connections",
                "Clients connected now, by application and protocol: `ws` and `wss` are Pusher's without and with TLS,"
                " `http` its fallbacks, `phoenix` is Phoenix by either way.",
                "app",
                "protocol",
            ),
            _counter("hubbub_connections_opened", "Clients that were let in.", "protocol"),
            _counter(
                "hubbub_closes",
                "Connections of clients that ended, by close code and reason: one of the reasons of refusals, or"
                " `client` for those that said goodbye themselves. Those that were not let in are among them.",
                "code",
                "reason",
            ),
            _gauge(
                "hubbub_sockets",
                "Connections of the network open now, by what they are used for: `websocket`, `api` is the signed API,"
                " `page` everything else.",
                "kind",
            ),
            _gauge("hubbub_channels", "Channels with subscribers here, by kind.", "kind"),
            _gauge("hubbub_subscriptions", "Subscriptions to channels here, by the channel's kind.", "kind"),
            _gauge("hubbub_presence_members", "Users in channels here that tell who is there, one for each channel."),
            _gauge("hubbub_app_channels", "Channels with subscribers here, by application.", "app"),
            _gauge("hubbub_app_subscriptions", "Subscriptions to channels here, by application.", "app"),
        ),
    ),
    Group(
        "Messages",
        (
            _counter("hubbub_events", "Events that applications have published here, one for each channel."),
            _counter("hubbub_client_events", "Events that clients have sent here."),
            _counter("hubbub_deliveries", "Messages written to subscribers here."),
            _counter("hubbub_message_bytes_in", "Bytes of the data of events that came in here."),
            _counter("hubbub_message_bytes_out", "Bytes written to subscribers here, frames and all, without TLS."),
            _counter("hubbub_presence_changes", "Members who came or went, as this node told it."),
            _counter("hubbub_queries", "Requests of the signed API that ask something."),
            _counter(
                "hubbub_app_messages",
                "Messages by application: `in` are events, `out` are those written to subscribers.",
                "app",
                "direction",
            ),
            _counter("hubbub_app_message_bytes", "Their bytes, as above.", "app", "direction"),
        ),
    ),
    Group(
        "Refusals",
        (
            _counter(
                "hubbub_refusals",
                "What was refused, by application and reason; no application where none is known, as for a wrong key"
                " or what came before a session, and for the JSON API but for too high a rate.",
                "app",
                "reason",
            ),
        ),
    ),
    Group(
        "Latency",
        (
            _histogram(
                "hubbub_publish_seconds",
                "A POST to the signed API, from when it is read until its answer is sent. A sample: the first in a"
                " quarter of a second, and of more every 64th.",
            ),
            _histogram(
                "hubbub_delivery_seconds",
                "A message, from when this node has it until it is written to the last who is to have it here. A"
                " sample: of each application one in a second.",
                bounds=DELIVERY,
            ),
            _histogram(
                "hubbub_request_seconds",
                "A request to the JSON API (`api`) or for a page, until its answer begins, by the status's first digit."
                " Without those that wait on purpose: fallbacks and long-polls.",
                "surface",
                "status",
            ),
            _histogram(
                "hubbub_engine_round_trip_seconds",
                "A question to Redis and its answer, four in `engine_timeout`, behind what was asked before.",
            ),
            _histogram("hubbub_database_seconds", "A transaction, by whether it may write: `read`, `write`.", "kind"),
            _histogram("hubbub_webhook_seconds", "A request to an endpoint of webhooks, taken or not.", bounds=SLOW),
            _histogram(
                "hubbub_loop_lag_seconds",
                "How late the event loop is, four times a second. All else here waits for it.",
            ),
        ),
    ),
    Group(
        "Queues",
        (
            _gauge("hubbub_unread_bytes", "Bytes that wait for slow readers."),
            _gauge("hubbub_unread_bytes_most", "Bytes that wait for the slowest of them, see `max_backlog_bytes`."),
            _gauge("hubbub_slow_readers", "Clients for whom anything waits."),
            _gauge("hubbub_channels_writing", "Channels whose messages are not written to all subscribers yet."),
            _gauge(
                "hubbub_webhook_backlog_events",
                "Events that wait in the outbox for an endpoint, as the node tells that delivers. Not told while the"
                " database does not answer.",
            ),
            _gauge("hubbub_app_webhook_backlog_events", "The same by application, without those of none.", "app"),
            _gauge("hubbub_webhook_unfinished", "Webhooks that were begun, and neither taken nor given up."),
            _gauge("hubbub_webhook_requests", "Requests to endpoints that are under way."),
            _gauge(
                "hubbub_webhook_endpoints",
                "Endpoints that this node delivers to: `well`, `failing` since the last request, or `dead`, which are"
                " tried now and then.",
                "state",
            ),
            _gauge(
                "hubbub_writer_queue",
                "What waits to be written to the database: `events` and `attempts` of webhooks, `incidents` of the"
                " error log, `statistics`.",
                "writer",
            ),
            _counter("hubbub_writer_lost", "What could not be written, and is lost.", "writer"),
            _gauge("hubbub_tasks", "Tasks of the event loop."),
        ),
    ),
    Group(
        "Webhooks",
        (
            _counter("hubbub_webhooks_delivered", "Requests that an endpoint took."),
            _counter("hubbub_webhooks_failed", "Requests that no try could deliver."),
            _counter("hubbub_webhooks_failed_attempts", "Tries that failed."),
            _counter("hubbub_webhooks_dropped_events", "Events for which there was no room, or no endpoint any more."),
            _counter(
                "hubbub_app_webhooks", "Requests by application and outcome: `delivered`, `failed`.", "app", "outcome"
            ),
        ),
    ),
    Group(
        "State",
        (
            _gauge("hubbub_nodes", "Nodes of the cluster that are known, this one among them."),
            _gauge("hubbub_engine_away_seconds", "For how long the engine has been away; 0: it is there."),
            _counter("hubbub_engine_gaps", "How often the engine was lost and found again."),
            _counter("hubbub_engine_gap_seconds", "For how long in all."),
            _gauge("hubbub_database_away_seconds", "For how long the database has been away; 0: it is there."),
            _gauge(
                "hubbub_database_connections",
                "Connections to the database: `used`, or `idle`.",
                "state",
            ),
            _gauge(
                "hubbub_leads",
                "1 where this node has a role that one of all has: `webhooks` delivers them, `incidents` forgets old"
                " ones.",
                "role",
            ),
            _gauge(
                "hubbub_certificate_seconds",
                "For how long the certificate that is shown is still good; below 0: it has ended; +Inf: no TLS here.",
            ),
            _gauge("hubbub_draining", "1 from the signal to end on."),
            _gauge("hubbub_workers", "Workers of this server that tell of themselves here.", is_of_worker=False),
            _gauge("hubbub_workers_silent", "Workers that did not answer when they were asked.", is_of_worker=False),
            _gauge(
                "hubbub_build_info",
                "1, with the version, Python's, and whether the compiled module is used.",
                "version",
                "python",
                "native",
            ),
        ),
    ),
    Group(
        "Process",
        (
            _counter("process_cpu_seconds", "Seconds of the processor, of user and system."),
            _gauge("process_resident_memory_bytes", "Memory that is held."),
            _gauge("process_virtual_memory_bytes", "Memory that is mapped."),
            _gauge("process_open_fds", "Files open, sockets among them."),
            _gauge("process_max_fds", "Files that may be open."),
            _gauge("process_start_time_seconds", "When the process began, in Unix seconds."),
            _counter("python_gc_collections", "Collections of garbage.", "generation"),
            _counter("python_gc_objects_collected", "Objects that were found to be garbage.", "generation"),
            _counter("python_gc_objects_uncollectable", "Objects that are garbage and cannot go.", "generation"),
        ),
    ),
)
"""Every metric there is, in the order of the page."""

METRICS: Final = {metric.name: metric for group in GROUPS for metric in group.metrics}
"""Every metric by its name."""


def refusals(reason: str) -> str:
    """Give the time series that count refusals for a reason, by its name."""
    return f'{METRICS["hubbub_refusals"].series}{{reason="{reason}"}}'
