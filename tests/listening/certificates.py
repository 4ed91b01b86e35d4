"""Certificates for tests, put where a server looks for them in the ways that are usual."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple, Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


class Pair(NamedTuple):
    """A certificate that only itself vouches for, and its key, both as PEM."""

    name: str
    chain: bytes
    key: bytes

    @classmethod
    def of(cls, name: str, lasts: timedelta = timedelta(days=90)) -> Self:
        """Make one for a name."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        now = datetime.now(UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=365))
            .not_valid_after(now + lasts)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
            .sign(key, hashes.SHA256())
        )
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return cls(name, certificate.public_bytes(serialization.Encoding.PEM), private)

    def write(self, folder: Path) -> tuple[Path, Path]:
        """Put both into a folder, each replaced as a whole, and give their paths."""
        paths = folder / "fullchain.pem", folder / "privkey.pem"
        for path, content in zip(paths, (self.chain, self.key), strict=True):
            _replace(path, content)
        return paths

    def link(self, folder: Path, version: str) -> tuple[Path, Path]:
        """Put both as Kubernetes does: in a folder of their own, to which one link is turned at once."""
        (folder / version).mkdir()
        self.write(folder / version)
        for name in ("fullchain.pem", "privkey.pem"):
            if not (folder / name).is_symlink():
                (folder / name).symlink_to(Path("..data") / name)
        turned = folder / "..data_tmp"
        turned.symlink_to(version)
        turned.replace(folder / "..data")
        return folder / "fullchain.pem", folder / "privkey.pem"

    def archive(self, folder: Path, number: int) -> tuple[Path, Path]:
        """Put both as certbot does: numbered beside the earlier ones, and each link turned, one after the other."""
        (folder / "archive").mkdir(exist_ok=True)
        paths = []
        for name, content in (("fullchain", self.chain), ("privkey", self.key)):
            kept = folder / "archive" / f"{name}{number}.pem"
            kept.write_bytes(content)
            link = folder / f"{name}.pem"
            link.unlink(missing_ok=True)
            link.symlink_to(os.path.relpath(kept, folder))
            paths.append(link)
        return paths[0], paths[1]


def _replace(path: Path, content: bytes) -> None:
    new = path.with_suffix(".new")
    new.write_bytes(content)
    new.replace(path)
