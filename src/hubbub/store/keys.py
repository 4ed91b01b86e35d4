"""Master keys: what secrets in the database are sealed by.

Knows: how a key is written and named, and the text that a sealed secret is. Does not know which secrets there are, nor
which of several keys is in use. Pure.
"""

import re
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import sha256
from typing import Final, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from hubbub.settings import ConfigurationError, Settings

SIZE: Final = 32
"""Bytes of a key: AES-256."""

NONCE: Final = 12
"""Bytes that are drawn for each sealing, as NIST SP 800-38D has them: one key may seal 2**32 secrets, not more."""

MARK: Final = "$hubbub$"
"""What a text begins with that was not kept as it is: the mark, a version, and what the version says."""

SEALED: Final = f"{MARK}1$"
"""Version 1: the id of the key, `$`, and nonce, ciphertext and tag in base64url."""

ESCAPED: Final = f"{MARK}0$"
"""Version 0: a plain text, which would itself begin with the mark."""

_SEALED = re.compile(re.escape(SEALED) + r"([0-9a-f]{16})\$([A-Za-z0-9_=-]+)")


class Unreadable(Exception):
    """A sealed text was not sealed by this key for this place, or is no longer what it was."""


class MasterKey:
    """One key. Its `id` is a hash of it, which tells nothing of 32 random bytes."""

    def __init__(self, key: bytes) -> None:
        self.id = sha256(b"hubbub master key\0" + key).hexdigest()[:16]
        self._cipher = AESGCM(key)

    @classmethod
    def of(cls, text: str) -> Self:
        """Give the key that `generate` gave as `text`. Raises ValueError, without the text."""
        try:
            key = urlsafe_b64decode(f"{text}{'=' * (-len(text) % 4)}".encode("ascii"))
        except ValueError:
            key = b""
        if len(key) != SIZE or generated(key) != text.rstrip("="):
            raise ValueError(f"is not {SIZE} bytes in base64url, as `hubbub master-key generate` prints them")
        return cls(key)

    def __repr__(self) -> str:
        return f"MasterKey({self.id})"

    def seal(self, text: str, place: str) -> str:
        """Give `text` sealed for one place: a column and a row."""
        head, nonce = f"{SEALED}{self.id}$", secrets.token_bytes(NONCE)
        sealed = nonce + self._cipher.encrypt(nonce, text.encode(), f"{head}{place}".encode())
        return head + urlsafe_b64encode(sealed).decode()

    def open(self, sealed: str, place: str) -> str:
        """Give the text that was sealed for this place. Raises Unreadable."""
        found = _SEALED.fullmatch(sealed)
        try:
            if found is None or found[1] != self.id:
                raise Unreadable
            whole = urlsafe_b64decode(found[2])
            head = f"{SEALED}{self.id}$"
            return self._cipher.decrypt(whole[:NONCE], whole[NONCE:], f"{head}{place}".encode()).decode()
        except (InvalidTag, ValueError):  # ValueError: cut short, or no base64
            raise Unreadable from None


def generate() -> str:
    """Make a key, and give it as it is written in settings: 43 characters."""
    return generated(secrets.token_bytes(SIZE))


def generated(key: bytes) -> str:
    """Give a key as it is written."""
    return urlsafe_b64encode(key).decode().rstrip("=")


def keys_of(settings: Settings) -> tuple[MasterKey, ...]:
    """Give the keys of the settings, in their order. Raises ConfigurationError, which never holds one."""
    if settings.master_key is not None:
        name, texts = "HUBBUB_MASTER_KEY", settings.master_key.get_secret_value().split(",")
    elif settings.master_key_file is not None:
        name = "HUBBUB_MASTER_KEY_FILE"
        try:
            lines = settings.master_key_file.read_text("utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            problem = error.strerror if isinstance(error, OSError) else "it is not text"
            raise ConfigurationError(f"{name}: cannot read {settings.master_key_file}: {problem}") from None
        texts = [line for line in lines if line.strip() and not line.startswith("#")]
        if not texts:
            raise ConfigurationError(f"{name}: there is no key in {settings.master_key_file}")
    else:
        return ()
    keys = [_key(name, number, text) for number, text in enumerate(texts, 1)]
    if len({key.id for key in keys}) < len(keys):
        raise ConfigurationError(f"{name}: a key is there twice")
    return tuple(keys)


def _key(name: str, number: int, text: str) -> MasterKey:
    try:
        return MasterKey.of(text.strip())
    except ValueError as error:
        raise ConfigurationError(f"{name}: key {number} {error}") from None


def plain(text: str) -> str:
    """Give what is kept of a text that is not sealed."""
    return f"{ESCAPED}{text}" if text.startswith(MARK) else text


def unescaped(kept: str) -> str:
    """Give the text of which this is kept unsealed."""
    return kept.removeprefix(ESCAPED)


def sealer_of(kept: str) -> str | None:
    """Give the id of the key that a kept text is sealed by, as far as it names one; None for a plain text."""
    if not kept.startswith(MARK) or kept.startswith(ESCAPED):
        return None
    found = _SEALED.fullmatch(kept)
    return "" if found is None else found[1]
