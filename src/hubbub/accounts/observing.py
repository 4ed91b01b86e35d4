"""Looking into an application: its live log, its connections and what went wrong, and ending a connection.

Knows: who may, and what is audited. Does not know how anything is seen, nor how a connection is ended.

All of them are for those enrolled in an organization that owns the application: what is seen is of its users, their
addresses and messages, which are not for who merely borrows it. Ending a connection needs an admin. Root users may do
both, also with an application that settings declare, and may see what concerns no known application.
"""

from collections.abc import Sequence

import msgspec

from hubbub.accounts.domain import Identity
from hubbub.accounts.domain_incidents import Kept, Sought
from hubbub.accounts.domain_webhooks import Sender
from hubbub.accounts.fields import Fields
from hubbub.accounts.permissions import Need, hold, need_root
from hubbub.accounts.seam import Work
from hubbub.accounts.transactions import Transactions
from hubbub.errors import FORBIDDEN, UNKNOWN

PAGE = 100
"""Incidents of one page."""

MOST_SUMS = 20
"""Sums that are shown where somebody is looked for."""

LONGEST = 512
"""Characters of what is looked for."""


class Incidents(msgspec.Struct, frozen=True):
    """A page of incidents, the newest first; whether there are more; and all reasons there are, to choose from.

    `sums` are those of which only the number was noted, where somebody was looked for: they may be among them.
    """

    items: tuple[Kept, ...]
    has_more: bool
    reasons: tuple[str, ...]
    sums: tuple[Kept, ...] = ()


class Observing:
    """The use-cases. `application` is an id or an active key, or the Sender that a declared one is.

    `organization` is an id or a slug; None is for root.
    """

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    async def look(self, who: Identity, organization: str | None, application: str | Sender) -> str:
        """Give the id of an application that `who` may look into. Raises UNKNOWN, FORBIDDEN."""
        async with self._transactions.reading(who) as work:
            return await _see(work, who, organization, application)

    async def incidents(
        self, who: Identity, organization: str | None, application: str | Sender | None, sought: Sought
    ) -> Incidents:
        """Give what went wrong, the newest first. Without an application, to root, what concerned none that is known.

        Raises INVALID too.
        """
        with Fields() as fields:
            for name in ("text", "socket_id", "user_id", "channel", "address", "reason"):
                if len(getattr(sought, name) or "") > LONGEST:
                    fields.fault(name, f"should be at most {LONGEST} character(s)")
            if sought.since is not None and sought.until is not None and sought.since > sought.until:
                fields.fault("until", "must not be before the beginning")
        async with self._transactions.reading(who) as work:
            app_id = await _see(work, who, organization, application)
            found = await work.incidents.find(app_id, sought, PAGE + 1)
            sums: Sequence[Kept] = ()
            if sought.is_of_somebody and sought.older_than is None:
                nameless = Sought(reason=sought.reason, since=sought.since, until=sought.until, is_nameless=True)
                sums = await work.incidents.find(app_id, nameless, MOST_SUMS)
            reasons = tuple(await work.incidents.reasons(app_id))
            return Incidents(tuple(found[:PAGE]), len(found) > PAGE, reasons, tuple(sums))

    async def incident(
        self, who: Identity, organization: str | None, application: str | Sender | None, reference: str
    ) -> Kept:
        """Give one incident, by its reference. Raises UNKNOWN, FORBIDDEN."""
        async with self._transactions.reading(who) as work:
            found = await work.incidents.get(await _see(work, who, organization, application), reference)
            if found is None:
                raise UNKNOWN()
            return found

    async def close(self, who: Identity, organization: str | None, application: str | Sender, socket_id: str) -> str:
        """Note that `who` ends a connection, and give the id of the application, of whom it may then be ended.

        It is noted before it is done: what was not ended for want of the connection is noted too.
        """
        async with self._transactions.writing(who) as work:
            app_id = await _see(work, who, organization, application)
            owner = number = None
            if not isinstance(application, Sender):
                owner, held = await hold(work, who, organization, application, Need.ADMIN)
                number = held.id
            await work.journal.audit(
                who.row_id,
                "connection.close",
                f"application:{app_id}",
                organization_id=None if owner is None else owner.id,
                application_id=number,
                details={"socket_id": socket_id[:64]},
            )
            return app_id


async def _see(work: Work, who: Identity, organization: str | None, application: str | Sender | None) -> str:
    if application is None or isinstance(application, Sender):
        need_root(who)
        return "" if application is None else application.app_id
    _, held = await hold(work, who, organization, application, Need.ENROLLED)
    if not held.is_owned and not who.user.is_root:
        raise FORBIDDEN(problem="the application is borrowed: what happens in it is for its owner to see")
    return str(held.id)
