"""Everything that can be done with accounts, in one object to hand around.

Knows: the use-cases by noun. Does not know the rules: each use-case checks its own with `permissions`.
"""

from collections.abc import Awaitable, Callable

from hubbub.accounts.applications import Applications
from hubbub.accounts.attempts import Attempts
from hubbub.accounts.audit import Audit
from hubbub.accounts.confirmations import Confirmations
from hubbub.accounts.enrollments import Enrollments
from hubbub.accounts.invitations import Invitations
from hubbub.accounts.organizations import Organizations
from hubbub.accounts.password_changes import PasswordChanges
from hubbub.accounts.policy import Policy
from hubbub.accounts.post import Post, post_nowhere
from hubbub.accounts.profiles import Profiles
from hubbub.accounts.register import Register
from hubbub.accounts.remembered import Remembered
from hubbub.accounts.seam import Store
from hubbub.accounts.signins import SignIns
from hubbub.accounts.signups import SignUps
from hubbub.accounts.tokens import Tokens
from hubbub.accounts.transactions import Transactions
from hubbub.accounts.users import Users
from hubbub.accounts.webhooks import Webhooks

USUAL = Policy()
"""What the defaults of the settings decide."""


async def tell_nobody() -> None:
    """Announce nothing: for the command line, whose changes the nodes read by themselves."""


class Accounts:
    """The use-cases, by noun.

    Those by which one comes to be signed in take whom it may concern, all others `who`, the signed-in user. They raise:
    UNAUTHENTICATED when that user is gone, UNKNOWN for what is not there or not theirs, FORBIDDEN for what they may see
    but not do, INVALID with the faults of each field, STORE_UNAVAILABLE.
    What a client sent (`name: object`) is checked here: any JSON value and the texts of forms may be handed in.
    `announce` is awaited after each committed change that live sockets may feel, `post` after each that somebody is
    to get a letter of. `policy` is what the installation decides.
    """

    def __init__(
        self,
        store: Store,
        announce: Callable[[], Awaitable[None]] = tell_nobody,
        *,
        post: Post = post_nowhere,
        policy: Policy = USUAL,
    ) -> None:
        transactions = Transactions(store, announce)
        self.organizations = Organizations(transactions)
        self.enrollments = Enrollments(transactions)
        self.applications = Applications(transactions)
        self.tokens = Tokens(transactions)
        self.users = Users(transactions)
        self.invitations = Invitations(transactions)
        attempts = Attempts(transactions, policy)
        self.sign_ups = SignUps(transactions, policy, post)
        self.confirmations = Confirmations(transactions, attempts, policy, post)
        self.sign_ins = SignIns(transactions, attempts, policy, post)
        self.remembered = Remembered(store, transactions, policy)
        self.passwords = PasswordChanges(transactions, attempts, policy, post)
        self.profiles = Profiles(transactions)
        self.register = Register(transactions)
        self.audit = Audit(transactions)
        self.webhooks = Webhooks(transactions, policy)
