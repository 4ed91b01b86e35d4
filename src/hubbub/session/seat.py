"""A Phoenix client's place in one topic: what the hub writes to."""

from collections.abc import Callable

from hubbub.errors import Refusal
from hubbub.hub.connection import Connection, Wire
from hubbub.protocols.phoenix import Ref


class Seat:
    """One join. A socket may have joined one channel by two topics, so each is a connection of its own to the hub."""

    __slots__ = ("_client", "channel", "join_ref", "user_id", "wire")

    def __init__(self, client: Connection, wire: Wire, channel: str, join_ref: Ref) -> None:
        self._client = client
        self.wire = wire
        self.channel = channel
        self.join_ref = join_ref
        self.user_id: str | None = None
        """Who it is as a member; None where the channel has more than it tells of."""

    @property
    def write(self) -> Callable[[bytes], object]:
        """The socket's: what a closed socket discards, its seats discard too."""
        return self._client.write

    def close(self, refusal: Refusal) -> None:
        """Close the whole socket."""
        self._client.close(refusal)
