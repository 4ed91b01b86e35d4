"""One transaction, with the questions of each noun: what `hubbub.accounts.seam.Work` asks for."""

from sqlalchemy.ext.asyncio import AsyncSession

from hubbub.store.applications import Applications
from hubbub.store.audit import Audit
from hubbub.store.browsers import Browsers, RecoveryCodes
from hubbub.store.enrollments import Enrollments
from hubbub.store.incidents import Incidents
from hubbub.store.invitations import Invitations
from hubbub.store.journal import Journal
from hubbub.store.organizations import Organizations
from hubbub.store.people import People
from hubbub.store.records import Records
from hubbub.store.register import Register
from hubbub.store.remembered import Remembered
from hubbub.store.tokens import Tokens
from hubbub.store.users import Users
from hubbub.store.vault import Vault
from hubbub.store.webhooks import Webhooks


class Work:
    """The questions, all of them on the session of one transaction."""

    def __init__(self, session: AsyncSession, vault: Vault) -> None:
        self.users = Users(session)
        self.organizations = Organizations(session)
        self.enrollments = Enrollments(session)
        self.applications = Applications(session, vault)
        self.tokens = Tokens(session)
        self.invitations = Invitations(session)
        self.journal = Journal(session)
        self.people = People(session, vault)
        self.remembered = Remembered(session)
        self.browsers = Browsers(session)
        self.recovery_codes = RecoveryCodes(session)
        self.register = Register(session, vault)
        self.audit = Audit(session)
        self.webhooks = Webhooks(session, vault)
        self.incidents = Incidents(session)
        self.records = Records(session, vault)
