"""Who takes a letter away.

Knows: what the line of letters asks for. Does not know mail servers, nor folders.
"""

from email.message import EmailMessage
from typing import Protocol

import msgspec


class Item(msgspec.Struct, frozen=True):
    """A letter as it goes out: what it is called in the log, to whom it goes, and the message.

    `secret` is what no log may show of it.
    """

    name: str
    recipient: str
    message: EmailMessage
    secret: str = ""

    def __repr__(self) -> str:
        return f"Item(name={self.name!r})"


class UndeliveredError(Exception):
    """A letter did not go out. `is_temporary`: the same letter may, a while later. The text names no secret."""

    def __init__(self, problem: str, *, is_temporary: bool) -> None:
        super().__init__(problem)
        self.is_temporary = is_temporary


class Carrier(Protocol):
    """Takes letters, several at once."""

    async def carry(self, item: Item) -> str:
        """Take one, and say where it went, for the log. Raises UndeliveredError."""
