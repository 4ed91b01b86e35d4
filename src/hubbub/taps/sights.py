"""What a viewer of an application sees of it: one value for each thing that happens, small enough to be sent about.

Knows: the kinds of happenings, as Pusher's debug console has them, and how much of a payload is shown. Does not know
who looks.
"""

import time
from enum import StrEnum
from typing import Final

import msgspec

MOST_DATA: Final = 400
"""Characters of a payload that are shown."""

MOST_TEXT: Final = 2500
"""Characters of an explanation: a signature error holds the whole request."""


class Kind(StrEnum):
    """What kind of thing happened."""

    CONNECTION = "connection"
    DISCONNECTION = "disconnection"
    OCCUPIED = "occupied"
    VACATED = "vacated"
    SUBSCRIBED = "subscribed"
    UNSUBSCRIBED = "unsubscribed"
    API_MESSAGE = "api_message"
    CLIENT_EVENT = "client_event"
    PRESENCE = "presence"
    SIGN_IN = "sign_in"
    CLIENT_ERROR = "client_error"
    API_ERROR = "api_error"
    WEBHOOK_SENT = "webhook_sent"
    WEBHOOK_FAILED = "webhook_failed"


URGENT: Final = frozenset({Kind.DISCONNECTION, Kind.CLIENT_ERROR, Kind.API_ERROR, Kind.WEBHOOK_FAILED})
"""What answers the question why something does not work. More of these are shown than of others."""


class Sight(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One thing that happened, `at` milliseconds since 1970. What does not apply is empty.

    `data` is how a payload of `size` bytes begins; `text` says why, or what came of it; `code` is a close code or a
    status of HTTP. `incident` is the reference of its entry in the error log. `node` is where it was seen.
    """

    at: int
    kind: Kind
    socket_id: str = ""
    channel: str = ""
    event: str = ""
    user_id: str = ""
    data: str = ""
    size: int = 0
    text: str = ""
    code: int | None = None
    incident: str = ""
    node: str = ""


def sight(  # noqa: PLR0913 - a value's fields
    kind: Kind,
    *,
    socket_id: str = "",
    channel: str = "",
    event: str = "",
    user_id: str = "",
    data: str = "",
    text: str = "",
    code: int | None = None,
    incident: str = "",
) -> Sight:
    """Make one of what happens now, its texts cut to what is shown."""
    return Sight(
        time.time_ns() // 1_000_000,
        kind,
        socket_id,
        channel[:MOST_DATA],
        event[:MOST_DATA],
        user_id[:MOST_DATA],
        data[:MOST_DATA],
        size_of(data),
        text[:MOST_TEXT],
        code,
        incident,
    )


def size_of(text: str) -> int:
    """Give the bytes of a text in UTF-8."""
    return len(text) if text.isascii() else len(text.encode(errors="surrogatepass"))
