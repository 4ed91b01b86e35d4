"""One channel in this process: its audience by wire, its local members, and the messages on their way.

Knows order: what was delivered first is written first, to those who were subscribed at that moment and still are. Does
not know when it is its turn; the hub decides.
"""

from collections import deque
from collections.abc import Callable, Iterator

from hubbub.errors import INTERNAL
from hubbub.hub.connection import Connection, Wire
from hubbub.hub.meters import Meter
from hubbub.messages import Fact
from hubbub.native import Whispers, write_all, write_others

LARGEST_WRITE = 65_536
"""Bytes that are joined for one write. What a kernel's buffer takes at once needs no room in ours."""

Framed = tuple[bytes, Connection | None]
"""A frame and who shall not get it."""


class Batch:
    """What a channel received in one turn, packed for one wire, and who has yet to be written to."""

    __slots__ = ("audience", "calls", "frames", "gone", "messages", "position")

    def __init__(self, frames: bytes, messages: int, audience: list[Connection], gone: set[Connection] | None) -> None:
        self.frames = frames
        self.messages = messages
        self.audience = audience
        self.gone = gone
        self.position = 0
        self.calls: list[Callable[[], object]] | None = None  # to be made when it is written

    def write(self, most: int, meter: Meter) -> int:
        """Write to at most `most` of those left, and count it; give how many that were, or would have been."""
        start, audience = self.position, self.audience
        self.position = stop = min(start + most, len(audience))
        if self.gone:
            part = [connection for connection in audience[start:stop] if connection not in self.gone]
            write_all(part, 0, len(part), self.frames, _close)
            meter.wrote(len(part), self.messages, self.frames)
        else:
            write_all(audience, start, stop, self.frames, _close)
            meter.wrote(stop - start, self.messages, self.frames)
        return stop - start

    @property
    def is_done(self) -> bool:
        """Whether everyone has been written to."""
        return self.position >= len(self.audience)

    def leave_out(self, connection: Connection) -> None:
        """Write no more to a connection that has left."""
        if self.gone is None:
            self.gone = set()
        self.gone.add(connection)


class Channel:
    """A channel with at least one subscriber here. `meter` is its application's."""

    __slots__ = ("audiences", "batches", "meter", "name", "pair", "pending", "users")

    def __init__(self, name: str, meter: Meter) -> None:
        self.name = name
        self.meter = meter
        self.audiences: dict[Wire, dict[Connection, str | None]] = {}
        """Per wire the connections, each with its user id if it is a member's."""
        self.users: dict[str, int] = {}
        """Connections here of each member."""
        self.pending: list[tuple[Fact, Connection | None]] = []
        """Facts that were put since the last turn, each with who shall not get it."""
        self.batches: deque[Batch] | None = None
        """What is being written, in its order."""
        self.pair: tuple[Wire, Connection, Connection] | None = None
        """The wire and the connections, where there are two of one wire and whispers have found them to be."""

    def __len__(self) -> int:
        return sum(map(len, self.audiences.values()))

    def __contains__(self, connection: Connection) -> bool:
        audience = self.audiences.get(connection.wire)
        return audience is not None and connection in audience

    def add(self, connection: Connection, user_id: str | None) -> None:
        """Let `connection` hear what is delivered from now on."""
        self._seal()
        self.pair = None
        self.audiences.setdefault(connection.wire, {})[connection] = user_id
        if user_id is not None:
            self.users[user_id] = self.users.get(user_id, 0) + 1

    def remove(self, connection: Connection) -> None:
        """Write no more to `connection`, not even what is on its way."""
        self.pair = None
        audience = self.audiences[connection.wire]
        user_id = audience.pop(connection)
        if not audience:
            del self.audiences[connection.wire]
        for batch in self.batches or ():
            batch.leave_out(connection)
        if user_id is not None:
            self.users[user_id] -= 1
            if not self.users[user_id]:
                del self.users[user_id]

    def write(self, most: int) -> int:
        """Make at most `most` writes of what is on its way; give how many were made.

        What comes while a batch is being written waits for its end, and then goes out together, unless somebody joins
        in between.
        """
        if not self.batches:
            pending, audiences = self.pending, self.audiences
            if len(pending) == 1 and len(audiences) == 1:
                ((wire, audience),) = audiences.items()
                if len(audience) <= most:
                    # What most turns of most channels are: one fact, in one wire, for few.
                    fact, exclude = pending.pop()
                    if frame := wire.pack(fact):
                        write_others(audience, exclude, frame, _close, self.meter)
                    return len(audience)
            self._seal()
        batches = self.batches
        written = 0
        while batches and written < most:
            written += batches[0].write(most - written, self.meter)
            if batches[0].is_done:
                for call in batches.popleft().calls or ():
                    call()
        if not batches:
            self.batches = None
        return written

    def when_written(self, call: Callable[[], object]) -> None:
        """Call when what is on its way now has been written, whatever comes after it; now if nothing is."""
        self._seal()
        if not self.batches:
            call()
            return
        last = self.batches[-1]
        if last.calls is None:
            last.calls = []
        last.calls.append(call)

    @property
    def is_at_rest(self) -> bool:
        """Whether nothing is on its way."""
        return not self.pending and not self.batches

    def _seal(self) -> None:
        """Pack what is pending, once per wire, for those who are subscribed now."""
        if not self.pending:
            return
        pending, self.pending = self.pending, []
        if self.batches is None:
            self.batches = deque()
        for wire, audience in self.audiences.items():
            everyone = list(audience)
            frames = [(frame, exclude) for fact, exclude in pending if (frame := wire.pack(fact))]
            for part in _parts(frames):
                gone = {exclude for _, exclude in part if exclude is not None and exclude in audience}
                for connection in gone:
                    rest = [frame for frame, exclude in part if exclude is not connection]
                    if rest:
                        self.batches.append(Batch(b"".join(rest), len(rest), [connection], None))
                joined = part[0][0] if len(part) == 1 else b"".join([frame for frame, _ in part])
                self.batches.append(Batch(joined, len(part), everyone, gone or None))


def whispers(schedule: Callable[[Callable[[], None]], object]) -> Whispers:
    """Give what one of two in a channel tells the other by: what is said there is written soon, by `schedule`."""
    return Whispers(schedule, _close, LARGEST_WRITE)


def _close(connection: Connection, error: Exception) -> None:
    """Close a connection that broke its promise not to raise: it must not silence the others."""
    refusal = INTERNAL()
    refusal.__cause__ = error  # passed on, to be logged
    connection.close(refusal)


def _parts(frames: list[Framed]) -> Iterator[list[Framed]]:
    """Cut what goes out together into parts of about LARGEST_WRITE; none of nothing."""
    part: list[Framed] = []
    size = 0
    for framed in frames:
        if part and size + len(framed[0]) > LARGEST_WRITE:
            yield part
            part, size = [], 0
        part.append(framed)
        size += len(framed[0])
    if part:
        yield part
