"""Texts that prove something, and the hashes that are kept of them.

They are random, so that a fast hash is enough.
"""

import hashlib
import secrets
from uuid import uuid4

PREFIX = 8
"""Characters of a user token that lists show."""


def new_token() -> str:
    """Make the text of a user token, a random UUID."""
    return str(uuid4())


def new_invitation() -> str:
    """Make the text that accepts an invitation, fit for a URL."""
    return secrets.token_urlsafe(32)


def hash_of(text: str) -> str:
    """Give the hexadecimal SHA-256 of `text`, any text at all."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
