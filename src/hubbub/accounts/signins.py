"""Signing in by e-mail address and password, and being unlocked.

Knows: who may come in, and what is noted of it. Does not know cookies, nor how a lock comes about: `attempts` does.
"""

from datetime import UTC, datetime

from hubbub.accounts.attempts import Attempts, write_unlock
from hubbub.accounts.people import Halfway, Profile, SignedIn
from hubbub.accounts.policy import Policy
from hubbub.accounts.post import Post
from hubbub.accounts.proofs import hash_of
from hubbub.accounts.seam import Work
from hubbub.accounts.transactions import Transactions
from hubbub.errors import FORBIDDEN, UNAUTHENTICATED, UNKNOWN

REFUSED = "This e-mail address and password do not belong together, or the account is locked for a while"
"""The one text for an unknown user, a wrong password, an archived user and a locked one: it tells none of them."""

UNCONFIRMED = "confirm your e-mail address first"
ENDED = "This sign-in has ended"


class SignIns:
    """The use-cases of signing in."""

    def __init__(self, transactions: Transactions, attempts: Attempts, policy: Policy, post: Post) -> None:
        self._transactions = transactions
        self._attempts = attempts
        self._policy = policy
        self._post = post

    async def sign_in(self, *, email: object, password: object, address: str | None) -> SignedIn | Halfway:
        """Sign in, or come halfway with a second factor on. `address` is where on the network from.

        UNAUTHENTICATED with one text for all that may be wrong. FORBIDDEN, after the right password, for who must
        confirm their address first. The failure that locks mails a letter that unlocks.
        """
        attempt = await self._attempts.by_email(email, password)
        signed_in: SignedIn | Halfway | None = None
        # In vain too: the transaction is part of the time that an answer takes.
        async with self._transactions.writing_for_anybody() as work:
            settled = await self._attempts.settle(work, attempt, address)
            if settled.profile is not None and is_admitted(settled.profile, self._policy):
                if settled.profile.second_factor_since is None:
                    signed_in = await record(work, settled.profile, "user.sign_in", address)
                else:
                    signed_in = Halfway(user=settled.profile.user, at=datetime.now(UTC))
        if settled.letter is not None:
            await self._post(settled.letter)
        if settled.profile is None:
            raise UNAUTHENTICATED(problem=REFUSED)
        if signed_in is None:
            raise FORBIDDEN(problem=UNCONFIRMED)
        return signed_in

    async def resume(self, user_id: int, at: datetime) -> SignedIn:
        """Give who signed in at that time, to the microsecond, as the row is now.

        UNAUTHENTICATED once they are archived, or their password was set after it.
        """
        async with self._transactions.reading_for_anybody() as work:
            found = await work.people.find(user_id)
        if found is None or found.user.archived_at is not None or not is_admitted(found.profile, self._policy):
            raise UNAUTHENTICATED(problem=ENDED)
        changed = found.profile.password_changed_at
        if changed is not None and changed > at:
            raise UNAUTHENTICATED(problem=ENDED)
        return SignedIn(user=found.user, at=at, must_change_password=found.profile.must_change_password)

    async def ask_to_unlock(self, email: object) -> None:
        """Mail another letter that unlocks to the user with this address, if they are locked. Tells nobody whether."""
        async with self._transactions.writing_for_anybody() as work:
            found = await work.people.by_email(email) if isinstance(email, str) else None
            letter = None
            if found is not None and found.user.archived_at is None and self._attempts.is_locked(found.profile):
                letter = await write_unlock(work, found)
                await work.journal.audit(None, "user.ask_unlock", f"user:{found.user.id}")
        if letter is not None:
            await self._post(letter)

    async def unlock(self, text: str, *, address: str | None = None) -> None:
        """Let the user in again whom the letter with `text` went to. UNKNOWN for one that was used or replaced."""
        async with self._transactions.writing_for_anybody(address) as work:
            found = await work.people.by_letter("unlock", hash_of(text))
            if found is None or found.user.archived_at is not None:
                raise UNKNOWN()
            await work.journal.audit(found.user.id, "user.unlock", f"user:{found.user.id}")
            await work.people.change(found.user.id, failed_attempts=0, locked_at=None, unlock_token_hash=None)


def is_admitted(profile: Profile, policy: Policy) -> bool:
    """Tell whether the user has confirmed an address, or need not."""
    return profile.confirmed_at is not None or not policy.require_confirmation


async def record(work: Work, profile: Profile, action: str, address: str | None) -> SignedIn:
    """Note that the user came in, and give it."""
    now = datetime.now(UTC)
    await work.people.change(
        profile.user.id,
        sign_in_count=profile.sign_in_count + 1,
        last_sign_in_at=profile.current_sign_in_at,
        last_sign_in_address=profile.current_sign_in_address,
        current_sign_in_at=now,
        current_sign_in_address=address,
    )
    await work.audit.add(profile.user.id, action, f"user:{profile.user.id}", address=address)
    return SignedIn(user=profile.user, at=now, must_change_password=profile.must_change_password)
