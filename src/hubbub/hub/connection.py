"""What the hub needs of a client: somewhere to write, and the wire it is written in."""

from collections.abc import Callable
from typing import Protocol

import msgspec

from hubbub.errors import Refusal
from hubbub.messages import Fact, Reply


class Wire(msgspec.Struct, frozen=True, eq=False, weakref=True):
    """Protocol times framing: how a message becomes the bytes that each connection of this wire gets.

    The bytes of several messages, one after the other, must be a valid stream: the hub joins what a channel received in
    one turn of the loop and writes it once. No bytes: this wire's clients are not told.
    """

    name: str
    pack: Callable[[Fact | Reply], bytes]


class Connection(Protocol):
    """One client's socket, as the hub sees it. Compared by identity."""

    @property
    def wire(self) -> Wire:
        """How this client is written to."""

    @property
    def write(self) -> Callable[[bytes], object]:
        """Takes bytes for the client. Neither blocks nor raises, whatever has become of the socket."""

    def close(self, refusal: Refusal) -> None:
        """Ask that the socket be closed with this refusal's code. Done later, never inside a delivery.

        A refusal with a cause stands for a bug of ours, which is logged.
        """
