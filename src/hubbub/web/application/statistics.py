"""Statistics of an application: charts, the same as tables, and files to take along.

Knows: which charts there are, and how much time each range has in which steps. Does not know how figures are kept.
"""

import csv
import io
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final

import msgspec
from starlette.responses import Response

from hubbub.statistics.figures import Figures, together
from hubbub.statistics.seam import DAY, HOUR, INTERVAL, MINUTE
from hubbub.statistics.statistics import LATE, Statistics
from hubbub.web.page import get
from hubbub.web.subject import Subject
from hubbub.web.visit import Visit

_PATH: Final = "/applications/{application}/statistics"

MOST_REASONS: Final = 5
"""Reasons of refusals with a line of their own; the rest share one."""

Value = float | None


class Range(msgspec.Struct, frozen=True):
    """How far back, and in which steps: those of the charts, and longer ones of the tables. In seconds."""

    name: str
    label: str
    span: int
    step: int
    table_step: int


RANGES: Final = {
    one.name: one
    for one in (
        Range("hour", "Hour", HOUR, INTERVAL, MINUTE),
        Range("day", "Day", DAY, 10 * MINUTE, HOUR),
        Range("week", "Week", 7 * DAY, HOUR, 6 * HOUR),
        Range("month", "Month", 30 * DAY, HOUR, DAY),
        Range("year", "Year", 365 * DAY, DAY, 7 * DAY),
    )
}

STEPS: Final = {
    INTERVAL: "10 seconds", MINUTE: "minute", 10 * MINUTE: "10 minutes", HOUR: "hour", 6 * HOUR: "6 hours",
    DAY: "day", 7 * DAY: "7 days",
}  # fmt: skip
"""What a step is called."""


class Line(msgspec.Struct, frozen=True):
    """One line of a chart: a value for each time, None where there is nothing to tell."""

    label: str
    values: Sequence[Value]


class Chart(msgspec.Struct, frozen=True):
    """Lines with one scale. `unit` is `number`, `count` for what happened in a step, `bytes` or `ms`."""

    name: str
    title: str
    unit: str
    lines: Sequence[Line]
    note: str = ""

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing in it but zeros."""
        return not any(value for line in self.lines for value in line.values)


class Drawn(msgspec.Struct, frozen=True):
    """All charts of a range. `times` are when steps of `step` seconds begin, in Unix seconds."""

    application: str
    range: str
    step: int
    times: Sequence[int]
    charts: Sequence[Chart]


class _Step(msgspec.Struct, frozen=True):
    """What was counted in one step, how often what was refused, and how many seconds of it are over."""

    at: int
    figures: Figures
    reasons: dict[str, int]
    seconds: float


def _average(ms: int, seconds: float) -> float:
    return round(ms / 1000 / seconds, 2) if seconds > 0 else 0.0


def _milliseconds(share: float) -> Callable[[_Step], Value]:
    def value(step: _Step) -> Value:
        latency = step.figures.latency(share)
        return None if latency is None else round(latency / 1000, 3)

    return value


def _rounded(value: Value) -> Value:
    return None if value is None else round(value)


_LINES: Final[tuple[tuple[str, str, str, tuple[tuple[str, Callable[[_Step], Value]], ...], str], ...]] = (
    (
        "connections",
        "Connections",
        "number",
        (
            ("Average", lambda step: _average(step.figures.open_ms, step.seconds)),
            ("Peak", lambda step: step.figures.peak),
        ),
        "The peak is that of 10 seconds. Of several servers it is the sum of theirs: a little much when clients move.",
    ),
    (
        "kinds",
        "Connections by kind",
        "number",
        (
            ("WebSocket", lambda step: _average(step.figures.ws, step.seconds)),
            ("WebSocket over TLS", lambda step: _average(step.figures.wss, step.seconds)),
            ("HTTP fallbacks", lambda step: _average(step.figures.http, step.seconds)),
            ("Phoenix", lambda step: _average(step.figures.phoenix, step.seconds)),
        ),
        "On average.",
    ),
    (
        "messages",
        "Messages",
        "count",
        (
            ("From servers", lambda step: step.figures.events),
            ("From clients", lambda step: step.figures.client_events),
            ("Presence changes", lambda step: step.figures.presence),
        ),
        "An event for several channels counts in each.",
    ),
    ("deliveries", "Deliveries", "count", (("Deliveries", lambda step: step.figures.deliveries),), ""),
    (
        "size",
        "Message size",
        "bytes",
        (
            ("Average", lambda step: _rounded(step.figures.mean_size)),
            ("95 % up to", lambda step: _rounded(step.figures.size(0.95))),
            ("Largest", lambda step: step.figures.largest or None),
        ),
        "Bytes of an event's data.",
    ),
    (
        "latency",
        "Latency",
        "ms",
        (
            ("50 % within", _milliseconds(0.5)),
            ("95 % within", _milliseconds(0.95)),
            ("99 % within", _milliseconds(0.99)),
        ),
        "From when a server has a message until it is written to the last subscriber there; of one message a second.",
    ),
    (
        "webhooks",
        "Webhooks",
        "count",
        (
            ("Delivered", lambda step: step.figures.webhooks),
            ("Given up", lambda step: step.figures.failed_webhooks),
        ),
        "",
    ),
)


async def _statistics(visit: Visit) -> Response:
    subject = await visit.subject()
    chosen = RANGES.get(visit.query["range"], RANGES["day"])
    steps = await _steps(visit.services.statistics, subject, chosen)
    return visit.render(
        "statistics/statistics.html",
        subject=subject,
        here="statistics",
        chosen=chosen,
        ranges=RANGES.values(),
        steps=STEPS,
        charts=_charts(steps),
        table=_drawn(subject, chosen, _longer(steps, chosen.table_step), chosen.table_step),
        total=together(step.figures for step in steps),
    )


async def _json(visit: Visit) -> Response:
    subject = await visit.subject()
    chosen = RANGES.get(visit.query["range"], RANGES["day"])
    drawn = _drawn(subject, chosen, await _steps(visit.services.statistics, subject, chosen), chosen.step)
    return _file(visit, msgspec.json.encode(drawn), "application/json", f"{subject.id}-{chosen.name}.json")


async def _csv(visit: Visit) -> Response:
    subject = await visit.subject()
    chosen = RANGES.get(visit.query["range"], RANGES["day"])
    drawn = _drawn(subject, chosen, await _steps(visit.services.statistics, subject, chosen), chosen.step)
    text = io.StringIO()
    written = csv.writer(text, lineterminator="\r\n")
    lines = [(chart, line) for chart in drawn.charts for line in chart.lines]
    written.writerow(["time", *(f"{chart.title}: {line.label} ({chart.unit})" for chart, line in lines)])
    for place, at in enumerate(drawn.times):
        values = (line.values[place] for _, line in lines)
        written.writerow([_iso(at), *("" if value is None else value for value in values)])
    return _file(visit, text.getvalue().encode(), "text/csv; charset=utf-8", f"{subject.id}-{chosen.name}.csv")


def _file(visit: Visit, body: bytes, kind: str, name: str) -> Response:
    headers = {}
    if visit.query.has("download"):
        safe = "".join(letter if letter.isalnum() or letter in "-." else "_" for letter in name if letter.isascii())
        headers["Content-Disposition"] = f'attachment; filename="statistics-{safe}"'
    return Response(body, media_type=kind, headers=headers)


async def _steps(statistics: Statistics, subject: Subject, chosen: Range) -> list[_Step]:
    """Give the steps of a range up to now; of the finest, up to what all nodes have written down."""
    now = time.time()
    end = int(now - LATE) // INTERVAL * INTERVAL if chosen.step == INTERVAL else int(now)
    since = end - chosen.span
    times, figures = await statistics.series(subject.id, chosen.step, since, end)
    refused = await statistics.refusals(subject.id, chosen.step, since, end)
    return [
        _Step(at, one, dict(refused.get(at, {})), min(chosen.step, now - at))
        for at, one in zip(times, figures, strict=True)
    ]


def _longer(steps: Sequence[_Step], seconds: int) -> list[_Step]:
    """Put steps together to longer ones, which begin at multiples of their length by UTC."""
    groups: dict[int, list[_Step]] = {}
    for step in steps:
        groups.setdefault(step.at // seconds * seconds, []).append(step)
    return [
        _Step(
            at,
            together(step.figures for step in group),
            _counted(group),
            sum(step.seconds for step in group),
        )
        for at, group in groups.items()
    ]


def _counted(steps: Sequence[_Step]) -> dict[str, int]:
    reasons: dict[str, int] = {}
    for step in steps:
        for reason, count in step.reasons.items():
            reasons[reason] = reasons.get(reason, 0) + count
    return reasons


def _drawn(subject: Subject, chosen: Range, steps: Sequence[_Step], seconds: int) -> Drawn:
    return Drawn(subject.id, chosen.name, seconds, [step.at for step in steps], _charts(steps))


def _charts(steps: Sequence[_Step]) -> list[Chart]:
    charts = [
        Chart(name, title, unit, [Line(label, [value(step) for step in steps]) for label, value in lines], note)
        for name, title, unit, lines, note in _LINES
    ]
    return [*charts, _refusals(steps)]


def _refusals(steps: Sequence[_Step]) -> Chart:
    totals = _counted(steps)
    first = sorted(totals, key=lambda reason: (-totals[reason], reason))[:MOST_REASONS]
    lines = [Line(in_words(reason), [step.reasons.get(reason, 0) for step in steps]) for reason in first]
    if len(totals) > len(first) or not lines:
        others = [sum(count for reason, count in step.reasons.items() if reason not in first) for step in steps]
        lines.append(Line("Others" if lines else "Refusals", others))
    return Chart("refusals", "Refusals", "count", lines, "The error log tells of each one why.")


def in_words(reason: str) -> str:
    """Give the name of a reason as people read it."""
    return reason.replace("_", " ").capitalize()


def _iso(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


PAGES: Final = (
    get(_PATH, _statistics),
    get(f"{_PATH}.json", _json),
    get(f"{_PATH}.csv", _csv),
)
