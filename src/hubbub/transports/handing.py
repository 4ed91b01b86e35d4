"""What two nodes say to each other about a request that came to one and is answered by the other.

The *asker* is who has the client's connection, the *holder* who has the session. Each request has an id, which begins
with what stands for the asker's process. Knows: these words and their bytes. Does not know who says what when.
"""

from typing import Final

import msgspec

WINDOW: Final = 65_536
"""Bytes of an answer that the holder may be ahead of what the client has taken, and then one piece more."""

PIECE: Final = 65_536
"""Bytes of the largest piece of an answer."""

SPACE: Final = 65_536
"""Bytes of a word besides a request's head and body, or a piece."""

Headers = list[tuple[bytes, bytes]]


class Word(msgspec.Struct, frozen=True, array_like=True, gc=False, tag_field="word"):
    """What is said of the request `id`."""

    id: bytes


class Asked(Word, frozen=True, array_like=True, gc=False, tag="asked"):
    """To the holder: answer this, as far as ASGI tells it. `kind` says whose sessions it is about."""

    asker: str
    kind: str
    method: str
    path: str
    parameters: dict[str, str]
    query: bytes
    headers: Headers
    scheme: str
    client: tuple[str, int] | None
    body: bytes


class Took(Word, frozen=True, array_like=True, gc=False, tag="took"):
    """To the holder: the client has taken so many bytes more."""

    size: int


class Left(Word, frozen=True, array_like=True, gc=False, tag="left"):
    """To the holder: the client is gone, or the answer is of no use any more."""


class Stopping(Word, frozen=True, array_like=True, gc=False, tag="stopping"):
    """To the holder: the asker stops; tell the client to come back."""


class Forgot(Word, frozen=True, array_like=True, gc=False, tag="forgot"):
    """To the holder: all clients are gone whose requests begin with this."""


class Head(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """How an answer begins."""

    status: int
    headers: Headers


class Said(Word, frozen=True, array_like=True, gc=False, tag="said"):
    """To the asker: the next piece of the answer. They are numbered from 0, which has the head."""

    number: int
    head: Head | None
    body: bytes
    is_last: bool


class Broken(Word, frozen=True, array_like=True, gc=False, tag="broken"):
    """To the asker: break the client's connection."""


class Moved(Word, frozen=True, array_like=True, gc=False, tag="moved"):
    """To the asker: the session is not there any more; find out anew who has it."""


Spoken = Asked | Took | Left | Stopping | Forgot | Said | Broken | Moved

encode = msgspec.msgpack.Encoder().encode
decode = msgspec.msgpack.Decoder(Spoken).decode
