"""One channel in this process: its audience by wire, its local members, and the messages on their way.

Knows order: what was delivered first is written first, to those who were subscribed at that moment and still are. Does
not know when it is its turn; the hub decides.
"""

from collections import deque
from collections.abc import Callable, Iterator

from hubbub.errors import INTERNAL
from hubbub.hub.connection import Connection, Wire
from hubbub.messages import Fact
from hubbub.native import write_all

LARGEST_WRITE = 65_536
"""Bytes that are joined for one write. What a kernel's buffer takes at once needs no room in ours."""

Framed = tuple[bytes, Connection | None]
"""A frame and who shall not get it."""


class Batch:
    """What a channel received in one turn, packed for one wire, and who has yet to be written to."""

    __slots__ = ("audience", "calls", "frames", "gone", "position")

    def __init__(self, frames: bytes, audience: list[Connection], gone: set[Connection] | None) -> None:
        self.frames = frames
        self.audience = audience
        self.gone = gone
        self.position = 0
        self.calls: list[Callable[[], object]] | None = None  # to be made when it is written

    def write(self, most: int) -> int:
        """Write to at most `most` of those left; give how many that were."""
        start, audience = self.position, self.audience
        self.position = stop = min(start + most, len(audience))
        if self.gone:
            part = [connection for connection in audience[start:stop] if connection not in self.gone]
            write_all(part, 0, len(part), self.frames, _close)
        else:
            write_all(audience, start, stop, self.frames, _close)
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
    """A channel with at least one subscriber here."""

    __slots__ = ("_batches", "_pending", "audiences", "name", "users")

    def __init__(self, name: str) -> None:
        self.name = name
        self.audiences: dict[Wire, dict[Connection, str | None]] = {}
        """Per wire the connections, each with its user id if it is a member's."""
        self.users: dict[str, int] = {}
        """Connections here of each member."""
        self._pending: list[tuple[Fact, Connection | None]] = []
        self._batches: deque[Batch] | None = None

    def __len__(self) -> int:
        return sum(map(len, self.audiences.values()))

    def __contains__(self, connection: Connection) -> bool:
        audience = self.audiences.get(connection.wire)
        return audience is not None and connection in audience

    def add(self, connection: Connection, user_id: str | None) -> None:
        """Let `connection` hear what is delivered from now on."""
        self._seal()
        self.audiences.setdefault(connection.wire, {})[connection] = user_id
        if user_id is not None:
            self.users[user_id] = self.users.get(user_id, 0) + 1

    def remove(self, connection: Connection) -> None:
        """Write no more to `connection`, not even what is on its way."""
        audience = self.audiences[connection.wire]
        user_id = audience.pop(connection)
        if not audience:
            del self.audiences[connection.wire]
        for batch in self._batches or ():
            batch.leave_out(connection)
        if user_id is not None:
            self.users[user_id] -= 1
            if not self.users[user_id]:
                del self.users[user_id]

    def put(self, fact: Fact, exclude: Connection | None) -> bool:
        """Take a fact to deliver to all but `exclude`; tell whether the channel was at rest until now."""
        rested = not self._pending and not self._batches
        self._pending.append((fact, exclude))
        return rested

    def write(self, most: int) -> int:
        """Make at most `most` writes of what is on its way; give how many were made.

        What comes while a batch is being written waits for its end, and then goes out together, unless somebody joins
        in between.
        """
        if not self._batches:
            pending, audiences = self._pending, self.audiences
            if len(pending) == 1 and len(audiences) == 1:
                ((wire, audience),) = audiences.items()
                if len(audience) <= most:
                    # What most turns of most channels are: one fact, in one wire, for few.
                    fact, exclude = pending.pop()
                    everyone = list(audience)
                    if exclude is not None and exclude in audience:
                        everyone.remove(exclude)
                    if frame := wire.pack(fact):
                        write_all(everyone, 0, len(everyone), frame, _close)
                    return len(everyone)
            self._seal()
        batches = self._batches
        written = 0
        while batches and written < most:
            written += batches[0].write(most - written)
            if batches[0].is_done:
                for call in batches.popleft().calls or ():
                    call()
        if not batches:
            self._batches = None
        return written

    def when_written(self, call: Callable[[], object]) -> None:
        """Call when what is on its way now has been written, whatever comes after it; now if nothing is."""
        self._seal()
        if not self._batches:
            call()
            return
        last = self._batches[-1]
        if last.calls is None:
            last.calls = []
        last.calls.append(call)

    @property
    def is_at_rest(self) -> bool:
        """Whether nothing is on its way."""
        return not self._pending and not self._batches

    def _seal(self) -> None:
        """Pack what is pending, once per wire, for those who are subscribed now."""
        if not self._pending:
            return
        pending, self._pending = self._pending, []
        if self._batches is None:
            self._batches = deque()
        for wire, audience in self.audiences.items():
            everyone = list(audience)
            frames = [(frame, exclude) for fact, exclude in pending if (frame := wire.pack(fact))]
            for part in _parts(frames):
                gone = {exclude for _, exclude in part if exclude is not None and exclude in audience}
                for connection in gone:
                    rest = b"".join([frame for frame, exclude in part if exclude is not connection])
                    if rest:
                        self._batches.append(Batch(rest, [connection], None))
                joined = part[0][0] if len(part) == 1 else b"".join([frame for frame, _ in part])
                self._batches.append(Batch(joined, everyone, gone or None))


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
