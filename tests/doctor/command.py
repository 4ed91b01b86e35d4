"""`hubbub doctor` as a program: what it found of a node, or of what is in front of it, and how it ended."""

import json
import os
import tempfile
from pathlib import Path

from forked import Forked
from running import Running

LIMIT = 120.0  # seconds, which only a failure reaches


def command(node: Running, url: str, folder: Path, *arguments: str) -> tuple[int, set[str], str]:
    """Run it for the application of a node; give its status, the codes that it found, and all that it said."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HUBBUB_")}
    with tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
        status = Forked(
            ["doctor", url, "--app-id", node.app_id, "--key", node.key, "--quick", "--json", *arguments],
            folder=folder,
            environment={**kept, "DOCTOR_SECRET": node.secret},
            stdout=stdout.fileno(),
            stderr=stderr.fileno(),
        ).wait(LIMIT)
        for file in (stdout, stderr):
            file.seek(0)
        told, problem = stdout.read().decode(), stderr.read().decode()
    assert told, problem
    return status, {finding["code"] for finding in json.loads(told)["findings"]}, told
