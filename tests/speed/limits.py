"""What each case may need: what it was found to need when `limits.json` was written, and a margin."""

import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

from speed.cases import Case, Found, Need

FILE: Final = Path(__file__).with_name("limits.json")
MARGIN: Final = 0.10
"""Growth that is let pass. One machine finds the same within 0.01 again and again; another build of Python 0.06."""
ROUNDING: Final = 0.005
"""The same of calls of the kernel, which are the same each time; but see `Case.apart`."""


class Limits(msgspec.Struct, frozen=True):
    """All that is kept, with the compiled module and without."""

    on: str
    native: Found
    pure: Found

    def of(self, found: Found) -> Found:
        """Give those that what was found is to be compared with."""
        return self.native if found.is_native else self.pure


def read() -> Limits:
    """Read what is kept."""
    return msgspec.json.decode(FILE.read_bytes(), type=Limits)


def write(native: Found, pure: Found) -> None:
    """Keep this from now on."""
    on = f"{datetime.now(UTC):%Y-%m-%d}, {platform.python_implementation()} {platform.python_version()}"
    limits = Limits(f"{on}, {platform.machine()}", _rounded(native), _rounded(pure))
    FILE.write_bytes(msgspec.json.format(msgspec.json.encode(limits), indent=1) + b"\n")


def growth(kept: Need, found: Need) -> float:
    """Give by how much instructions have grown: 0.1 stands for a tenth more, a negative number for less.

    They must have grown both by themselves and against the reference: another Python makes all code dearer or cheaper,
    but the one by as much as the other; what grew here grew in both.
    """
    return min(found.instructions / kept.instructions, found.references / kept.references) - 1


def too_many_instructions(case: Case, kept: Found, found: Found) -> str | None:
    """Say so, if a case needs too many."""
    if (old := kept.needs.get(case.name)) is None:
        return _unknown(case)
    new = found.needs[case.name]
    grown = growth(old, new)
    if grown <= MARGIN:
        return None
    return (
        f"{case.name} ({case.unit}) has grown by {grown:.1%}, and {MARGIN:.0%} are let pass:\n"
        f"  instructions: {old.instructions:,.0f} are kept, {new.instructions:,.0f} were counted\n"
        f"  as multiples of the reference: {old.references:.4f} are kept, {new.references:.4f} were counted\n"
        f"{_advice(case, found)}"
    )


def too_many_calls(case: Case, kept: Found, found: Found) -> str | None:
    """Say so, if a case calls the kernel too often."""
    if (old := kept.needs.get(case.name)) is None:
        return _unknown(case)
    new = found.needs[case.name]
    more = [
        f"  {family}: {old.calls.get(family, 0):g} are kept, {calls:g} were counted"
        for family, calls in new.calls.items()
        if calls > old.calls.get(family, 0) + ROUNDING + (case.apart if family == "wait" else 0)
    ]
    if not more:
        return None
    return "\n".join(
        [f"{case.name} ({case.unit}) calls the kernel more often than it did:", *more, _advice(case, found)]
    )


def _unknown(case: Case) -> str:
    return f"{case.name} has no limit yet: `PYTHONPATH=tests .venv/bin/python -m speed renew`"


def _advice(case: Case, found: Found) -> str:
    pure = "" if found.is_native else " --pure"
    return (
        f"To see where: `PYTHONPATH=tests .venv/bin/python -m speed why {case.name}{pure}`, here and in a checkout of"
        " before.\nIf it is worth it: `PYTHONPATH=tests .venv/bin/python -m speed renew`, and say so in the commit."
    )


def _rounded(found: Found) -> Found:
    """Leave out digits that are never the same twice."""
    needs = {
        name: Need(
            round(need.instructions),
            round(need.references, 5),
            {family: round(calls, 2) for family, calls in need.calls.items()},
        )
        for name, need in found.needs.items()
    }
    return Found(found.is_native, round(found.reference), needs)
