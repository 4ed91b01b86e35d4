"""Everything that can be done with accounts, in one object to hand around.

Knows: the use-cases by noun. Does not know the rules: each use-case checks its own with `permissions`.
"""

from collections.abc import Awaitable, Callable

from hubbub.accounts.applications import Applications
from hubbub.accounts.enrollments import Enrollments
from hubbub.accounts.invitations import Invitations
from hubbub.accounts.organizations import Organizations
from hubbub.accounts.seam import Store
from hubbub.accounts.tokens import Tokens
from hubbub.accounts.transactions import Transactions
from hubbub.accounts.users import Users


async def tell_nobody() -> None:
    """Announce nothing: for the command line, whose changes the nodes read by themselves."""


class Accounts:
    """The use-cases, by noun.

    All take `who`, the signed-in user, and raise: UNAUTHENTICATED when that user is gone, UNKNOWN for what is not there
    or not theirs, FORBIDDEN for what they may see but not do, INVALID with the faults of each field, STORE_UNAVAILABLE.
    What a client sent (`name: object`) is checked here: any JSON value and the texts of forms may be handed in.
    `announce` is awaited after each committed change that live sockets may feel.
    """

    def __init__(self, store: Store, announce: Callable[[], Awaitable[None]] = tell_nobody) -> None:
        transactions = Transactions(store, announce)
        self.organizations = Organizations(transactions)
        self.enrollments = Enrollments(transactions)
        self.applications = Applications(transactions)
        self.tokens = Tokens(transactions)
        self.users = Users(transactions)
        self.invitations = Invitations(transactions)
