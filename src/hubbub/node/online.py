"""Who is signed in, who wants to know, and the end of all connections of one user.

A user's presence in the cluster is that of a channel, `channels.about(USER)`, which no client can name: it is occupied
while the user is signed in anywhere, and heard by whoever has the user on a watchlist.
"""

from collections.abc import Callable, Iterable

from hubbub.channels import about
from hubbub.engine.seam import Engine
from hubbub.errors import USER_TERMINATED
from hubbub.hub.connection import Connection
from hubbub.hub.hub import Hub
from hubbub.messages import Envelope, Refused, Terminated, WentOffline, WentOnline
from hubbub.node.gates import Gates


class Online:
    """The signed-in users of this process, and those they watch."""

    def __init__(self, hub: Hub, engine: Engine, gates: Gates) -> None:
        self._hub = hub
        self._engine = engine
        self._gates = gates
        self._connections: dict[tuple[str, str], dict[Connection, None]] = {}
        # What was told of users while somebody waits to be told how they are: newer than the answer may be.
        self._heard: list[dict[tuple[str, str], bool]] = []

    async def sign_in(self, app_id: str, user_id: str, connection: Connection) -> None:
        """Count a connection as the user's; the first in the cluster is told to who watches."""
        topic = about(user_id)
        async with self._gates.of(app_id, topic):
            here = self._connections.get((app_id, user_id))
            if here is not None:
                here[connection] = None
                return
            is_heard = self._hub.channel(app_id, topic) is not None
            if not is_heard:
                await self._engine.subscribe(app_id, topic)
            try:
                # Who watches is told by the engine, if this is the first.
                online = WentOnline(topic, user_id)
                await self._engine.enter(app_id, topic, occupies=True, member=None, limit=0, told=online)
            except BaseException:
                if not is_heard:
                    await self._engine.unsubscribe(app_id, topic)
                raise
            self._connections[app_id, user_id] = {connection: None}

    async def sign_out(self, app_id: str, user_id: str, connection: Connection) -> None:
        """Take back what `sign_in` counted; the last in the cluster is told to who watches."""
        topic = about(user_id)
        async with self._gates.of(app_id, topic):
            here = self._connections[app_id, user_id]
            del here[connection]
            if here:
                return
            del self._connections[app_id, user_id]
            try:
                offline = WentOffline(topic, user_id)
                await self._engine.leave(app_id, topic, vacates=True, user_id=None, told=offline)
            finally:
                if self._hub.channel(app_id, topic) is None:
                    await self._engine.unsubscribe(app_id, topic)

    async def watch(
        self, app_id: str, user_ids: Iterable[str], connection: Connection, told: Callable[[list[bool]], object]
    ) -> None:
        """Let a connection, which does not watch yet, hear when users come online and go offline.

        `told` gets which of them are online, before anything that happens later is told. What is raised leaves it
        watching nobody.
        """
        watched: list[str] = []
        heard: dict[tuple[str, str], bool] = {}
        self._heard.append(heard)
        try:
            for user_id in user_ids:
                topic = about(user_id)
                async with self._gates.of(app_id, topic):
                    if not self._is_heard(app_id, topic):
                        await self._engine.subscribe(app_id, topic)
                    self._hub.add(app_id, topic, connection)
                watched.append(user_id)
            topics = list(map(about, watched))
            states = await self._engine.occupied(app_id, topics)
            told([heard.get((app_id, topic), state) for topic, state in zip(topics, states, strict=True)])
        except BaseException:
            await self.unwatch(app_id, watched, connection)
            raise
        finally:
            self._heard = [one for one in self._heard if one is not heard]

    async def unwatch(self, app_id: str, user_ids: Iterable[str], connection: Connection) -> None:
        """Let it hear no more."""
        topics = list(map(about, user_ids))
        for topic in topics:
            self._hub.remove(app_id, topic, connection)
        for topic in topics:
            async with self._gates.of(app_id, topic):
                if not self._is_heard(app_id, topic):
                    await self._engine.unsubscribe(app_id, topic)

    async def terminate(self, app_id: str, user_id: str) -> None:
        """Close all signed-in connections of a user in the cluster."""
        self.close(app_id, user_id)
        await self._engine.publish(Envelope(app_id, Terminated(about(user_id), user_id)))

    def close(self, app_id: str, user_id: str) -> None:
        """Close those of this node."""
        refusal = USER_TERMINATED()
        for connection in list(self._connections.get((app_id, user_id), ())):
            connection.write(connection.wire.pack(Refused(refusal.code, refusal.message)))
            connection.close(refusal)

    def _is_heard(self, app_id: str, topic: str) -> bool:
        """Tell whether this node hears what is told of a user: somebody watches, or the user is here."""
        return self._hub.channel(app_id, topic) is not None or (app_id, topic.removeprefix(about(""))) in (
            self._connections
        )

    def hear(self, app_id: str, fact: WentOnline | WentOffline) -> None:
        """Tell those here who watch a user of what happened, here or on another node."""
        for heard in self._heard:
            heard[app_id, fact.channel] = isinstance(fact, WentOnline)
        self._hub.deliver(app_id, fact)
