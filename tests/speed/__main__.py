"""The gate by hand: see what is found, keep it, or ask why it is so much."""

# ruff: noqa: T201 - a program for a terminal

import argparse
import pstats
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from speed import limits
from speed.cases import CASES, ROUNDS, Found, Scene, count, play
from speed.counting import Counting

LINES = 40
"""Functions that `why` prints of each kind."""

_FUNCTION = re.compile(r"([\d,]+) +\([^)]*\)\s+(?:(.*):)?(\S+)(?: \[(.*)\])?$")
"""A line of callgrind_annotate: instructions, share, file, function, library."""


def show(kept: Found, found: Found) -> None:
    """Print what was found beside what is kept."""
    print(f"{'native' if found.is_native else 'pure'}: the reference is {found.reference:,.0f} instructions")
    for case in CASES:
        need, old = found.needs[case.name], kept.needs.get(case.name)
        grown = f"{limits.growth(old, need):+7.1%}" if old is not None else "    new"
        calls = ", ".join(f"{calls:.4g} {family}" for family, calls in need.calls.items() if calls)
        print(f"{case.name:17}{need.instructions:10,.0f}{need.references:10.4f} {grown}  {calls}")
    print()


def compare(*, renew: bool) -> None:
    """Count everything, both ways; keep it if so told."""
    kept = limits.read() if limits.FILE.exists() else None
    native, pure = count(), count(pure=True)
    for found in (native, pure):
        show(kept.of(found) if kept is not None else Found(found.is_native, 1, {}), found)
    if renew:
        if not native.is_native:
            sys.exit("The compiled module is not there: install Hubbub where there is a compiler. Nothing is kept.")
        limits.write(native, pure)


def explain(name: str, *, pure: bool) -> None:
    """Print C functions with their instructions, then Python functions with their calls and times, all for one unit."""
    case = next(case for case in CASES if case.name == name)
    with played(pure=pure) as server:
        file = next(stretch.file for stretch in server.stretches() if stretch.name == name)
        annotated = subprocess.run(
            ["callgrind_annotate", "--threshold=99", str(file)], check=True, capture_output=True, text=True
        ).stdout
    print(f"{name}: {case.unit}. Instructions of {'all ' if case.without else ''}it by C function:\n")
    functions = [found for line in annotated.splitlines() if (found := _FUNCTION.match(line.strip()))]
    for instructions, path, function, library in (found.groups() for found in functions[:LINES]):
        where = Path(library or path or "").name
        print(f"{int(instructions.replace(',', '')) / case.times:12,.0f}  {function[:60]}  {where}")
    with played(pure=pure, counted=False, rounds=ROUNDS) as server:
        profile = pstats.Stats(str(server.profile(name)))
        stats: dict[tuple[str, int, str], Sequence[float]] = profile.stats  # type: ignore[attr-defined]
    print("\nCalls, and microseconds without and with what is called, by Python function, under cProfile:\n")
    times = case.times * ROUNDS
    for (path, line, function), (_, calls, own, all_in, *_) in sorted(stats.items(), key=lambda item: -item[1][2])[
        :LINES
    ]:
        where = f"{Path(path).name}:{line}" if line else ""
        print(f"{calls / times:8.1f} {own * 1e6 / times:8.2f} {all_in * 1e6 / times:8.2f}  {function[:60]}  {where}")


@contextmanager
def played(*, pure: bool, counted: bool = True, rounds: int = 1) -> Iterator[Counting]:
    """Give a server that was asked everything."""
    with Counting(pure=pure, counted=counted) as server:
        scene = Scene(server)
        scene.prepare()
        play(scene, rounds)
        yield server
        scene.close()


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m speed", description=__doc__)
    commands = parser.add_subparsers(dest="command")
    commands.add_parser("renew", help="keep what is found as the new limits")
    why = commands.add_parser("why", help="where the instructions of a case go")
    why.add_argument("case", choices=[case.name for case in CASES])
    why.add_argument("--pure", action="store_true", help="without the compiled module")
    given = parser.parse_args()
    if given.command == "why":
        explain(given.case, pure=given.pure)
    else:
        compare(renew=given.command == "renew")


if __name__ == "__main__":
    main()
