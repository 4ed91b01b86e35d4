"""Certificates of every sort: good ones, and each way to be wrong."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

DAY = timedelta(days=1)


class Signer(NamedTuple):
    """Who vouches: a certificate and its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


def certify(folder: Path) -> None:
    """Write NAME.pem, the chain and its key in one file, for each sort, and root.pem, the authority to trust."""
    root = _signed("A root", None, is_authority=True)
    middle = _signed("An authority between", root, is_authority=True)
    stranger = _signed("A stranger", None, is_authority=True)
    between = _signed("A stranger's helper", stranger, is_authority=True)
    (folder / "root.pem").write_bytes(_pem(root))
    _write(folder, "good", _signed("localhost", middle), middle)
    _write(folder, "expired", _signed("localhost", middle, since=-30 * DAY, until=-DAY), middle)
    _write(folder, "early", _signed("localhost", middle, since=DAY, until=30 * DAY), middle)
    _write(folder, "ending", _signed("localhost", middle, since=-80 * DAY, until=3 * DAY), middle)
    _write(folder, "other", _signed("other.example.com", middle), middle)
    _write(folder, "incomplete", _signed("localhost", middle))
    _write(folder, "unknown", _signed("localhost", between), between)
    _write(folder, "self-signed", _signed("localhost", None))


def _signed(
    name: str,
    signer: Signer | None,
    *,
    is_authority: bool = False,
    since: timedelta = -DAY,
    until: timedelta = 90 * DAY,
) -> Signer:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if signer is None else signer.certificate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + since)
        .not_valid_after(now + until)
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    if not is_authority:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    own = key if signer is None else signer.key
    builder = builder.add_extension(
        x509.AuthorityKeyIdentifier.from_issuer_public_key(own.public_key()), critical=False
    )
    return Signer(builder.sign(own, hashes.SHA256()), key)


def _write(folder: Path, name: str, leaf: Signer, *chain: Signer) -> None:
    private = leaf.key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / f"{name}.pem").write_bytes(b"".join(map(_pem, (leaf, *chain))) + private)


def _pem(signer: Signer) -> bytes:
    return signer.certificate.public_bytes(serialization.Encoding.PEM)
