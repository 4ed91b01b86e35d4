"""The hub: every connection and channel of this process, and the turns in which messages go out.

Knows: applications' connections by socket id, channels by name, and that a large channel must not hold up a small one.
Does not know the cluster, a protocol, a clock or the event loop: `schedule` is given to it and runs a call "soon", once
per turn of the loop.

What one channel receives within a turn, or while it is being written to, goes out in one piece for each subscriber:
past the price of a `send` only fewer and larger writes help. Writing goes in slices, in rounds over the channels that
have something to say, so that a fan-out to 10,000 (70 ms of sends) leaves room for others between its slices.

What one of two says to the other, in a channel that is at rest, waits outside of all that: it is written first in the
next turn, on top of its slice, for there is no more of it than was read in one; and before anybody leaves a channel.
"""

from collections import deque
from collections.abc import Callable, Mapping

from hubbub.hub.channel import Channel, whispers
from hubbub.hub.connection import Connection
from hubbub.hub.meters import Meter
from hubbub.messages import Fact


class Local:
    """What is here of one application: its connections by socket id, its channels by name, what is counted of it."""

    __slots__ = ("channels", "connections", "meter")

    def __init__(self) -> None:
        self.connections: dict[str, Connection] = {}
        self.channels: dict[str, Channel] = {}
        self.meter = Meter()


class Hub:
    """Who listens to what here.

    `schedule` takes a call to make soon, not now; `slice_size` is how many writes one turn may make.
    """

    def __init__(self, schedule: Callable[[Callable[[], None]], object], slice_size: int = 256) -> None:
        self._schedule = schedule
        self._slice_size = slice_size
        # One for each application that was ever here: what has been counted stays.
        self._locals: dict[str, Local] = {}
        self._begin: Callable[[str, Meter], object] | None = None
        self._ready: deque[Channel] = deque()
        self._whispers = whispers(schedule)

    def _local(self, app_id: str) -> Local:
        here = self._locals.get(app_id)
        if here is None:
            here = self._locals[app_id] = Local()
            if self._begin is not None:
                self._begin(app_id, here.meter)
        return here

    def meter(self, app_id: str) -> Meter:
        """Give what is counted of an application here."""
        return self._local(app_id).meter

    def begin_with(self, begin: Callable[[str, Meter], object]) -> None:
        """Call with the id and the meter of each application that is here for the first time, and of those before."""
        self._begin = begin
        for app_id, here in self._locals.items():
            begin(app_id, here.meter)

    def meters(self) -> Mapping[str, Meter]:
        """Give what is counted of each application that was ever here, by its id."""
        return {app_id: here.meter for app_id, here in self._locals.items()}

    def here(self) -> Mapping[str, Local]:
        """Give what is here of each application that was ever here, by its id: to look at, not to change."""
        return self._locals

    @property
    def writing(self) -> int:
        """How many channels have something to say that is not written to all of their subscribers yet."""
        return len(self._ready)

    # Connections

    def open(self, app_id: str, socket_id: str, connection: Connection) -> None:
        """Let a connection be found by its socket id."""
        self._local(app_id).connections[socket_id] = connection

    def close(self, app_id: str, socket_id: str) -> None:
        """Forget a connection, which must have left its channels."""
        del self._locals[app_id].connections[socket_id]

    def connection(self, app_id: str, socket_id: str) -> Connection | None:
        """Find a connection of this process."""
        here = self._locals.get(app_id)
        return here.connections.get(socket_id) if here is not None else None

    def connection_count(self, app_id: str) -> int:
        """Count the connections of an application here."""
        here = self._locals.get(app_id)
        return len(here.connections) if here is not None else 0

    # Channels

    def channel(self, app_id: str, name: str) -> Channel | None:
        """Find a channel that has subscribers here."""
        here = self._locals.get(app_id)
        return here.channels.get(name) if here is not None else None

    def channel_count(self, app_id: str) -> int:
        """Count the channels of an application that have subscribers here."""
        here = self._locals.get(app_id)
        return len(here.channels) if here is not None else 0

    def add(self, app_id: str, name: str, connection: Connection, user_id: str | None = None) -> None:
        """Subscribe a connection, which is not subscribed yet."""
        here = self._local(app_id)
        channel = here.channels.get(name)
        if channel is None:
            channel = here.channels[name] = Channel(name, here.meter)
        channel.add(connection, user_id)

    def remove(self, app_id: str, name: str, connection: Connection) -> None:
        """Unsubscribe a connection, which is subscribed. The channel goes with its last subscriber."""
        self._whispers.write()  # they may be for the one that leaves
        channels = self._locals[app_id].channels
        channel = channels[name]
        channel.remove(connection)
        if not channel.audiences:
            del channels[name]

    # Delivery

    def deliver(self, app_id: str, fact: Fact, exclude: Connection | None = None) -> Meter:
        """Send a fact to all subscribers here of its channel but one, soon, in the order of these calls.

        Gives what is counted of the application, for who has something to count.
        """
        here = self._locals.get(app_id)
        if here is None:
            here = self._local(app_id)
        meter = here.meter
        channel = here.channels.get(fact.channel)
        if channel is None:
            return meter
        if exclude is not None and meter.watch is None and self._whispers.say(channel, fact, exclude):
            return meter
        if not channel.pending and not channel.batches:
            if not self._ready:
                self._schedule(self._turn)
            self._ready.append(channel)
        channel.pending.append((fact, exclude))
        if meter.watch is not None:
            meter.watch(channel)
        return meter

    def flush(self) -> None:
        """Write all that is on its way, now: for a server that stops."""
        self._whispers.write()
        while self._ready:
            channel = self._ready.popleft()
            while not channel.is_at_rest:
                channel.write(most=2**31)

    def _turn(self) -> None:
        ready, slice_size = self._ready, self._slice_size
        # One turn of the loop reads all that has come, of thousands of clients maybe, each for a channel of its own: to
        # look at fewer channels than came in would let them pile up.
        count = len(ready)
        # No `min` or `max`: this is done for each event of one subscriber, and a call of either costs more than it.
        left = count if count > slice_size else slice_size  # noqa: FURB136
        try:
            self._whispers.write()  # first: in their channels nothing was on its way before them
            for _ in range(count):
                if left <= 0:
                    break
                channel = ready.popleft()
                left -= channel.write(left if left < slice_size else slice_size)  # noqa: FURB136
                if channel.pending or channel.batches:
                    ready.append(channel)
        finally:
            # Should a fact not be one that can be packed, a bug, the other channels go on all the same.
            if ready:
                self._schedule(self._turn)
