"""A client's end of a connection, which notes what it is sent."""

from collections.abc import Callable

from hubbub.errors import Refusal
from hubbub.hub.connection import Wire
from hubbub.messages import Event, Fact, Reply


def line(message: Fact | Reply) -> bytes:
    """Write a message on a line: the plainest wire there can be."""
    return (message.data if isinstance(message, Event) else type(message).__name__).encode() + b"\n"


LINES = Wire("lines", line)


class Recording:
    """Takes what is written to it. Each write counts, so that coalescing can be seen."""

    def __init__(self, wire: Wire = LINES) -> None:
        self.wire = wire
        self.writes: list[bytes] = []
        self.refusals: list[Refusal] = []

    @property
    def write(self) -> Callable[[bytes], object]:
        return self.writes.append

    def close(self, refusal: Refusal) -> None:
        self.refusals.append(refusal)

    @property
    def heard(self) -> list[str]:
        """All lines, in the order they came."""
        return b"".join(self.writes).decode().splitlines()
