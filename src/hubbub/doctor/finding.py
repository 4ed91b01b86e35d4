"""What is written down of a look: what was looked at, what was found, and all of it together.

Knows how a fault of the table becomes a finding. Does not know how one is found, nor how a report looks.
"""

from collections.abc import Mapping
from enum import StrEnum

import msgspec


class Weight(StrEnum):
    """How bad it is."""

    FAULT = "fault"
    """Somebody is without what the server is there for, or may be fooled: the status of the command is 1."""

    REMARK = "remark"
    """To be known; nothing is broken by it yet."""


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the table. Call it with what was seen to get the `Symptom` to raise.

    `lines` are what to write where the proxy is known, by the proxy's name.
    """

    code: str
    title: str
    meaning: str
    remedy: str
    lines: Mapping[str, str] = {}
    weight: Weight = Weight.FAULT

    def __call__(self, seen: str) -> "Symptom":
        """Make the symptom to raise, or to note."""
        return Symptom(self, seen)


class Symptom(Exception):
    """A fault, seen. `seen` is told to people: it holds no secret."""

    def __init__(self, fault: Fault, seen: str) -> None:
        super().__init__(f"{fault.code}: {seen}")
        self.fault = fault
        self.seen = seen


class Skipped(Exception):
    """A step that could not be done, or was not asked for; the message says why."""


class Finding(msgspec.Struct, frozen=True):
    """A fault of this deployment. `lines` are for the proxy in front, or for all if it is not known."""

    code: str
    weight: Weight
    title: str
    seen: str
    meaning: str
    remedy: str
    lines: Mapping[str, str]

    @classmethod
    def of(cls, symptom: Symptom, proxy: str | None) -> "Finding":
        """Make it of what was seen."""
        fault = symptom.fault
        known = {proxy: fault.lines[proxy]} if proxy is not None and proxy in fault.lines else fault.lines
        return cls(fault.code, fault.weight, fault.title, symptom.seen, fault.meaning, fault.remedy, known)


class Outcome(StrEnum):
    """What came of a step."""

    WELL = "well"
    ILL = "ill"
    SKIPPED = "skipped"


class Step(msgspec.Struct, frozen=True):
    """One thing that was looked at; `note` says what was seen, or why it was not looked at."""

    name: str
    outcome: Outcome
    note: str


class Report(msgspec.Struct, frozen=True):
    """All of one look. `proxy` is what was recognized in front of the server."""

    url: str
    seconds: float
    proxy: str | None
    steps: list[Step]
    findings: list[Finding]

    @property
    def faults(self) -> list[Finding]:
        """The findings that are no mere remarks."""
        return [one for one in self.findings if one.weight is Weight.FAULT]

    @property
    def is_well(self) -> bool:
        """Whether there is no fault."""
        return not self.faults

    def json(self) -> bytes:
        """Give the report as JSON, indented; `well` says in one word what it comes to."""
        whole = {"well": self.is_well, **msgspec.to_builtins(self)}
        return msgspec.json.format(msgspec.json.encode(whole), indent=2) + b"\n"
