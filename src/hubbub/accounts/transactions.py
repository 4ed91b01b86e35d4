"""One transaction for each use-case, and word of it when it is over.

Knows: that who asks must still be there when something is written. Does not know what is read or written.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from hubbub.accounts.domain import OPERATOR, Identity
from hubbub.accounts.permissions import refuse_browsers
from hubbub.accounts.seam import Store, Work
from hubbub.errors import UNAUTHENTICATED


class Transactions:
    """Gives each use-case its transaction. `announce` is awaited after one that noted changes is committed."""

    def __init__(self, store: Store, announce: Callable[[], Awaitable[None]]) -> None:
        self._store = store
        self._announce = announce

    @asynccontextmanager
    async def reading(self, who: Identity) -> AsyncIterator[Work]:
        """Give a transaction that only reads. Raises FORBIDDEN for a session token that is for sockets only."""
        refuse_browsers(who)
        async with self._store.reading() as work:
            yield work

    @asynccontextmanager
    async def writing(self, who: Identity) -> AsyncIterator[Work]:
        """Give a transaction that may write. Raises UNAUTHENTICATED if `who` is no longer what they were, FORBIDDEN."""
        refuse_browsers(who)
        async with self.writing_for_anybody(who.address) as work:
            if who is not OPERATOR:
                user = await work.users.signed_in(who.user.id, who.grant.token_id)
                if user is None or (who.user.is_root and not user.is_root):
                    raise UNAUTHENTICATED(problem="This session has been revoked")
            yield work

    @asynccontextmanager
    async def reading_for_anybody(self) -> AsyncIterator[Work]:
        """Give a transaction that only reads, for who holds something better than a session."""
        async with self._store.reading() as work:
            yield work

    @asynccontextmanager
    async def writing_for_anybody(self, address: str | None = None) -> AsyncIterator[Work]:
        """Give a transaction that may write, for who holds something better than a session.

        `address` is where on the network they ask from: what the journal keeps of this transaction has it.
        """
        async with self._store.work() as work:
            work.journal.place(address)
            yield work
            has_changes = work.journal.has_changes
        if has_changes:
            await self._announce()
