"""The lines of the table that the load generator can measure: what is run, what counts, and what it is divided by.

Knows the generator's flags and its report. Knows no server, and starts nothing.
"""

from collections.abc import Callable, Mapping
from typing import Any, Literal

from msgspec import Struct

Report = Mapping[str, Any]  # the JSON that wsload prints

# Advised by the generator's manual for two cores: 50 subscribers are read at once, the others every 20 ms and only
# counted, so that the reader's core does not limit the writer's.
_PROBES = ("--probes", "50", "--nap-us", "20000")


class Case(Struct, frozen=True, kw_only=True):
    """One line: `arguments` for wsload, the `figure` of its report, and the target for what it is divided by.

    `by` says what that is, in the same round: `floor`, the bare `send` loop over `sockets` connections; `soketi`, its
    figure; or `nothing`. `beside` is a case that is measured in the same round too: of a floor, its ratio divides this
    one's; of soketi, its figure is what divides. The target is the least good ratio, or with `most` the greatest.
    """

    name: str
    title: str
    short: str  # on the chart
    arguments: tuple[str, ...]
    figure: Callable[[Report], float]
    unit: str
    target: float
    by: Literal["floor", "soketi", "nothing"] = "floor"
    sockets: int = 1000
    beside: "Case | None" = None
    most: bool = False
    timed: bool = True  # takes `--duration`
    warm: int = 0  # times it is run before it counts: what compiles at run time has then compiled
    is_drawn: bool = True  # on the chart

    def is_met(self, value: float) -> bool:
        """Whether a result reaches the target."""
        return value <= self.target if self.most else value >= self.target


def _deliveries(report: Report) -> float:
    return float(report["server"]["deliveries_per_cpu_s"])


def _published(report: Report) -> float:
    return float(report["server"]["publishes_per_cpu_s"])


def _connected(report: Report) -> float:
    spent = float(report["server"]["connect_cpu_s"])
    return float(report["ready"]) / spent if spent else 0.0


def _resident(report: Report) -> float:
    return float(report["server"]["rss_per_conn"])


def _fanout(subscribers: int, channels: int, publishers: int, window: int) -> tuple[str, ...]:
    return (
        *("--mode", "fanout", "-n", str(subscribers), "-c", str(channels), "-p", str(publishers), "-w", str(window)),
        *("-r", "max", "--warmup", "2", "-s", "100", *_PROBES),
    )


def _connecting(prefix: str, *, first: bool = False) -> Case:
    kind = prefix.rstrip("-") or "public"
    load = ("--mode", "connect", "-n", "5000", "-c", "50", "--channel-prefix", f"{prefix}bench-")
    return Case(
        name=f"first-{kind}" if first else f"connect-{kind}",
        title=f"connect and subscribe, {kind} channels{', the first 5,000 of a process' if first else ''}",
        short=f"connect and subscribe, {kind}",
        arguments=load,
        figure=_connected,
        unit="connections per CPU-second",
        target=1.0,
        by="soketi",
        timed=False,
        # soketi reaches its speed after some 8,000 connections: 9,000 per CPU-second at first, then 20,000.
        warm=0 if first else 2,
        is_drawn=not first,
    )


_FANOUT = Case(
    name="fanout",
    title="1 channel × 1,000 subscribers, 1 in flight",
    short="fan-out to 1,000, one at a time",
    arguments=_fanout(1000, 1, 1, 1),
    figure=_deliveries,
    unit="deliveries per CPU-second",
    target=0.88,
)

_PUBLISH = Case(
    name="publish",
    title="signed publish, nobody listening",
    short="signed publish",
    arguments=("--mode", "publish", "-p", "16", "-w", "16", "-r", "max", "--warmup", "3", "-s", "100"),
    figure=_published,
    unit="events per CPU-second",
    target=3.0,
    by="soketi",
)

CASES = (
    _FANOUT,
    Case(
        name="coalesce",
        title="1 channel × 1,000 subscribers, 4 publishers, 16 in flight",
        short="fan-out to 1,000, 16 in flight",
        arguments=_fanout(1000, 1, 4, 16),
        figure=_deliveries,
        unit="deliveries per CPU-second",
        target=3.0,
    ),
    Case(
        name="channels",
        title="100 channels × 10 subscribers, 4 publishers, 16 in flight",
        short="fan-out to 100 channels of 10",
        arguments=_fanout(1000, 100, 4, 16),
        figure=_deliveries,
        unit="deliveries per CPU-second",
        target=0.60,
    ),
    _PUBLISH,
    Case(
        name="batch",
        title="signed publish in batches of 10, nobody listening",
        short="signed publish, batches of 10",
        arguments=(
            *("--mode", "publish", "-p", "16", "-w", "160", "-r", "max", "--warmup", "3", "-s", "100", "--batch", "10"),
        ),
        figure=_published,
        unit="events per CPU-second",
        target=10.0,
        by="soketi",
        beside=_PUBLISH,
    ),
    _connecting(""),
    _connecting("private-"),
    _connecting("presence-"),
    _connecting("", first=True),
    _connecting("private-", first=True),
    _connecting("presence-", first=True),
    Case(
        name="memory",
        title="RSS of an idle subscribed connection, at 10,000",
        short="connections in the same memory",
        arguments=("--mode", "connect", "-n", "10000", "-c", "50"),
        figure=_resident,
        unit="bytes",
        target=4.5 * 1024,
        most=True,
        by="nothing",
        timed=False,
    ),
    Case(
        name="client-events",
        title="client events between two, 500 private channels",
        short="client events between two",
        arguments=(
            *("--mode", "echo", "-n", "1000", "-c", "500", "--channel-prefix", "private-bench-"),
            *("-r", "max", "-w", "256", "--warmup", "1", "-s", "100"),
        ),
        figure=_deliveries,
        unit="deliveries per CPU-second",
        target=0.40,
    ),
    Case(
        name="large",
        title="1 channel × 10,000 subscribers ÷ the same at 1,000",
        short="fan-out to 10,000 beside 1,000",
        arguments=_fanout(10_000, 1, 1, 1),
        figure=_deliveries,
        unit="deliveries per CPU-second",
        target=0.95,
        sockets=10_000,
        beside=_FANOUT,
        is_drawn=False,
    ),
)

BY_NAME = {case.name: case for case in CASES}
