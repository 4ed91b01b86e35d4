"""Confirming that an e-mail address is one's own, the first and each later one.

Knows: that a new address counts only when it is confirmed, and how long a letter is good. Does not know mail.
"""

from datetime import UTC, datetime

from hubbub.accounts.attempts import Attempts
from hubbub.accounts.domain import Identity, User
from hubbub.accounts.fields import TAKEN, Fields, invalid
from hubbub.accounts.people import Credentials, Letter
from hubbub.accounts.permissions import refuse_browsers
from hubbub.accounts.policy import Policy
from hubbub.accounts.post import Post
from hubbub.accounts.proofs import hash_of, new_invitation
from hubbub.accounts.seam import Work
from hubbub.accounts.transactions import Transactions
from hubbub.errors import UNKNOWN


class Confirmations:
    """The use-cases of confirming an address."""

    def __init__(self, transactions: Transactions, attempts: Attempts, policy: Policy, post: Post) -> None:
        self._transactions = transactions
        self._attempts = attempts
        self._policy = policy
        self._post = post

    async def ask(self, email: object) -> None:
        """Mail another letter to the user with this address, if they have anything to confirm. Tells nobody whether."""
        async with self._transactions.writing_for_anybody() as work:
            found = await work.people.by_email(email) if isinstance(email, str) else None
            letter = None
            if found is not None and found.user.archived_at is None and _is_waiting(found):
                # To the address that would be confirmed, never to another.
                letter = await write_confirmation(work, found.user, found.profile.unconfirmed_email or found.user.email)
                await work.journal.audit(None, "user.ask_confirmation", f"user:{found.user.id}")
        if letter is not None:
            await self._post(letter)

    async def confirm(self, text: str, *, address: str | None = None) -> User:
        """Confirm the address that the letter with `text` went to. Whoever waits for a new one has it from then on.

        The first one ever mails a letter that bids them welcome. `address` is where on the network it is done from.

        UNKNOWN for a letter that was used, replaced or has expired; INVALID if another user has the address by now.
        """
        async with self._transactions.writing_for_anybody(address) as work:
            found = await work.people.by_letter("confirm", hash_of(text))
            if found is None or found.user.archived_at is not None or not self._is_good(found):
                raise UNKNOWN()
            user, new = found.user, found.profile.unconfirmed_email
            if new is not None and await work.people.by_email(new) is not None:
                raise invalid("email", TAKEN)
            await work.journal.audit(user.id, "user.confirm", f"user:{user.id}", details={"email": new or user.email})
            await work.people.change(
                user.id, confirmed_at=datetime.now(UTC), confirmation_token_hash=None, confirmation_sent_at=None
            )
            confirmed = user if new is None else await readdress(work, user, new)
        if found.profile.confirmed_at is None:
            await self._post(Letter(errand="welcome", user=confirmed, email=confirmed.email))
        return confirmed

    async def change_email(self, who: Identity, *, email: object, password: object) -> None:
        """Mail a letter to one's new address, which counts once it is confirmed. Needs one's password.

        INVALID in the field `email` or `password`. Nobody is told whether another user has the address: it is they who
        get a letter, `already`.
        """
        refuse_browsers(who)
        with Fields() as fields:
            new = fields.email("email", email)
            if new and new == who.user.email:
                fields.fault("email", "is yours already")
        if who.row_id is None:
            raise UNKNOWN()
        attempt = await self._attempts.by_id(who.row_id, password)
        async with self._transactions.writing(who) as work:
            settled = await self._attempts.settle(work, attempt, who.address)
            letter = settled.letter
            if settled.profile is not None:
                user = settled.profile.user
                await work.people.change(user.id, unconfirmed_email=new)
                await work.journal.audit(user.id, "user.change_email", f"user:{user.id}")
                letter = await write_confirmation(work, user, new)
                if (taken := await work.people.by_email(new)) is not None:
                    is_archived = taken.user.archived_at is not None
                    letter = None if is_archived else Letter(errand="already", user=taken.user, email=new)
        if letter is not None:
            await self._post(letter)
        if settled.profile is None:
            raise invalid("password", "is not yours")

    def _is_good(self, found: Credentials) -> bool:
        sent = found.confirmation_sent_at
        return sent is not None and sent + self._policy.confirmation_lifetime > datetime.now(UTC)


async def write_confirmation(work: Work, user: User, email: str) -> Letter:
    """Give a letter that confirms `email`, the address of `user` or that they wait for; the earlier ones are void."""
    text = new_invitation()
    await work.people.change(user.id, confirmation_token_hash=hash_of(text), confirmation_sent_at=datetime.now(UTC))
    return Letter(errand="confirm", user=user, email=email, text=text)


async def readdress(work: Work, user: User, email: str) -> User:
    """Give `user` another address, which is taken as confirmed. Letters to the old one are void."""
    profile = await work.people.change(
        user.id,
        email=email,
        confirmed_at=datetime.now(UTC),
        unconfirmed_email=None,
        confirmation_token_hash=None,
        confirmation_sent_at=None,
        reset_token_hash=None,
        reset_sent_at=None,
        unlock_token_hash=None,
    )
    return profile.user


def _is_waiting(found: Credentials) -> bool:
    return found.profile.confirmed_at is None or found.profile.unconfirmed_email is not None
