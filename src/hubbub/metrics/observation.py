"""The values of all metrics of this process, taken where they are when they are asked for.

Knows which part has what. Nothing is counted here, and nothing is remembered but what an application's numbers were
when they were looked at last. A hundred thousand connections are looked at in parts, so that nobody waits for it.
"""

import asyncio
import logging
import math
import platform
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Final, Protocol, TypeVar

import msgspec
from prometheus_client import GC_COLLECTOR, PROCESS_COLLECTOR

from hubbub import errors
from hubbub.channels import INTERNAL_PREFIX, Kind, kind_of
from hubbub.console.incidents import ROLE as INCIDENTS
from hubbub.console.incidents import Incidents
from hubbub.durations import Durations
from hubbub.errors import Reason, Refusal, name_of
from hubbub.metrics.activity import Activity
from hubbub.metrics.reading import Reading
from hubbub.metrics.timing import Timing
from hubbub.native import IS_COMPILED
from hubbub.session.doors import Doors
from hubbub.statistics.figures import KINDS
from hubbub.statistics.statistics import Statistics
from hubbub.tally import CLIENT, GOODBYES, OTHER, Tally, closes, code_of
from hubbub.webhooks.webhooks import Webhooks

AT_ONCE: Final = 2000
"""Channels or connections that are looked at before others have a turn: about a millisecond."""

BACKLOG_SECONDS: Final = 1.0
"""In which the database must tell how much waits in the outbox; else that is not told."""

ENDS: Final = tuple(
    sorted(
        {
            (code_of(reason), name_of(reason))
            for reason in vars(errors).values()
            if isinstance(reason, Reason) and (reason is errors.INTERNAL or closes(reason))
        }
        | {(str(code), CLIENT) for code in (*GOODBYES, OTHER)}
    )
)
"""Every way in which a connection can end. All are told from the beginning: the first of each is seen to come."""

OF_NOBODY: Final = tuple(
    name_of(reason)
    for reason in (
        errors.ADDRESS_CONNECTIONS,
        errors.ADDRESS_OPENINGS,
        errors.ADDRESS_REQUESTS,
        errors.BAD_REQUEST,
        errors.BODY_TOO_LARGE,
        errors.FORBIDDEN,
        errors.HEAD_TOO_LARGE,
        errors.INTERNAL,
        errors.INVALID,
        errors.METHOD,
        errors.NOT_FOUND,
        errors.OVER_CAPACITY,
        errors.REQUEST_TIMEOUT,
        errors.STORE_UNAVAILABLE,
        errors.TOO_MANY,
        errors.TOO_MANY_FIELDS,
        errors.UNAUTHENTICATED,
        errors.UNKNOWN,
        errors.UNKNOWN_KEY,
        errors.UPGRADE_REQUIRED,
    )
)
"""Reasons for which something is refused that is of no application; told from the beginning, too."""

T = TypeVar("T")

logger = logging.getLogger("hubbub.metrics")


class Database(Protocol):
    """What is asked of the store."""

    @property
    def away(self) -> float | None:
        """For how many seconds the database has been away; None if it answered last time."""

    @property
    def pool(self) -> tuple[int, int]:
        """How many connections are used, and how many are idle."""

    @property
    def durations(self) -> Mapping[bool, Durations]:
        """How long transactions took, by whether they may write."""


class Ending(Protocol):
    """What is good for a time."""

    @property
    def seconds_left(self) -> float:
        """For how many seconds more it is; below 0 when it has ended."""


class Parts(msgspec.Struct, frozen=True):
    """Who knows what. `deliveries`, `publishes` and `lags` are how long each took; `capacity` is how many may be open.

    `sockets` gives the connections of the network, by what they are used for; `backlog` what waits in the outbox, by
    application and endpoint; it may raise a Refusal.
    """

    doors: Doors
    tally: Tally
    webhooks: Webhooks
    database: Database
    incidents: Incidents
    statistics: Statistics
    requests: Timing
    deliveries: Durations
    publishes: Durations
    lags: Durations
    sockets: Callable[[], Mapping[str, int]]
    backlog: Callable[[], Awaitable[Mapping[tuple[str, int], int]]]
    is_draining: Callable[[], bool]
    certificate: Ending | None


class Observation:
    """Reads the parts."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._activity = Activity()
        self._asking: asyncio.Future[Mapping[tuple[str, int], int]] | None = None
        self._build = (_version(), platform.python_version(), "yes" if IS_COMPILED else "no")

    async def read(self) -> Reading:
        """Give all there is to tell at this moment."""
        reading = Reading()
        self._tell_applications(reading)
        self._tell_state(reading)
        self._tell_latency(reading)
        self._tell_webhooks(reading)
        await self._tell_backlog(reading)
        await self._tell_clients(reading)
        await self._tell_channels(reading)
        for name, value, labels in await asyncio.to_thread(_process):
            reading.tell(name, value, *labels)
        return reading

    # What is counted

    def _tell_applications(self, reading: Reading) -> None:
        """Tell what is counted by application: of all together, and of each of which anything happens."""
        parts = self._parts
        doors, tally, webhooks = parts.doors, parts.tally, parts.webhooks.tally
        here = doors.node.hub.here()
        refusals: dict[str, list[tuple[str, int]]] = {app_id: [] for app_id in here}
        for (app_id, reason), count in tally.refusals.items():
            refusals.setdefault(app_id, []).append((reason, count))
        numbers: dict[str, tuple[float, ...]] = {}
        opened: dict[str, int] = {}
        changes = queries = 0
        for app_id, refused in refusals.items():
            counted: tuple[float, ...] = (0, 0, 0, 0, 0)
            if (local := here.get(app_id)) is not None:
                meter = local.meter
                counted = meter.read()[:5]
                changes += meter.presence
                queries += meter.queries
                for protocol, count in meter.ever_by_way().items():
                    opened[protocol] = opened.get(protocol, 0) + count
            of_webhooks = (webhooks.taken_of[app_id], webhooks.failed_of[app_id])
            numbers[app_id] = (*counted, *of_webhooks, sum(count for _, count in refused))
        totals = [sum(column) for column in zip(*(counted[:5] for counted in numbers.values()), strict=True)]
        events, client_events, bytes_in, deliveries, bytes_out = totals or (0,) * 5
        reading.tell("hubbub_events", events)
        reading.tell("hubbub_client_events", client_events)
        reading.tell("hubbub_deliveries", deliveries)
        reading.tell("hubbub_message_bytes_in", bytes_in)
        reading.tell("hubbub_message_bytes_out", bytes_out)
        reading.tell("hubbub_presence_changes", changes)
        reading.tell("hubbub_queries", queries)
        for protocol in KINDS:
            reading.tell("hubbub_connections_opened", opened.get(protocol, 0), protocol)
        shown = self._activity.active(numbers, set(doors.sessions), time.monotonic()) - {""}
        for app_id in sorted(shown):
            self._tell_application(reading, app_id, numbers.get(app_id, (0,) * 8))
        of_nobody = dict.fromkeys(OF_NOBODY, 0) | dict(refusals.get("", ()))
        told = {"": list(of_nobody.items())} | {app_id: refusals.get(app_id, []) for app_id in sorted(shown)}
        for app_id, refused in told.items():
            for reason, count in sorted(refused):
                reading.tell("hubbub_refusals", count, app_id, reason)
        closes = tally.closes()
        for code, reason in sorted({*ENDS, *closes}):
            reading.tell("hubbub_closes", closes[code, reason], code, reason)

    @staticmethod
    def _tell_application(reading: Reading, app_id: str, counted: tuple[float, ...]) -> None:
        events, client_events, bytes_in, deliveries, bytes_out, delivered, failed, _ = counted
        reading.tell("hubbub_app_messages", events + client_events, app_id, "in")
        reading.tell("hubbub_app_messages", deliveries, app_id, "out")
        reading.tell("hubbub_app_message_bytes", bytes_in, app_id, "in")
        reading.tell("hubbub_app_message_bytes", bytes_out, app_id, "out")
        if delivered or failed:
            reading.tell("hubbub_app_webhooks", delivered, app_id, "delivered")
            reading.tell("hubbub_app_webhooks", failed, app_id, "failed")

    def _tell_latency(self, reading: Reading) -> None:
        parts = self._parts
        reading.tell_durations("hubbub_publish_seconds", parts.publishes)
        reading.tell_durations("hubbub_delivery_seconds", parts.deliveries)
        for labels, durations in parts.requests.durations.items():
            reading.tell_durations("hubbub_request_seconds", durations, *labels)
        reading.tell_durations("hubbub_engine_round_trip_seconds", parts.doors.node.round_trips)
        for is_writing, durations in parts.database.durations.items():
            reading.tell_durations("hubbub_database_seconds", durations, "write" if is_writing else "read")
        reading.tell_durations("hubbub_webhook_seconds", parts.webhooks.tally.durations)
        reading.tell_durations("hubbub_loop_lag_seconds", parts.lags)

    # How it is now

    def _tell_state(self, reading: Reading) -> None:
        parts, node = self._parts, self._parts.doors.node
        cluster = node.membership
        reading.tell("hubbub_nodes", cluster.nodes)
        reading.tell("hubbub_engine_away_seconds", node.away or 0.0)
        reading.tell("hubbub_engine_gaps", cluster.gaps)
        reading.tell("hubbub_engine_gap_seconds", cluster.gap_seconds)
        reading.tell("hubbub_database_away_seconds", parts.database.away or 0.0)
        used, idle = parts.database.pool
        reading.tell("hubbub_database_connections", used, "used")
        reading.tell("hubbub_database_connections", idle, "idle")
        reading.tell("hubbub_leads", parts.webhooks.is_delivering, "webhooks")
        reading.tell("hubbub_leads", node.is_alone or node.leads(INCIDENTS), "incidents")
        reading.tell("hubbub_certificate_seconds", parts.certificate.seconds_left if parts.certificate else math.inf)
        reading.tell("hubbub_draining", parts.is_draining())
        reading.tell("hubbub_build_info", 1, *self._build)
        reading.tell("hubbub_tasks", len(asyncio.all_tasks()))
        reading.tell("hubbub_channels_writing", node.hub.writing)

    async def _tell_clients(self, reading: Reading) -> None:
        doors = self._parts.doors
        for kind, count in self._parts.sockets().items():
            reading.tell("hubbub_sockets", count, kind)
        if doors.capacity is not None:
            reading.tell("hubbub_connections_limit", doors.capacity)
        connections = waiting = most = slow = 0
        by_way: dict[tuple[str, str], int] = {}
        for app_id in list(doors.sessions):
            async for session in _in_parts(list(doors.sessions.get(app_id, ()))):
                connections += 1
                way = (app_id, session.way)
                by_way[way] = by_way.get(way, 0) + 1
                if queued := session.queued:
                    waiting += queued
                    slow += 1
                    most = max(most, queued)
        reading.tell("hubbub_connections", connections)
        reading.tell_each("hubbub_app_connections", sorted(by_way.items()))
        reading.tell("hubbub_unread_bytes", waiting)
        reading.tell("hubbub_unread_bytes_most", most)
        reading.tell("hubbub_slow_readers", slow)

    async def _tell_channels(self, reading: Reading) -> None:
        channels, subscriptions, members = dict.fromkeys(Kind, 0), dict.fromkeys(Kind, 0), 0
        by_app: dict[str, list[int]] = {}
        for app_id, here in list(self._parts.doors.node.hub.here().items()):
            async for channel in _in_parts(list(here.channels.values())):
                kind = kind_of(channel.name)
                if not (count := len(channel)) or (kind is Kind.PUBLIC and channel.name.startswith(INTERNAL_PREFIX)):
                    continue  # it was left meanwhile, or nodes tell each other of a user there
                channels[kind] += 1
                subscriptions[kind] += count
                members += len(channel.users)
                of_app = by_app.setdefault(app_id, [0, 0])
                of_app[0] += 1
                of_app[1] += count
        for kind in Kind:
            reading.tell("hubbub_channels", channels[kind], kind.value)
            reading.tell("hubbub_subscriptions", subscriptions[kind], kind.value)
        reading.tell("hubbub_presence_members", members)
        for app_id, (count, subscribed) in sorted(by_app.items()):
            reading.tell("hubbub_app_channels", count, app_id)
            reading.tell("hubbub_app_subscriptions", subscribed, app_id)

    def _tell_webhooks(self, reading: Reading) -> None:
        parts, tally, queues = self._parts, self._parts.webhooks.tally, self._parts.webhooks.queues()
        reading.tell("hubbub_webhooks_delivered", tally.delivered)
        reading.tell("hubbub_webhooks_failed", tally.failed)
        reading.tell("hubbub_webhooks_failed_attempts", tally.failed_attempts)
        reading.tell("hubbub_webhooks_dropped_events", tally.dropped)
        reading.tell("hubbub_webhook_unfinished", queues.unfinished)
        reading.tell("hubbub_webhook_requests", queues.requests)
        reading.tell("hubbub_webhook_endpoints", queues.well, "well")
        reading.tell("hubbub_webhook_endpoints", queues.failing, "failing")
        reading.tell("hubbub_webhook_endpoints", queues.dead, "dead")
        reading.tell("hubbub_writer_queue", queues.events, "events")
        reading.tell("hubbub_writer_queue", queues.attempts, "attempts")
        reading.tell("hubbub_writer_queue", parts.incidents.waiting, "incidents")
        reading.tell("hubbub_writer_queue", parts.statistics.waiting, "statistics")
        reading.tell("hubbub_writer_lost", queues.lost_events, "events")
        reading.tell("hubbub_writer_lost", queues.lost_attempts, "attempts")
        reading.tell("hubbub_writer_lost", parts.incidents.dropped, "incidents")

    async def _tell_backlog(self, reading: Reading) -> None:
        """Tell what waits in the outbox, on the node that delivers, if the database tells it soon."""
        if not self._parts.webhooks.is_delivering:
            return
        asked = self._asking
        if asked is None:
            # One question at a time, and never broken off: a database that hangs is not asked again and again.
            asked = self._asking = asyncio.ensure_future(self._parts.backlog())
        await asyncio.wait({asked}, timeout=BACKLOG_SECONDS)
        if not asked.done():
            return
        if self._asking is asked:
            self._asking = None
        try:
            backlog = asked.result()
        except Refusal:
            return
        except Exception:
            logger.exception("What waits for webhooks cannot be counted")
            return
        by_app: dict[str, int] = {}
        for (app_id, _), count in backlog.items():
            by_app[app_id] = by_app.get(app_id, 0) + count
        reading.tell("hubbub_webhook_backlog_events", sum(by_app.values()))
        for app_id, count in sorted(by_app.items()):
            reading.tell("hubbub_app_webhook_backlog_events", count, app_id)


async def _in_parts(items: Sequence[T]) -> AsyncIterator[T]:
    """Give all of them, and let others have a turn now and then."""
    for start in range(0, len(items), AT_ONCE):
        if start:
            await asyncio.sleep(0)
        for item in items[start : start + AT_ONCE]:
            yield item


def _process() -> list[tuple[str, float, Iterable[str]]]:
    """Give what the system knows of this process. To count a hundred thousand files takes a while."""
    families = [*PROCESS_COLLECTOR.collect(), *GC_COLLECTOR.collect()]
    return [(family.name, one.value, one.labels.values()) for family in families for one in family.samples]


def _version() -> str:
    try:
        return version("hubbub")
    except PackageNotFoundError:  # run from its source, without being installed
        return "unknown"
