"""`python bench/compare.py`: Hubbub beside soketi, and beside what plain `send` reaches, line by line of the table.

Knows the order of the runs, what a result is divided by, and how the table reads. Each case of `cases.py` is run in
rounds: in each, a fresh server of each kind, one after the other in alternating order, and between them the floor. A
result is the median of the rounds' ratios, since machines differ and shared ones change by the minute. Everything that
the generator said is kept in `bench/results/NAME.json`, written after each measurement.
"""

import argparse
import fcntl
import os
import platform
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from types import FrameType

import msgspec

from cases import BY_NAME, Case, Report
from record import Record, Sample, number, ratio_of, results, store, table
from servers import ROOT, SOKETI, Server, hubbub, soketi

TOOLS = ROOT / "bench" / "tools" / "build"
RESULTS = ROOT / "bench" / "results"
GENERATOR_CORE = 1
FRAME_BYTES = 150  # what a payload of 100 bytes makes on the wire
RUN_LIMIT = 180.0  # seconds
REST = 0.05  # of a core: up to this, a server is at rest


Start = Callable[[], AbstractContextManager[Server]]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it, and give the status: 0, or 1 if `--check` and a target is missed."""
    options = _options(arguments)
    signal.signal(signal.SIGTERM, _stop)  # or the servers would outlive this
    os.nice(options.nice)
    cases = [BY_NAME[name] for name in options.case or BY_NAME]
    starts: dict[str, Start] = {}
    if options.only in (None, "hubbub"):
        starts["hubbub"] = partial(hubbub, options.checkout, options.python)
    if options.only in (None, "soketi"):
        starts["soketi"] = partial(soketi, options.soketi)
    record = Record(
        made=time.strftime("%Y-%m-%d %H:%M"),
        machine=_machine(options),
        seconds=options.seconds,
        results=[],
        samples=[],
    )
    RESULTS.mkdir(exist_ok=True)
    kept = RESULTS / f"{options.name}.json"
    for turn in range(1, options.rounds + 1):
        for case in cases:
            with _locked(options.lock):
                samples = list(_measured(case, turn, starts, options.seconds))
            record.samples += samples
            record.results = results(record.samples)
            store(record, kept)
            print(f"round {turn} of {options.rounds}, {_said(case, samples)}", file=sys.stderr)
    print(table(record.results))
    print(f"\nAll that was said is in {kept}")
    judged = [result for result in record.results if result.server == "hubbub" and (result.ratio or not result.clean)]
    missed = [result for result in judged if not result.met]
    return 1 if options.check and missed else 0


def _stop(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


def _said(case: Case, samples: Sequence[Sample]) -> str:
    ratios = {sample.server: ratio_of(case, sample.server, samples) for sample in samples if not sample.part}
    figures = [
        f"{sample.server}{f' ({sample.part})' if sample.part else ''} {sample.figure:,.0f}"
        + ("" if sample.clean else " (NOT CLEAN)")
        for sample in samples
    ]
    told = [f"{server} {number(case, ratio)}" for server, ratio in ratios.items() if server != "floor"]
    return f"{case.name}: {', '.join(told)} ({', '.join(figures)})"


def _measured(case: Case, turn: int, starts: dict[str, Start], seconds: float) -> Iterator[Sample]:
    """One round of one case. The floor comes between the servers, and each second round turns their order round."""
    parts = [("", case)] if case.beside is None else [(case.beside.name, case.beside), ("", case)]
    order = list(starts)[:: 1 if turn % 2 else -1]
    for place, name in enumerate(order):
        with starts[name]() as server:
            for part, of in parts:
                if part and case.by == "soketi" and name != "soketi":
                    continue
                arguments = (*of.arguments, *(("-d", f"{seconds:g}") if of.timed else ()))
                for _ in range(of.warm):
                    _run(server, arguments)
                    _rest(server)
                report = _run(server, arguments)
                _rest(server)
                yield Sample(case.name, part, turn, name, of.figure(report), report["rc"] == 0, report)
        if place == 0 and case.by == "floor":
            for part, of in parts:
                said = _floor(of.sockets)
                yield Sample(case.name, part, turn, "floor", said["sends_per_cpu_s"], True, said)


def _run(server: Server, arguments: Sequence[str]) -> Report:
    """What the generator reports. Raises RuntimeError if it has nothing to report."""
    command = [
        *("taskset", "-c", str(GENERATOR_CORE), str(TOOLS / "wsload"), "--json", "-q", "--strict"),
        *("--port", str(server.port), "--app-id", server.app_id, "--key", server.key, "--secret", server.secret),
        *("--server-pgid", str(server.pid), *arguments),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=RUN_LIMIT, check=False)
    if not done.stdout.startswith("{"):
        raise RuntimeError(f"wsload {' '.join(arguments)} of {server.name}: status {done.returncode}\n{done.stderr}")
    report: Report = msgspec.json.decode(done.stdout)
    return report


def _floor(sockets: int) -> Report:
    command = [str(TOOLS / "sendlimit"), str(sockets), str(FRAME_BYTES), "2"]
    said = subprocess.run(command, capture_output=True, text=True, timeout=RUN_LIMIT, check=True).stdout
    return {name: float(value) for name, _, value in (word.partition("=") for word in said.split())}


def _rest(server: Server) -> None:
    """Wait until a server does next to nothing, but not for ever."""
    for _ in range(40):
        before = server.cpu_seconds()
        time.sleep(0.25)
        if server.cpu_seconds() - before <= REST * 0.25:
            return


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Two measurements on one machine never overlap."""
    with path.open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"waiting for {path}, which another measurement holds", file=sys.stderr)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _machine(options: argparse.Namespace) -> dict[str, str]:
    model = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
    machine = {
        "processor": model[1] if model else platform.machine(),
        "cores": str(os.cpu_count()),
        "kernel": platform.release(),
        "hubbub": _output("git", "-C", str(options.checkout), "describe", "--always", "--dirty"),
        "python": _output(str(options.python or sys.executable), "--version"),
    }
    if options.only != "hubbub":
        package = Path(options.soketi, "node_modules", "@soketi", "soketi", "package.json")
        machine |= {
            "soketi": msgspec.json.decode(package.read_bytes())["version"],
            "node": _output("node", "--version"),
        }
    return machine


def _output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python bench/compare.py", description="Hubbub beside soketi and the floor.")
    parser.add_argument("--case", action="append", choices=list(BY_NAME), help="only this one; may be repeated")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4, help="of each load that has a duration")
    parser.add_argument("--only", choices=("hubbub", "soketi"), help="leave the other server out")
    parser.add_argument("--checkout", type=Path, default=ROOT, help="of Hubbub, if not this one")
    parser.add_argument("--python", type=Path, help="that runs Hubbub, if not this one")
    parser.add_argument("--soketi", type=Path, default=SOKETI, help="folder with its node_modules")
    parser.add_argument("--name", default="latest", help="of the file in bench/results")
    parser.add_argument("--nice", type=int, default=0, help="priority of all that is run; less than 0 as root only")
    parser.add_argument("--check", action="store_true", help="end with 1 if Hubbub misses a target")
    parser.add_argument(
        "--lock",
        type=Path,
        default=RESULTS / "measure.lock",
        help="file that is locked (flock) during each measurement",
    )
    options = parser.parse_args(arguments)
    options.checkout, options.soketi = options.checkout.resolve(), options.soketi.resolve()
    if not (TOOLS / "wsload").exists():
        parser.error("the load generator is not built yet: make -C bench/tools")
    if options.only != "hubbub" and not (options.soketi / "node_modules").exists():
        parser.error("soketi is not installed yet: npm install --prefix bench/soketi; or --only hubbub")
    return options


if __name__ == "__main__":
    raise SystemExit(main())
