"""Everything that can be done with accounts, in one object to hand around.

Knows: the use-cases by noun. Does not know the rules: each use-case checks its own with `permissions`.
"""

from collections.abc import Awaitable, Callable

from hubbub.accounts.applications import Applications
from hubbub.accounts.attempts import Attempts
from hubbub.accounts.audit import Audit
from hubbub.accounts.browsers import Browsers
from hubbub.accounts.caretaking import Caretaking
from hubbub.accounts.confirmations import Confirmations
from hubbub.accounts.enrollments import Enrollments
from hubbub.accounts.imports import Imports
from hubbub.accounts.invitations import Invitations
from hubbub.accounts.keys import Keys
from hubbub.accounts.observing import Observing
from hubbub.accounts.organizations import Organizations
from hubbub.accounts.password_changes import PasswordChanges
from hubbub.accounts.policy import Policy
from hubbub.accounts.post import Post, post_nowhere
from hubbub.accounts.profiles import Profiles
from hubbub.accounts.proving import Proving
from hubbub.accounts.records import Records
from hubbub.accounts.register import Register
from hubbub.accounts.remembered import Remembered
from hubbub.accounts.seam import Store
from hubbub.accounts.second_factors import SecondFactors
from hubbub.accounts.sending import Sending
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
        self.users = Users(transactions)
        self.invitations = Invitations(transactions, post)
        attempts = Attempts(transactions, policy)
        proving = Proving(transactions, attempts, post)
        self.tokens = Tokens(transactions, proving)
        self.sign_ups = SignUps(transactions, policy, post)
        self.confirmations = Confirmations(transactions, attempts, policy, post)
        self.sign_ins = SignIns(transactions, attempts, policy, post)
        self.remembered = Remembered(store, transactions, policy)
        self.browsers = Browsers(transactions, attempts, self.remembered, policy, post)
        self.second_factors = SecondFactors(transactions, attempts, post)
        self.passwords = PasswordChanges(transactions, attempts, policy, post)
        self.profiles = Profiles(transactions)
        self.register = Register(transactions)
        self.records = Records(transactions)
        self.caretaking = Caretaking(transactions, post)
        self.audit = Audit(transactions)
        self.webhooks = Webhooks(transactions, policy)
        self.imports = Imports(transactions, policy)
        self.observing = Observing(transactions)
        self.keys = Keys(transactions, self.applications, proving)
        self.sending = Sending(transactions)
