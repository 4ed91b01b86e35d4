"""What root users do for users who cannot help themselves.

Knows: how a user is made who has yet to choose a password, and how one is let in again. Does not know how one helps
oneself: `password_changes` and `sign_ins` do.
"""

import secrets
from datetime import UTC, datetime

from hubbub.accounts.domain import Identity, User
from hubbub.accounts.domain_register import NewUser
from hubbub.accounts.fields import TAKEN, Fields, invalid
from hubbub.accounts.password_rule import new_password
from hubbub.accounts.passwords import apart, hash_password
from hubbub.accounts.people import Credentials, Letter
from hubbub.accounts.permissions import need_root, refuse_browsers
from hubbub.accounts.post import Post
from hubbub.accounts.proofs import hash_of, new_invitation
from hubbub.accounts.seam import Work
from hubbub.accounts.transactions import Transactions
from hubbub.errors import UNKNOWN


class Caretaking:
    """The use-cases of taking care of users. All need root; `user` is an id or an e-mail address."""

    def __init__(self, transactions: Transactions, post: Post) -> None:
        self._transactions = transactions
        self._post = post

    async def create(
        self,
        who: Identity,
        *,
        name: object,
        email: object,
        is_root: object = False,
        by_letter: object = True,
        password: object = None,
    ) -> NewUser:
        """Create a user whose address is taken as confirmed, and who has yet to choose a password.

        With `by_letter` they are mailed a letter that lets them; else `password`, or one that is made up and given
        this once, is good until they have changed it after their first sign-in.
        """
        refuse_browsers(who)
        need_root(who)
        with Fields() as fields:
            checked, address = fields.text("name", name), fields.email("email", email)
            as_root, is_mailed = fields.flag("is_root", is_root), fields.flag("by_letter", by_letter)
            is_given = not is_mailed and password not in (None, "")
            secret = new_password(fields, "password", password, address) if is_given else secrets.token_urlsafe(12)
        password_hash = await apart(hash_password, secret)
        letter = None
        async with self._transactions.writing(who) as work:
            if await work.people.by_email(address) is not None:
                raise invalid("email", TAKEN)
            user = await work.users.add(name=checked, email=address, password_hash=password_hash, is_root=as_root)
            if is_mailed:
                letter = await _write_reset(work, user)
            else:
                await work.people.change(user.id, must_change_password=True)
            await work.journal.audit(who.row_id, "user.create", f"user:{user.id}")
        if letter is not None:
            await self._post(letter)
        return NewUser(user=user, password=None if is_mailed else secret)

    async def unlock(self, who: Identity, user: str) -> User:
        """Let a user sign in again whom wrong passwords have locked out."""
        need_root(who)
        async with self._transactions.writing(who) as work:
            found = await _credentials(work, user)
            if found.profile.locked_at is None and found.profile.failed_attempts == 0:
                return found.user
            await work.journal.audit(who.row_id, "user.unlock", f"user:{found.user.id}")
            changed = await work.people.change(found.user.id, failed_attempts=0, locked_at=None, unlock_token_hash=None)
            return changed.user

    async def confirm(self, who: Identity, user: str) -> User:
        """Take a new user's e-mail address as confirmed: they need not show that it is theirs."""
        need_root(who)
        async with self._transactions.writing(who) as work:
            found = await _credentials(work, user)
            if found.profile.confirmed_at is not None:
                return found.user
            await work.journal.audit(who.row_id, "user.confirm", f"user:{found.user.id}")
            return (await work.people.change(found.user.id, confirmed_at=datetime.now(UTC))).user

    async def send_reset(self, who: Identity, user: str) -> User:
        """Mail a user a letter that lets them set another password. INVALID in the field `user` for an archived one."""
        need_root(who)
        async with self._transactions.writing(who) as work:
            found = (await _credentials(work, user)).user
            if found.archived_at is not None:
                raise invalid("user", "is archived")
            letter = await _write_reset(work, found)
            await work.journal.audit(who.row_id, "user.send_reset", f"user:{found.id}")
        await self._post(letter)
        return found


async def _credentials(work: Work, user: str) -> Credentials:
    known = await work.users.find(user)
    found = None if known is None else await work.people.find(known.id)
    if found is None:
        raise UNKNOWN()
    return found


async def _write_reset(work: Work, user: User) -> Letter:
    text = new_invitation()
    await work.people.change(user.id, reset_token_hash=hash_of(text), reset_sent_at=datetime.now(UTC))
    return Letter(errand="reset", user=user, email=user.email, text=text)
