"""A server on a unix socket, behind nginx: who its clients are, and what becomes of the file."""

import http.client
import json
import os
import socket
import stat
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from engine.redis.redisserver import free_port
from listening.conftest import Reached

LIMIT = 15.0
START_LIMIT = 30.0

pytestmark = pytest.mark.needs("nginx")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reached]:
    path = tmp_path_factory.mktemp("unix") / "hubbub.sock"
    with Reached(uds=path, uds_mode="660", max_connections_per_address=1, trusted_proxies="unix") as running:
        assert running.address == f"unix:{path}"
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
        yield running
    assert not path.exists(), "the file is taken away in the end"


@pytest.fixture(scope="module")
def nginx(server: Reached, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Give the port of an nginx before it."""
    folder, port = tmp_path_factory.mktemp("nginx"), free_port()
    user = "user root;\n" if os.geteuid() == 0 else ""
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    folders = "".join(f"{kind}_temp_path {folder}/{kind};\n" for kind in kinds)
    (folder / "nginx.conf").write_text(
        f"{user}daemon off;\npid {folder}/nginx.pid;\nerror_log stderr;\nevents {{}}\n"
        f"http {{\n{folders}access_log off;\n"
        f"upstream hubbub {{ server {server.address}; }}\n"
        f"server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://hubbub; proxy_http_version 1.1;\n"
        "proxy_set_header Host $host; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade;\n"
        "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; } }\n}\n"
    )
    process = subprocess.Popen(["nginx", "-e", "stderr", "-c", str(folder / "nginx.conf")])
    try:
        end = time.monotonic() + START_LIMIT
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert process.poll() is None
            assert time.monotonic() < end
            time.sleep(0.02)
        yield port
    finally:
        process.terminate()
        process.wait(LIMIT)


def client(server: Reached, port: int, host: str, claims: str) -> ClientConnection:
    """Connect from one of this machine's addresses, claiming to come from another."""
    line = socket.create_connection(("127.0.0.1", port), LIMIT, source_address=(host, 0))
    url = f"ws://localhost/app/{server.key}?protocol=7"
    return connect(url, sock=line, additional_headers={"X-Forwarded-For": claims})


def test_clients_are_those_that_nginx_names_whatever_they_say(server: Reached, nginx: int) -> None:
    with client(server, nginx, "127.0.0.1", "203.0.113.1") as first:
        assert "connection_established" in str(first.recv(LIMIT))
        with client(server, nginx, "127.0.0.1", "203.0.113.2") as second:
            assert json.loads(second.recv(LIMIT))["data"]["code"] == 4100
            with pytest.raises(ConnectionClosed) as closed:
                second.recv(LIMIT)
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 4100
        with client(server, nginx, "127.0.0.2", "203.0.113.1") as other:
            assert "connection_established" in str(other.recv(LIMIT))


def test_requests_go_through_too(nginx: int) -> None:
    line = http.client.HTTPConnection("127.0.0.1", nginx, timeout=LIMIT)
    for path in ("/health", "/apps/1/channels", "/health"):
        line.request("GET", path)
        answer = line.getresponse()
        answer.read()
        assert answer.status in (200, 401)
    line.close()


def test_a_second_server_is_told_that_the_file_is_in_use(server: Reached) -> None:
    path = Path(server.address.removeprefix("unix:"))
    with pytest.raises(AssertionError, match="another process listens there") as ended, Reached(uds=path):
        pass
    assert "ended with status 2" in str(ended.value)
    assert path.is_socket()
