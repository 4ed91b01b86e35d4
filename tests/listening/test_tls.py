"""A server with a certificate of its own, which changes while it runs."""

import contextlib
import os
import signal
import socket
import ssl
import urllib.request
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID
from websockets.sync.client import ClientConnection, connect

from engine.redis.redisserver import Server
from listening.certificates import Pair
from listening.conftest import Reached

LIMIT = 15.0

ANYBODY = ssl.create_default_context()
ANYBODY.check_hostname = False
ANYBODY.verify_mode = ssl.CERT_NONE


@contextlib.contextmanager
def secure(server: Reached) -> Iterator[ssl.SSLSocket]:
    with (
        socket.create_connection((server.host, server.port), LIMIT) as plain,
        ANYBODY.wrap_socket(plain, server_hostname="localhost") as wrapped,
    ):
        yield wrapped


def shown(server: Reached) -> str:
    """Give the name of the certificate that a new connection is shown."""
    with secure(server) as connection:
        found = connection.getpeercert(binary_form=True)
    assert found is not None
    [name] = x509.load_der_x509_certificate(found).subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(name.value)


def client(server: Reached) -> ClientConnection:
    url = f"wss://localhost:{server.port}/app/{server.key}?protocol=7"
    return connect(url, ssl=ANYBODY, sock=socket.create_connection((server.host, server.port)))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("certificate")


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Reached]:
    """Give a server whose certificate, in `folder`, ends in five days."""
    chain, key = Pair.of("first.test", lasts=timedelta(days=5)).write(folder)
    with Reached(tls_certificate=chain, tls_key=key, tls_handshake_timeout=1, app_force_tls=True) as running:
        yield running


def test_the_end_of_a_certificate_is_told_of(server: Reached) -> None:
    if "The TLS certificate ends soon" not in server.log:
        server.wait_for("The TLS certificate ends soon")


def test_a_new_certificate_is_shown_without_a_restart_and_open_connections_stay(server: Reached, folder: Path) -> None:
    with client(server) as before:
        assert "connection_established" in str(before.recv(LIMIT))
        # Seen by itself.
        Pair.of("two.test").write(folder)
        server.wait_for("New connections get another TLS certificate")
        assert shown(server) == "two.test"
        # A pair that is none is said, and nothing changes.
        (folder / "fullchain.pem").write_bytes(Pair.of("three.test").chain)
        server.wait_for("The TLS certificate cannot be renewed, the one before stays")
        assert shown(server) == "two.test"
        # Asked to.
        Pair.of("four.test").write(folder)
        os.kill(server.pid, signal.SIGHUP)
        server.wait_for("New connections get another TLS certificate")
        assert shown(server) == "four.test"
        before.send('{"event":"pusher:ping"}')
        assert "pusher:pong" in str(before.recv(LIMIT))
    assert "PRIVATE KEY" not in server.log


def test_who_does_not_go_on_with_the_handshake_is_cut(server: Reached) -> None:
    for said in (b"", b"\x16\x03\x01\x02\x00\x01\x00", b"GET / HTTP/1.1\r\n\r\n"):
        with socket.create_connection((server.host, server.port), LIMIT) as idle:
            idle.sendall(said)
            with contextlib.suppress(ConnectionResetError):
                while idle.recv(4096):
                    pass
    assert shown(server)


@pytest.fixture
def redis() -> Iterator[Server]:
    with Server() as running:
        yield running


@pytest.mark.needs("redis")
def test_each_worker_shows_the_new_one(tmp_path: Path, redis: Server) -> None:
    chain, key = Pair.of("one.test").write(tmp_path)
    with Reached(tls_certificate=chain, tls_key=key, workers=2, engine_url=redis.url, engine_prefix="tls") as server:
        assert shown(server) == "one.test"
        Pair.of("two.test").write(tmp_path)
        for _ in range(2):
            server.wait_for("New connections get another TLS certificate")
        assert {shown(server) for _ in range(12)} == {"two.test"}


def test_it_is_reached_over_tls_and_pages_know_that(server: Reached) -> None:
    assert server.address.startswith("https://127.0.0.1:")
    with urllib.request.urlopen(f"https://localhost:{server.port}/sign-in", context=ANYBODY) as answer:
        assert "Secure" in str(answer.headers["Set-Cookie"])
