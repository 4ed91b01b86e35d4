"""Feed one target what atheris comes up with, for so many seconds: `make fuzz`, or see docs/fuzzing.md.

What finds something new is written to `.venv/fuzzing/TARGET`, beside which what fails is left as `crash-…`. Nothing
is written to the repository: `python -m fuzz.keep` chooses what is kept.
"""

import argparse
import ctypes
import importlib
import os
import sys
from pathlib import Path
from typing import Any

from fuzz import corpus

SCRATCH = Path(".venv/fuzzing")
LONGEST = 4096
"""Bytes of an input."""


class Late:
    """The check of a target, which is loaded with the first input.

    By then libFuzzer is there. A native module that counts what is reached in it (`native.sh counted`, `coverage.c`)
    calls its functions, which nobody but atheris can see until they are shown to all.
    """

    def __init__(self, atheris: Any, name: str) -> None:
        self._atheris = atheris
        self._name = name
        self._check: Any = None

    def __call__(self, data: bytes) -> None:
        """Check one input."""
        if self._check is None:
            if os.environ.get("FUZZ_COUNTS_NATIVE"):
                maps = Path("/proc/self/maps").read_text().split()
                core = next(path for path in maps if "core_with_libfuzzer" in path)
                ctypes.CDLL(core, os.RTLD_GLOBAL | os.RTLD_NOLOAD | os.RTLD_NOW)
            # What coverage is to be measured of: our own code, and Python's that it stands on.
            with self._atheris.instrument_imports(include=["hubbub", "jwt", "urllib.parse"]):
                targets = importlib.import_module("fuzz.targets")
                self._check = targets.target(self._name).check
        self._check(data)


def main() -> None:
    """Run until the time is over, or something fails."""
    parser = argparse.ArgumentParser(prog="python -m fuzz")
    parser.add_argument("target")
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--seed", type=int, default=0, help="of the fuzzer's dice; 0 for any")
    given = parser.parse_args()
    atheris: Any = importlib.import_module("atheris")
    found = SCRATCH / given.target
    found.mkdir(parents=True, exist_ok=True)
    for data in corpus.inputs(given.target):
        (found / corpus.name_of(data)).write_bytes(data)
    options = [
        sys.argv[0],
        f"-max_total_time={given.seconds}",
        f"-max_len={LONGEST}",
        f"-artifact_prefix={SCRATCH}/crash-{given.target}-",
        "-timeout=120",
        "-rss_limit_mb=4096",
        "-print_final_stats=1",
        *([f"-seed={given.seed}"] if given.seed else []),
        str(found),
    ]
    atheris.Setup(options, Late(atheris, given.target))
    atheris.Fuzz()


main()
