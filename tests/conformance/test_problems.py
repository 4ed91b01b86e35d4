"""What the program says when the suite cannot be run: a line that tells why, status 2, and no traceback."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import BaseRequestHandler, ThreadingTCPServer

import pytest

from conformance.asking import ask, at, free_port
from running import Running

SECRET = "a-secret-of-nobody"


def problem(tmp_path: Path, *arguments: str, secret: str = SECRET, stdin: str | None = None) -> str:
    """Run the suite, which must not be possible, and give what is said of it."""
    run = ask(tmp_path, *arguments, secret=secret, stdin=stdin)
    assert run.status == 2, run.out + run.err
    assert run.out == ""
    assert run.report is None
    assert "Traceback" not in run.err
    assert secret == "" or secret not in run.err
    return " ".join(run.err.replace("│", " ").split())


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


def test_nobody_is_there(tmp_path: Path) -> None:
    port = free_port()
    assert problem(tmp_path, *flags(port)).startswith(
        f"The suite was not run: nobody answers at 127.0.0.1:{port}: [Errno 111]"
    )


def test_a_web_server_is_no_pusher_server(tmp_path: Path) -> None:
    with serving(Quiet) as port:
        said = problem(tmp_path, *flags(port))
    assert "is no Pusher server: expected 101 to an upgrade of /app/some-key" in said
    assert said.endswith("but came HTTP 404.")


@pytest.mark.parametrize("kind", [Mail, Hanging])
def test_what_speaks_no_http_is_no_pusher_server(tmp_path: Path, kind: type[BaseRequestHandler]) -> None:
    with serving(kind) as port:
        assert "is no Pusher server: expected an upgrade of" in problem(tmp_path, *flags(port))


def test_an_unknown_key_is_told(server: Running, tmp_path: Path) -> None:
    said = problem(tmp_path, *flags(server.port))
    assert f"the server at 127.0.0.1:{server.port} refuses the key 'some-key'" in said


def test_a_wrong_secret_is_told(server: Running, tmp_path: Path) -> None:
    assert "refuses the id, key and secret it was given: 401" in problem(tmp_path, *at(server))


def test_a_wrong_id_is_told(server: Running, tmp_path: Path) -> None:
    where = ["--port", str(server.port), "--app-id", "404404", "--key", server.key]
    assert "refuses the id, key and secret it was given: 401" in problem(tmp_path, *where, secret=server.secret)


def test_a_port_for_webhooks_that_is_taken_is_told(server: Running, tmp_path: Path) -> None:
    said = problem(tmp_path, *at(server), "--webhook-port", str(server.port), secret=server.secret)
    assert f"webhooks cannot be heard at 127.0.0.1:{server.port}" in said


def test_the_secret_may_come_from_standard_input(server: Running, tmp_path: Path) -> None:
    run = ask(tmp_path, *at(server), "--only", "connect", "--secret", "-", stdin=f"{server.secret}\n")
    assert run.status == 0, run.err
    assert server.secret not in run.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--only", "teleportation"], "no feature is called 'teleportation'; there are: Connect,"),
        (["--without", "watchlists,gravity"], "there is no gravity; there are: client-events,"),
        (["--key-of", "force-tls"], "say SETTING=KEY; settings are: force-tls,"),
        (["--other-app-id", "2"], "--other-app-id, --other-key and --other-secret are needed together"),
        (["--secret-of", "disabled="], "say SETTING=SECRET; settings are: force-tls,"),
        (["--id-of", "disabled=3"], "needed too for: disabled"),
        (["--second-key", "key"], "--second-key and --second-secret are needed together"),
        (["--secret", "-"], "it is empty"),
    ],
)
def test_wrong_flags_are_told(tmp_path: Path, arguments: list[str], said: str) -> None:
    assert said in problem(tmp_path, *flags(1), *arguments)


def test_a_folder_that_is_not_there_is_told_before_anything_is_asked(tmp_path: Path) -> None:
    assert "there is no folder" in problem(tmp_path / "nowhere", *flags(1))


@pytest.mark.parametrize("setting", ["gravity", "disabled"])
def test_a_secret_that_belongs_to_nothing_is_not_repeated(tmp_path: Path, setting: str) -> None:
    assert "-of" in problem(tmp_path, *flags(1), "--secret-of", f"{setting}={SECRET}")
