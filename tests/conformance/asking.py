"""Running `hubbub conformance` as a program, and applications to run it on.

Knows the program's flags. Every secret goes by the environment or standard input, as its users should do it.
"""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Mapping
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


def ask(
    folder: Path,
    *arguments: str,
    secret: str = "",
    second_secret: str = "",
    other_secret: str = "",
    secrets_of: Mapping[str, str] = {},
    stdin: str | None = None,
) -> Run:
    """Run the program; its report is written into `folder`."""
    secrets = {
        "CONFORMANCE_SECRET": secret,
        "CONFORMANCE_SECOND_SECRET": second_secret,
        "CONFORMANCE_OTHER_SECRET": other_secret,
        "CONFORMANCE_SECRETS_OF": " ".join(f"{setting}={secret}" for setting, secret in secrets_of.items()),
    }
    report = folder / "report.json"
    done = subprocess.run(
        [sys.executable, "-m", "hubbub", "conformance", *arguments, "--report", str(report)],
        input=stdin,
        stdin=subprocess.DEVNULL if stdin is None else None,
        env={
            **{name: value for name, value in os.environ.items() if not name.startswith(("HUBBUB_", "CONFORMANCE_"))},
            **{name: value for name, value in secrets.items() if value},
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT,
    )
    return Run(done, report)


def at(server: Running, app_id: str | None = None, key: str | None = None) -> list[str]:
    """Give the flags that say where a server is, and which application is meant: the declared one unless told."""
    app = ["--app-id", app_id or server.app_id, "--key", key or server.key]
    return ["--host", server.host, "--port", str(server.port), *app]


def application(server: Running, name: str, *settings: str) -> tuple[str, str, str]:
    """Create another application: gives id, key and secret."""
    flags = [part for setting in settings for part in ("--set", setting)]
    made = json.loads(server.command("app", "create", name, "--json", *flags))
    return made["id"], made["key_pairs"][0]["key"], made["key_pairs"][0]["secret"]


def rotated(server: Running, app_id: str) -> tuple[str, str]:
    """Give an application another key pair: its key and secret."""
    made = json.loads(server.command("app", "rotate", app_id, "--json"))
    return made["key"], made["secret"]


def free_port() -> int:
    """Give a port that nobody listens on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])
