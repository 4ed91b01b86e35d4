"""What only root users see, as use-cases take and give it.

Knows: what it is made of. Does not know the tables, nor who may see it. No secret is ever in a `repr`.
"""

from datetime import UTC, datetime
from typing import Literal

import msgspec

from hubbub.accounts.domain import Invitation, User
from hubbub.accounts.domain_webhooks import HeldEndpoint

State = Literal["open", "accepted", "revoked", "expired"]
"""What has become of an invitation."""


class KeptInvitation(msgspec.Struct, frozen=True, kw_only=True):
    """An invitation, who made it, and what has become of it. `invited_by` is None for the operator."""

    invitation: Invitation
    invited_by: User | None
    accepted_at: datetime | None
    revoked_at: datetime | None

    @property
    def state(self) -> State:
        """What has become of it by now."""
        if self.accepted_at is not None:
            return "accepted"
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.invitation.expires_at <= datetime.now(UTC) else "open"


class KeptEndpoint(msgspec.Struct, frozen=True, kw_only=True):
    """An endpoint of webhooks, and of which application."""

    application_id: int
    application_name: str
    endpoint: HeldEndpoint


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """How much there is. What is archived, invalidated or no longer open is not counted; `locked` users are."""

    users: int
    roots: int
    locked: int
    organizations: int
    enrollments: int
    applications: int
    ownerships: int
    tokens: int
    invitations: int
    endpoints: int
    entries: int


class NewUser(msgspec.Struct, frozen=True, kw_only=True):
    """A user just made, with the password that is good for the first sign-in; None if they were sent a letter."""

    user: User
    password: str | None

    def __repr__(self) -> str:
        return f"NewUser(user={self.user!r})"
