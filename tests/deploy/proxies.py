"""The proxies of deploy/, started as they are shipped.

Knows where each takes its ports, certificate and nodes from, and that nothing else of a shipped file is changed. Does
not know what is asked of them.
"""

import os
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from engine.redis.redisserver import free_port

DEPLOY = Path(__file__).parent.parent.parent / "deploy"
NAMES = ("node1:4000", "node2:4000", "node3:4000")
"""What the shipped files call the nodes."""

START_LIMIT = 30.0  # seconds, here and below
STOP_LIMIT = 15.0


class Place(NamedTuple):
    """One of the proxy's ports, and the application that the nodes behind it declare."""

    host: str
    port: int
    key: str
    secret: str


class Layout(NamedTuple):
    """Where a proxy is to listen, what it is to use, and the folder for all that it writes."""

    folder: Path
    port: int
    tls_port: int
    nodes: Sequence[str]
    """Of three nodes host and port."""


Prepare = Callable[[Layout], tuple[list[str], dict[str, str]]]
"""Writes what a proxy needs into its folder; gives its command and what it needs of variables."""


class Proxy:
    """`with Proxy(prepare, nodes, folder) as proxy:` starts a proxy in front of nodes, and in the end stops it."""

    def __init__(self, prepare: Prepare, nodes: Sequence[tuple[str, int]], folder: Path) -> None:
        addresses = [f"{host}:{port}" for host, port in nodes]
        addresses += addresses[-1:] * (len(NAMES) - len(addresses))
        self._layout = Layout(folder, free_port(), free_port(), addresses)
        self._prepare = prepare
        self._log = folder / "output.log"

    @property
    def port(self) -> int:
        """The port without TLS."""
        return self._layout.port

    @property
    def tls_port(self) -> int:
        """The port with TLS."""
        return self._layout.tls_port

    @property
    def log(self) -> str:
        """All that it has printed or logged so far."""
        logs = [self._log, *sorted(self._layout.folder.glob("logs/*"))]
        return "".join(log.read_text(errors="replace") for log in logs)

    def __enter__(self) -> Self:
        """Start it, and wait until it listens."""
        certify(self._layout.folder)
        command, variables = self._prepare(self._layout)
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                command,
                cwd=self._layout.folder,
                env={"PATH": os.environ["PATH"], "HOME": str(self._layout.folder), **variables},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        try:
            self._wait_until_listening()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Stop it, and with a failed test say what it said."""
        status = self._process.poll()
        self._stop()
        if error is not None:
            error.add_note(self.log)
        elif status is not None:
            raise AssertionError(f"the proxy had ended by itself with status {status}\n{self.log}")

    def _stop(self) -> None:
        if self._process.poll() is None:
            self._process.terminate()  # each of them cuts what is left at once when told so
            try:
                self._process.wait(STOP_LIMIT)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def _wait_until_listening(self) -> None:
        end = time.monotonic() + START_LIMIT
        for is_ready, port in ((is_open, self.port), (is_encrypted, self.tls_port)):
            while not is_ready(port):
                if self._process.poll() is not None or time.monotonic() > end:
                    raise AssertionError(f"the proxy did not listen\n{self.log}")
                time.sleep(0.02)


def nginx(layout: Layout) -> tuple[list[str], dict[str, str]]:
    """Include deploy/nginx/hubbub.conf where Debian's nginx.conf would."""
    (layout.folder / "logs").mkdir()
    shipped = written(DEPLOY / "nginx/hubbub.conf", layout)
    changes = {
        "listen 80;": f"listen 127.0.0.1:{layout.port};",
        "listen 443 ssl": f"listen 127.0.0.1:{layout.tls_port} ssl",
        "/etc/nginx/tls": str(layout.folder),
        "/var/log/nginx": str(layout.folder / "logs"),
    }
    (layout.folder / "hubbub.conf").write_text(changed(shipped, changes))
    # As root its workers would be another user, to whom a test's folder is closed.
    user = "user root;\n" if os.geteuid() == 0 else ""
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    folders = "".join(f"    {kind}_temp_path {layout.folder}/{kind};\n" for kind in kinds)
    (layout.folder / "nginx.conf").write_text(
        f"{user}daemon off;\nworker_processes 2;\npid {layout.folder}/nginx.pid;\nerror_log stderr;\n"
        f"events {{}}\nhttp {{\n{folders}    include hubbub.conf;\n}}\n"
    )
    return ["nginx", "-e", "stderr", "-c", str(layout.folder / "nginx.conf")], {}


def haproxy(layout: Layout) -> tuple[list[str], dict[str, str]]:
    """Use deploy/haproxy/haproxy.cfg."""
    shipped = written(DEPLOY / "haproxy/haproxy.cfg", layout)
    changes = {
        "bind :80\n": f"bind 127.0.0.1:{layout.port}\n",
        "bind :443 ": f"bind 127.0.0.1:{layout.tls_port} ",
        "crt /etc/haproxy/tls/": f"crt {layout.folder}/both.pem",
        "maxconn 100000 ": "maxconn 1000 ",  # it asks for twice as many files, which a test may not have
    }
    if os.geteuid() != 0:
        changes |= dict.fromkeys(("user haproxy\n", "group haproxy\n", "chroot /var/lib/haproxy\n"), "\n")
    (layout.folder / "haproxy.cfg").write_text(changed(shipped, changes))
    return ["haproxy", "-db", "-f", str(layout.folder / "haproxy.cfg")], {}


def caddy(layout: Layout) -> tuple[list[str], dict[str, str]]:
    """Use deploy/caddy/Caddyfile as it is, below options for a server that nobody but a test knows of."""
    (layout.folder / "Caddyfile").write_text(
        "{\n"
        "    admin off\n"
        "    skip_install_trust\n"
        f"    http_port {layout.port}\n"
        f"    https_port {layout.tls_port}\n"
        "    default_bind 127.0.0.1\n"
        f"    storage file_system {layout.folder}\n"
        "}\n"
        f"import {DEPLOY / 'caddy/Caddyfile'}\n"
    )
    variables = {"NODES": " ".join(layout.nodes), "DOMAIN": "localhost"}
    return ["caddy", "run", "--adapter", "caddyfile", "--config", str(layout.folder / "Caddyfile")], variables


PROXIES: dict[str, Prepare] = {"nginx": nginx, "haproxy": haproxy, "caddy": caddy}


def written(path: Path, layout: Layout) -> str:
    """Give a shipped file with the nodes' addresses in the place of their names."""
    text = path.read_text(encoding="utf-8")
    return changed(text, dict(zip(NAMES, layout.nodes, strict=True)))


def changed(text: str, changes: dict[str, str]) -> str:
    """Replace what must be there."""
    for old, new in changes.items():
        assert old in text, f"{old!r} is no longer in the file"
        text = text.replace(old, new)
    return text


def certify(folder: Path) -> None:
    """Write a certificate for this machine that nobody has reason to trust, its key, and both in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    names = [x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, hashes.SHA256())
    )
    chain = certificate.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    for file, content in {"fullchain.pem": chain, "privkey.pem": private, "both.pem": chain + private}.items():
        (folder / file).write_bytes(content)


def unverified() -> ssl.SSLContext:
    """Give what believes the certificate of a test."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def is_open(port: int) -> bool:
    """Tell whether somebody listens on a port of this machine."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def is_encrypted(port: int) -> bool:
    """Tell whether somebody who has a certificate listens there; Caddy makes its own when it has begun to listen."""
    try:
        with socket.create_connection(("127.0.0.1", port), 1) as probe:
            unverified().wrap_socket(probe, server_hostname="localhost").close()
    except OSError:
        return False
    return True
