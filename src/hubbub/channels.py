"""Channel names: which are valid, and what kind of channel a name means.

Pure. The kind is read from the prefix alone (pusher-protocol: "test longest first"); a name that merely contains a
prefix later on is public.
"""

import re
from enum import Enum

from hubbub.errors import CHANNEL_INVALID, CHANNEL_TOO_LONG

USER_PREFIX = "#server-to-user-"

INTERNAL_PREFIX = "#"
"""What begins so is nobody's to list, and raises no webhooks."""

_CACHE_PREFIXES = ("cache-", "private-cache-", "private-encrypted-cache-", "presence-cache-")

_NAME = re.compile(r"[-a-zA-Z0-9_=@,.;]+", re.ASCII)


class Kind(Enum):
    """What a channel asks of its subscribers."""

    PUBLIC = "public"
    PRIVATE = "private"
    PRESENCE = "presence"
    ENCRYPTED = "encrypted"
    USER = "user"

    def __init__(self, value: str) -> None:
        self.needs_auth = value in ("private", "presence", "encrypted")
        """Whether a subscription must be signed with the application's secret."""
        self.takes_client_events = value in ("private", "presence")
        """Whether clients may talk to each other here.

        Encrypted channels are left out: the server cannot tell ciphertext from plaintext, and every official library
        refuses to send there.
        """


# To name a member of an Enum takes 50 ns, a third of what it takes to find one here.
_PRIVATE, _ENCRYPTED, _PRESENCE, _USER, _PUBLIC = Kind.PRIVATE, Kind.ENCRYPTED, Kind.PRESENCE, Kind.USER, Kind.PUBLIC


def kind_of(name: str) -> Kind:
    """Give the kind of the channel called `name`, valid or not."""
    if name.startswith("private-"):
        return _ENCRYPTED if name.startswith("private-encrypted-") else _PRIVATE
    if name.startswith("presence-"):
        return _PRESENCE
    if name.startswith(USER_PREFIX):
        return _USER
    return _PUBLIC


def is_cache(name: str) -> bool:
    """Tell whether a channel shows its last event to who comes later: a property that four kinds may have."""
    return name.startswith(_CACHE_PREFIXES)


def about(user_id: str) -> str:
    """Name the channel in which nodes tell each other of a user. `check_name` lets no client have it."""
    return f"#about-{user_id}"


def check_name(name: str, limit: int) -> None:
    """Raise CHANNEL_INVALID or CHANNEL_TOO_LONG unless `name` may name a channel of at most `limit` characters.

    `#server-to-user-ID` is valid with an ID of the same alphabet and limit: `#` opens nothing else.
    """
    bare = name.removeprefix(USER_PREFIX)
    if len(bare) > limit:
        raise CHANNEL_TOO_LONG(length=len(bare), limit=limit)
    if _NAME.fullmatch(bare) is None:
        raise CHANNEL_INVALID(channel=name)
