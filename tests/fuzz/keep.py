"""Choose what is kept of what fuzzers have found: `python -m fuzz.keep [TARGET …]`, after rounds of them.

Of the inputs in `.venv/fuzzing/TARGET`, and of those that were kept before: first those that lead from one line of
Hubbub's to another where neither a seed nor a smaller input has led; then others, the smaller ones, as many as there is
room for. What is a seed is not kept twice. Needs no fuzzer.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, Final

from fuzz import corpus, targets

SCRATCH: Final = Path(".venv/fuzzing")
MOST_BYTES: Final = 6_000
"""Of one target, besides those that lead where none has led."""

MOST_INPUTS: Final = 80

LONGEST: Final = 2000
"""Bytes of one input: a longer one would take the place of many."""

Step = tuple[CodeType, int, int]
"""From one line of a function to the next."""


def steps(check: Callable[[bytes], None], data: bytes) -> set[Step]:
    """Give the steps that an input leads to."""
    found: set[Step] = set()
    last: dict[FrameType, int] = {}

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        if "/hubbub/" not in frame.f_code.co_filename:
            return None
        if event == "line":
            found.add((frame.f_code, last.get(frame, 0), frame.f_lineno))
            last[frame] = frame.f_lineno
        elif event == "return":
            last.pop(frame, None)
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        check(data)
    finally:
        sys.settrace(before)
    return found


def chosen(name: str) -> list[bytes]:
    """Give what is to be kept of a target."""
    target = targets.target(name)
    known: set[Step] = set()
    for data in target.SEEDS:
        known |= steps(target.check, data)
    folder = SCRATCH / name
    found = set(corpus.inputs(name))
    found |= {path.read_bytes() for path in folder.iterdir()} if folder.is_dir() else set()
    kept: list[bytes] = []
    others: list[bytes] = []
    for data in sorted(found.difference(target.SEEDS), key=lambda data: (len(data), data)):
        if len(data) > LONGEST:
            continue
        reached = steps(target.check, data)
        (kept if reached - known else others).append(data)
        known |= reached
    room = MOST_BYTES
    # Not the smallest alone, which are much alike: some of each size.
    for data in others[:: max(len(others) // MOST_INPUTS, 1)]:
        if (room := room - len(data)) < 0:
            break
        kept.append(data)
    return kept


def main() -> None:
    """Choose for some targets, or for all."""
    parser = argparse.ArgumentParser(prog="python -m fuzz.keep")
    parser.add_argument("targets", nargs="*", default=targets.NAMES)
    for name in parser.parse_args().targets:
        kept = chosen(name)
        corpus.keep(name, kept)
        print(f"{name}\t{len(kept)} inputs, {sum(map(len, kept))} bytes", flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
