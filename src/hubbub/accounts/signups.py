"""Signing up: becoming a user without being asked.

Knows: that an organization may be made with the user. Does not know how the address is confirmed: `confirmations` does.
"""

import secrets

from hubbub.accounts.confirmations import write_confirmation
from hubbub.accounts.domain import Organization, User
from hubbub.accounts.fields import TAKEN, Fields, invalid
from hubbub.accounts.password_rule import new_password
from hubbub.accounts.passwords import apart, hash_password
from hubbub.accounts.people import Letter, SignedUp
from hubbub.accounts.policy import Policy
from hubbub.accounts.post import Post
from hubbub.accounts.seam import Work
from hubbub.accounts.slugs import free_slug, slug_of
from hubbub.accounts.transactions import Transactions
from hubbub.errors import FORBIDDEN


class SignUps:
    """The use-cases of signing up."""

    def __init__(self, transactions: Transactions, policy: Policy, post: Post) -> None:
        self._transactions = transactions
        self._policy = policy
        self._post = post

    @property
    def are_open(self) -> bool:
        """Whether anybody may sign up here."""
        return self._policy.sign_up

    async def sign_up(
        self,
        *,
        name: object,
        email: object,
        password: object,
        organization: object = None,
        address: str | None = None,
    ) -> SignedUp:
        """Create a user, and the organization of that name with the user as its admin, if one is named.

        Mails a letter that confirms the address. `address` is where on the network it is done from. INVALID in the
        field `email` for one that is taken; FORBIDDEN where the setting `sign_up` is off.
        """
        checked, at, secret, called = self._checked(name, email, password, organization)
        async with self._transactions.reading_for_anybody() as work:  # before the work of hashing a password
            await _refuse_taken(work, at)
        password_hash = await apart(hash_password, secret)
        async with self._transactions.writing_for_anybody(address) as work:
            await _refuse_taken(work, at)
            made, letter = await _make(work, name=checked, email=at, password_hash=password_hash, organization=called)
        await self._post(letter)
        return made

    async def ask(
        self,
        *,
        name: object,
        email: object,
        password: object,
        organization: object = None,
        address: str | None = None,
    ) -> None:
        """Do the same for somebody who may not know which addresses are taken.

        Nothing tells them, nor how long it takes: whose address it is gets the letter `already`.
        """
        checked, at, secret, called = self._checked(name, email, password, organization)
        password_hash = await apart(hash_password, secret)
        letter = None
        async with self._transactions.writing_for_anybody(address) as work:
            taken = await work.people.by_email(at)
            if taken is None:
                _, letter = await _make(work, name=checked, email=at, password_hash=password_hash, organization=called)
            else:
                await work.journal.audit(None, "user.sign_up_again", f"user:{taken.user.id}")
                if taken.user.archived_at is None:
                    letter = Letter(errand="already", user=taken.user, email=at)
        if letter is not None:
            await self._post(letter)

    def _checked(
        self, name: object, email: object, password: object, organization: object
    ) -> tuple[str, str, str, str | None]:
        if not self._policy.sign_up:
            raise FORBIDDEN(problem="signing up is switched off here, ask for an invitation")
        with Fields() as fields:
            checked, at = fields.text("name", name), fields.email("email", email)
            secret = new_password(fields, "password", password, at)
            called = None if organization in (None, "") else fields.text("organization", organization)
        return checked, at, secret, called


async def _refuse_taken(work: Work, email: str) -> None:
    if await work.people.by_email(email) is not None:
        raise invalid("email", TAKEN)


async def _make(
    work: Work, *, name: str, email: str, password_hash: str, organization: str | None
) -> tuple[SignedUp, Letter]:
    """Create the user, and the organization if one is named; give them, and the letter that confirms the address."""
    user = await work.people.add(name=name, email=email, password_hash=password_hash)
    await work.journal.audit(user.id, "user.sign_up", f"user:{user.id}")
    made = None if organization is None else await _organization(work, user, organization)
    return SignedUp(user=user, organization=made), await write_confirmation(work, user, email)


async def _organization(work: Work, user: User, name: str) -> Organization:
    slug = slug_of(name) or f"org-{secrets.token_hex(4)}"
    free = free_slug(slug, await work.organizations.slugs_like(slug))
    made = await work.organizations.add(name=name, slug=free)
    await work.enrollments.add(made.id, user.id, is_admin=True, can_publish=True)
    await work.journal.audit(user.id, "organization.create", free, organization_id=made.id)
    return made
