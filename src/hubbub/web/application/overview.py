"""The first page of an application: what goes on now, and whether all is well.

Knows what is shown. Does not know who may see it, nor how figures are kept.
"""

import time
from datetime import UTC, date, datetime
from typing import Final

import msgspec
from starlette.responses import Response

from hubbub.statistics.seam import HOUR, INTERVAL, MINUTE
from hubbub.statistics.statistics import LATE
from hubbub.web.application.statistics import in_words
from hubbub.web.page import get
from hubbub.web.subject import Subject
from hubbub.web.visit import Visit

_PATH: Final = "/applications/{application}"

MOST_CHANNELS: Final = 2000
"""Channels that are counted exactly while somebody looks; of more, each node tells how many it has."""

RECENT: Final = 300
"""Seconds that the small charts begin with."""


class History(msgspec.Struct, frozen=True):
    """What the small charts begin with, a value for each INTERVAL."""

    connections: list[float]
    messages: list[float]
    deliveries: list[float]


class Shown(msgspec.Struct, frozen=True):
    """What the page asks for again and again; see `statistics.live.Live`."""

    at: int
    connections: int
    messages: int
    deliveries: int
    channels: int
    nodes: int


async def _overview(visit: Visit) -> Response:
    subject = await visit.subject()
    statistics, now = visit.services.statistics, int(time.time())
    end = int(time.time() - LATE) // INTERVAL * INTERVAL
    times, recent = await statistics.series(subject.id, INTERVAL, end - RECENT, end)
    refused: dict[str, int] = {}
    for reasons in (await statistics.refusals(subject.id, MINUTE, now - HOUR, now)).values():
        for reason, count in reasons.items():
            refused[reason] = refused.get(reason, 0) + count
    _, hour = await statistics.series(subject.id, MINUTE, now - HOUR, now)
    backlog = await visit.services.backlog(subject.id)
    return visit.render(
        "statistics/overview.html",
        subject=subject,
        here="",
        shown=await _shown(visit, subject),
        now=recent[-1] if times else None,
        interval=INTERVAL,
        history=msgspec.json.encode(
            History(
                [one.open_ms / 1000 / INTERVAL for one in recent],
                [one.messages / INTERVAL for one in recent],
                [one.deliveries / INTERVAL for one in recent],
            )
        ).decode(),
        refused=[(reason, in_words(reason), refused[reason]) for reason in _most_first(refused)],
        waiting=sum(backlog.values()),
        failed_webhooks=sum(one.failed_webhooks for one in hour),
        taken_webhooks=sum(one.webhooks for one in hour),
        day=(await statistics.usage([subject.id], *_today()))[subject.id],
    )


async def _live(visit: Visit) -> Response:
    shown = await _shown(visit, await visit.subject())
    return Response(msgspec.json.encode(shown), media_type="application/json")


async def _shown(visit: Visit, subject: Subject) -> Shown:
    live = await visit.services.statistics.live(subject.id)
    channels = live.channels
    if channels <= MOST_CHANNELS:
        channels = len(await visit.services.node.channels(subject.id))
    return Shown(
        live.at,
        sum(live.connections.values()),
        live.events + live.client_events,
        live.deliveries,
        channels,
        live.nodes,
    )


def _most_first(counts: dict[str, int]) -> list[str]:
    return sorted(counts, key=lambda reason: (-counts[reason], reason))


def _today() -> tuple[date, date]:
    today = datetime.now(UTC).date()
    return today, today


PAGES: Final = (get(_PATH, _overview), get(f"{_PATH}/live.json", _live))
