"""The process: where it listens, what it refuses to start with, how it ends."""

import os
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosedError
from websockets.sync.client import connect

DECLARED = {"HUBBUB_APP_ID": "1", "HUBBUB_APP_KEY": "key", "HUBBUB_APP_SECRET": "s3cret-of-the-app"}
LIMIT = 30
UPGRADE = (
    b"GET /app/key HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)


def environment(folder: Path, **settings: object) -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith("HUBBUB_")}
    return own | DECLARED | {f"HUBBUB_{name.upper()}": str(value) for name, value in settings.items()}


@contextmanager
def serving(folder: Path, *flags: str, **settings: object) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Start `hubbub serve` in `folder`; give the process and its address. It ends with the block, by SIGTERM."""
    process = subprocess.Popen(
        [sys.executable, "-m", "hubbub", "serve", *flags],
        cwd=folder,
        env=environment(folder, **settings),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    with closing(process.stdout):
        try:
            yield process, process.stdout.readline().removeprefix("Hubbub is listening on ").strip()
            process.terminate()
            process.wait(LIMIT)
        finally:
            process.kill()
            process.wait()


def refused(folder: Path, *flags: str, **settings: object) -> tuple[int, str]:
    """Give the exit status of a `hubbub serve` that does not start, and what it said."""
    done = subprocess.run(
        [sys.executable, "-m", "hubbub", "serve", *flags],
        cwd=folder,
        env=environment(folder, **settings),
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    assert "Traceback" not in done.stderr
    assert DECLARED["HUBBUB_APP_SECRET"] not in done.stdout + done.stderr
    return done.returncode, done.stderr


def settings_shown(folder: Path, without: Iterable[str] = (), **settings: object) -> str:
    """Give what `hubbub settings` prints."""
    variables = environment(folder, **settings)
    done = subprocess.run(
        [sys.executable, "-m", "hubbub", "settings"],
        cwd=folder,
        env={name: value for name, value in variables.items() if name not in without},
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=True,
    )
    return done.stdout


def get_health(connection: socket.socket) -> bytes:
    connection.settimeout(LIMIT)
    connection.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    return b"".join(iter(lambda: connection.recv(4096), b""))


def test_it_listens_on_a_unix_socket(tmp_path: Path) -> None:
    path = tmp_path / "hubbub.sock"
    with serving(tmp_path, "--uds", str(path)) as (_, address):
        assert address == f"unix:{path}"
        with closing(socket.socket(socket.AF_UNIX)) as connection:
            connection.connect(str(path))
            assert get_health(connection).startswith(b"HTTP/1.1 200 OK")
        with closing(socket.socket(socket.AF_UNIX)) as connection:
            connection.connect(str(path))
            with connect("ws://localhost/app/key", sock=connection) as client:
                assert "connection_established" in str(client.recv(LIMIT))


@pytest.mark.needs("openssl")
def test_it_speaks_tls_which_counts_as_secure(tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    ask = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost"
    subprocess.run(
        [*ask.split(), "-keyout", str(key), "-out", str(certificate)],
        check=True,
        capture_output=True,
        timeout=LIMIT,
    )
    trust = ssl.create_default_context(cafile=certificate)
    tls = {"tls_key": key, "tls_certificate": certificate}
    with serving(tmp_path, "--port", "0", app_force_tls=True, **tls) as (_, address):
        assert address.startswith("https://127.0.0.1:")
        port = int(address.rpartition(":")[2])
        url = f"wss://localhost:{port}/app/key"
        with connect(url, ssl=trust, sock=socket.create_connection(("127.0.0.1", port))) as client:
            assert "connection_established" in str(client.recv(LIMIT))


def test_it_listens_on_ipv6(tmp_path: Path) -> None:
    with serving(tmp_path, "--host", "::1", "--port", "0") as (_, address):
        host, _, port = address.removeprefix("http://").rpartition(":")
        assert host == "[::1]"
        with closing(socket.create_connection(("::1", int(port)))) as connection:
            assert get_health(connection).startswith(b"HTTP/1.1 200 OK")


def test_a_flag_wins_over_a_variable_and_the_variable_over_the_file(tmp_path: Path) -> None:
    (tmp_path / "hubbub.toml").write_text('host = "127.0.0.9"\nport = 1\n', encoding="utf-8")
    with serving(tmp_path, "--port", "0", host="127.0.0.2") as (_, address):
        assert address.startswith("http://127.0.0.2:")


def test_the_file_can_declare_the_application(tmp_path: Path) -> None:
    (tmp_path / "hubbub.toml").write_text('[app]\nid = "7"\nkey = "from-file"\nsecret = "x"\n', encoding="utf-8")
    assert "from-file" in settings_shown(tmp_path, without=DECLARED)


def test_several_workers_need_a_shared_engine(tmp_path: Path) -> None:
    status, said = refused(tmp_path, "--workers", "2")
    assert status == 2
    assert "HUBBUB_WORKERS is 2" in said


def test_half_a_declared_application_is_refused(tmp_path: Path) -> None:
    assert refused(tmp_path, app_key="") == (2, "HUBBUB_APP_KEY: Field required\n")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"app_id": "not an id"}, "HUBBUB_APP_ID: "),
        ({"ping_after": "inf"}, "HUBBUB_PING_AFTER: "),
        ({"port": 70000}, "HUBBUB_PORT: "),
        ({"config": "nowhere.toml"}, "HUBBUB_CONFIG: there is no file nowhere.toml"),
        ({"config": "broken.toml"}, "broken.toml: "),
        ({"tls_key": "broken.toml"}, "tls_certificate and tls_key are needed together"),
        ({"tls_key": "nowhere", "tls_certificate": "nowhere"}, "HUBBUB_TLS_KEY: "),
        ({"tls_key": "broken.toml", "tls_certificate": "broken.toml"}, "HUBBUB_TLS_CERTIFICATE, HUBBUB_TLS_KEY: "),
        ({"database_url": "mysql://u:pa55@h/n"}, "sqlite"),
        ({"trusted_proxies": "proxy.example.com"}, "HUBBUB_TRUSTED_PROXIES: "),
        ({"app_allowed_origins": "http://x y"}, "HUBBUB_APP_ALLOWED_ORIGINS: 'http://x y' is neither an origin nor a"),
        ({"app_webhook_url": "ftp://example.com"}, "HUBBUB_APP_WEBHOOK_URL is not an address such as https://"),
        ({"app_webhook_url": "https://u:pa55@example.com"}, "HUBBUB_APP_WEBHOOK_URL must not have a user or password"),
        ({"app_webhook_url": "http://127.0.0.1:3000/"}, "HUBBUB_APP_WEBHOOK_URL must not be on the server's own"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_by_name(wrong: dict[str, object], said: str, tmp_path: Path) -> None:
    (tmp_path / "broken.toml").write_text("port =", encoding="utf-8")
    status, told = refused(tmp_path, **wrong)
    assert status == 2
    assert said in told
    assert "pa55" not in told


def test_an_unknown_variable_is_refused_by_name(tmp_path: Path) -> None:
    assert refused(tmp_path, prot=4001) == (2, "HUBBUB_PROT is not a setting\n")


def test_the_variables_kubernetes_makes_for_a_service_of_that_name_do_no_harm(tmp_path: Path) -> None:
    kubernetes = {"service_host": "10.0.0.9", "service_port": 4000, "port_4000_tcp": "tcp://10.0.0.9:4000"}
    with serving(tmp_path, "--port", "0", **kubernetes) as (_, address):
        assert address.startswith("http://127.0.0.1:")
    shown = settings_shown(tmp_path, port="tcp://10.0.0.9:4000").splitlines()
    assert ["HUBBUB_PORT", "4000"] in [line.split()[:2] for line in shown]


def test_a_port_that_is_taken_is_told(tmp_path: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        status, said = refused(tmp_path, "--port", str(taken.getsockname()[1]))
    assert status == 2
    assert "address already in use" in said.lower()
    assert "Hubbub cannot listen on 127.0.0.1:" in said


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_in_peace(sign: signal.Signals, tmp_path: Path) -> None:
    with serving(tmp_path, "--port", "0") as (process, address):
        port = int(address.rpartition(":")[2])
        with connect(f"ws://127.0.0.1:{port}/app/key") as client:
            client.recv(LIMIT)
            process.send_signal(sign)
            with pytest.raises(ConnectionClosedError):
                client.recv(LIMIT)
            assert client.close_code == 4200
        assert process.wait(LIMIT) == 0
        assert process.stdout is not None
        assert process.stdout.read().splitlines()[-1] == "Stopped."


def test_a_second_interrupt_cuts_the_drain_short_without_a_traceback(tmp_path: Path) -> None:
    with (
        serving(tmp_path, "--port", "0", close_timeout=60, drain_timeout=60) as (process, address),
        closing(socket.create_connection(("127.0.0.1", int(address.rpartition(":")[2])))) as mute,
    ):
        assert process.stdout is not None
        mute.sendall(UPGRADE)
        mute.settimeout(LIMIT)
        while b"connection_established" not in mute.recv(4096):
            pass
        process.send_signal(signal.SIGINT)
        assert any(line.startswith("Stopping: 1 sockets") for line in process.stdout)
        process.send_signal(signal.SIGINT)
        assert process.wait(LIMIT) == 0
        assert "Traceback" not in process.stdout.read()
