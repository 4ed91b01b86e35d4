"""Reading who did what.

Knows: who may. Does not know what is written down: each use-case says so itself.
"""

from datetime import UTC, datetime

from hubbub.accounts.domain import Identity, Page
from hubbub.accounts.fields import Fields, Slice
from hubbub.accounts.people import AuditEntry, Deeds
from hubbub.accounts.permissions import Need, enter, need_root
from hubbub.accounts.transactions import Transactions


class Audit:
    """The use-case of reading the audit. `organization` is an id or a slug."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    async def list(  # noqa: PLR0913 - what the list can be narrowed by
        self,
        who: Identity,
        organization: str | None,
        *,
        user: object = None,
        application: object = None,
        action: object = None,
        since: object = None,
        until: object = None,
        limit: object = None,
        offset: object = None,
    ) -> Page[AuditEntry]:
        """Give the entries of an organization, the newest first, to its admins; without one all, to root users.

        `user` (an id or e-mail address), `application` (an id) and `action` (one, or a kind of them) narrow the list,
        None and nothing do not; what is unknown finds nothing. So do `since`, and `until`, which itself is out of it:
        times in ISO 8601, UTC unless they say otherwise.
        """
        part = Slice.of(limit, offset)
        with Fields() as fields:
            deeds = Deeds(
                user=_some(fields, "user", user),
                application=_some(fields, "application", application),
                action=_some(fields, "action", action),
                since=_moment(fields, "since", since),
                until=_moment(fields, "until", until),
            )
        if organization is None:
            need_root(who)
        async with self._transactions.reading(who) as work:
            found = None if organization is None else (await enter(work, who, organization, Need.ADMIN)).organization.id
            return await work.audit.page(organization_id=found, deeds=deeds, limit=part.limit, offset=part.offset)


def _moment(fields: Fields, name: str, value: object) -> datetime | None:
    given = _some(fields, name, value)
    if given is None:
        return None
    try:
        moment = datetime.fromisoformat(given)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        fields.fault(name, "must be a time, such as 2026-11-23 or 2026-11-23T18:30:00Z")
        return None


def _some(fields: Fields, name: str, value: object) -> str | None:
    return None if value in (None, "") else fields.text(name, value)
