"""`python -m supply.audit` asks whether anything is known to be wrong with what Hubbub is made of.

Knows: pip-audit and npm, and that neither to be reached nor to know a package is no answer. Ends with status 1 for what
is vulnerable; where nobody could be asked it says so, and ends with 0: a machine without a network builds all the same.
"""

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from supply.parts import REQUIREMENTS, ROOT

LIMIT: Final = 120
"""Seconds for one program."""

SERVICES: Final = (("-s", "osv"), ("-s", "pypi"))
"""Whom pip-audit asks, the first first."""


class Flaw(msgspec.Struct):
    """Something that is known to be wrong with a package."""

    id: str
    fix_versions: list[str] = []


class Asked(msgspec.Struct):
    """A package, with what is wrong with it, or why nobody knew it."""

    name: str
    version: str | None = None
    vulns: list[Flaw] = []
    skip_reason: str | None = None


class Answer(msgspec.Struct):
    """What pip-audit prints."""

    dependencies: list[Asked]


class Outcome(msgspec.Struct, frozen=True):
    """What came of asking: what is wrong, a line each, and of how many packages an answer was got."""

    flaws: tuple[str, ...]
    answered: int
    asked: int

    @property
    def status(self) -> int:
        """That of the program."""
        return 1 if self.flaws else 0

    def told(self, what: str) -> str:
        """Give it in words."""
        if self.flaws:
            return "\n".join([f"{what}: known to be vulnerable:", *(f"  {flaw}" for flaw in self.flaws)])
        if not self.answered:
            return f"{what}: NOT AUDITED: no service that knows about vulnerabilities could be asked."
        left = "" if self.answered == self.asked else f"; {self.asked - self.answered} more are NOT AUDITED"
        return f"{what}: nothing is known against {self.answered} packages{left}."


def packages(requirements: Path = REQUIREMENTS, services: Sequence[Sequence[str]] = SERVICES) -> Outcome:
    """Ask about pinned Python packages."""
    asked = sum(1 for line in requirements.read_text("utf-8").splitlines() if "==" in line)
    for service in services:
        arguments = ["-r", str(requirements), "--no-deps", "--disable-pip", "--progress-spinner", "off", "-f", "json"]
        output = _output([sys.executable, "-m", "pip_audit", *arguments, *service])
        try:
            answer = msgspec.json.decode(output, type=Answer)
        except msgspec.DecodeError:
            continue  # it could not ask, and printed why
        known = [one for one in answer.dependencies if one.skip_reason is None]
        if known:
            flaws = (
                f"{one.name} {one.version}: {flaw.id}, repaired in {', '.join(flaw.fix_versions) or 'no version'}"
                for one in known
                for flaw in one.vulns
            )
            return Outcome(tuple(flaws), len(known), asked)
    return Outcome((), 0, asked)


def client() -> Outcome:
    """Ask about what the JavaScript client is built of."""
    if (npm := shutil.which("npm")) is None:
        return Outcome((), 0, 1)
    output = _output([npm, "audit", "--omit=dev", "--json", "--prefix", str(ROOT / "client" / "js")])
    try:
        report = msgspec.json.decode(output, type=dict[str, msgspec.Raw])
        found = msgspec.json.decode(report["vulnerabilities"], type=dict[str, object])
    except (msgspec.DecodeError, KeyError):
        return Outcome((), 0, 1)
    return Outcome(tuple(sorted(found)), 1, 1)


def _output(command: Sequence[str]) -> bytes:
    try:
        return subprocess.run(command, capture_output=True, check=False, timeout=LIMIT, cwd=ROOT).stdout
    except subprocess.TimeoutExpired:
        return b""


def main() -> int:
    """Ask about all, tell, and give the program's status."""
    found = {"Python packages": packages(), "The JavaScript client": client()}
    for what, outcome in found.items():
        sys.stdout.write(f"{outcome.told(what)}\n")
    return max(outcome.status for outcome in found.values())


if __name__ == "__main__":
    sys.exit(main())
