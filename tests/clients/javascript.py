"""How tests written in JavaScript are run, and what their support.mjs wants to know of a server."""

import json
import os
import queue
import re
import signal
import subprocess
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest

from running import Running

HERE = Path(__file__).parent

LIMIT = 180  # seconds for one file

# A client that finds nobody listening, as a quick one does, may wait 15 s before it tries again: pusher-js has it so.
PATIENCE = 40.0


def environment(server: Running) -> dict[str, str]:
    """Give the environment of a Node process that is to talk to `server`."""
    return {
        **os.environ,
        "SERVER_HOST": server.host,
        "SERVER_PORT": str(server.port),
        "SERVER_APP_ID": server.app_id,
        "SERVER_KEY": server.key,
        "SERVER_SECRET": server.secret,
    }


def run_tests(file: Path, variables: dict[str, str]) -> None:
    """Run a file of tests with Node's own runner; fail, with all it printed, unless each of them was run and passed."""
    node = subprocess.Popen(
        ["node", "--test", "--test-reporter=tap", file.name],
        cwd=file.parent,
        env=variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,  # the runner starts processes of its own, which end with it
    )
    try:
        output, _ = node.communicate(timeout=LIMIT)
    except subprocess.TimeoutExpired:
        os.killpg(node.pid, signal.SIGKILL)
        output, _ = node.communicate()
        pytest.fail(f"{file.name} did not end within {LIMIT} s\n{output}", pytrace=False)
    if node.returncode != 0:
        pytest.fail(output, pytrace=False)
    counted = {name: int(count) for name, count in re.findall(r"^# (\w+) (\d+)$", output, re.MULTILINE)}
    assert counted["pass"] > 0, output
    assert counted["pass"] == counted["tests"], f"some tests were not run\n{output}"


class Page:
    """A script at work that tells a line of JSON for each thing that happens to its clients. It ends with its input."""

    def __init__(self, script: Path, variables: dict[str, str], *arguments: str) -> None:
        self._process = subprocess.Popen(
            ["node", script.name, *arguments],
            cwd=script.parent,
            env=variables,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._told: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        try:
            self._process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join(PATIENCE)

    def until(self, *wanted: dict[str, Any]) -> list[dict[str, Any]]:
        """Wait until all of `wanted` have been told, in any order, and give everything told until then."""
        told: list[dict[str, Any]] = []
        while not all(what in told for what in wanted):
            try:
                told.append(self._told.get(timeout=PATIENCE))
            except queue.Empty:
                pytest.fail(f"{wanted} did not happen within {PATIENCE:.0f} s, but this: {told}")
        return told

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._told.put(json.loads(line))
