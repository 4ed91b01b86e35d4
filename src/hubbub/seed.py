"""What a new installation starts with, so that one can sign in and publish.

Knows: how the first password and token are made. Does not know the tables they go to.
"""

import asyncio
import hashlib
import secrets
from typing import Protocol
from uuid import uuid4

import msgspec

from hubbub.accounts.passwords import hash_password
from hubbub.apps import Application

EMAIL = "admin@example.com"


class Store(Protocol):
    """Where the first data goes."""

    async def create_example(
        self, *, email: str, password_hash: str, token_hash: str, token_prefix: str
    ) -> Application | None:
        """Create it, unless there is a user already."""


class Seeded(msgspec.Struct, frozen=True):
    """The first user's e-mail address, password and API token, never to be had again, and the first application."""

    email: str
    password: str
    token: str
    application: Application

    def __repr__(self) -> str:
        return f"Seeded(email={self.email!r}, application={self.application!r})"


async def seed(store: Store) -> Seeded | None:
    """Create a root user, an organization, an application and a token; None when there is any user already.

    Raises the refusal STORE_UNAVAILABLE.
    """
    password, token = secrets.token_urlsafe(15), str(uuid4())
    application = await store.create_example(
        email=EMAIL,
        password_hash=await asyncio.to_thread(hash_password, password),
        token_hash=hashlib.sha256(token.encode()).hexdigest(),
        token_prefix=token[:8],
    )
    return None if application is None else Seeded(EMAIL, password, token, application)
