"""Attempts at a password: whether one is right, and what follows when it is not.

Knows: how failures are counted and end in a lock, and that an attempt takes as long for an unknown user. Does not know
what is attempted: signing in, or something for which one says one's password again.

Each attempt has two halves. `check` does the slow work of argon2, apart and outside of any transaction. `settle`
counts, inside the writing transaction of whoever asks, and looks at the lock again: however many guesses are on
their way at once, no more than `lock_after` of them learn anything. It must be committed, also when the answer is no.
"""

from datetime import UTC, datetime
from functools import cache

import msgspec

from hubbub.accounts.fields import LONGEST_PASSWORD
from hubbub.accounts.passwords import apart, hash_password, is_password
from hubbub.accounts.people import Credentials, Letter, Profile
from hubbub.accounts.policy import Policy
from hubbub.accounts.proofs import hash_of, new_invitation
from hubbub.accounts.seam import Work
from hubbub.accounts.transactions import Transactions


class Attempt(msgspec.Struct, frozen=True):
    """Whose password was tried, if anybody's, and whether it was the right one."""

    credentials: Credentials | None
    is_right: bool


class Settled(msgspec.Struct, frozen=True):
    """The user, if the password was right and counts; the letter to mail if this attempt locked somebody out."""

    profile: Profile | None = None
    letter: Letter | None = None


class Attempts:
    """Checks passwords, and counts the wrong ones."""

    def __init__(self, transactions: Transactions, policy: Policy) -> None:
        self._transactions = transactions
        self._policy = policy

    async def by_email(self, email: object, password: object) -> Attempt:
        """Try `password` on the user with this address. An unknown one takes as long."""
        async with self._transactions.reading_for_anybody() as work:
            found = await work.people.by_email(email) if isinstance(email, str) else None
        return await _attempt(found, password)

    async def by_id(self, user_id: int, password: object) -> Attempt:
        """Try `password` on the user with this id."""
        async with self._transactions.reading_for_anybody() as work:
            found = await work.people.find(user_id)
        return await _attempt(found, password)

    async def settle(self, work: Work, attempt: Attempt, address: str | None) -> Settled:
        """Give the user, if the password is right and they are neither archived nor locked; else count the failure.

        What failed before is forgotten, but not for who has a second factor: they have a code to give, and who knows
        their password may not begin anew with guessing it.
        """
        tried = attempt.credentials
        found = None if tried is None else await work.people.find(tried.user.id)
        if tried is None or found is None or found.user.archived_at is not None or self.is_locked(found.profile):
            return Settled()
        if attempt.is_right:
            # It may have been changed while this one was checked.
            if found.password_hash != tried.password_hash:
                return Settled()
            has_second = found.profile.second_factor_since is not None
            return Settled(profile=found.profile if has_second else await clear(work, found))
        return await self.fail(work, found, address)

    async def fail(self, work: Work, found: Credentials, address: str | None) -> Settled:
        """Count a failure of a user who is not locked, and lock them if it is one too many."""
        before = 0 if found.profile.locked_at is not None else found.profile.failed_attempts  # that lock has ended
        if before + 1 < self._policy.lock_after:
            await work.audit.add(None, "user.fail", f"user:{found.user.id}", address=address)
            await work.people.change(found.user.id, failed_attempts=before + 1, locked_at=None, unlock_token_hash=None)
            return Settled()
        await work.audit.add(None, "user.lock", f"user:{found.user.id}", address=address)
        await work.people.change(found.user.id, failed_attempts=before + 1, locked_at=datetime.now(UTC))
        return Settled(letter=await write_unlock(work, found))

    def is_locked(self, profile: Profile) -> bool:
        """Tell whether no password of this user counts at present."""
        return profile.locked_at is not None and profile.locked_at + self._policy.lock_time > datetime.now(UTC)


async def write_unlock(work: Work, credentials: Credentials) -> Letter:
    """Give a letter that unlocks; the earlier ones are void."""
    text = new_invitation()
    await work.people.change(credentials.user.id, unlock_token_hash=hash_of(text))
    return Letter(errand="unlock", user=credentials.user, email=credentials.user.email, text=text)


async def clear(work: Work, found: Credentials) -> Profile:
    """Forget what failed before, and a lock that has ended."""
    if found.profile.failed_attempts == 0 and found.profile.locked_at is None:
        return found.profile
    return await work.people.change(found.user.id, failed_attempts=0, locked_at=None, unlock_token_hash=None)


async def _attempt(found: Credentials | None, password: object) -> Attempt:
    kept = None if found is None else found.password_hash
    return Attempt(found, await apart(_is_right, kept, _checkable(password)))


def _is_right(kept: str | None, password: str) -> bool:
    nobodys = _nobodys_hash()  # made with the first attempt, whoever's it is
    return is_password(kept or nobodys, password) and kept is not None


@cache
def _nobodys_hash() -> str:
    return hash_password("nobody's")


def _checkable(password: object) -> str:
    """Give what argon2 can take; what no password can be becomes none."""
    if not isinstance(password, str) or len(password) > LONGEST_PASSWORD:
        return ""
    return "" if any("\ud800" <= letter <= "\udfff" for letter in password) else password
