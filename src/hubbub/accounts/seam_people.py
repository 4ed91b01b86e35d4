"""What the use-cases of signing in and of the administration ask of where accounts are kept.

Knows: the questions, as `seam` does, of which this is the other half. Does not know the database.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, Protocol, TypedDict, Unpack

from hubbub.accounts.domain import Enrollment, HeldApplication, Organization, Page, User
from hubbub.accounts.listing import Listing
from hubbub.accounts.people import (
    AuditEntry,
    BrowserSession,
    Credentials,
    Deeds,
    Holding,
    KeptBrowser,
    Profile,
    Proof,
    RememberedSignIn,
    Series,
    UserToken,
)

Trait = Literal["is_root", "is_confirmed", "is_locked", "must_change_password", "has_second_factor"]
"""What users can be told apart by. Locked is who was shut out and has not signed in since."""


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
    second_factor_secret: str | None
    second_factor_since: datetime | None
    second_factor_step: int | None


class People(Protocol):
    """Users with what they sign in by, archived ones too."""

    async def find(self, user_id: int) -> Credentials | None:
        """Give one, by id."""

    async def by_email(self, email: str) -> Credentials | None:
        """Give one, by e-mail address: any text at all, of which an id is none."""

    async def by_letter(self, errand: Proof, token_hash: str) -> Credentials | None:
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


class Browsers(Protocol):
    """Browsers that are signed in."""

    async def by_token(self, token_hash: str) -> KeptBrowser | None:
        """Give the one whose cookie has a text with this hash, however old."""

    async def add(
        self,
        user_id: int,
        *,
        token_hash: str,
        at: datetime,
        address: str | None,
        user_agent: str | None,
        remembered_id: int | None,
    ) -> BrowserSession:
        """Create one, of somebody who signed in at that time."""

    async def add_halfway(
        self,
        user_id: int,
        *,
        token_hash: str,
        at: datetime,
        address: str | None,
        user_agent: str | None,
        wants_remembering: bool,
    ) -> BrowserSession:
        """Create one, of somebody who gave the right password at that time, and has a code to give."""

    async def use(self, session_id: int, address: str | None) -> None:
        """Note that one, if it is still there, was used now, and from where."""

    async def of(self, user_id: int, since: datetime) -> Sequence[BrowserSession]:
        """Give those of a user, not halfway, that were used since then or stay signed in, the one used last first."""

    async def find(self, user_id: int, reference: str) -> BrowserSession | None:
        """Give one of a user, by id, however old."""

    async def end(self, session_id: int) -> None:
        """End one; if it stays signed in, that too."""

    async def end_all(self, user_id: int, *, but: int | None = None) -> None:
        """End all of a user, those that stay signed in too, but for this one."""

    async def forget(self, before: datetime, *, remembered_id: int | None) -> None:
        """Forget those last used before then that do not stay signed in, and those that stay so by this row."""


class RecoveryCodes(Protocol):
    """Codes that are good once in place of the second factor."""

    async def replace(self, user_id: int, hashes: Collection[str]) -> None:
        """Give a user those with these hashes in place of any others."""

    async def use(self, user_id: int, code_hash: str) -> bool:
        """Use one up; False if there is none, or it was used."""

    async def left(self, user_id: int) -> int:
        """Tell how many of a user's were not used."""


class Register(Protocol):
    """Everything there is, for the administration."""

    async def users(self, listing: Listing, *, archived: bool | None, traits: Mapping[Trait, bool]) -> Page[Profile]:
        """Give users, searched by name and address, that have these traits or not; None in `archived` is both."""

    async def organizations(self, listing: Listing, *, archived: bool | None) -> Page[Organization]:
        """Give organizations, searched by name and slug."""

    async def enrollments(
        self,
        listing: Listing,
        *,
        user_id: int | None,
        organization_id: int | None,
        is_admin: bool | None,
        can_publish: bool | None,
    ) -> Page[Enrollment]:
        """Give enrollments, searched by the user and the organization; None is any of these."""

    async def applications(
        self, listing: Listing, *, archived: bool | None, organization_id: int | None
    ) -> Page[HeldApplication]:
        """Give applications, held by an organization, searched by name and active key, as their owners see them."""

    async def ownerships(
        self, listing: Listing, *, organization_id: int | None, application_id: int | None, is_owned: bool | None
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

    async def page(self, *, organization_id: int | None, deeds: Deeds, limit: int, offset: int) -> Page[AuditEntry]:
        """Give those of an organization, or all, that are such deeds, the newest first, with names."""
