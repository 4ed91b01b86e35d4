"""How a server begins and ends, where whoever started it is gone."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from conftest import Start
from engine.redis.redisserver import Server, free_port
from running import START_LIMIT, STOP_LIMIT
from sockets.client import dial


def environment(**settings: object) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HUBBUB_")}
    return kept | {f"HUBBUB_{name.upper()}": str(value) for name, value in settings.items()}


async def test_a_terminal_that_hangs_up_drains_the_server_as_a_stop_does(start_server: Start) -> None:
    server = start_server()
    async with (await dial(server)).connection as connection:
        os.kill(server.pid, signal.SIGHUP)
        await connection.wait_closed()
        assert connection.close_code == 4200
    assert server.stop() == 0


def test_a_server_serves_though_nothing_can_be_said_to_who_started_it(tmp_path: Path) -> None:
    port = free_port()
    with Path("/dev/full").open("wb") as full:
        process = subprocess.Popen(
            [sys.executable, "-m", "hubbub", "serve"],
            cwd=tmp_path,
            # What Python keeps to write it later is part of the matter.
            env=environment(port=port, app_id=1, app_key="key", app_secret="s3cret") | {"PYTHONUNBUFFERED": ""},
            stdout=full,
            stderr=full,
        )
    try:
        end = time.monotonic() + START_LIMIT
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=START_LIMIT) as answer:
                    assert answer.status == 200
                break
            except urllib.error.URLError:
                assert process.poll() is None, "it ended"
                assert time.monotonic() < end, "it does not listen"
                time.sleep(0.05)
        process.terminate()
        assert process.wait(STOP_LIMIT) == 0
    finally:
        process.kill()
        process.wait()


@pytest.mark.needs("redis")
def test_a_unix_socket_is_taken_from_the_moment_it_is_there(tmp_path: Path) -> None:
    path = tmp_path / "hubbub.sock"
    with Server() as redis:
        given = environment(uds=path, workers=2, engine_url=redis.url, app_id=1, app_key="key", app_secret="s3cret")
        serve = [sys.executable, "-m", "hubbub", "serve"]
        first = subprocess.Popen(serve, cwd=tmp_path, env=given, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            end = time.monotonic() + START_LIMIT
            while True:
                with socket.socket(socket.AF_UNIX) as probe:
                    if path.exists() and probe.connect_ex(str(path)) == 0:
                        break
                assert time.monotonic() < end, "nobody listens there before a worker serves"
                time.sleep(0.01)
            second = subprocess.run(
                serve, cwd=tmp_path, env=given, capture_output=True, text=True, timeout=START_LIMIT, check=False
            )
            assert second.returncode == 2
            assert "another process listens there" in second.stderr
            assert path.exists()
        finally:
            first.terminate()
            first.wait(2 * STOP_LIMIT)
