"""A real server process, from its first line to its last.

Knows how Hubbub is started, how it says that it listens, and how it is stopped; and that a traceback in its output
fails the test, whatever the test itself was looking at.
"""

import os
import queue
import re
import secrets
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from forked import Forked

START_LIMIT = 30.0  # seconds, here and below
STOP_LIMIT = 30.0

_LISTENING = re.compile(r"Hubbub is listening on http://([^\s:/]+):(\d+)")
_CRASHED = "Traceback (most recent call last)"


class Running:
    """`with Running() as server:` starts a server on a free port, with an empty database and one declared application.

    `settings` are those of the server, by name: `Running(ping_after=1, app_client_events=False)`. A setting that is
    None is left out: `Running(app_id=None, app_key=None, app_secret=None)` declares no application.
    """

    program: Sequence[str] = ("-m", "hubbub")
    """What Python runs, with `serve` after it."""

    interpreter: str = sys.executable
    """That Python. As long as both are these, a process is forked that has imported Hubbub already."""

    def __init__(self, *, migrate: bool = False, **settings: object) -> None:
        settings = {
            "port": 0,
            "app_id": "1",
            "app_key": "app-key",
            "app_secret": f"app-secret-{secrets.token_hex(8)}",
            **settings,
        }
        self.host = ""
        self.port = 0
        self.app_id = str(settings["app_id"])
        self.key = str(settings["app_key"])
        self.secret = str(settings["app_secret"])
        self.output: list[str] = []
        self._migrate = migrate
        self._settings = settings
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()

    @property
    def url(self) -> str:
        """The address for HTTP, without a path."""
        return f"http://{self.host}:{self.port}"

    @property
    def socket_url(self) -> str:
        """The address for a Pusher client, without a query."""
        return f"ws://{self.host}:{self.port}/app/{self.key}"

    @property
    def folder(self) -> Path:
        """Where it runs, and other commands too."""
        return Path(self._directory.name)

    @property
    def pid(self) -> int:
        """The process."""
        return self._process.pid

    @property
    def status(self) -> int | None:
        """Its exit status, None while it runs."""
        return self._process.poll()

    def __enter__(self) -> Self:
        """Start it, and wait until it listens."""
        self._directory = tempfile.TemporaryDirectory(prefix="hubbub-")
        try:
            if self._migrate:
                self.command("migrate")
            self._start()
        except BaseException:
            self._directory.cleanup()
            raise
        try:
            self._wait_until_listening()
        except BaseException:
            self._end(expect_life=False)
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Stop it. A crash or a refusal to stop is an error of its own unless the test has failed already."""
        problem = self._end(expect_life=True)
        if problem is not None and kind is None:
            raise AssertionError(f"{problem}\n{self.log}")
        if problem is not None and error is not None:
            error.add_note(f"{problem}\n{self.log}")

    @property
    def log(self) -> str:
        """All that the server has printed so far."""
        return "".join(self.output)

    def stop(self) -> int:
        """Ask the server to stop as an operator would, and give its exit status. `with` may still end as usual."""
        self._process.terminate()
        return self._process.wait(STOP_LIMIT)

    def command(self, *arguments: str) -> str:
        """Run another `hubbub` command on the same settings, and give what it printed. Raises unless it succeeds."""
        if self._may_fork:
            return self._forked_command(*arguments)
        done = subprocess.run(
            [self.interpreter, "-m", "hubbub", *arguments],
            cwd=self._directory.name,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=START_LIMIT,
            check=False,
        )
        if done.returncode != 0:
            raise AssertionError(f"hubbub {' '.join(arguments)}: status {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def _forked_command(self, *arguments: str) -> str:
        with tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
            files = {"stdout": stdout.fileno(), "stderr": stderr.fileno()}
            status = Forked(arguments, folder=self.folder, environment=self._environment(), **files).wait(START_LIMIT)
            for file in (stdout, stderr):
                file.seek(0)
            said, problem = stdout.read().decode(), stderr.read().decode()
        if status != 0:
            raise AssertionError(f"hubbub {' '.join(arguments)}: status {status}\n{said}{problem}")
        return said

    @property
    def _may_fork(self) -> bool:
        """Workers begin as their parent did, and what is compiled is chosen when it is imported."""
        is_usual = (self.program, self.interpreter) == (Running.program, Running.interpreter)
        return is_usual and not {"workers", "pure"} & self._settings.keys() and "HUBBUB_PURE" not in os.environ

    def _start(self) -> None:
        if self._may_fork:
            reading, writing = os.pipe()
            self._process: subprocess.Popen[str] | Forked = Forked(
                ["serve"], folder=self.folder, environment=self._environment(), stdout=writing, stderr=writing
            )
            os.close(writing)
            self._read_from(os.fdopen(reading, errors="replace"))
            return
        process = subprocess.Popen(
            [self.interpreter, *self.program, "serve"],
            cwd=self._directory.name,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        assert process.stdout is not None
        self._process = process
        self._read_from(process.stdout)

    def _read_from(self, output: IO[str]) -> None:
        self._reader = threading.Thread(target=self._read, args=[output], daemon=True)
        self._reader.start()

    def _environment(self) -> dict[str, str]:
        # The developer's own HUBBUB_* variables and hubbub.toml are no part of a test.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("HUBBUB_")}
        database = Path(self._directory.name, "hubbub.db")
        settings: dict[str, object] = {"database_url": f"sqlite:///{database}", **self._settings}
        environment |= {f"HUBBUB_{name.upper()}": str(value) for name, value in settings.items() if value is not None}
        environment["PYTHONUNBUFFERED"] = "1"
        return environment

    def _read(self, output: IO[str]) -> None:
        with output as lines:
            for line in lines:
                self.output.append(line)
                self._lines.put(line)
        self._lines.put(None)

    def _wait_until_listening(self) -> None:
        while True:
            try:
                line = self._lines.get(timeout=START_LIMIT)
            except queue.Empty:
                raise AssertionError(f"the server did not listen within {START_LIMIT:.0f} s\n{self.log}") from None
            if line is None:
                raise AssertionError(f"the server ended with status {self._process.wait()}\n{self.log}")
            if found := _LISTENING.search(line):
                self.host, self.port = found[1], int(found[2])
                return

    def _end(self, *, expect_life: bool) -> str | None:
        """End the process and its reader, and say what was wrong with it, if anything."""
        problem = None
        status = self._process.poll()
        if status is None:
            self._process.terminate()
            try:
                self._process.wait(STOP_LIMIT)
            except subprocess.TimeoutExpired:
                problem = f"the server did not stop within {STOP_LIMIT:.0f} s of SIGTERM"
                self._process.kill()
                self._process.wait()
        elif expect_life and status not in (0, -15):
            problem = f"the server had ended by itself with status {status}"
        self._reader.join(STOP_LIMIT)
        self._directory.cleanup()
        if _CRASHED in self.log:
            problem = "the server printed a traceback"
        elif self.secret in self.log:
            problem = "the server printed the secret of its application"
        return problem
