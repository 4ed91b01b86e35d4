"""Second factors: signing in with a code of an authenticator besides the password.

Knows: how one is set up, and what it takes to be rid of it. Does not know what a code is: `codes` does.
"""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from hubbub.accounts.attempts import Attempts
from hubbub.accounts.codes import hash_of_recovery, new_recovery_codes, new_secret, setup_of, step_of
from hubbub.accounts.domain import Identity
from hubbub.accounts.fields import invalid
from hubbub.accounts.people import Credentials, SecondFactor, Setup
from hubbub.accounts.permissions import need_root, refuse_browsers
from hubbub.accounts.post import Post
from hubbub.accounts.seam import Work
from hubbub.accounts.transactions import Transactions
from hubbub.errors import UNKNOWN


class SecondFactors:
    """The use-cases of second factors. What needs one's password is INVALID in the field `password` without it."""

    def __init__(self, transactions: Transactions, attempts: Attempts, post: Post) -> None:
        self._transactions = transactions
        self._attempts = attempts
        self._post = post

    async def get(self, who: Identity) -> SecondFactor:
        """Tell how far one's own is."""
        async with self._transactions.reading(who) as work:
            found = await _oneself(work, who)
            secret, since = found.second_factor_secret, found.profile.second_factor_since
            return SecondFactor(
                since=since,
                codes_left=await work.recovery_codes.left(found.user.id),
                setup=setup_of(secret, found.user.email) if secret is not None and since is None else None,
            )

    async def begin(self, who: Identity, *, password: object) -> Setup:
        """Give what to tell an authenticator; it counts once it has been confirmed. Needs one's password.

        Begun anew it is another one. INVALID in the field `code` when it is on already.
        """
        secret = new_secret()

        async def write(work: Work, found: Credentials) -> None:
            if found.profile.second_factor_since is not None:
                raise invalid("code", "is asked for already: switch it off first")
            await work.people.change(found.user.id, second_factor_secret=secret, second_factor_step=None)
            await work.journal.audit(who.row_id, "second_factor.begin", f"user:{found.user.id}")

        found = await self._with_password(who, password, write)
        return setup_of(secret, found.user.email)

    async def confirm(self, who: Identity, *, code: object, session_id: int) -> tuple[str, ...]:
        """Switch it on by a code of the authenticator, and give the recovery codes, this once.

        Whoever signed in with the password alone is signed out, in all browsers but this one. INVALID in the field
        `code`.
        """
        codes = new_recovery_codes()
        async with self._transactions.writing(who) as work:
            found = await _oneself(work, who)
            secret = found.second_factor_secret
            if secret is None or found.profile.second_factor_since is not None:
                raise invalid("code", "was not asked for: begin anew")
            step = step_of(secret, code, after=None)
            if step is None:
                raise invalid("code", "is not the one shown now; is the clock of that device right?")
            await work.people.change(found.user.id, second_factor_since=datetime.now(UTC), second_factor_step=step)
            await work.recovery_codes.replace(found.user.id, [hash_of_recovery(one) for one in codes])
            await work.browsers.end_all(found.user.id, but=session_id)
            await work.journal.audit(who.row_id, "second_factor.on", f"user:{found.user.id}")
        return codes

    async def renew_codes(self, who: Identity, *, password: object) -> tuple[str, ...]:
        """Give other recovery codes, this once, in place of those before. Needs one's password."""
        codes = new_recovery_codes()

        async def write(work: Work, found: Credentials) -> None:
            if found.profile.second_factor_since is None:
                raise invalid("password", "is not asked for: there is no second factor")
            await work.recovery_codes.replace(found.user.id, [hash_of_recovery(one) for one in codes])
            await work.journal.audit(who.row_id, "second_factor.renew_codes", f"user:{found.user.id}")

        await self._with_password(who, password, write)
        return codes

    async def switch_off(self, who: Identity, *, password: object) -> None:
        """Be rid of one's own. Needs one's password."""

        async def write(work: Work, found: Credentials) -> None:
            await _remove(work, who, found)

        await self._with_password(who, password, write)

    async def switch_off_for(self, who: Identity, user: str) -> None:
        """Rid a user, by id or e-mail address, of theirs: for one who lost it. Needs root."""
        need_root(who)
        async with self._transactions.writing(who) as work:
            known = await work.users.find(user)
            found = None if known is None else await work.people.find(known.id)
            if found is None:
                raise UNKNOWN()
            await _remove(work, who, found)

    async def _with_password(
        self, who: Identity, password: object, write: Callable[[Work, Credentials], Awaitable[None]]
    ) -> Credentials:
        """Do something in a transaction if the password is right. A wrong one counts as one at signing in does."""
        refuse_browsers(who)
        if who.row_id is None:
            raise UNKNOWN()
        attempt = await self._attempts.by_id(who.row_id, password)
        async with self._transactions.writing(who) as work:
            settled = await self._attempts.settle(work, attempt, who.address)
            if settled.profile is not None:
                found = await _oneself(work, who)
                await write(work, found)
        if settled.letter is not None:
            await self._post(settled.letter)
        if settled.profile is None:
            raise invalid("password", "is not yours")
        return found


async def _oneself(work: Work, who: Identity) -> Credentials:
    found = None if who.row_id is None else await work.people.find(who.row_id)
    if found is None:
        raise UNKNOWN()
    return found


async def _remove(work: Work, who: Identity, found: Credentials) -> None:
    if found.second_factor_secret is None:
        return
    await work.people.change(
        found.user.id, second_factor_secret=None, second_factor_since=None, second_factor_step=None
    )
    await work.recovery_codes.replace(found.user.id, ())
    await work.journal.audit(who.row_id, "second_factor.off", f"user:{found.user.id}")
