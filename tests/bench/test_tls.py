"""Servers that take TLS."""

import asyncio
import ssl
import subprocess
from pathlib import Path

import pytest

from bench.asking import LIMIT, ask, only
from bench.faulty import Faulty

FEW = ("--connections", "4", "--duration", "0.3", "--warm-up", "0", "--patience", "5", "--app-id", "1", "--key", "key")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Give the files of a certificate that nobody vouches for, and of its key."""
    folder = tmp_path_factory.mktemp("certificate")
    files = folder / "certificate.pem", folder / "key.pem"
    wish = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1"
    subprocess.run(
        [*wish.split(), "-out", files[0], "-keyout", files[1]], check=True, capture_output=True, timeout=LIMIT
    )
    return files


@pytest.fixture
def context(certificate: tuple[Path, Path]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    return context


@pytest.mark.needs("openssl")
async def test_sockets_and_the_api_are_measured_over_tls(
    tmp_path: Path, certificate: tuple[Path, Path], context: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    async with Faulty().serving(context) as faulty:
        where = ("--port", str(faulty.port), "--tls", *FEW, *only("connect", "fan-out"))
        run = await asyncio.to_thread(ask, tmp_path, *where, secret="secret")
    assert run.status == 0, run
    assert run.report["server"] == f"wss://127.0.0.1:{faulty.port}"
    outcome = run.of("fan-out")
    assert outcome["received"] == outcome["accepted"] * 4 > 0


@pytest.mark.needs("openssl")
async def test_a_certificate_that_nobody_vouches_for_is_told(tmp_path: Path, context: ssl.SSLContext) -> None:
    async with Faulty().serving(context) as faulty:
        run = await asyncio.to_thread(ask, tmp_path, "--port", str(faulty.port), "--tls", *FEW, secret="secret")
    assert run.status == 1, run
    where = f"127.0.0.1:{faulty.port}"
    assert run.said.startswith(f"Nothing was measured: the certificate of {where} is not valid: self-signed")
    assert run.said.endswith("(SSL_CERT_FILE names an authority)")


@pytest.mark.needs("openssl")
async def test_who_forgets_tls_is_told(tmp_path: Path, context: ssl.SSLContext) -> None:
    async with Faulty().serving(context) as faulty:
        run = await asyncio.to_thread(ask, tmp_path, "--port", str(faulty.port), *FEW, secret="secret")
    assert run.status == 1, run
    assert "if it takes TLS, say --tls" in run.said
