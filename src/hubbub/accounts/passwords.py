"""Passwords, hashed with argon2id.

Knows: how a password becomes a hash that may be stored, and whether a password is the one behind a hash. Does not know
users, nor which passwords are good enough.
"""

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

_hasher = PasswordHasher()


def hash_password(password: str) -> str:
    """Give the argon2id hash of `password`, salt and cost included.

    Takes some 50 ms and 64 MiB on purpose: in a server, call it in a thread.
    """
    return _hasher.hash(password)


def is_password(password_hash: str, password: str) -> bool:
    """Tell whether `password` is the one behind `password_hash`; False too when that is no argon2 hash.

    As slow as `hash_password`.
    """
    try:
        return _hasher.verify(password_hash, password)
    except (VerificationError, InvalidHashError):
        return False
