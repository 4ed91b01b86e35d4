"""The user that a Pusher connection is signed in as: counted among those online, and told of those they watch."""

import asyncio

from hubbub.apps import Application
from hubbub.hub.connection import Connection
from hubbub.messages import Watched
from hubbub.node.online import Online
from hubbub.protocols.pusher import User


class SignedIn:
    """One connection's sign-in."""

    __slots__ = ("_app_id", "_client", "_is_over", "_lock", "_online", "_watched", "user")

    def __init__(self, online: Online, app: Application, user: User, client: Connection) -> None:
        self._online = online
        self._app_id = app.id
        self._client = client
        self._lock = asyncio.Lock()  # a change of settings does not wait for the client's commands
        self._watched: tuple[str, ...] = ()
        self._is_over = False
        self.user = user
        """Who it is."""

    async def begin(self) -> None:
        """Count the connection as the user's."""
        await self._online.sign_in(self._app_id, self.user.id, self._client)

    async def watch(self, app: Application) -> int:
        """Tell the client which users on its watchlist are online, and whenever that changes; give how many these are.

        They are as many as the application's settings allow now, in place of those before.
        """
        async with self._lock:
            wanted = self._wanted(app)
            await self._watch(wanted)
            return len(wanted)

    async def follow(self, app: Application) -> None:
        """Watch as the application's settings are now, if they were others when this was asked last."""
        async with self._lock:
            if (wanted := self._wanted(app)) != self._watched:
                await self._watch(wanted)

    async def end(self) -> None:
        """Be nobody's any more."""
        self._is_over = True
        async with self._lock:
            try:
                await self._unwatch()
            finally:
                await self._online.sign_out(self._app_id, self.user.id, self._client)

    def _wanted(self, app: Application) -> tuple[str, ...]:
        if self._is_over or not app.settings.watchlists:
            return ()
        return self.user.watchlist[: app.settings.max_watchlist]

    async def _watch(self, user_ids: tuple[str, ...]) -> None:
        def tell(online: list[bool]) -> None:
            states = list(zip(user_ids, online, strict=True))
            told = Watched(
                tuple(user_id for user_id, is_online in states if is_online),
                tuple(user_id for user_id, is_online in states if not is_online),
            )
            self._client.write(self._client.wire.pack(told))

        await self._unwatch()
        if user_ids:
            await self._online.watch(self._app_id, user_ids, self._client, tell)
            self._watched = user_ids

    async def _unwatch(self) -> None:
        watched, self._watched = self._watched, ()
        await self._online.unwatch(self._app_id, watched, self._client)
