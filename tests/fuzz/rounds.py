"""Give each target its time, counted in seconds of the processor: `python -m fuzz.rounds --seconds 600 [TARGET …]`.

Runs `python -m fuzz TARGET` in rounds of their own processes, and writes a line for each to `.venv/fuzzing/rounds.tsv`:
target, seconds, executions, and what failed. Ends with 1 if anything did. A target that failed has no further round.
"""

import argparse
import os
import re
import subprocess
import sys
from pathlib import Path

from fuzz import corpus, targets

SCRATCH = Path(".venv/fuzzing")
_EXECUTIONS = re.compile(r"stat::number_of_executed_units:\s+(\d+)")
_CRASH = re.compile(r"Test unit written to (\S+)")


def play(target: str, seconds: int) -> tuple[float, int, str]:
    """Play one round; give its seconds of the processor, its executions, and the file that failed, if one did."""
    log = SCRATCH / f"{target}.log"
    command = [sys.executable, "-m", "fuzz", target, f"--seconds={seconds}"]
    with log.open("w") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    told = log.read_text(errors="replace")
    executions, crash = _EXECUTIONS.search(told), _CRASH.search(told)
    failed = crash[1] if crash else "" if process.returncode == 0 else f"ended with {process.returncode}"
    return usage.ru_utime + usage.ru_stime, int(executions[1]) if executions else 0, failed


def main() -> None:
    """Play all rounds."""
    parser = argparse.ArgumentParser(prog="python -m fuzz.rounds")
    parser.add_argument("targets", nargs="*", default=targets.NAMES)
    parser.add_argument("--seconds", type=int, default=600, help="of the processor, for each target")
    parser.add_argument("--round", type=int, default=60, help="seconds by the clock on the wall of one round")
    given = parser.parse_args()
    SCRATCH.mkdir(parents=True, exist_ok=True)
    has_failed = False
    for target in given.targets:
        found = SCRATCH / target
        found.mkdir(parents=True, exist_ok=True)
        for data in targets.target(target).SEEDS:
            (found / corpus.name_of(data)).write_bytes(data)
        left, failed = float(given.seconds), ""
        while left > 0 and not failed:
            spent, executions, failed = play(target, given.round)
            left -= spent
            line = f"{target}\t{spent:.0f}\t{executions}\t{failed}"
            with (SCRATCH / "rounds.tsv").open("a") as file:
                file.write(line + "\n")
            print(line, flush=True)  # noqa: T201
        has_failed |= bool(failed)
    raise SystemExit(has_failed)


if __name__ == "__main__":
    main()
