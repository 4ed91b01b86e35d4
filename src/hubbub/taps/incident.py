"""A thing that went wrong: a request that was refused, or a connection that ended otherwise than by its client's will.

Knows what is noted of one. Does not know where it is kept.
"""

from enum import StrEnum

import msgspec


class Sort(StrEnum):
    """To whom it happened."""

    CLIENT = "client"
    """A client's command was refused, and its connection stays."""

    CLOSED = "closed"
    """A client was not let in, or its connection was ended: by the server, or by the network."""

    API = "api"
    """A request of an application's own server was refused."""


class Particulars(msgspec.Struct, frozen=True, gc=False):
    """Whom it happened to, and at what, as far as that is known.

    `client` is a library and its version, `users` who it came as; `asked` is in a word what it asked for.
    """

    socket_id: str = ""
    users: tuple[str, ...] = ()
    address: str = ""
    client: str = ""
    channel: str = ""
    event: str = ""
    asked: str = ""


NOTHING = Particulars()


class Incident(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One, or `count` of the same reason that came so close together that only this is noted of them.

    `reference` is made up when it happens. `at` is in Unix seconds, `app_id` empty where no application is known.
    `reason` is the name of a reason of `errors`, `text` what was said to who asked.
    """

    reference: str
    app_id: str
    at: float
    sort: Sort
    reason: str
    code: int | None
    status: int
    text: str
    about: Particulars = NOTHING
    node: str = ""
    count: int = 1
