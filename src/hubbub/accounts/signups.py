"""Signing up: becoming a user without being asked.

Knows: that an organization may be made with the user. Does not know how the address is confirmed: `confirmations` does.
"""

import asyncio
import secrets

from hubbub.accounts.confirmations import write_confirmation
from hubbub.accounts.domain import Organization, User
from hubbub.accounts.fields import TAKEN, Fields, invalid
from hubbub.accounts.password_rule import new_password
from hubbub.accounts.passwords import hash_password
from hubbub.accounts.people import SignedUp
from hubbub.accounts.policy import Policy
from hubbub.accounts.post import Post
from hubbub.accounts.seam import Work
from hubbub.accounts.slugs import free_slug, slug_of
from hubbub.accounts.transactions import Transactions
from hubbub.errors import FORBIDDEN


class SignUps:
    """The use-case of signing up."""

    def __init__(self, transactions: Transactions, policy: Policy, post: Post) -> None:
        self._transactions = transactions
        self._policy = policy
        self._post = post

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
        if not self._policy.sign_up:
            raise FORBIDDEN(problem="signing up is switched off here, ask for an invitation")
        with Fields() as fields:
            checked, at = fields.text("name", name), fields.email("email", email)
            secret = new_password(fields, "password", password, at)
            called = None if organization in (None, "") else fields.text("organization", organization)
        async with self._transactions.reading_for_anybody() as work:  # before the work of hashing a password
            await _refuse_taken(work, at)
        password_hash = await asyncio.to_thread(hash_password, secret)
        async with self._transactions.writing_for_anybody() as work:
            await _refuse_taken(work, at)
            user = await work.people.add(name=checked, email=at, password_hash=password_hash)
            await work.audit.add(user.id, "user.sign_up", f"user:{user.id}", address=address)
            made = None if called is None else await _organization(work, user, called, address)
            letter = await write_confirmation(work, user, at)
        await self._post(letter)
        return SignedUp(user=user, organization=made)


async def _refuse_taken(work: Work, email: str) -> None:
    if await work.people.by_email(email) is not None:
        raise invalid("email", TAKEN)


async def _organization(work: Work, user: User, name: str, address: str | None) -> Organization:
    slug = slug_of(name) or f"org-{secrets.token_hex(4)}"
    free = free_slug(slug, await work.organizations.slugs_like(slug))
    made = await work.organizations.add(name=name, slug=free)
    await work.enrollments.add(made.id, user.id, is_admin=True, can_publish=True)
    await work.audit.add(user.id, "organization.create", free, address=address, organization_id=made.id)
    return made
