"""What the use-cases of signing in and of the administration ask of where accounts are kept.

Knows: the questions, as `seam` does, of which this is the other half. Does not know the database.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol, TypedDict, Unpack

from hubbub.accounts.domain import Enrollment, HeldApplication, Organization, Page, User
from hubbub.accounts.listing import Listing
from hubbub.accounts.people import (
    AuditEntry,
    Credentials,
    Errand,
    Holding,
    Profile,
    RememberedSignIn,
    Series,
    UserToken,
)


class UserChanges(TypedDict, total=False):
    """What may be changed of a user."""

    name: str
    email: str
    is_root: bool
    password_hash: str
    must_change_password: bool
    password_changed_at: datetime
    unconfirmed_email: str | None
    confirmation_token_hash: str | None
    confirmation_sent_at: datetime | None
    confirmed_at: datetime
    reset_token_hash: str | None
    reset_sent_at: datetime | None
    failed_attempts: int
    locked_at: datetime | None
    unlock_token_hash: str | None
    sign_in_count: int
    current_sign_in_at: datetime
    current_sign_in_address: str | None
    last_sign_in_at: datetime | None
    last_sign_in_address: str | None


class People(Protocol):
    """Users with what they sign in by, archived ones too."""

    async def find(self, user_id: int) -> Credentials | None:
        """Give one, by id."""

    async def by_email(self, email: str) -> Credentials | None:
        """Give one, by e-mail address: any text at all, of which an id is none."""

    async def by_letter(self, errand: Errand, token_hash: str) -> Credentials | None:
        """Give the one whose newest letter for this errand has a text with this hash."""

    async def add(self, *, name: str, email: str, password_hash: str) -> User:
        """Create one whose address is not confirmed. The caller has seen that no other has it."""

    async def change(self, user_id: int, **changes: Unpack[UserChanges]) -> Profile:
        """Change what is named."""


class Remembered(Protocol):
    """Browsers that stay signed in, until they expire."""

    async def page(self, user_id: int, *, limit: int, offset: int) -> Page[RememberedSignIn]:
        """Give those of a user, the one used last first."""

    async def by_series(self, series_hash: str) -> Series | None:
        """Give the one whose cookie has this series."""

    async def add(self, user_id: int, *, series_hash: str, token_hash: str, expires_at: datetime) -> RememberedSignIn:
        """Create one, and forget those of the user that have expired."""

    async def use(self, remembered_id: int, token_hash: str) -> None:
        """Give one another token, and note that it was used."""

    async def end(self, user_id: int, reference: str) -> bool:
        """End one of a user, by id; False if there is none."""

    async def end_all(self, user_id: int) -> None:
        """End all of a user."""


class Register(Protocol):
    """Everything there is, for the administration."""

    async def users(self, listing: Listing, *, archived: bool | None) -> Page[Profile]:
        """Give users, searched by name and address; None in `archived` is both."""

    async def organizations(self, listing: Listing, *, archived: bool | None) -> Page[Organization]:
        """Give organizations, searched by name and slug."""

    async def enrollments(
        self, listing: Listing, *, user_id: int | None, organization_id: int | None
    ) -> Page[Enrollment]:
        """Give enrollments, searched by the user and the organization; None is any of these."""

    async def applications(self, listing: Listing, *, archived: bool | None) -> Page[HeldApplication]:
        """Give applications, searched by name and active key, as their owners see them."""

    async def ownerships(
        self, listing: Listing, *, organization_id: int | None, application_id: int | None
    ) -> Page[Holding]:
        """Give ownerships, searched by the organization and the application."""

    async def tokens(self, listing: Listing, *, user_id: int | None, invalidated: bool | None) -> Page[UserToken]:
        """Give user tokens, searched by prefix and the user."""

    async def own(self, application_id: int, organization_id: int, *, is_owned: bool) -> Holding:
        """Make a hold that is there an owner's, or a borrower's."""


class Audit(Protocol):
    """What the journal keeps of who did what."""

    async def add(
        self,
        user_id: int | None,
        action: str,
        subject: str,
        *,
        address: str | None,
        organization_id: int | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        """Keep an entry that has the network address of who did it."""

    async def page(self, *, organization_id: int | None, limit: int, offset: int) -> Page[AuditEntry]:
        """Give those of an organization, or all, the newest first."""
