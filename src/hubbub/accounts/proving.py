"""Saying one's password again, for what an open browser alone must not be enough for.

Knows: that a wrong one counts as one at signing in does. Does not know what it is asked for.
"""

from hubbub.accounts.attempts import Attempts
from hubbub.accounts.domain import Identity
from hubbub.accounts.fields import invalid
from hubbub.accounts.permissions import refuse_browsers
from hubbub.accounts.post import Post
from hubbub.accounts.transactions import Transactions
from hubbub.errors import UNKNOWN


class Proving:
    """Asks for passwords, and has the letter posted that follows from too many wrong ones."""

    def __init__(self, transactions: Transactions, attempts: Attempts, post: Post) -> None:
        self._transactions = transactions
        self._attempts = attempts
        self._post = post

    async def prove(self, who: Identity, password: object) -> None:
        """Raise INVALID in the field `password` unless it is that of `who`; UNKNOWN for who has none."""
        refuse_browsers(who)
        if who.row_id is None:
            raise UNKNOWN()
        attempt = await self._attempts.by_id(who.row_id, password)
        async with self._transactions.writing(who) as work:
            settled = await self._attempts.settle(work, attempt, who.address)
        if settled.letter is not None:
            await self._post(settled.letter)
        if settled.profile is None:
            raise invalid("password", "is not yours, or your account is locked for a while")
