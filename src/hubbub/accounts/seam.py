"""What the use-cases ask of where accounts are kept.

Knows: the questions, grouped by noun, and that those of one `Work` are one transaction. Does not know the database.

References are texts as somebody sent them: any text at all, of which only the usual ones are found. An organization's
is its id or slug, an application's its id or an active key, a user's the id or e-mail address. Every question raises
the refusal STORE_UNAVAILABLE while the store is away.
"""

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Any, Literal, Protocol

from hubbub.accounts.domain import (
    Enrollment,
    HeldApplication,
    Invitation,
    Organization,
    Ownership,
    Page,
    Place,
    Standing,
    Token,
    User,
)
from hubbub.accounts.seam_incidents import Incidents
from hubbub.accounts.seam_people import Audit, Browsers, People, RecoveryCodes, Register, Remembered
from hubbub.accounts.seam_records import Records
from hubbub.accounts.seam_webhooks import Webhooks
from hubbub.apps import Application


class Users(Protocol):
    """Users, archived ones too unless told."""

    async def find(self, reference: str) -> User | None:
        """Give one, by id or e-mail address."""

    async def page(self, *, archived: bool, limit: int, offset: int) -> Page[User]:
        """Give those archived, or those not, by id."""

    async def signed_in(self, user_id: int, token_id: int | None) -> User | None:
        """Give one who is not archived, and whose token, unless that is None, is not invalidated."""

    async def bearer(self, token_hash: str) -> tuple[User, int] | None:
        """Give the user, not archived, of a token, not invalidated, and the token's id."""

    async def is_admin_somewhere(self, user_id: int) -> bool:
        """Tell whether they are an admin of any organization that is not archived."""

    async def may_publish_to(self, user_id: int, application_id: str, keys: Sequence[str]) -> bool | None:
        """Tell whether any of their enrollments lets them publish to an application; None without any.

        Those count whose organization, not archived, holds the application, not archived.

        One of `keys` must be an active key of it: an id alone may be that of an application declared by settings.
        """

    async def another_root(self, user_id: int) -> bool:
        """Tell whether there is a root user, not archived, other than this one."""

    async def add(self, *, name: str, email: str, password_hash: str, is_root: bool) -> User:
        """Create one whose address is confirmed. The caller has seen that no other has it."""

    async def archive(self, user_id: int, *, archived: bool) -> User:
        """Archive one, or bring one back."""


class Organizations(Protocol):
    """Organizations, archived ones too unless told."""

    async def find(self, reference: str) -> Organization | None:
        """Give one, by id or slug."""

    async def standing(self, user_id: int, reference: str) -> Standing | None:
        """Give one and where the user stands toward it, in a single question."""

    async def page(self, user_id: int | None, *, archived: bool, limit: int, offset: int) -> Page[Organization]:
        """Give those archived, or those not, by id; with a user those they are enrolled in, or archived: admin of."""

    async def places(self, user_id: int, *, archived: bool, limit: int, offset: int) -> Page[Place]:
        """Give those that the user is enrolled in, by name, or the archived ones that they are an admin of."""

    async def slugs_like(self, slug: str) -> set[str]:
        """Give the slugs there are that begin with this one."""

    async def add(self, *, name: str, slug: str) -> Organization:
        """Create one. The caller has seen that the slug is free."""

    async def rename(self, organization_id: int, name: str) -> Organization:
        """Give one another name."""

    async def archive(self, organization_id: int, *, archived: bool) -> Organization:
        """Archive one, or bring one back."""


class Enrollments(Protocol):
    """Enrollments, those of archived users too unless told."""

    async def find(self, organization_id: int, user_id: int) -> Enrollment | None:
        """Give that of a user in an organization."""

    async def page(self, organization_id: int, *, limit: int, offset: int) -> Page[Enrollment]:
        """Give those of an organization, by the user's id."""

    async def another_admin(self, organization_id: int, user_id: int) -> bool:
        """Tell whether the organization has an admin, not archived, other than this user."""

    async def add(self, organization_id: int, user_id: int, *, is_admin: bool, can_publish: bool) -> Enrollment:
        """Enroll a user. The caller has seen that they are not."""

    async def change(self, organization_id: int, user_id: int, *, is_admin: bool, can_publish: bool) -> Enrollment:
        """Change an enrollment that is there."""

    async def remove(self, organization_id: int, user_id: int) -> None:
        """Remove an enrollment that is there."""


class Applications(Protocol):
    """Applications, archived ones too unless told, and who holds them. Secrets are in them."""

    async def find(self, organization_id: int | None, reference: str) -> HeldApplication | None:
        """Give one that the organization holds, by id or active key; without one, whoever owns it, as its owner."""

    async def page(
        self, organization_id: int | None, *, archived: bool, limit: int, offset: int
    ) -> Page[HeldApplication]:
        """Give those not archived that the organization holds, or those archived that it owns, by id.

        Without one, all, or those archived by themselves or through all of their owners.
        """

    async def publishable(self, organization_id: int, reference: str) -> Application | None:
        """Give one that the organization holds, if neither it nor all its owners are archived."""

    async def by_key(self, key: str) -> Application | None:
        """Give the one that `key` is an active key of, if neither it nor all its owners are archived."""

    async def add(
        self, organization_id: int | None, *, name: str, settings: Mapping[str, Any], key: str, secret: str
    ) -> HeldApplication:
        """Create one that the organization owns; without one, nobody does."""

    async def bring(
        self,
        organization_id: int | None,
        *,
        number: int | None,
        alias: str | None,
        name: str,
        settings: Mapping[str, Any],
        key: str,
        secret: str,
    ) -> HeldApplication:
        """Create one that was elsewhere, as `add` does: with this number, unless that is None, and this alias.

        The caller has seen that nobody has them, nor the key.
        """

    async def find_alias(self, alias: str) -> HeldApplication | None:
        """Give the one with this alias."""

    async def holder_of_key(self, key: str) -> tuple[HeldApplication, str | None] | None:
        """Give the one that a key is of, and its secret; None for that if the key was revoked."""

    async def update(
        self, application_id: int, *, name: str | None = None, settings: Mapping[str, Any] | None = None
    ) -> None:
        """Change what is not None."""

    async def archive(self, application_id: int, *, archived: bool) -> None:
        """Archive one, or bring one back."""

    async def add_pair(self, application_id: int, *, key: str, secret: str) -> None:
        """Add a key pair."""

    async def revoke_pair(self, application_id: int, key: str) -> None:
        """End a key pair that is there."""

    async def held_by(self, organization_id: int) -> Sequence[int]:
        """Give the ids of those that the organization owns or borrows."""

    async def ownerships(self, application_id: int) -> Sequence[Ownership]:
        """Give who holds it, the earliest first."""

    async def holders(self, application_ids: Collection[int]) -> Mapping[int, Sequence[Ownership]]:
        """Give who holds each of these, the earliest first."""

    async def lend(self, application_id: int, organization_id: int) -> Ownership:
        """Lend it. The caller has seen that the organization does not hold it."""

    async def end_loan(self, application_id: int, organization_id: int) -> bool:
        """End a loan; False if there is none."""


class Tokens(Protocol):
    """User tokens, invalidated ones too."""

    async def page(self, user_id: int, *, limit: int, offset: int) -> Page[Token]:
        """Give those of a user, the newest first."""

    async def owner_id(self, token_hash: str) -> int | None:
        """Give the id of the user whose token has this hash."""

    async def matching(self, user_id: int, *, reference: str, token_hash: str) -> Sequence[Token]:
        """Give those of a user with this id, prefix or hash."""

    async def add(self, user_id: int, *, token_hash: str, prefix: str) -> Token:
        """Create one."""

    async def invalidate(self, token_id: int) -> Token:
        """End one."""

    async def invalidate_all(self, user_id: int) -> None:
        """End those of a user."""


class Invitations(Protocol):
    """Invitations that can still be accepted: not accepted, revoked or expired, the organization not archived."""

    async def page(self, organization_id: int, *, limit: int, offset: int) -> Page[Invitation]:
        """Give those of an organization, the newest first."""

    async def find(self, organization_id: int, reference: str) -> Invitation | None:
        """Give one of an organization, by id."""

    async def by_hash(self, token_hash: str) -> Invitation | None:
        """Give the one that is accepted by the text with this hash."""

    async def add(  # noqa: PLR0913 - a row's columns
        self,
        organization_id: int,
        *,
        invited_by_id: int | None,
        email: str,
        name: str | None,
        is_admin: bool,
        can_publish: bool,
        token_hash: str,
        expires_at: datetime,
    ) -> Invitation:
        """Create one; an earlier one of that organization to that address is revoked."""

    async def revoke(self, invitation_id: int) -> None:
        """End one."""

    async def accept(self, invitation_id: int) -> None:
        """Note that one was accepted."""


class Journal(Protocol):
    """What is written down beside the data."""

    @property
    def has_changes(self) -> bool:
        """Whether this transaction noted any change."""

    async def note(self, kind: Literal["application", "user"], *subject_ids: int) -> None:
        """Note, for all nodes, that live sockets may feel a change to these."""

    def place(self, address: str | None) -> None:
        """Give every entry of this transaction the network address that it is asked from."""

    async def audit(
        self,
        user_id: int | None,
        action: str,
        subject: str,
        *,
        organization_id: int | None = None,
        application_id: int | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        """Keep who did what to what. No secret belongs in `details`."""


class Work(Protocol):
    """One transaction: what it reads holds until its end, and what it writes is there as a whole or not at all."""

    @property
    def users(self) -> Users:
        """Users."""

    @property
    def organizations(self) -> Organizations:
        """Organizations."""

    @property
    def enrollments(self) -> Enrollments:
        """Enrollments."""

    @property
    def applications(self) -> Applications:
        """Applications."""

    @property
    def tokens(self) -> Tokens:
        """User tokens."""

    @property
    def invitations(self) -> Invitations:
        """Invitations."""

    @property
    def journal(self) -> Journal:
        """The journal of changes, and the audit."""

    @property
    def people(self) -> People:
        """Users with what they sign in by."""

    @property
    def remembered(self) -> Remembered:
        """Browsers that stay signed in."""

    @property
    def browsers(self) -> Browsers:
        """Browsers that are signed in."""

    @property
    def recovery_codes(self) -> RecoveryCodes:
        """Codes that stand in for a second factor."""

    @property
    def register(self) -> Register:
        """Everything there is."""

    @property
    def audit(self) -> Audit:
        """The audit, to be read."""

    @property
    def webhooks(self) -> Webhooks:
        """Endpoints of webhooks, and deliveries."""

    @property
    def incidents(self) -> Incidents:
        """What went wrong."""

    @property
    def records(self) -> Records:
        """What else there is of everybody."""


class Store(Protocol):
    """Where accounts are kept."""

    def reading(self) -> AbstractAsyncContextManager[Work]:
        """Give a transaction that only reads."""

    def work(self) -> AbstractAsyncContextManager[Work]:
        """Give a transaction that may write, committed at the end of the block unless it raises; one at a time."""

    async def server_secret(self, name: str, value: str) -> str:
        """Give the secret kept under `name`; `value` is kept, and given, if there was none. Safe between processes."""
