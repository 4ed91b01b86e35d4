"""The application of the home page's chat: nobody's, in memory, gone with the process.

Knows who was given a token for it, and lets nobody in elsewhere: for every other application it asks the real grants.
"""

import secrets
import time
from typing import Final
from uuid import uuid4

import msgspec

from hubbub.accounts.domain import Grant
from hubbub.apps import Application, KeyPair
from hubbub.channels import USER_PREFIX
from hubbub.errors import UNAUTHENTICATED
from hubbub.session.doors import Grants
from hubbub.settings import AppSettings

ID: Final = "~demo"
"""No application that is stored or declared can have it."""
TOPICS: Final = ("general", f"{USER_PREFIX}*")
LIFETIME: Final = 3600.0
"""Seconds a visitor's token is good."""

MOST_TOKENS: Final = 10_000

SETTINGS: Final = AppSettings(max_connections=200, max_event_bytes=2000, max_topic_members=100)


class Pass(msgspec.Struct, frozen=True):
    """What a visitor's page connects with."""

    app_key: str
    token: str
    uid: str


class Demo:
    """Tokens for the chat, and the doorkeeper who knows them."""

    def __init__(self, grants: Grants) -> None:
        self._grants = grants
        self._by_token: dict[str, Grant] = {}
        pair = KeyPair(str(uuid4()), secrets.token_urlsafe(32))
        self.application = Application(ID, "Chat demo", (pair,), SETTINGS)

    def issue(self, uid: str) -> Pass:
        """Let a visitor in as `uid`."""
        if len(self._by_token) >= MOST_TOKENS:
            del self._by_token[next(iter(self._by_token))]  # the oldest
        token = secrets.token_urlsafe(24)
        self._by_token[token] = Grant(
            user_id=0,
            token_id=None,
            expires_at=time.time() + LIFETIME,
            is_channel_only=True,
            app_id=ID,
            uid=uid,
            topics=TOPICS,
        )
        return Pass(self.application.key_pairs[0].key, token, uid)

    async def admit(self, jwt: str, app: Application) -> Grant:
        """See `Grants.admit`."""
        if app is not self.application:
            return await self._grants.admit(jwt, app)
        grant = self._by_token.get(jwt)
        if grant is None or grant.expires_at < time.time():
            raise UNAUTHENTICATED(problem="the demo gave no such token, or it has expired")
        return grant

    async def readmit(self, grant: Grant, app: Application) -> bool:
        """See `Grants.readmit`."""
        return app is self.application or await self._grants.readmit(grant, app)
