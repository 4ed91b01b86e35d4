"""Setting another password: a forgotten one by mail, one's own by the old one.

Knows: what ends with the old password. Does not know mail, nor what a password must be: `password_rule` does.
"""

from datetime import UTC, datetime

from hubbub.accounts.attempts import Attempts
from hubbub.accounts.domain import Identity
from hubbub.accounts.fields import Fields, invalid
from hubbub.accounts.password_rule import new_password
from hubbub.accounts.passwords import apart, hash_password
from hubbub.accounts.people import Credentials, Letter, Profile, SignedIn
from hubbub.accounts.permissions import refuse_browsers
from hubbub.accounts.policy import Policy
from hubbub.accounts.post import Post
from hubbub.accounts.proofs import hash_of, new_invitation
from hubbub.accounts.seam import Work
from hubbub.accounts.transactions import Transactions
from hubbub.errors import UNKNOWN


class PasswordChanges:
    """The use-cases of setting another password.

    With the old one end all sign-ins but the one that changed it, remembered ones too, and a change of e-mail address
    that is not confirmed.
    """

    def __init__(self, transactions: Transactions, attempts: Attempts, policy: Policy, post: Post) -> None:
        self._transactions = transactions
        self._attempts = attempts
        self._policy = policy
        self._post = post

    async def ask(self, email: object, *, address: str | None = None) -> None:
        """Mail a letter that lets the user with this address set another password. Tells nobody whether it did."""
        async with self._transactions.writing_for_anybody(address) as work:
            found = await work.people.by_email(email) if isinstance(email, str) else None
            letter = None
            if found is not None and found.user.archived_at is None:
                letter = await _write_reset(work, found)
                await work.journal.audit(None, "user.ask_reset", f"user:{found.user.id}")
        if letter is not None:
            await self._post(letter)

    async def look(self, text: str) -> None:
        """Raise UNKNOWN unless the letter with `text` is still good, for the page that asks for the new password."""
        async with self._transactions.reading_for_anybody() as work:
            await self._credentials(work, text)

    async def reset(self, text: str, *, password: object, address: str | None = None) -> None:
        """Set the password of whom the letter with `text` went to; that also confirms their address and unlocks them.

        If nobody had shown before whose address it is, API tokens and a second factor end too: whoever signed up with
        it first need not have been its owner.
        UNKNOWN for a letter that was used, replaced or has expired.
        """
        async with self._transactions.reading_for_anybody() as work:
            email = (await self._credentials(work, text)).user.email
        with Fields() as fields:
            secret = new_password(fields, "password", password, email)
        password_hash = await apart(hash_password, secret)
        async with self._transactions.writing_for_anybody(address) as work:
            found = await self._credentials(work, text)
            await _set(work, found.profile, password_hash)
            if found.profile.confirmed_at is None:
                await _hand_over(work, found)
            await work.journal.audit(found.user.id, "user.reset_password", f"user:{found.user.id}")
        if found.profile.confirmed_at is None:
            await self._post(Letter(errand="welcome", user=found.user, email=found.user.email))

    async def change(self, who: Identity, *, old: object, new: object) -> SignedIn:
        """Set one's own password, and give the sign-in that goes on. Needs the old one.

        INVALID in the field `old_password` or `new_password`.
        """
        refuse_browsers(who)
        with Fields() as fields:
            secret = new_password(fields, "new_password", new, who.user.email)
            if secret and secret == old:
                fields.fault("new_password", "must be another one")
        if who.row_id is None:
            raise UNKNOWN()
        attempt = await self._attempts.by_id(who.row_id, old)
        password_hash = await apart(hash_password, secret) if attempt.is_right else ""
        signed_in = None
        async with self._transactions.writing(who) as work:
            settled = await self._attempts.settle(work, attempt, who.address)
            if settled.profile is not None:
                now = await _set(work, settled.profile, password_hash)
                await work.journal.audit(who.row_id, "user.change_password", f"user:{who.row_id}")
                signed_in = SignedIn(user=settled.profile.user, at=now, must_change_password=False)
        if settled.letter is not None:
            await self._post(settled.letter)
        if signed_in is None:
            raise invalid("old_password", "is not yours")
        return signed_in

    async def _credentials(self, work: Work, text: str) -> Credentials:
        found = await work.people.by_letter("reset", hash_of(text))
        sent = None if found is None else found.reset_sent_at
        if found is None or sent is None or found.user.archived_at is not None:
            raise UNKNOWN()
        if sent + self._policy.reset_lifetime <= datetime.now(UTC):
            raise UNKNOWN()
        return found


async def _write_reset(work: Work, found: Credentials) -> Letter:
    text = new_invitation()
    await work.people.change(found.user.id, reset_token_hash=hash_of(text), reset_sent_at=datetime.now(UTC))
    return Letter(errand="reset", user=found.user, email=found.user.email, text=text)


async def _hand_over(work: Work, found: Credentials) -> None:
    """Take the address as confirmed, and end what could bring back somebody else, who had only said it was theirs."""
    user_id = found.user.id
    await work.people.change(
        user_id,
        confirmed_at=datetime.now(UTC),
        second_factor_secret=None,
        second_factor_since=None,
        second_factor_step=None,
    )
    await work.recovery_codes.replace(user_id, ())
    await work.tokens.invalidate_all(user_id)
    await work.journal.note("user", user_id)


async def _set(work: Work, profile: Profile, password_hash: str) -> datetime:
    """Set a password, end what the old one opened, and give when."""
    now = datetime.now(UTC)
    user_id = profile.user.id
    await work.people.change(
        user_id,
        password_hash=password_hash,
        must_change_password=False,
        password_changed_at=now,
        reset_token_hash=None,
        reset_sent_at=None,
        failed_attempts=0,
        locked_at=None,
        unlock_token_hash=None,
    )
    if profile.unconfirmed_email is not None:  # who began that knew the old password
        await work.people.change(
            user_id, unconfirmed_email=None, confirmation_token_hash=None, confirmation_sent_at=None
        )
    await work.browsers.end_all(user_id)
    return now
