"""A PostgreSQL server of the tests' own, from an empty folder to nothing left behind.

Knows where its programs may be, and that they refuse to run as root. Does not know what is kept in it.
"""

import os
import pwd
import random
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Self

# Taken out of the environment: Hubbub refuses a HUBBUB_* variable that is none of its settings.
GIVEN = os.environ.pop("HUBBUB_TEST_POSTGRES_URL", None)
"""The URL of a server to use instead of one's own, if there is one. Its user may create databases."""

START_LIMIT = 60.0  # seconds, here and below
STOP_LIMIT = 30.0

PORTS = range(15_000, 32_000)
"""Below those that systems give to outgoing connections: while the server is stopped, nobody takes its port."""

SETTINGS = {
    "autovacuum": "off",
    "fsync": "off",
    "full_page_writes": "off",
    "max_wal_senders": "0",
    "shared_buffers": "16MB",
    "synchronous_commit": "off",
    "wal_level": "minimal",
}
"""What no test needs is left out: surviving a power cut, replicas, memory."""


MEMORY = Path("/dev/shm")
"""Where files are kept in memory, on Linux: to create a database took a tenth of the 0.4 s that it took on a disk."""

ENOUGH = 2**30
"""Bytes to be free there: a server needs a fourth of that."""


def missing_server() -> str | None:
    """Tell what is missing for tests on PostgreSQL, if anything is."""
    return None if GIVEN else missing_programs()


def missing_programs() -> str | None:
    """Tell what is missing for tests that stop and start PostgreSQL, if anything is."""
    return None if programs() else "PostgreSQL is not installed"


@cache
def programs() -> Path | None:
    """Give the folder of `initdb` and `postgres`, None if they are not installed. Debian has them in no PATH."""
    folders = [Path(found).parent for found in (shutil.which("initdb"),) if found]
    if config := shutil.which("pg_config"):
        told = subprocess.run([config, "--bindir"], capture_output=True, text=True, check=False)
        folders.append(Path(told.stdout.strip()))
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: folder.parent.name, reverse=True)
    return next((folder for folder in folders if (folder / "initdb").exists() and (folder / "postgres").exists()), None)


class Cluster:
    """`with Cluster() as cluster:` makes a server, starts it, and in the end stops it and removes what it kept.

    It listens on 127.0.0.1 and on a socket in its folder, and asks for a password: a machine may have other users.
    """

    def __init__(self) -> None:
        self.password = secrets.token_hex(8)
        self._port = _free_port()

    @property
    def url(self) -> str:
        """The URL of a database that is there from the beginning, for a user who may make others."""
        return f"postgresql://hubbub:{self.password}@127.0.0.1:{self._port}/postgres"

    def __enter__(self) -> Self:
        """Make it and start it."""
        self._folder = Path(tempfile.mkdtemp(prefix="hubbub-postgresql-", dir=_memory()))
        try:
            self._make()
            self.start()
        except BaseException:
            shutil.rmtree(self._folder)
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Stop it, if it runs, and remove it."""
        self.stop()
        shutil.rmtree(self._folder)

    def start(self) -> None:
        """Start it, on the same port each time, and wait until it takes connections."""
        settings = [f"--{name}={value}" for name, value in SETTINGS.items()]
        self._process = self._run(
            "postgres", "-D", "data", "-h", "127.0.0.1", "-p", str(self._port), "-k", str(self._folder), *settings
        )
        try:
            self._wait_until_ready()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop it without waiting for its clients to leave."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(STOP_LIMIT)
            except subprocess.TimeoutExpired:
                self._process.send_signal(signal.SIGQUIT)
                self._process.wait()

    @property
    def _log(self) -> Path:
        return self._folder / "log"

    def _make(self) -> None:
        secret = self._folder / "password"
        secret.write_text(self.password)
        if (owner := _owner()) is not None:
            for path in (self._folder, secret):
                os.chown(path, owner.pw_uid, owner.pw_gid)
        options = ["--username=hubbub", "--pwfile=password", "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C"]
        process = self._run("initdb", "-D", "data", "--no-sync", *options)
        try:
            status = process.wait(START_LIMIT)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise
        if status != 0:
            raise AssertionError(f"PostgreSQL could not be made\n{self._log.read_text(errors='replace')}")

    def _run(self, program: str, *arguments: str) -> subprocess.Popen[bytes]:
        folder, owner = programs(), _owner()
        assert folder is not None, "PostgreSQL is not installed"
        with self._log.open("ab") as log:
            return subprocess.Popen(
                [str(folder / program), *arguments],
                cwd=self._folder,
                env={"PATH": os.environ["PATH"], "LC_ALL": "C"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                user=None if owner is None else owner.pw_uid,
                group=None if owner is None else owner.pw_gid,
                extra_groups=None if owner is None else [],
                start_new_session=True,  # a Ctrl-C is for pytest, which needs the server to clean up
            )

    def _wait_until_ready(self) -> None:
        end = time.monotonic() + START_LIMIT
        while not self._is_ready():
            if self._process.poll() is not None or time.monotonic() > end:
                raise AssertionError(f"PostgreSQL did not start\n{self._log.read_text(errors='replace')}")
            time.sleep(0.02)

    def _is_ready(self) -> bool:
        # Its eighth line tells, and is what `pg_ctl start` waits for too.
        try:
            lines = (self._folder / "data" / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return len(lines) > 7 and lines[7].strip() == "ready"


def _memory() -> Path | None:
    """Give a folder in memory for a server's files; None for where temporary files go otherwise."""
    is_there = MEMORY.is_dir() and os.access(MEMORY, os.W_OK)
    return MEMORY if is_there and shutil.disk_usage(MEMORY).free >= ENOUGH else None


def _owner() -> pwd.struct_passwd | None:
    """Give the user to become, for PostgreSQL refuses to run as root; None to stay who we are."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        return pwd.getpwnam("nobody")


def _free_port() -> int:
    while True:
        port = random.choice(PORTS)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
