"""What the program says when a server cannot be measured, or is used wrongly: a line that tells why, no traceback."""

import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import BaseRequestHandler, ThreadingTCPServer

import pytest

from bench.asking import LIMIT, SHORT, ask, at, command, environment, only
from conftest import Start
from running import Running

SECRET = "a-secret-of-nobody"


def problem(tmp_path: Path, *arguments: str, secret: str = SECRET, status: int = 1, stdin: str | None = None) -> str:
    """Run the program, which must not be possible, and give what is said of it."""
    run = ask(tmp_path, *arguments, secret=secret, stdin=stdin)
    assert run.status == status, run
    assert run.out == ""
    assert run.report is None
    assert "Traceback" not in run.err
    assert secret == "" or secret not in run.err
    return run.said


def flags(port: int) -> list[str]:
    return ["--port", str(port), "--app-id", "1", "--key", "some-key", "--patience", "2"]


class Quiet(BaseHTTPRequestHandler):
    """A web server without pages."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_error(404)

    def log_message(self, *_of_no_interest: object) -> None:
        pass


class Mail(BaseRequestHandler):
    """A server of another protocol, that speaks first."""

    def handle(self) -> None:
        self.request.sendall(b"220 mail.example.com ESMTP\r\n")


class Hanging(BaseRequestHandler):
    """A server that listens and says nothing."""

    def handle(self) -> None:
        while self.request.recv(4096):
            pass


@contextmanager
def serving(kind: type[BaseRequestHandler]) -> Iterator[int]:
    """Run a server of this kind, and give its port."""
    with ThreadingTCPServer(("127.0.0.1", 0), kind) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


# Nobody to measure


def test_nobody_is_there(tmp_path: Path) -> None:
    port = free_port()
    said = problem(tmp_path, *flags(port))
    assert said == f"Nothing was measured: nobody answers at 127.0.0.1:{port}: Connection refused"


def test_a_web_server_is_no_pusher_server(tmp_path: Path) -> None:
    with serving(Quiet) as port:
        said = problem(tmp_path, *flags(port))
    assert f"no Pusher server answers at 127.0.0.1:{port}: HTTP 404 Not Found to the upgrade of /app/some-key" in said


def test_what_speaks_no_http_is_no_pusher_server(tmp_path: Path) -> None:
    with serving(Mail) as port:
        said = problem(tmp_path, *flags(port))
    assert said.endswith("what answers speaks no HTTP; if it takes TLS, say --tls")


def test_a_server_that_says_nothing_is_not_waited_for_longer_than_patience_lasts(tmp_path: Path) -> None:
    with serving(Hanging) as port:
        assert problem(tmp_path, *flags(port)).endswith("no answer in 2 s")


def test_a_server_without_tls_is_told(server: Running, tmp_path: Path) -> None:
    assert f"no TLS with 127.0.0.1:{server.port}: " in problem(tmp_path, *flags(server.port), "--tls")


# Refusals


def test_an_unknown_key_is_told(server: Running, tmp_path: Path) -> None:
    said = problem(tmp_path, *flags(server.port))
    assert f"127.0.0.1:{server.port} refuses a connection with the key 'some-key': 4001 App key some-key" in said


def test_a_wrong_secret_is_told(server: Running, tmp_path: Path) -> None:
    assert "refuses to publish: 401 Invalid signature" in problem(tmp_path, *at(server))


def test_a_wrong_id_is_told(server: Running, tmp_path: Path) -> None:
    where = ["--port", str(server.port), "--app-id", "404404", "--key", server.key]
    assert "refuses to publish: 401" in problem(tmp_path, *where, secret=server.secret)


def test_an_api_that_is_elsewhere_and_away_is_told(server: Running, tmp_path: Path) -> None:
    port = free_port()
    said = problem(tmp_path, *at(server), "--api-port", str(port), secret=server.secret)
    assert said == f"Nothing was measured: nobody answers at 127.0.0.1:{port}: Connection refused"


def test_client_events_that_are_off_are_told_to_who_asks_for_them(start_server: Start, tmp_path: Path) -> None:
    server = start_server(app_client_events=False)
    said = problem(tmp_path, *at(server), *SHORT, *only("client-events"), secret=server.secret)
    assert said.startswith("Nothing was measured: client events are refused: To send client events, you must enable")


def test_client_events_that_are_off_are_left_out_of_all_cases(start_server: Start, tmp_path: Path) -> None:
    server = start_server(app_client_events=False)
    run = ask(tmp_path, *at(server), *SHORT, secret=server.secret)
    assert run.status == 0, run
    assert "client-events: left out: client events are refused: To send client events" in run.out
    assert run.report["left_out"].keys() == {"client-events"}
    assert len(run.report["outcomes"]) == 5


def test_a_quota_leaves_what_it_allows_and_is_told(start_server: Start, tmp_path: Path) -> None:
    server = start_server(app_max_connections=5)
    run = ask(tmp_path, *at(server), *SHORT, *only("fan-out"), secret=server.secret)
    assert run.status == 0, run
    assert "fan-out: 5 of 20 connections were made" in run.out
    assert "fan-out: 15 × refused: 4004 " in run.out
    outcome = run.of("fan-out")
    assert outcome["received"] == outcome["accepted"] * 5 > 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--case", "fan-out", "--size", "20000"], "× refused: 413 The data content of this event exceeds"),
        (["--case", "publish", "--batch", "11"], "× refused: 400 Batch too large (11 > 10)"),
    ],
)
def test_a_case_of_which_nothing_came_ends_with_1(
    server: Running, tmp_path: Path, arguments: list[str], said: str
) -> None:
    run = ask(tmp_path, *at(server), *SHORT, *arguments, secret=server.secret)
    assert run.status == 1, run
    assert said in run.out
    assert run.err == ""


def test_an_application_that_allows_no_more_events_is_told(start_server: Start, tmp_path: Path) -> None:
    server = start_server(app_events_per_second=5)
    run = ask(tmp_path, *at(server), *SHORT, "--case", "publish", "--batch", "1", secret=server.secret)
    assert "× refused: 429 " in run.out


# Wrong use


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--case", "teleportation"], "there is no teleportation; there are: connect, publish, fan-out, latency,"),
        (["--kind", "secret"], "there is no secret; there are: public, private, presence"),
        (["--server-pid", "999999999"], "999999999: there is no such process"),
        (["--size", "31"], "--size"),
        (["--secret", "-"], "it is empty"),
        (["--rate", "nan"], "--rate"),
        (["--duration", "inf"], "--duration"),
        (["--patience", "nan"], "--patience"),
    ],
)
def test_wrong_flags_are_told(tmp_path: Path, arguments: list[str], said: str) -> None:
    assert said in problem(tmp_path, *flags(1), *arguments, status=2)


def test_a_folder_that_is_not_there_is_told_before_anything_is_asked(tmp_path: Path) -> None:
    assert "there is no folder" in problem(tmp_path / "nowhere", *flags(1), status=2)


def test_the_secret_may_come_from_standard_input(server: Running, tmp_path: Path) -> None:
    stdin = f"{server.secret}\n"
    run = ask(tmp_path, *at(server), *SHORT, *only("connect"), "--secret", "-", stdin=stdin)
    assert run.status == 0, run


def test_too_few_open_files_are_told_with_what_to_do(server: Running) -> None:
    told = " ".join(command(*at(server), "--connections", "500", "--processes", "2"))
    done = subprocess.run(
        ["bash", "-c", f"ulimit -n 200; exec {told}"],
        env=environment(SECRET),
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT,
    )
    said = " ".join(done.stderr.replace("│", " ").split())
    assert done.returncode == 2
    assert "each process needs 314 open files, and may have 200: use more --processes or fewer" in said


def test_a_low_soft_limit_of_open_files_is_raised(server: Running, tmp_path: Path) -> None:
    told = " ".join(command(*at(server), "--connections", "100", "--case", "connect", "--warm-up", "0"))
    done = subprocess.run(
        ["bash", "-c", f"ulimit -Sn 80; exec {told}"],
        env=environment(server.secret),
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "were made" not in done.stdout


def test_figures_that_cannot_be_written_are_told_after_the_table(server: Running, tmp_path: Path) -> None:
    tmp_path.joinpath("bench.json").mkdir()
    done = subprocess.run(
        command(*at(server), *SHORT, *only("connect"), "--json", str(tmp_path / "bench.json")),
        env=environment(server.secret),
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT,
    )
    assert done.returncode == 1
    assert "connect" in done.stdout
    assert done.stderr.endswith("cannot be written: Is a directory.\n")
