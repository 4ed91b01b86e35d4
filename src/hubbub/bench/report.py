"""A whole run, as programs read it and as people do.

Knows outcomes, and what must be known of the machine to compare them. Does not know terminals.
"""

import os
import platform
from collections.abc import Sequence
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Final

import msgspec

from hubbub.bench.outcome import Outcome, Times
from hubbub.bench.plan import Sizes
from hubbub.bench.usage import processor

COLUMNS: Final = ("case", "load", "per second", "timed", "p50", "p90", "p99", "max", "lost")
COSTS: Final = ("server CPU", "memory")

SHOWN: Final = ("welcome", "subscription", "delivery", "answer")
"""What is timed and has a line of the table; `answer` only where nothing is delivered."""


class Machine(msgspec.Struct, frozen=True):
    """Where the benchmark ran: `cores` there are, `usable` by it."""

    cores: int
    usable: int
    processor: str
    system: str
    python: str

    @classmethod
    def here(cls) -> "Machine":
        """Look at this machine."""
        usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        return cls(os.cpu_count() or 1, usable, processor(), platform.platform(), platform.python_version())

    @property
    def room(self) -> int:
        """How many processes have a core each, if one core is the server's."""
        return max(1, min(self.usable, self.cores - 1))


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """One run against one server. `began` is in UTC; `left_out` has cases that the server will not do, and why.

    `problem` is what broke the run off, if anything did; `outcomes` are those from before.
    """

    server: str
    began: datetime
    seconds: float
    processes: int
    server_pids: list[int]
    sizes: Sizes
    outcomes: list[Outcome]
    left_out: dict[str, str] = {}
    is_interrupted: bool = False
    problem: str = ""
    tool: str = ""
    machine: Machine

    def json(self) -> bytes:
        """Give the report as JSON, indented."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2) + b"\n"

    @property
    def title(self) -> str:
        """What was measured, where, with what."""
        processes = f"{self.processes} process{'es' if self.processes > 1 else ''}"
        cores = f"{self.machine.usable} of {self.machine.cores} cores"
        return f"{self.server}, {self.began:%Y-%m-%d %H:%M} UTC, by {self.tool}: {processes}, {cores}"

    @property
    def columns(self) -> tuple[str, ...]:
        """The head of the table."""
        return (*COLUMNS, *COSTS) if self.server_pids else COLUMNS

    @property
    def rows(self) -> list[tuple[str, ...]]:
        """The table: a line for each thing that was timed in a case."""
        return [row for outcome in self.outcomes for row in self._rows(outcome)]

    @property
    def notes(self) -> list[str]:
        """What must be known of the figures."""
        cases: dict[str, dict[str, None]] = {}
        for outcome in self.outcomes:
            for note in outcome.notes:
                cases.setdefault(note, {})[outcome.case] = None
        said = [f"{', '.join(of)}: {note}" for note, of in cases.items()]
        return said + [f"{case}: left out: {reason}" for case, reason in self.left_out.items()]

    def _rows(self, outcome: Outcome) -> list[tuple[str, ...]]:
        names = [name for name in SHOWN if name in outcome.timings]
        if "delivery" in names:
            names.remove("answer") if "answer" in names else None
        lost = f"{outcome.lost:,}" if outcome.expected else ""
        costs = self._costs(outcome)
        rows = []
        for number, name in enumerate(names):
            is_first = number == 0
            what = (str(outcome.case), outcome.plan.says, f"{outcome.per_second:,.0f} {outcome.unit}")
            rows.append(
                (
                    *(what if is_first else ("", "", "")),
                    name,
                    *_cells(outcome.timings[name]),
                    lost if is_first else "",
                    *(costs if is_first else [""] * len(costs)),
                )
            )
        return rows

    def _costs(self, outcome: Outcome) -> Sequence[str]:
        if not self.server_pids:
            return []
        if outcome.server is None:
            return ["", ""]
        memory = outcome.server.bytes_per_connection
        cpu = f"{outcome.server.cpu_us_per_unit:.1f} µs"
        return [cpu, "" if memory is None else f"{memory / 1024:.1f} KiB" if memory > 0 else "-"]


def tool() -> str:
    """Name this program with its version."""
    try:
        return f"hubbub {version('hubbub')}"
    except PackageNotFoundError:  # run from its source, without being installed
        return "hubbub"


def _cells(times: Times) -> tuple[str, str, str, str]:
    if not times.count:
        return ("-", "-", "-", "-")
    return _span(times.p50), _span(times.p90), _span(times.p99), _span(times.max)


def _span(microseconds: float) -> str:
    """Give a duration with three digits and its unit."""
    for unit, size in (("µs", 1), ("ms", 1e3)):
        if microseconds / size < 999.5:
            return f"{_three(microseconds / size)} {unit}"
    return f"{_three(microseconds / 1e6)} s"


def _three(number: float) -> str:
    return f"{number:.2f}" if number < 9.995 else f"{number:.1f}" if number < 99.95 else f"{number:.0f}"
