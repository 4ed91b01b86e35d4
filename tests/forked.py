"""Hubbub's program, run by a process that has imported it already, which every start would spend a second of CPU on.

`Forked` stands for a process as `subprocess.Popen` does. What runs is `python -m hubbub` to its last line, but for the
imports. Who must see Python itself begin starts a process of their own.
"""

import atexit
import io
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

START_LIMIT = 60.0  # seconds

_PRELOADED: Final = ("hubbub.cli", "hubbub.serve", "hubbub.engine.redis.engine", "hubbub.store.migrations", "uvloop")
_MAX_REQUEST: Final = 1 << 18
_READY: Final = b"ready"

# One after the other asks.
_lock = threading.Lock()
_first: list[socket.socket] = []


class Forked:
    """A running `hubbub`, with these arguments, variables, and files for its output. Raises OSError."""

    def __init__(
        self, arguments: Sequence[str], *, folder: Path, environment: Mapping[str, str], stdout: int, stderr: int
    ) -> None:
        request = json.dumps({"arguments": arguments, "folder": str(folder), "environment": dict(environment)})
        self._told, telling = os.pipe()
        try:
            with _lock:
                socket.send_fds(_preloaded(), [request.encode()], [telling, stdout, stderr])
        finally:
            os.close(telling)
        self.returncode: int | None = None
        self.pid = int(self._line(START_LIMIT) or 0)
        if not self.pid:
            raise OSError("no process was forked")

    def poll(self) -> int | None:
        """Give its exit status, None while it runs."""
        return self._status(0)

    def wait(self, timeout: float | None = None) -> int:
        """Wait until it has ended. Raises subprocess.TimeoutExpired."""
        status = self._status(timeout)
        if status is None:
            raise subprocess.TimeoutExpired("hubbub", timeout or 0)
        return status

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it."""
        self.send_signal(signal.SIGKILL)

    def _status(self, timeout: float | None) -> int | None:
        if self.returncode is None and (line := self._line(timeout)) is not None:
            self.returncode = int(line or -signal.SIGKILL)  # nothing: who watches was killed with it
            os.close(self._told)
        return self.returncode

    def _line(self, timeout: float | None) -> bytes | None:
        """Give the next line; none when the time is over, an empty one when there is no more."""
        if not select.select([self._told], [], [], timeout)[0]:
            return None
        line = b""
        while not line.endswith(b"\n") and (byte := os.read(self._told, 1)):
            line += byte
        return line


def _preloaded() -> socket.socket:
    """Give the way to the process that forks others; it ends with this one."""
    if not _first:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        environment = {name: value for name, value in os.environ.items() if not name.startswith("HUBBUB_")}
        with theirs:
            process = subprocess.Popen(
                [sys.executable, __file__, str(theirs.fileno())],
                env=environment,
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )
        ours.settimeout(START_LIMIT)
        if ours.recv(len(_READY)) != _READY:
            raise OSError("Hubbub cannot be imported")
        _first.append(ours)

        @atexit.register
        def _end() -> None:
            ours.close()
            process.wait(START_LIMIT)

    return _first[0]


def _fork_others(asked: socket.socket) -> None:
    """Fork for each request, until nobody can ask any more."""
    for name in _PRELOADED:
        __import__(name)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # those who watch are waited for by nobody
    asked.sendall(_READY)
    while True:
        request, files, _, _ = socket.recv_fds(asked, _MAX_REQUEST, 3)
        if not request:
            return
        if not os.fork():
            asked.close()
            _watch(json.loads(request), *files)
        for file in files:
            os.close(file)


def _watch(request: dict[str, object], telling: int, stdout: int, stderr: int) -> None:
    """Fork the program, and tell who it is and how it ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    pid = os.fork()
    if not pid:
        os.close(telling)
        _run(request, stdout, stderr)
    os.close(stdout)
    os.close(stderr)
    os.write(telling, b"%d\n" % pid)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    os.write(telling, b"%d\n" % status)
    os._exit(0)


def _run(request: dict[str, object], stdout: int, stderr: int) -> None:
    """Be the program."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for file, number in ((stdout, 1), (stderr, 2)):
        os.dup2(file, number)
    os.closerange(3, 64)
    # Those that there were know where in another file they stood.
    sys.stdout, sys.stderr = (
        io.TextIOWrapper(io.FileIO(number, "w"), "utf-8", errors, write_through=True)
        for number, errors in ((1, "strict"), (2, "backslashreplace"))
    )
    os.chdir(str(request["folder"]))
    environment = request["environment"]
    assert isinstance(environment, dict)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    arguments = request["arguments"]
    assert isinstance(arguments, list)
    sys.argv = ["hubbub", *arguments]
    status = 0
    try:
        runpy.run_module("hubbub", run_name="__main__", alter_sys=False)
    except SystemExit as end:
        if isinstance(end.code, str):
            sys.stderr.write(f"{end.code}\n")
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001  # as Python itself would
        sys.excepthook(*sys.exc_info())
        status = 1
    threading._shutdown()  # type: ignore[attr-defined]
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    _fork_others(socket.socket(fileno=int(sys.argv[1])))
