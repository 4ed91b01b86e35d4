"""A pair of files that changes is shown whole or not at all."""

import logging
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import NameOID

from hubbub.listening.certificate import PATIENCE, Certificate
from hubbub.settings import ConfigurationError
from listening.certificates import Pair

LIMIT = 15.0


@contextmanager
def connected(certificate: Certificate, **options: Any) -> Iterator[ssl.SSLSocket]:
    """Give the client's end of a connection that `certificate` was shown on."""
    near, far = socket.socketpair()
    near.settimeout(LIMIT)
    far.settimeout(LIMIT)

    def serve() -> None:
        try:
            with certificate.context.wrap_socket(far, server_side=True) as secure:
                secure.recv(1)
        except OSError:
            far.close()  # the client sees why

    thread = threading.Thread(target=serve)
    thread.start()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = options.pop("minimum", ssl.TLSVersion.TLSv1_2)
    context.maximum_version = options.pop("maximum", ssl.TLSVersion.MAXIMUM_SUPPORTED)
    if alpn := options.pop("alpn", None):
        context.set_alpn_protocols(alpn)
    try:
        with context.wrap_socket(near, **options) as secure:
            yield secure
    finally:
        near.close()
        thread.join(LIMIT)


def shown(certificate: Certificate, **options: Any) -> str:
    with connected(certificate, **options) as secure:
        found = secure.getpeercert(binary_form=True)
    assert found is not None
    [name] = x509.load_der_x509_certificate(found).subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(name.value)


def look(certificate: Certificate, times: int = 1) -> None:
    for _ in range(times):
        certificate.look()


@pytest.mark.parametrize("way", ["files", "certbot", "kubernetes"])
def test_a_new_pair_is_shown_to_new_connections_and_old_ones_go_on(tmp_path: Path, way: str) -> None:
    def put(pair: Pair, number: int) -> tuple[Path, Path]:
        match way:
            case "files":
                return pair.write(tmp_path)
            case "certbot":
                return pair.archive(tmp_path, number)
            case _:
                return pair.link(tmp_path, f"..v{number}")

    certificate = Certificate(*put(Pair.of("one.test"), 1))
    assert shown(certificate) == "one.test"
    with connected(certificate) as open_since_before:
        for number, name in enumerate(("two.test", "three.test"), 2):
            put(Pair.of(name), number)
            look(certificate)
            assert shown(certificate) == name
            assert shown(certificate, server_hostname="any.test") == name
        assert open_since_before.version() == "TLSv1.3"
        assert open_since_before.send(b"x") == 1


def test_a_mismatched_pair_is_said_once_and_the_old_one_stays(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    first, second = Pair.of("one.test"), Pair.of("two.test")
    chain, _ = first.write(tmp_path)
    certificate = Certificate(*first.write(tmp_path))
    chain.write_bytes(second.chain)
    with caplog.at_level(logging.ERROR, "hubbub.certificate"):
        look(certificate, PATIENCE - 1)
        assert not caplog.records, "the other file may be on its way"
        assert shown(certificate) == "one.test"
        look(certificate, 3 * PATIENCE)
    [record] = caplog.records
    assert record.__dict__["fields"]["problem"] == "the key is not the certificate's (KEY_VALUES_MISMATCH)"
    assert record.__dict__["fields"]["names"] == "one.test"
    assert shown(certificate) == "one.test"
    second.write(tmp_path)
    look(certificate)
    assert shown(certificate) == "two.test"


@pytest.mark.parametrize(
    "content", [b"", b"nonsense", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
)
@pytest.mark.parametrize("which", [0, 1])
def test_what_is_no_certificate_or_key_is_not_used(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, which: int, content: bytes
) -> None:
    paths = Pair.of("one.test").write(tmp_path)
    certificate = Certificate(*paths)
    paths[which].write_bytes(content)
    with caplog.at_level(logging.ERROR, "hubbub.certificate"):
        look(certificate, PATIENCE)
    assert len(caplog.records) == 1
    assert shown(certificate) == "one.test"
    with pytest.raises(ConfigurationError, match="HUBBUB_TLS_CERTIFICATE, HUBBUB_TLS_KEY: "):
        Certificate(*paths)


def test_a_certificate_that_cannot_be_read_is_said_and_the_next_one_is_taken(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    paths = Pair.of("one.test").write(tmp_path)
    certificate = Certificate(*paths)
    odd = Pair.of("two.test")
    der = ssl.PEM_cert_to_DER_cert(odd.chain.decode())
    third_version, eighth_version = bytes.fromhex("a003020102"), bytes.fromhex("a003020107")
    assert third_version in der
    pem = ssl.DER_cert_to_PEM_cert(der.replace(third_version, eighth_version, 1))
    Pair(odd.name, pem.encode(), odd.key).write(tmp_path)
    with caplog.at_level(logging.ERROR, "hubbub.certificate"):
        look(certificate, PATIENCE)
    assert len(caplog.records) == 1
    assert shown(certificate) == "one.test"
    with pytest.raises(ConfigurationError, match="no certificate that can be read"):
        Certificate(*paths)
    Pair.of("three.test").write(tmp_path)
    look(certificate)
    assert shown(certificate) == "three.test"


def test_files_that_are_gone_are_said_and_found_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    pair = Pair.of("one.test")
    chain, key = pair.write(tmp_path)
    certificate = Certificate(chain, key)
    key.unlink()
    with caplog.at_level(logging.ERROR, "hubbub.certificate"):
        look(certificate, PATIENCE)
    [record] = caplog.records
    assert str(key) in record.__dict__["fields"]["problem"]
    Pair.of("two.test").write(tmp_path)
    look(certificate)
    assert shown(certificate) == "two.test"


def test_a_key_with_a_passphrase_is_refused_and_nobody_is_asked_for_it(tmp_path: Path) -> None:
    pair = Pair.of("one.test")
    chain, key = pair.write(tmp_path)
    private = serialization.load_pem_private_key(pair.key, None)
    key.write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
    )
    with pytest.raises(ConfigurationError, match="HUBBUB_TLS_KEY"):
        Certificate(chain, key)


def test_asked_to_it_reads_at_once_and_says_at_once_what_is_wrong(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pair = Pair.of("one.test")
    certificate = Certificate(*pair.write(tmp_path))
    with caplog.at_level(logging.INFO, "hubbub.certificate"):
        Pair.of("two.test").write(tmp_path)
        certificate.reload()
        assert shown(certificate) == "two.test"
        (tmp_path / "privkey.pem").write_bytes(pair.key)
        certificate.reload()
        assert shown(certificate) == "two.test"
    assert [record.levelname for record in caplog.records] == ["INFO", "ERROR"]


def test_older_tls_is_not_spoken_and_http_1_is_what_is_agreed_on(tmp_path: Path) -> None:
    certificate = Certificate(*Pair.of("one.test").write(tmp_path))
    with connected(certificate, maximum=ssl.TLSVersion.TLSv1_2, alpn=["h2", "http/1.1"]) as secure:
        assert (secure.version(), secure.selected_alpn_protocol()) == ("TLSv1.2", "http/1.1")
    with connected(certificate, alpn=["h2"]) as secure:
        assert secure.selected_alpn_protocol() is None
    assert certificate.context.minimum_version is ssl.TLSVersion.TLSv1_2


@pytest.mark.parametrize(
    ("left", "level"),
    [
        (timedelta(days=16), None),
        (timedelta(days=13), "WARNING"),
        (timedelta(hours=1), "WARNING"),
        (-timedelta(1), "ERROR"),
    ],
)
def test_the_end_is_told_of_from_two_weeks_before_once_a_day(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, left: timedelta, level: str | None
) -> None:
    now = datetime.now(UTC)
    paths = Pair.of("one.test", lasts=left).write(tmp_path)
    certificate = Certificate(*paths, clock=lambda: now)
    assert certificate.seconds_left == pytest.approx(left.total_seconds(), abs=60)
    with caplog.at_level(logging.WARNING, "hubbub.certificate"):
        certificate.warn()
        now += timedelta(hours=20)
        certificate.warn()
        assert [record.levelname for record in caplog.records] == ([] if level is None else [level])
        now += timedelta(hours=5)
        certificate.warn()
    assert len(caplog.records) == (0 if level is None else 2)
