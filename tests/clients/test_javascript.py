"""The stock JavaScript clients, unmodified: each `*.test.mjs` here is one test, run by Node's own runner."""

import os
import re
import signal
import subprocess

import pytest
from javascript import HERE, environment

from running import Running

LIMIT = 180  # seconds for one file

FILES = sorted(path.name for path in HERE.glob("*.test.mjs"))


def test_there_are_files() -> None:
    assert len(FILES) >= 7


@pytest.mark.needs("node")
@pytest.mark.parametrize("file", FILES)
def test_javascript(file: str, server: Running) -> None:
    node = subprocess.Popen(
        ["node", "--test", "--test-reporter=tap", file],
        cwd=HERE,
        env=environment(server),
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
        pytest.fail(f"{file} did not end within {LIMIT} s\n{output}", pytrace=False)
    if node.returncode != 0:
        pytest.fail(output, pytrace=False)
    counted = {name: int(count) for name, count in re.findall(r"^# (\w+) (\d+)$", output, re.MULTILINE)}
    assert counted["pass"] > 0, output
    assert counted["pass"] == counted["tests"], f"some tests were not run\n{output}"
