"""What came of one case, all processes together.

Knows how their figures are added up. Does not know how they are shown.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Final

import msgspec

from hubbub.bench.histogram import Histogram, floor
from hubbub.bench.orders import Figures
from hubbub.bench.plan import GIVE_UP, Case, Plan
from hubbub.bench.usage import Looks, Usage

UNITS: Final = {
    Case.CONNECT: "connections",
    Case.PUBLISH: "events",
    Case.FAN_OUT: "deliveries",
    Case.LATENCY: "deliveries",
    Case.CLIENT_EVENTS: "deliveries",
}

SATURATED: Final = 0.9
"""The share of a core from which on a process of the benchmark may itself be the limit."""


NO_ROOM: Final = 0.05
"""The share of this machine that must be idle without a note: else programs wait for a core, and not for the server."""

LATE: Final = 1000.0
"""Microseconds by which the benchmark may be late without a note."""


class Times(msgspec.Struct, frozen=True):
    """A histogram as a report has it: microseconds, and `buckets`, each with its shortest duration and its count."""

    count: int
    p50: float
    p90: float
    p99: float
    max: float
    buckets: list[tuple[float, int]]

    @classmethod
    def of(cls, histogram: Histogram) -> "Times":
        """Read a histogram of nanoseconds."""
        p50, p90, p99 = (histogram.quantile(share) / 1e3 for share in (0.5, 0.9, 0.99))
        buckets = [(floor(index) / 1e3, count) for index, count in histogram.counts.items()]
        return cls(histogram.total, p50, p90, p99, histogram.longest / 1e3, buckets)


class Cost(msgspec.Struct, frozen=True):
    """What it took the server: seconds of CPU, microseconds of it for a unit, the share of a core that was used.

    `bytes_per_connection` is by how much its memory has grown for each connection, in the case `connect`.
    """

    cpu_seconds: float
    cpu_us_per_unit: float
    cores: float
    bytes_per_connection: float | None = None

    @classmethod
    def of(cls, used: Usage, units: int, seconds: float, connections: int | None) -> "Cost":
        """Read what was used for so many units, in so many seconds, by so many new connections."""
        return cls(
            round(used.cpu, 3),
            used.cpu / units * 1e6 if units else 0,
            used.cpu / seconds if seconds else 0,
            used.rss / connections if connections else None,
        )


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """One case. `units` were counted in `seconds`, the measured window; the sums below are of the whole run.

    `accepted` messages, each for as many as were subscribed to its channel, make `expected` deliveries. What did not
    arrive of these in the end is `lost`. A client event that the server has complained of is not expected.
    `unanswered` messages may have been taken or not, so with them `lost` is no more exact. `busy` is the share of a
    core that each process of the benchmark used, `machine_idle` that of all cores of its machine which nobody used.
    """

    case: Case
    plan: Plan
    unit: str
    units: int
    seconds: float
    per_second: float
    timings: dict[str, Times]
    opened: int
    accepted: int
    expected: int
    received: int
    lost: int
    duplicates: int
    disordered: int
    refused: dict[str, int]
    complaints: dict[str, int]
    unanswered: int
    not_sent: int
    stalls: int
    ended: dict[str, int]
    busy: list[float]
    server: Cost | None
    machine_idle: float | None = None
    is_whole: bool = True

    @classmethod
    def of(
        cls, plan: Plan, figures: Sequence[Figures], expected: int, looks: Looks, *, is_whole: bool = True
    ) -> "Outcome":
        """Add up what the processes have counted."""
        units = sum(one.units for one in figures)
        seconds = max(one.seconds for one in figures)
        received = sum(one.received for one in figures)
        refused: Counter[str] = Counter()
        complaints: Counter[str] = Counter()
        ended: Counter[str] = Counter()
        timings: dict[str, Histogram] = {}
        for one in figures:
            refused.update(one.refused)
            complaints.update(one.complaints)
            ended.update(one.ended)
            for name, timing in one.timings.items():
                timings.setdefault(name, Histogram()).merge(timing.unpacked())
        if plan.case is Case.CLIENT_EVENTS:
            expected -= complaints.total()
        connections = units if plan.case is Case.CONNECT else None
        return cls(
            case=plan.case,
            plan=plan,
            unit=UNITS[plan.case],
            units=units,
            seconds=seconds,
            per_second=units / seconds if seconds else 0,
            timings={name: Times.of(histogram) for name, histogram in timings.items()},
            opened=sum(one.opened for one in figures),
            accepted=sum(one.accepted for one in figures),
            expected=expected,
            received=received,
            lost=expected - received,
            duplicates=sum(one.duplicates for one in figures),
            disordered=sum(one.disordered for one in figures),
            refused=dict(refused),
            complaints=dict(complaints),
            unanswered=sum(one.unanswered for one in figures),
            not_sent=sum(one.not_sent for one in figures),
            stalls=sum(one.stalls for one in figures),
            ended=dict(ended),
            busy=[round(one.busy, 3) for one in figures],
            server=Cost.of(looks.used, units, seconds, connections) if looks.used else None,
            machine_idle=looks.idle,
            is_whole=is_whole,
        )

    @property
    def is_limited(self) -> bool:
        """Whether the benchmark itself was at its limit."""
        return any(busy > SATURATED for busy in self.busy)

    @property
    def is_void(self) -> bool:
        """Whether nothing came of it at all."""
        return self.units == 0

    @property
    def notes(self) -> list[str]:
        """Say what a reader of the figures must know."""
        said = []
        if self.is_limited:
            said.append(
                f"the benchmark itself was busy to {max(self.busy):.0%} of a core: the server may do more"
                " (more --processes, if there are cores for them)"
            )
        if self.opened < self.plan.connections:
            why = (
                f": after {GIVE_UP} refusals in a row no more are tried"
                if sum(self.refused.values()) >= GIVE_UP
                else ""
            )
            said.append(f"{self.opened} of {self.plan.connections} connections were made{why}")
        if self.machine_idle is not None and self.machine_idle < NO_ROOM:
            said.append("no core of this machine was idle, so programs waited for one: that is in the figures")
        said += [f"{count} × refused: {reason}" for reason, count in self.refused.items()]
        said += [f"{count} × an error: {reason}" for reason, count in self.complaints.items()]
        said += [f"{count} × a connection ended meanwhile: {reason}" for reason, count in self.ended.items()]
        if self.lost > 0:
            said.append(f"deliveries lost: {self.lost} of {self.expected}")
        if self.duplicates:
            said.append(f"deliveries that came twice: {self.duplicates}")
        if self.disordered:
            said.append(f"deliveries out of order: {self.disordered}")
        if self.unanswered:
            said.append(f"events without an answer, taken or not: {self.unanswered}")
        if self.not_sent:
            said.append(f"events that were due and not sent, for want of an answer to those before: {self.not_sent}")
        if (late := self.timings.get("lateness")) and late.p99 > LATE:
            said.append(
                f"the benchmark itself sent late: 1 % by more than {late.p99 / 1e3:.1f} ms, which is in the figures"
            )
        if self.stalls:
            said.append(f"deliveries stood still for a second: {self.stalls} ×")
        if not self.is_whole:
            said.append(f"interrupted after {self.seconds:.1f} s")
        return said
