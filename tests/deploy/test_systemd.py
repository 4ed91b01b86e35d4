"""The unit, as systemd reads it, and what it is told by the server. Neither is started by systemd itself: that would
take the place of this machine's first process."""

import os
import queue
import re
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.proxies import DEPLOY, changed
from deploy.shipped import DEFAULTS, drain, only
from hubbub import reference
from running import START_LIMIT, Running

# It is not among what tests install: that would bring a first process of its own onto the machine.
looked_at_by_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")

SHIPPED = (DEPLOY / "systemd/hubbub.service").read_text()


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """Give the unit with programs and files that are here."""
    path = tmp_path / "hubbub.service"
    path.write_text(changed(SHIPPED, {"/opt/hubbub/bin/hubbub": "/bin/true", "/etc/hubbub/credentials": "/tmp"}))
    return path


@looked_at_by_systemd
def test_systemd_has_no_complaint(unit: Path) -> None:
    done = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@looked_at_by_systemd
def test_it_may_do_little(unit: Path) -> None:
    options = ["--offline=true", "--threshold=20", "--no-pager"]  # of 100, where a unit that may do all has 96
    done = subprocess.run(["systemd-analyze", "security", *options, unit], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.skipif(shutil.which("systemd-sysusers") is None, reason="systemd is not installed")
def test_its_user_and_folders_are_made(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    for program, options in (("systemd-sysusers", []), ("systemd-tmpfiles", ["--create"])):
        file = DEPLOY / f"systemd/hubbub.{program.removeprefix('systemd-')}"
        done = subprocess.run(
            [program, f"--root={tmp_path}", *options, file], capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr
    user = only(r"^(hubbub:.*)$", (tmp_path / "etc/passwd").read_text()).split(":")
    assert (user[0], user[-1]) == (only(r"^User=(\w+)$", SHIPPED), "/usr/sbin/nologin")
    assert user[-2] == only(r"^WorkingDirectory=(\S+)$", SHIPPED)
    assert (tmp_path / "etc/hubbub/credentials").stat().st_mode & 0o777 == 0o700


def test_a_node_has_the_time_to_say_goodbye() -> None:
    assert int(only(r"^TimeoutStopSec=(\d+)$", SHIPPED)) > drain({"HUBBUB_DRAIN_DELAY": "15"}) + 5
    assert only(r"^KillSignal=(\w+)$", SHIPPED) == "SIGTERM"
    assert only(r"^KillMode=(\w+)$", SHIPPED) == "mixed"


def test_the_database_may_be_where_it_is_unless_told() -> None:
    # In the folder below which a unit so closed may write.
    found = re.fullmatch(r"sqlite:///([^/].*)", DEFAULTS.database_url.get_secret_value())
    assert found
    state = only(r"^StateDirectory=(\w+)$", SHIPPED)
    assert only(r"^WorkingDirectory=(\S+)$", SHIPPED) == f"/var/lib/{state}"


def test_the_file_of_settings_has_every_one_as_a_comment() -> None:
    lines = reference.variables().splitlines()
    assert {line[:1] for line in lines} <= {"#", ""}
    given = [line.removeprefix("#").partition("=")[0] for line in lines if re.match(r"#HUBBUB_\w+=", line)]
    assert sorted([*given, "HUBBUB_CONFIG", "HUBBUB_CREDENTIALS"]) == sorted(reference.names())


class Manager:
    """What listens in systemd's place to what a service says."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.told: queue.SimpleQueue[dict[str, str]] = queue.SimpleQueue()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def expect(self, name: str) -> str:
        """Wait until something is told of this name, and give it."""
        while True:
            words = self.told.get(timeout=START_LIMIT)
            if name in words:
                return words[name]

    def end(self) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as last:
            last.sendto(b"END", str(self.path))
        self._thread.join(START_LIMIT)
        self._socket.close()

    def _listen(self) -> None:
        while (text := self._socket.recv(4096).decode()) != "END":
            self.told.put(dict(line.split("=", 1) for line in text.splitlines()))


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    one = Manager(tmp_path / "notify")
    yield one
    one.end()


class Service(Running):
    """A server that is started as systemd would."""

    def __init__(self, manager: Manager, **settings: object) -> None:
        super().__init__(migrate=False, **settings)
        self._manager = manager

    def _environment(self) -> dict[str, str]:
        # Of a watchdog of 0.2 s, so that signs of life are seen soon.
        return {**super()._environment(), "NOTIFY_SOCKET": str(self._manager.path), "WATCHDOG_USEC": "200000"}


def test_it_is_told_when_the_server_listens_and_that_it_lives(manager: Manager) -> None:
    assert only(r"^Type=(\w+)$", SHIPPED) == "notify"
    assert int(only(r"^WatchdogSec=(\d+)$", SHIPPED)) >= 30
    assert only(r"^ExecReload=(.+)$", SHIPPED) == "/bin/kill -HUP $MAINPID"
    with Service(manager) as server:
        assert manager.expect("READY") == "1"
        for _ in range(3):
            assert manager.expect("WATCHDOG") == "1"
        # A reload, where there is no certificate to read anew, is no reason to end.
        os.kill(server.pid, signal.SIGHUP)
        for _ in range(3):
            assert manager.expect("WATCHDOG") == "1"
        assert server.status is None
        assert '"status":"ok"' in server.command("health", "--port", str(server.port)).replace(" ", "")


def test_secrets_come_as_files_that_systemd_hands_over(manager: Manager, tmp_path: Path) -> None:
    folder = tmp_path / "credentials"
    folder.mkdir()
    (folder / "hubbub_app_secret").write_text("a-secret-of-a-file\n")
    (folder / "hubbub_app_key").write_text("another-key")
    (folder / "something").write_text("of another service")
    assert only(r"^LoadCredential=(\w+):", SHIPPED) == "hubbub"

    class Handed(Service):
        def _environment(self) -> dict[str, str]:
            return {**super()._environment(), "CREDENTIALS_DIRECTORY": str(folder)}

    with Handed(manager, app_secret=None) as server:
        card = server.command("app", "show", "app-key", "--secret")  # the variable wins over the file
        assert "a-secret-of-a-file" in card
    (folder / "hubbub_nonsense").write_text("1")
    with pytest.raises(AssertionError, match="HUBBUB_NONSENSE is not a setting"), Handed(manager):
        pass
