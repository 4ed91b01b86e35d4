"""Users as signing in, their own pages and the administration see them.

Knows: what is kept of a user beside the name, and what is given out once. Does not know the tables, nor the rules. No
secret is ever in a `repr`, a hash of one neither.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

import msgspec

from hubbub.accounts.domain import Grant, Identity, Organization, Ownership, Token, User

Errand = Literal["confirm", "reset", "unlock"]
"""What the text of a letter is good for."""


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """A user, with what only they and root users see. `current` is the newest sign-in, `last` the one before."""

    user: User
    must_change_password: bool
    password_changed_at: datetime | None
    unconfirmed_email: str | None
    confirmed_at: datetime | None
    failed_attempts: int
    locked_at: datetime | None
    sign_in_count: int
    current_sign_in_at: datetime | None
    current_sign_in_address: str | None
    last_sign_in_at: datetime | None
    last_sign_in_address: str | None


class Credentials(msgspec.Struct, frozen=True, kw_only=True):
    """A user, with what a password is checked against, and when the letters that are still good were made."""

    profile: Profile
    password_hash: str
    confirmation_sent_at: datetime | None
    reset_sent_at: datetime | None

    @property
    def user(self) -> User:
        """The user."""
        return self.profile.user

    def __repr__(self) -> str:
        return f"Credentials(profile={self.profile!r})"


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be mailed to `email`: `text` is good once, for its errand, and kept nowhere."""

    errand: Errand
    user: User
    email: str
    text: str

    def __repr__(self) -> str:
        return f"Letter(errand={self.errand!r}, user={self.user!r}, email={self.email!r})"


class SignedUp(msgspec.Struct, frozen=True, kw_only=True):
    """A new user, and the organization that was made with them, if any."""

    user: User
    organization: Organization | None


class SignedIn(msgspec.Struct, frozen=True, kw_only=True):
    """A user who signed in, and when: whoever keeps both in a cookie can ask whether they still count."""

    user: User
    at: datetime
    must_change_password: bool

    @property
    def identity(self) -> Identity:
        """Who asks, for the other use-cases."""
        return Identity(self.user, Grant(user_id=self.user.id, token_id=None, expires_at=float("inf")))


class Cookie(msgspec.Struct, frozen=True, kw_only=True):
    """What a browser that stays signed in keeps, and until when."""

    text: str
    expires_at: datetime

    def __repr__(self) -> str:
        return f"Cookie(expires_at={self.expires_at!r})"


class RememberedSignIn(msgspec.Struct, frozen=True, kw_only=True):
    """A browser that stays signed in, as lists show it."""

    id: int
    created_at: datetime
    used_at: datetime
    expires_at: datetime


class Series(msgspec.Struct, frozen=True, kw_only=True):
    """A browser that stays signed in, whose it is, and the hash of the token it should have."""

    remembered: RememberedSignIn
    profile: Profile
    token_hash: str

    def __repr__(self) -> str:
        return f"Series(remembered={self.remembered!r})"


class UserToken(msgspec.Struct, frozen=True, kw_only=True):
    """A user token, and whose it is."""

    token: Token
    user: User


class Holding(msgspec.Struct, frozen=True, kw_only=True):
    """An ownership, and of what."""

    application_id: int
    application_name: str
    ownership: Ownership


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """Who did what to what, when, and from where. `user` is None for the operator, and for nobody in particular."""

    id: int
    user: User | None
    organization_id: int | None
    application_id: int | None
    action: str
    subject: str
    address: str | None
    details: Mapping[str, Any]
    created_at: datetime
