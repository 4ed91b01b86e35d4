"""The servers that are measured: Hubbub from a checkout, and soketi from npm, each pinned to the first core.

Knows how each is started, with limits that none of the cases reaches and all else at its defaults, when it listens, and
how it is stopped. Knows nothing of what is measured. Each server has its own process group, an empty database in a
temporary folder, and is stopped by its pid.
"""

import json
import os
import re
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from msgspec import Struct

ROOT = Path(__file__).resolve().parent.parent
SOKETI = ROOT / "bench" / "soketi"
SERVER_CORE = 0
START_LIMIT = 60.0  # seconds, here and below
STOP_LIMIT = 30.0

APP_ID = "1"
KEY = "app-key"
ENOUGH = 10_000_000  # a limit that no case reaches

_LISTENING = re.compile(r"Hubbub is listening on http://[^\s:/]+:(\d+)")


T = TypeVar("T")


class Server(Struct, frozen=True):
    """One that runs: where it listens, its process (which leads a group of its own), and its application."""

    name: str
    port: int
    pid: int
    secret: str
    app_id: str = APP_ID
    key: str = KEY

    def cpu_seconds(self) -> float:
        """CPU time that the process has used so far, in its kernel's ticks of 10 ms."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def rss(self) -> int:
        """Bytes of memory that the process has resident."""
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def descriptors(self) -> int:
        """Files and sockets that the process has open."""
        return sum(1 for _ in Path(f"/proc/{self.pid}/fd").iterdir())


@contextmanager
def hubbub(
    checkout: Path = ROOT, python: Path | None = None, *, core: int | None = SERVER_CORE, **settings: object
) -> Iterator[Server]:
    """Hubbub of this folder, or of another checkout, run by this Python or another.

    `settings` are settings of the server by name: `hubbub(app_subscription_counts=True)`.
    """
    secret = secrets.token_hex(16)
    with tempfile.TemporaryDirectory(prefix="bench-hubbub-") as folder:
        named = {
            "port": 0,
            "database_url": f"sqlite:///{folder}/hubbub.db",
            "app_id": APP_ID,
            "app_key": KEY,
            "app_secret": secret,
            "app_client_events_per_second": ENOUGH,
            **settings,
        }
        environment = {name: value for name, value in os.environ.items() if not name.startswith("HUBBUB_")}
        environment |= {f"HUBBUB_{name.upper()}": str(value) for name, value in named.items()}
        environment |= {"PYTHONPATH": str(checkout / "src"), "PYTHONUNBUFFERED": "1"}
        # Only what a user chose for a Hubbub without its compiled part is passed on.
        environment |= {name: os.environ[name] for name in ("HUBBUB_PURE",) if name in os.environ}
        command = [str(python or sys.executable), "-m", "hubbub", "serve"]
        with _process(command, core, Path(folder), environment) as (process, output):
            found = _wait(process, output, lambda: _LISTENING.search(output.read_text(errors="replace")))
            yield Server(name="hubbub", port=int(found[1]), pid=process.pid, secret=secret)


@contextmanager
def soketi(folder: Path = SOKETI, *, core: int | None = SERVER_CORE) -> Iterator[Server]:
    """The soketi that npm installed in a folder. Raises RuntimeError unless its compiled uWebSockets is what runs."""
    program = folder / "node_modules" / ".bin" / "soketi"
    if not program.exists():
        raise RuntimeError(f"no soketi in {folder}: npm install --prefix {SOKETI.relative_to(ROOT)}")
    secret, port = secrets.token_hex(16), _free_port()
    application = {
        "id": APP_ID,
        "key": KEY,
        "secret": secret,
        "enabled": True,
        "enableClientMessages": True,
        "maxConnections": -1,
        "maxBackendEventsPerSecond": -1,
        "maxClientEventsPerSecond": -1,
        "maxReadRequestsPerSecond": -1,
        "webhooks": [],
    }
    settings = {
        "host": "127.0.0.1",
        "port": port,
        "metrics.port": _free_port(),
        "shutdownGracePeriod": 100,
        "appManager.array.apps": [application],
    }
    with tempfile.TemporaryDirectory(prefix="bench-soketi-") as scratch:
        configuration = Path(scratch, "soketi.json")
        configuration.write_text(json.dumps(settings))
        command = ["node", str(program), "start", f"--config={configuration}"]
        environment = {name: value for name, value in os.environ.items() if name != "UWS_USE_FALLBACK"}
        environment["NODE_ENV"] = "production"
        with _process(command, core, Path(scratch), environment) as (process, output):
            _wait(process, output, lambda: _answers(port) or None)
            if "/uws_" not in Path(f"/proc/{process.pid}/maps").read_text():
                raise RuntimeError(
                    "soketi runs without its compiled uWebSockets, and would be measured as less than it is"
                )
            yield Server(name="soketi", port=port, pid=process.pid, secret=secret)


@contextmanager
def _process(
    command: list[str], core: int | None, folder: Path, environment: dict[str, str]
) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    output = folder / "output.txt"
    pinned = command if core is None else ["taskset", "-c", str(core), *command]
    with output.open("wb") as sink:
        process = subprocess.Popen(
            pinned,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield process, output
    finally:
        process.terminate()
        try:
            process.wait(STOP_LIMIT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(STOP_LIMIT)


def _wait(process: subprocess.Popen[bytes], output: Path, ask: Callable[[], T | None]) -> T:
    end = time.monotonic() + START_LIMIT
    while (answer := ask()) is None:
        if process.poll() is not None or time.monotonic() > end:
            raise RuntimeError(f"the server did not come to listen:\n{output.read_text(errors='replace')}")
        time.sleep(0.02)
    return answer


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
