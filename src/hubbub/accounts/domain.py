"""The values of the domain, as use-cases take and give them.

Knows: what a user, an organization, an application and the rest are made of. Does not know the tables they are kept
in, nor who may have them. No secret is ever in a `repr`.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

import msgspec

Item = TypeVar("Item")


class Page(msgspec.Struct, Generic[Item], frozen=True):
    """Some of a list, and how many the whole list has."""

    items: tuple[Item, ...]
    total: int


class User(msgspec.Struct, frozen=True, kw_only=True):
    """Someone who can sign in. A root user may do everything everywhere."""

    id: int
    name: str
    email: str
    is_root: bool
    created_at: datetime
    confirmed_at: datetime | None = None
    archived_at: datetime | None = None


class Organization(msgspec.Struct, frozen=True, kw_only=True):
    """A tenant; `slug` is its name in URLs and stays when it is renamed."""

    id: int
    name: str
    slug: str
    created_at: datetime
    archived_at: datetime | None = None


class Enrollment(msgspec.Struct, frozen=True, kw_only=True):
    """A user's place in an organization."""

    user: User
    organization: Organization
    is_admin: bool
    can_publish: bool
    created_at: datetime


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """Where somebody stands toward an organization; all False for who is not enrolled."""

    organization: Organization
    is_enrolled: bool
    is_admin: bool
    can_publish: bool


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """An organization in a list of one of its members: what they may do there, and how much there is."""

    organization: Organization
    is_admin: bool
    can_publish: bool
    applications: int
    members: int


class HeldPair(msgspec.Struct, frozen=True, kw_only=True):
    """An active key of an application and its secret; None for who may not see secrets."""

    key: str
    secret: str | None
    created_at: datetime

    def __repr__(self) -> str:
        return f"HeldPair(key={self.key!r})"


class HeldApplication(msgspec.Struct, frozen=True, kw_only=True):
    """An application as one organization holds it: its own when `is_owned`, else borrowed.

    `key_pairs` are the active ones, oldest first. `settings` are those that differ from the defaults, by name. `alias`
    is the id that it had at another server.
    """

    id: int
    name: str
    key_pairs: tuple[HeldPair, ...]
    settings: Mapping[str, Any]
    is_owned: bool
    created_at: datetime
    archived_at: datetime | None = None
    alias: str | None = None

    @property
    def app_key(self) -> str | None:
        """The newest key; None only if somebody emptied the table of keys."""
        return self.key_pairs[-1].key if self.key_pairs else None

    @property
    def app_secret(self) -> str | None:
        """The newest key's secret; None for who may not see secrets."""
        return self.key_pairs[-1].secret if self.key_pairs else None

    def without_secrets(self) -> "HeldApplication":
        """Give the same application for who may not see secrets."""
        hidden = tuple(HeldPair(key=pair.key, secret=None, created_at=pair.created_at) for pair in self.key_pairs)
        return msgspec.structs.replace(self, key_pairs=hidden)


class Hold(msgspec.Struct, frozen=True, kw_only=True):
    """An application as somebody reaches it, and the organization by which they do; None for root alone."""

    organization: Organization | None
    application: HeldApplication
    may_edit: bool
    may_publish: bool


class Ownership(msgspec.Struct, frozen=True, kw_only=True):
    """An organization that holds an application: owns it, or borrows it when not `is_owned`."""

    organization: Organization
    is_owned: bool
    created_at: datetime


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """A user token as lists show it: `prefix` is the first 8 characters of its text, which is not kept."""

    id: int
    prefix: str
    created_at: datetime
    invalidated_at: datetime | None = None


class NewToken(msgspec.Struct, frozen=True, kw_only=True):
    """A token just made, with its text: shown this once."""

    text: str
    token: Token

    def __repr__(self) -> str:
        return f"NewToken(token={self.token!r})"


class Invitation(msgspec.Struct, frozen=True, kw_only=True):
    """An organization's word to an e-mail address that its holder may enroll."""

    id: int
    organization: Organization
    email: str
    name: str | None
    is_admin: bool
    can_publish: bool
    created_at: datetime
    expires_at: datetime


class NewInvitation(msgspec.Struct, frozen=True, kw_only=True):
    """An invitation just made, with the text that accepts it: for the mail, shown this once."""

    text: str
    invitation: Invitation

    def __repr__(self) -> str:
        return f"NewInvitation(invitation={self.invitation!r})"


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """What a session token lets its holder do; None in `app_id`, `uid` or `topics` is no narrowing.

    `token_id` is the user token it was issued from, None for who signed in by other means. `expires_at` is in Unix
    seconds. `is_channel_only` tokens are for browsers: they open sockets, and nothing else.
    """

    user_id: int
    token_id: int | None
    expires_at: float
    may_join: bool = True
    may_send: bool = True
    is_channel_only: bool = False
    app_id: str | None = None
    uid: str | None = None
    topics: tuple[str, ...] | None = None

    def covers(self, topic: str) -> bool:
        """Tell whether `topic`, a channel's name such as `general`, is among those of the token.

        Each is a name, or ends in `*` and means all names that begin like it.
        """
        if self.topics is None:
            return True
        return any(topic.startswith(one[:-1]) if one.endswith("*") else topic == one for one in self.topics)


class Identity(msgspec.Struct, frozen=True):
    """Who asks: a signed-in user, what they hold to prove it, and where on the network they ask from, if it is known.

    What use-cases keep in the audit has that address.
    """

    user: User
    grant: Grant
    address: str | None = None

    @property
    def row_id(self) -> int | None:
        """The id of the user's row; None for the operator, who has none."""
        return self.user.id or None


OPERATOR = Identity(
    User(id=0, name="operator", email="", is_root=True, created_at=datetime(1970, 1, 1, tzinfo=UTC)),
    Grant(user_id=0, token_id=None, expires_at=float("inf")),
)
"""Who sits at the server's own command line: may do what a root user may, and has no row."""
