"""Users as signing in, their own pages and the administration see them.

Knows: what is kept of a user beside the name, and what is given out once. Does not know the tables, nor the rules. No
secret is ever in a `repr`, a hash of one neither.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

import msgspec

from hubbub.accounts.domain import Grant, Identity, Invitation, Organization, Ownership, Token, User

Proof = Literal["confirm", "reset", "unlock"]
"""What the text of a letter to a user is good for."""

Errand = Literal[Proof, "invitation", "welcome", "already"]
"""What a letter is for. `already`: somebody, who is told nothing, has signed up with the address of a user."""


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
    second_factor_since: datetime | None


class Credentials(msgspec.Struct, frozen=True, kw_only=True):
    """A user, with what a password and a code are checked against, and when the letters that are good were made.

    `second_factor_step` is the time step of the last code that was used.
    """

    profile: Profile
    password_hash: str
    confirmation_sent_at: datetime | None
    reset_sent_at: datetime | None
    second_factor_secret: str | None
    second_factor_step: int | None

    @property
    def user(self) -> User:
        """The user."""
        return self.profile.user

    def __repr__(self) -> str:
        return f"Credentials(profile={self.profile!r})"


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be mailed to `email`.

    `text` is good once, for its errand, and kept nowhere; `welcome` and `already` have none. `user` is whom it goes to;
    an `invitation` goes to whoever reads it, and has that in `invitation`, and in `user` who invites.
    """

    errand: Errand
    user: User
    email: str
    text: str = ""
    invitation: Invitation | None = None

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


class Halfway(msgspec.Struct, frozen=True, kw_only=True):
    """A user who gave the right password, and when; they are not signed in before they give a code too."""

    user: User
    at: datetime


class Cookie(msgspec.Struct, frozen=True, kw_only=True):
    """What a browser that stays signed in keeps, until when, and the row of that."""

    text: str
    expires_at: datetime
    remembered_id: int

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


class BrowserSession(msgspec.Struct, frozen=True, kw_only=True):
    """A browser that is signed in, as lists show it; one with a `remembered_id` stays so when it is closed."""

    id: int
    remembered_id: int | None
    address: str | None
    user_agent: str | None
    created_at: datetime
    used_at: datetime


class KeptBrowser(msgspec.Struct, frozen=True, kw_only=True):
    """A browser's session, whose it is, and how far it has come: `is_halfway` when a code is still to be given."""

    session: BrowserSession
    profile: Profile
    is_halfway: bool
    wants_remembering: bool


class Entered(msgspec.Struct, frozen=True, kw_only=True):
    """A session just opened: the `text` of its cookie, given this once, and the other cookie of one that stays.

    With `is_halfway` it is good for nothing but giving a code.
    """

    text: str
    session_id: int
    is_halfway: bool = False
    cookie: Cookie | None = None

    def __repr__(self) -> str:
        return f"Entered(session_id={self.session_id!r}, is_halfway={self.is_halfway!r})"


class Resumed(msgspec.Struct, frozen=True, kw_only=True):
    """Who uses a browser that is signed in, as the row is now."""

    identity: Identity
    session_id: int
    must_change_password: bool
    is_remembered: bool


class Setup(msgspec.Struct, frozen=True, kw_only=True):
    """What an authenticator is told: the secret, in base32, and the same as an `otpauth:` URI for a QR code."""

    secret: str
    uri: str

    def __repr__(self) -> str:
        return "Setup()"


class SecondFactor(msgspec.Struct, frozen=True, kw_only=True):
    """How far somebody's second factor is: on `since` then, or begun with a `setup`, or neither."""

    since: datetime | None
    codes_left: int
    setup: Setup | None


class UserToken(msgspec.Struct, frozen=True, kw_only=True):
    """A user token, and whose it is."""

    token: Token
    user: User


class Holding(msgspec.Struct, frozen=True, kw_only=True):
    """An ownership, and of what."""

    application_id: int
    application_name: str
    ownership: Ownership


class Deeds(msgspec.Struct, frozen=True, kw_only=True):
    """Which of the entries: those of a user, by id or e-mail address, about an application, by id, of an action.

    An action is one, such as `invitation.revoke`, or all of a kind, such as `invitation`. Done at `since` or later, and
    before `until`. None is any.
    """

    user: str | None = None
    application: str | None = None
    action: str | None = None
    since: datetime | None = None
    until: datetime | None = None


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """Who did what to what, when, and from where. `user` is None for the operator, and for nobody in particular.

    `names` are the present names of what the entry speaks of by number: `user:7`, `organization:2`, `application:3`.
    `request_id` is that of the log's lines about the same request; None for what no request asked for.
    """

    id: int
    user: User | None
    organization_id: int | None
    application_id: int | None
    action: str
    subject: str
    address: str | None
    details: Mapping[str, Any]
    created_at: datetime
    names: Mapping[str, str] = {}
    request_id: str | None = None
