"""Applications, by key, from memory where possible.

Knows: what an application is, and that a key asked for again need not be asked of the store again. A miss is never
kept: an application created elsewhere is found at its first use. Does not know which store is behind it.
"""

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any, Protocol

import msgspec

from hubbub.errors import OVER_CAPACITY
from hubbub.settings import AppSettings, DeclaredApp

MOST_QUESTIONS = 256
"""Keys asked of the source at one time. A flood of unknown ones is refused, lest it starve who comes after it."""


class KeyPair(msgspec.Struct, frozen=True):
    """A public key and the secret that signs for it. Never printed: the secret stays out of `repr`."""

    key: str
    secret: str

    def __repr__(self) -> str:
        return f"KeyPair(key={self.key!r})"


class Application(msgspec.Struct, frozen=True):
    """An application with its active key pairs, oldest first, and its settings.

    `alias` is the id that it had at another server: publishers may name it by either.
    """

    id: str
    name: str
    key_pairs: tuple[KeyPair, ...]
    settings: AppSettings
    alias: str | None = None

    def secret_of(self, key: str) -> str | None:
        """Give the secret of an active key, None for any other."""
        for pair in self.key_pairs:
            if pair.key == key:
                return pair.secret
        return None


class Source(Protocol):
    """Where applications are kept. Archived applications and revoked keys are not found."""

    def application_by_key(self, key: str) -> Coroutine[Any, Any, Application | None]:
        """Find the application that `key` is an active key of."""


class Apps:
    """Applications by key: the declared one, those remembered, those of the source, in this order.

    Many who ask at once for one that is not remembered share a single question to the source. `others` are found like
    the declared one, without the source.
    """

    def __init__(self, source: Source, declared: DeclaredApp | None = None, others: Sequence[Application] = ()) -> None:
        self._source = source
        self._declared = _application(declared) if declared is not None else None
        self._fixed = {app.id for app in (*others, self._declared) if app is not None}
        self._by_key: dict[str, Application] = {}
        self._asked: dict[str, asyncio.Future[Application | None]] = {}
        self._forgettings = 0
        for app in (*others, self._declared):
            if app is not None:
                self._remember(app)

    @property
    def declared(self) -> Application | None:
        """The application that the settings declare."""
        return self._declared

    def known(self, key: str) -> Application | None:
        """Give the application of an active key if it is remembered."""
        return self._by_key.get(key)

    async def by_key(self, key: str) -> Application | None:
        """Find the application of an active key. Raises OVER_CAPACITY when too many are being looked for."""
        return self._by_key.get(key) or await self._ask(key)

    def forget(self, app_id: str) -> None:
        """Ask the source again for this application: it has changed there."""
        if app_id in self._fixed:
            return
        self._forgettings += 1
        # Nor may an answer be shared, or remembered, that was asked for before.
        self._asked = {}
        for key in [key for key, app in self._by_key.items() if app.id == app_id]:
            del self._by_key[key]

    async def _ask(self, key: str) -> Application | None:
        while True:
            forgettings = self._forgettings
            # Shielded: one asker who goes away must not cancel the question for the others.
            app = await asyncio.shield(self._question(key))
            if forgettings == self._forgettings:
                break
        if app is None or app.id in self._fixed:
            # Two applications of one id would share their channels: the declared one hides the stored one.
            return None
        self._remember(app)
        return app

    def _question(self, key: str) -> asyncio.Future[Application | None]:
        asked = self._asked
        answer = asked.get(key)
        if answer is None:
            if len(asked) >= MOST_QUESTIONS:
                raise OVER_CAPACITY()
            answer = asked[key] = asyncio.ensure_future(self._source.application_by_key(key))
            answer.add_done_callback(lambda _: asked.pop(key, None))
        return answer

    def _remember(self, app: Application) -> None:
        for pair in app.key_pairs:
            self._by_key[pair.key] = app


def _application(declared: DeclaredApp) -> Application:
    settings = AppSettings(**declared.model_dump(include=set(AppSettings.model_fields)))
    pair = KeyPair(declared.key, declared.secret.get_secret_value())
    return Application(declared.id, "declared by settings", (pair,), settings)
