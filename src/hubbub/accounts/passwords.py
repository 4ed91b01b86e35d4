"""Passwords, hashed with argon2id.

Knows: how a password becomes a hash that may be stored, whether a password is the one behind a hash, and how much of
that is done at once. Does not know users, nor which passwords are good enough.

Anybody can have the server hash, by signing in again and again. So it happens in few threads, of their own: with the
usual six of asyncio, each with four of argon2's, all else on two cores waited for up to 0.7 s. And no more stand in
line than have their turn in a few seconds; further ones are put off.
"""

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from hubbub.errors import OVER_CAPACITY

AT_ONCE: Final = max(1, (os.cpu_count() or 1) // 4)
"""Passwords that are hashed at once. argon2 takes four threads for each."""

MOST_WAITING: Final = 100
"""Passwords in line or being hashed; the last of them waits for some 5 s."""

Result = TypeVar("Result")

_hasher = PasswordHasher()
_threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="passwords")
_waiting = 0


def hash_password(password: str) -> str:
    """Give the argon2id hash of `password`, salt and cost included.

    Takes some 50 ms and 64 MiB on purpose: in a server, call it by `apart`.
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


async def apart(work: Callable[..., Result], *given: object) -> Result:
    """Do some of the slow work above beside all else. Raises OVER_CAPACITY when too much of it waits already."""
    global _waiting  # noqa: PLW0603 - of the threads there is one pool for each process, too
    if _waiting >= MOST_WAITING:
        raise OVER_CAPACITY()
    _waiting += 1
    try:
        return await asyncio.get_running_loop().run_in_executor(_threads, work, *given)
    finally:
        _waiting -= 1
