"""The hub: every connection and channel of this process, and the turns in which messages go out.

Knows: applications' connections by socket id, channels by name, and that a large channel must not hold up a small one.
Does not know the cluster, a protocol, a clock or the event loop: `schedule` is given to it and runs a call "soon", once
per turn of the loop.

What one channel receives within a turn, or while it is being written to, goes out in one piece for each subscriber:
past the price of a `send` only fewer and larger writes help. Writing goes in slices, in rounds over the channels that
have something to say, so that a fan-out to 10,000 (70 ms of sends) leaves room for others between its slices.
"""

from collections import deque
from collections.abc import Callable

from hubbub.hub.channel import Channel
from hubbub.hub.connection import Connection
from hubbub.messages import Fact


class Hub:
    """Who listens to what here.

    `schedule` takes a call to make soon, not now; `slice_size` is how many writes one turn may make.
    """

    def __init__(self, schedule: Callable[[Callable[[], None]], object], slice_size: int = 256) -> None:
        self._schedule = schedule
        self._slice_size = slice_size
        self._connections: dict[str, dict[str, Connection]] = {}
        self._channels: dict[str, dict[str, Channel]] = {}
        self._ready: deque[Channel] = deque()

    # Connections

    def open(self, app_id: str, socket_id: str, connection: Connection) -> None:
        """Let a connection be found by its socket id."""
        connections = self._connections.get(app_id)
        if connections is None:
            connections = self._connections[app_id] = {}
        connections[socket_id] = connection

    def close(self, app_id: str, socket_id: str) -> None:
        """Forget a connection, which must have left its channels."""
        connections = self._connections[app_id]
        del connections[socket_id]
        if not connections:
            del self._connections[app_id]

    def connection(self, app_id: str, socket_id: str) -> Connection | None:
        """Find a connection of this process."""
        connections = self._connections.get(app_id)
        return connections.get(socket_id) if connections is not None else None

    def connection_count(self, app_id: str) -> int:
        """Count the connections of an application here."""
        return len(self._connections.get(app_id, ()))

    # Channels

    def channel(self, app_id: str, name: str) -> Channel | None:
        """Find a channel that has subscribers here."""
        channels = self._channels.get(app_id)
        return channels.get(name) if channels is not None else None

    def add(self, app_id: str, name: str, connection: Connection, user_id: str | None = None) -> None:
        """Subscribe a connection, which is not subscribed yet."""
        channels = self._channels.get(app_id)
        if channels is None:
            channels = self._channels[app_id] = {}
        channel = channels.get(name)
        if channel is None:
            channel = channels[name] = Channel(name)
        channel.add(connection, user_id)

    def remove(self, app_id: str, name: str, connection: Connection) -> None:
        """Unsubscribe a connection, which is subscribed. The channel goes with its last subscriber."""
        channels = self._channels[app_id]
        channel = channels[name]
        channel.remove(connection)
        if not channel.audiences:
            del channels[name]
            if not channels:
                del self._channels[app_id]

    # Delivery

    def deliver(self, app_id: str, fact: Fact, exclude: Connection | None = None) -> None:
        """Send a fact to all subscribers here of its channel but one, soon, in the order of these calls."""
        channels = self._channels.get(app_id)
        channel = channels.get(fact.channel) if channels is not None else None
        if channel is not None and channel.put(fact, exclude):
            if not self._ready:
                self._schedule(self._turn)
            self._ready.append(channel)

    def flush(self) -> None:
        """Write all that is on its way, now: for a server that stops."""
        while self._ready:
            channel = self._ready.popleft()
            while not channel.is_at_rest:
                channel.write(most=2**31)

    def _turn(self) -> None:
        ready, slice_size = self._ready, self._slice_size
        # One turn of the loop reads all that has come, of thousands of clients maybe, each for a channel of its own: to
        # look at fewer channels than came in would let them pile up.
        left = max(slice_size, len(ready))
        try:
            for _ in range(len(ready)):
                if left <= 0:
                    break
                channel = ready.popleft()
                left -= channel.write(min(left, slice_size))
                if not channel.is_at_rest:
                    ready.append(channel)
        finally:
            # Should a fact not be one that can be packed, a bug, the other channels go on all the same.
            if ready:
                self._schedule(self._turn)
