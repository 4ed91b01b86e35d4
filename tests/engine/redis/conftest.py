"""Servers for the tests of the link: a certificate, and one of each kind that tests share which do it no harm."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from engine.redis.redisserver import Cluster, Sentinels, Server

PATIENCE = 15.0
"""Seconds that a busy machine may stop a server for without the others doing anything about it."""


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with `cert.pem` and `key.pem`, good for 127.0.0.1, made by nobody known."""
    return make_certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture(scope="session")
def other_certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give another."""
    return make_certificate(tmp_path_factory.mktemp("other"))


def make_certificate(folder: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return folder


@pytest.fixture(scope="session")
def single() -> Iterator[Server]:
    with Server(password="a secret/of:ours@") as server:
        yield server


@pytest.fixture(scope="session")
def sentinels() -> Iterator[Sentinels]:
    with Sentinels(patience=PATIENCE) as service:
        yield service


@pytest.fixture(scope="session")
def tls(certificate: Path) -> Iterator[Server]:
    with Server(tls=certificate) as server:
        yield server


@pytest.fixture(scope="session")
def tls_sentinels(certificate: Path) -> Iterator[Sentinels]:
    with Sentinels(password="secret", tls=certificate, patience=PATIENCE) as service:
        yield service


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    with Cluster(patience=PATIENCE) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def tls_cluster(certificate: Path) -> Iterator[Cluster]:
    with Cluster(password="secret", tls=certificate, patience=PATIENCE) as cluster:
        yield cluster


KINDS = ("single", "unix", "tls", "sentinels", "tls_sentinels", "cluster", "tls_cluster")


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    """Give the URL of a Redis of each kind."""
    match request.param:
        case "unix":
            yield request.getfixturevalue("single").socket_url
        case kind:
            yield request.getfixturevalue(kind).url
