"""Running `hubbub bench` as a program.

Knows the program's flags. The secret goes by the environment, as its users should do it.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from pusher import Pusher  # type: ignore[import-untyped]

from running import Running

LIMIT = 120.0
"""Seconds for a whole run, which takes a few."""

SHORT = ("--duration", "0.4", "--warm-up", "0.1", "--connections", "20", "--patience", "5")


class Run:
    """What one run of the program printed, wrote and ended with."""

    def __init__(self, status: int, out: str, err: str, report: Path) -> None:
        self.status = status
        self.out = out
        self.err = err
        self.report: Any = json.loads(report.read_bytes()) if report.exists() else None

    def __str__(self) -> str:
        return f"status {self.status}\n{self.out}\n{self.err}"

    @property
    def said(self) -> str:
        """What it said on stderr, in one line, without the frames of usage errors."""
        return " ".join(self.err.replace("│", " ").split())

    def of(self, case: str) -> Any:
        """Give the only outcome of this case."""
        [outcome] = self.all_of(case)
        return outcome

    def all_of(self, case: str) -> list[Any]:
        """Give the outcomes of this case."""
        return [outcome for outcome in self.report["outcomes"] if outcome["case"] == case]


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "hubbub", "bench", *arguments]


def environment(secret: str) -> dict[str, str]:
    named = {"BENCH_SECRET": secret} if secret else {}
    others = {name: value for name, value in os.environ.items() if not name.startswith(("HUBBUB_", "BENCH_"))}
    return {**others, **named}


def ask(folder: Path, *arguments: str, secret: str = "", stdin: str | None = None) -> Run:
    """Run the program; its figures are written into `folder`."""
    report = folder / "bench.json"
    report.unlink(missing_ok=True)
    done = subprocess.run(
        command(*arguments, "--json", str(report)),
        input=stdin,
        stdin=subprocess.DEVNULL if stdin is None else None,
        env=environment(secret),
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT,
    )
    return Run(done.returncode, done.stdout, done.stderr, report)


def at(server: Running) -> list[str]:
    """Give the flags that say where a server is, and its declared application."""
    return ["--host", server.host, "--port", str(server.port), "--app-id", server.app_id, "--key", server.key]


def only(*cases: str) -> list[str]:
    """Give the flags that choose cases."""
    return [part for case in cases for part in ("--case", case)]


def left_behind(api: Pusher) -> list[str]:
    """Name the channels that the benchmark still occupies when the server has had time to see that it is gone."""
    end = time.monotonic() + LIMIT
    while True:
        names = [name for name in api.channels_info()["channels"] if "bench-" in name]
        if not names or time.monotonic() > end:
            return names
        time.sleep(0.05)
