"""Running `hubbub conformance` as a program, and applications to run it on.

Knows the program's flags. Every secret goes by the environment or standard input, as its users should do it.
"""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

from running import Running

LIMIT = 600.0
"""Seconds for a whole run, which takes less than one minute."""


class Run:
    """What one run of the program printed, wrote and ended with."""

    def __init__(self, done: subprocess.CompletedProcess[str], report: Path) -> None:
        self.status = done.returncode
        self.out = done.stdout
        self.err = done.stderr
        self.report: Any = json.loads(report.read_bytes()) if report.exists() else None

    @property
    def failures(self) -> str:
        """What it printed of the cases that failed, or all if there are none."""
        return "\n".join(part for part in self.out.split("\n\n") if part.startswith("FAILED")) or self.out + self.err

    def of(self, outcome: str) -> list[str]:
        """Give the names of the cases that came to this, with their features."""
        return [f"{one['feature']}: {one['name']}" for one in self.report["results"] if one["outcome"] == outcome]


def ask(folder: Path, *arguments: str, secret: str = "", other_secret: str = "", stdin: str | None = None) -> Run:
    """Run the program; its report is written into `folder`."""
    report = folder / "report.json"
    done = subprocess.run(
        [sys.executable, "-m", "hubbub", "conformance", *arguments, "--report", str(report)],
        input=stdin,
        stdin=subprocess.DEVNULL if stdin is None else None,
        env={
            **{name: value for name, value in os.environ.items() if not name.startswith(("HUBBUB_", "CONFORMANCE_"))},
            **({"CONFORMANCE_SECRET": secret} if secret else {}),
            **({"CONFORMANCE_OTHER_SECRET": other_secret} if other_secret else {}),
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT,
    )
    return Run(done, report)


def at(server: Running) -> list[str]:
    """Give the flags that say where a server is, and which application is meant."""
    return ["--host", server.host, "--port", str(server.port), "--app-id", server.app_id, "--key", server.key]


def application(server: Running, name: str, *settings: str) -> tuple[str, str, str]:
    """Create another application: gives id, key and secret."""
    flags = [part for setting in settings for part in ("--set", setting)]
    made = json.loads(server.command("app", "create", name, "--json", *flags))
    return made["id"], made["key_pairs"][0]["key"], made["key_pairs"][0]["secret"]


def free_port() -> int:
    """Give a port that nobody listens on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])
