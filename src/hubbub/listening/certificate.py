"""The certificate that a server shows, and its key: read from two files, and again when either changes.

Knows: TLS 1.2 and newer, HTTP/1.1 alone, when a certificate ends. Open connections keep what they were opened with; new
ones get the newest pair that is one. Does not know sockets.

A pair is taken over whole or not at all: a context of its own is made of both files, which fails unless the key is the
certificate's, and only then do new connections get that. While the two files are being replaced, one after the other,
they are no pair; it is read again until they are, and said once if they stay none.
"""

import asyncio
import os
import ssl
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

from hubbub.logs import named
from hubbub.settings import ConfigurationError

LOOK_SECONDS: Final = 1.0
"""Between two looks at the files: a `stat` each, some microseconds."""

PATIENCE: Final = 3
"""Looks that find the same broken pair before that is said: who replaces two files is between them for a moment."""

WARN_BEFORE: Final = timedelta(days=14)
WARN_EVERY: Final = timedelta(days=1)

_logger = named("hubbub.certificate")

_UNREADABLE: Final = (
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
    UnsupportedAlgorithm,
)

Seen = tuple[tuple[int, int, int, int] | None, ...]
"""What tells that files have changed: device, inode, size and time of each; None where there is none."""


class Shown(msgspec.Struct, frozen=True):
    """A pair that is in use: what stands for whom, until when, and the TLS of new connections."""

    names: str
    ends: datetime
    context: ssl.SSLContext


class Certificate:
    """The pair in two PEM files. Raises ConfigurationError where they are none at the start."""

    def __init__(self, chain: Path, key: Path, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._chain, self._key = chain, key
        self._clock = clock
        self._seen = self._look()
        try:
            self._shown = self._read()
        except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
            raise ConfigurationError(f"HUBBUB_TLS_CERTIFICATE, HUBBUB_TLS_KEY: {_problem(error)}") from None
        self._found: Seen | None = None  # what was found last that has not been settled
        self._tries = 0
        self._warned_at: datetime | None = None
        self.context = _context(chain, key)
        """What a server listens with: each new connection is given the newest pair as it begins."""
        self.context.sni_callback = self._choose

    @property
    def ends(self) -> datetime:
        """When the certificate that is shown is no longer good."""
        return self._shown.ends

    @property
    def seconds_left(self) -> float:
        """For how many seconds more it is; below 0 when it has ended."""
        return (self._shown.ends - self._clock()).total_seconds()

    async def watch(self) -> None:
        """Look at the files for ever, and warn of the end from WARN_BEFORE on, once in WARN_EVERY."""
        while True:
            self.look()
            self.warn()
            await asyncio.sleep(LOOK_SECONDS)

    def reload(self) -> None:
        """Read the files now, whether they seem to have changed or not, and say what came of it."""
        seen = self._look()
        if (problem := self._take(seen)) is not None:
            self._complain(problem)
        self._seen = seen

    def look(self) -> None:
        """Take the pair over if the files have changed and are one. What is none is left, and said once."""
        seen = self._look()
        if seen == self._seen:
            return
        if seen != self._found:
            self._found, self._tries = seen, 0
        self._tries += 1
        problem = self._take(seen)
        if problem is None or self._tries >= PATIENCE:
            self._seen = seen
            if problem is not None:
                self._complain(problem)

    def warn(self) -> None:
        """Say that the certificate ends soon, or has ended, if so and if it was not said of late."""
        now = self._clock()
        left = self._shown.ends - now
        if left > WARN_BEFORE or (self._warned_at is not None and now - self._warned_at < WARN_EVERY):
            return
        self._warned_at = now
        about = {"names": self._shown.names, "ends": _day(self._shown.ends)}
        if left <= timedelta():
            _logger.error("The TLS certificate has ended", **about)
        else:
            _logger.warning("The TLS certificate ends soon", **about, days=round(left.total_seconds() / 86_400, 1))

    def _take(self, seen: Seen) -> str | None:
        """Show what the files hold from now on, or say why not."""
        try:
            shown = self._read()
        except (OSError, ValueError) as error:
            return _problem(error)
        if seen != self._look():
            return "the files are being replaced"
        self._shown, self._warned_at = shown, None
        _logger.info("New connections get another TLS certificate", names=shown.names, ends=_day(shown.ends))
        return None

    def _complain(self, problem: str) -> None:
        shown = self._shown
        _logger.error(
            "The TLS certificate cannot be renewed, the one before stays",
            problem=problem,
            names=shown.names,
            ends=_day(shown.ends),
        )

    def _read(self) -> Shown:
        """Make the pair of the files. Raises OSError, ssl.SSLError among them, and ValueError."""
        self._key.open("rb").close()  # of a file that is not there, `ssl` does not say which it is
        try:
            leaf = x509.load_pem_x509_certificates(self._chain.read_bytes())[0]
            return Shown(_names(leaf), leaf.not_valid_after_utc, _context(self._chain, self._key))
        except _UNREADABLE as error:  # none of them is a ValueError
            raise ValueError(type(error).__name__) from None

    def _look(self) -> Seen:
        return tuple(map(_stat, (self._chain, self._key)))

    def _choose(self, connection: ssl.SSLSocket | ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        """Give a connection the newest pair; called as each handshake begins, whatever name the client asks for."""
        connection.context = self._shown.context


def _context(chain: Path, key: Path) -> ssl.SSLContext:
    """Make what speaks TLS with a pair. Raises OSError: an ssl.SSLError where they are none."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(["http/1.1"])
    # Without a password given it would ask the terminal for one.
    context.load_cert_chain(chain, key, password=lambda: b"")  # else it would ask the terminal for one
    return context


def _stat(path: Path) -> tuple[int, int, int, int] | None:
    with suppress(OSError):
        found = os.stat(path)  # noqa: PTH116 - what a link leads to, as `Path.stat` does
        return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns
    return None


def _names(leaf: x509.Certificate) -> str:
    try:
        found = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return leaf.subject.rfc4514_string() or "nobody"
    names = [*found.get_values_for_type(x509.DNSName), *map(str, found.get_values_for_type(x509.IPAddress))]
    return ", ".join(names[:4]) + (", …" if len(names) > 4 else "")


def _problem(error: Exception) -> str:
    """Say what is wrong with a pair."""
    match error:
        case ssl.SSLError(reason="KEY_VALUES_MISMATCH"):
            return "the key is not the certificate's (KEY_VALUES_MISMATCH)"
        case ssl.SSLError():
            return f"the files are no certificate with its key ({error.reason or error})"
        case OSError():
            return f"{error.filename}: {error.strerror}"
        case _:
            return "a file is no PEM or no certificate that can be read, or the key has a passphrase"


def _day(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
