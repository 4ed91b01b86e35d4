"""How one application stands, as its own server may ask by `GET /apps/ID/status`.

Knows: what is told of an application, and which limits hold for who sends to it. Does not know who asks, nor how that
is proven.
"""

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import msgspec

from hubbub.apps import Application
from hubbub.errors import Refusal
from hubbub.settings import Settings
from hubbub.statistics.seam import HOUR, MINUTE
from hubbub.statistics.statistics import Statistics

Backlog = Callable[[str], Awaitable[Mapping[int, int]]]
"""Counts the events of an application that wait for webhooks, by endpoint."""

OF_THE_APPLICATION: Final = (
    "max_event_bytes",
    "max_batch_events",
    "max_channels_per_event",
    "events_per_second",
    "client_events",
    "force_tls",
)
OF_THE_SERVER: Final = ("max_body_bytes", "max_message_bytes", "activity_timeout", "ping_after", "pong_timeout")


class Webhooks(msgspec.Struct, frozen=True):
    """Events that wait for all endpoints together, and requests of the last hour that were taken, or given up.

    `failing`: more were given up than taken.
    """

    waiting: int
    taken: int
    failed: int

    @property
    def is_failing(self) -> bool:
        """Whether the application's server hears of less than half."""
        return self.failed > self.taken


class Checkup:
    """`statistics` count connections on all nodes, `health` tells how this one is."""

    def __init__(
        self, settings: Settings, statistics: Statistics, backlog: Backlog, health: Callable[[], Mapping[str, Any]]
    ) -> None:
        self._settings = settings
        self._statistics = statistics
        self._backlog = backlog
        self._health = health

    async def of(self, app: Application) -> dict[str, Any]:
        """Tell how an application stands. `webhooks` is None while the database, which knows, is away."""
        live = await self._statistics.live(app.id)
        connections, most = sum(live.connections.values()), app.settings.max_connections
        return {
            "enabled": app.settings.enabled,
            "connections": connections,
            "max_connections": most,
            "at_quota": 0 < most <= connections,
            "webhooks": await self._webhooks(app.id),
            "limits": {
                **{name: getattr(app.settings, name) for name in OF_THE_APPLICATION},
                **{name: getattr(self._settings, name) for name in OF_THE_SERVER},
            },
            "node": self._health(),
            "time": round(time.time(), 3),
        }

    async def _webhooks(self, app_id: str) -> dict[str, Any] | None:
        now = int(time.time())
        try:
            backlog = await self._backlog(app_id)
            _, hour = await self._statistics.series(app_id, MINUTE, now - HOUR, now)
        except Refusal:
            return None
        told = Webhooks(
            sum(backlog.values()),
            sum(one.webhooks for one in hour),
            sum(one.failed_webhooks for one in hour),
        )
        return {**msgspec.to_builtins(told), "failing": told.is_failing}
