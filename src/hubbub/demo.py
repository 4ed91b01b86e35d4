"""The application of the home page's chat: nobody's, and kept nowhere.

Knows the tokens that visitors get for it, good on every node that has the same secret, and lets nobody in elsewhere:
for every other application it asks the real grants.
"""

import hashlib
import hmac
import secrets
import time
from typing import Final

import msgspec

from hubbub.accounts.domain import Grant
from hubbub.apps import Application, KeyPair
from hubbub.channels import USER_PREFIX
from hubbub.errors import UNAUTHENTICATED
from hubbub.session.doors import Grants
from hubbub.settings import AppSettings

ID: Final = "~demo"
"""Its id, and its key. No application that is stored or declared can have it."""
SECRET_NAME: Final = "demo"  # noqa: S105 - the name of what signs the tokens
TOPICS: Final = ("general", f"{USER_PREFIX}*")
LIFETIME: Final = 3600.0
"""Seconds a visitor's token is good."""

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
        self._secret = secrets.token_bytes(32)
        self.application = Application(ID, "Chat demo", (KeyPair(ID, secrets.token_urlsafe(32)),), SETTINGS)

    def share(self, secret: str) -> None:
        """Sign tokens with this from now on, as all nodes of a cluster do."""
        self._secret = secret.encode()

    def issue(self, uid: str) -> Pass:
        """Let a visitor in as `uid`, which has no `.`."""
        said = f"{uid}.{int(time.time() + LIFETIME)}"
        return Pass(ID, f"{said}.{self._signature(said)}", uid)

    async def admit(self, jwt: str, app: Application) -> Grant:
        """See `Grants.admit`."""
        if app is not self.application:
            return await self._grants.admit(jwt, app)
        said, _, signature = jwt.rpartition(".")
        if not hmac.compare_digest(_bytes(signature), _bytes(self._signature(said))):
            raise UNAUTHENTICATED(problem="the demo gave no such token")
        uid, _, expires_at = said.partition(".")
        if int(expires_at) < time.time():
            raise UNAUTHENTICATED(problem="the demo's token has expired")
        return Grant(
            user_id=0,
            token_id=None,
            expires_at=float(expires_at),
            is_channel_only=True,
            app_id=ID,
            uid=uid,
            topics=TOPICS,
        )

    def _signature(self, said: str) -> str:
        return hmac.new(self._secret, _bytes(said), hashlib.sha256).hexdigest()

    async def readmit(self, grant: Grant, app: Application) -> bool:
        """See `Grants.readmit`."""
        return app is self.application or await self._grants.readmit(grant, app)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "replace")  # a stranger's text may hold halves of characters
