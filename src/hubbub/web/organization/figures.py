"""What the statistics tell of some applications: what goes on now, and what they have used.

Knows: which days this month has had. Does not know how figures are kept.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import msgspec

from hubbub.web.services import Services


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """Of one application: connections at present, events that come in per second, messages of today and this month."""

    connections: float
    events: float
    today: int
    month: int


async def figures_of(services: Services, app_ids: Sequence[str]) -> Mapping[str, Figures]:
    """Give those of each of these applications, days being those of UTC. Raises STORE_UNAVAILABLE."""
    if not app_ids:
        return {}
    statistics, today = services.statistics, datetime.now(UTC).date()
    now = await statistics.now(app_ids)
    of_today = await statistics.usage(app_ids, today, today)
    of_month = await statistics.usage(app_ids, today.replace(day=1), today)
    return {
        app_id: Figures(
            connections=now[app_id].connections,
            events=now[app_id].messages,
            today=of_today[app_id].messages,
            month=of_month[app_id].messages,
        )
        for app_id in app_ids
    }
