"""Webhooks: where the owner of an application lets them go, what became of each, and sending them again.

Knows: what may be configured, and that a delivery is sent again as new events, for receivers refuse what was signed
minutes ago. Does not know who may (`permissions` does), nor how anything is delivered.
"""

from collections.abc import Sequence

import msgspec

from hubbub.accounts import endpoint_rule
from hubbub.accounts.domain import Identity, Organization, Page
from hubbub.accounts.domain_webhooks import DeliveryReport, HeldEndpoint, KeptDelivery, Sender
from hubbub.accounts.fields import LARGEST, Fields, Slice, invalid
from hubbub.accounts.permissions import Need, hold, need_root
from hubbub.accounts.policy import Policy
from hubbub.accounts.seam import Work
from hubbub.accounts.transactions import Transactions
from hubbub.errors import UNKNOWN
from hubbub.webhooks.seam import DECLARED, State

MOST_ENDPOINTS = 10
"""Endpoints of one application."""

RESENT_AT_ONCE = 100
"""Deliveries sent again in one transaction: nobody is to wait long for it."""


class _Place(msgspec.Struct, frozen=True):
    """An application whose deliveries somebody may see; `number` is its row's id, None for a declared one."""

    organization: Organization | None
    sender: Sender
    number: int | None


class Webhooks:
    """The use-cases of webhooks. `organization` is an id or a slug, `application` an id or any active key.

    All of them need an admin of an organization that owns the application: there are secrets in headers and bodies.
    Where `organization` may be None, that is for root, as in `Applications`. Root may then leave the application out
    too, where an endpoint or a delivery is named, and name an application that settings declare, by its Sender, where
    it is about deliveries.
    """

    def __init__(self, transactions: Transactions, policy: Policy) -> None:
        self._transactions = transactions
        self._policy = policy

    async def list(self, who: Identity, organization: str | None, application: str) -> Page[HeldEndpoint]:
        """Give the endpoints, by id."""
        async with self._transactions.reading(who) as work:
            _, held = await hold(work, who, organization, application, Need.ADMIN)
            found = tuple(await work.webhooks.endpoints(held.id))
            return Page(found, len(found))

    async def get(
        self, who: Identity, organization: str | None, application: str | None, endpoint: str
    ) -> HeldEndpoint:
        """Give one endpoint, by id."""
        async with self._transactions.reading(who) as work:
            return (await _endpoint(work, who, organization, application, endpoint))[1]

    async def create(
        self,
        who: Identity,
        organization: str | None,
        application: str,
        *,
        url: object,
        kinds: object = None,
        channel_prefix: object = None,
        headers: object = None,
    ) -> HeldEndpoint:
        """Add an endpoint. It hears of the `kinds` of events, all unless told, in channels that begin so.

        INVALID too when there are MOST_ENDPOINTS already.
        """
        with Fields() as fields:
            to = endpoint_rule.url(fields, url, may_be_private=self._policy.webhook_private)
            of = endpoint_rule.kinds(fields, kinds)
            within = endpoint_rule.channel_prefix(fields, channel_prefix)
            carrying = endpoint_rule.headers(fields, headers)
        async with self._transactions.writing(who) as work:
            owner, held = await hold(work, who, organization, application, Need.ADMIN)
            if len(await work.webhooks.endpoints(held.id)) >= MOST_ENDPOINTS:
                raise invalid("url", f"there are {MOST_ENDPOINTS} webhooks already, remove one first")
            made = await work.webhooks.add(held.id, url=to, kinds=of, channel_prefix=within, headers=carrying)
            place = _Place(owner, Sender(str(held.id)), held.id)
            await _changed(work, who, "webhook.create", f"webhook:{made.id}", place)
            return made

    async def update(  # noqa: PLR0913 - an endpoint's fields
        self,
        who: Identity,
        organization: str | None,
        application: str | None,
        endpoint: str,
        *,
        url: object = None,
        kinds: object = None,
        channel_prefix: object = None,
        headers: object = None,
    ) -> HeldEndpoint:
        """Change what is not None. `headers` are then all that there are."""
        with Fields() as fields:
            private = self._policy.webhook_private
            to = None if url is None else endpoint_rule.url(fields, url, may_be_private=private)
            of = None if kinds is None else endpoint_rule.kinds(fields, kinds)
            within = None if channel_prefix is None else endpoint_rule.channel_prefix(fields, channel_prefix)
            carrying = None if headers is None else endpoint_rule.headers(fields, headers)
        async with self._transactions.writing(who) as work:
            place, found = await _endpoint(work, who, organization, application, endpoint)
            changed = msgspec.structs.replace(
                found,
                url=found.url if to is None else to,
                kinds=found.kinds if of is None else of,
                channel_prefix=found.channel_prefix if within is None else within,
                headers=found.headers if carrying is None else carrying,
            )
            if changed == found:
                return found
            await _changed(work, who, "webhook.update", f"webhook:{found.id}", place)
            return await work.webhooks.update(
                found.id,
                url=changed.url,
                kinds=changed.kinds,
                channel_prefix=changed.channel_prefix,
                headers=changed.headers,
            )

    async def remove(self, who: Identity, organization: str | None, application: str | None, endpoint: str) -> None:
        """Remove an endpoint. What waits for it is not delivered any more; what was stays to be seen."""
        async with self._transactions.writing(who) as work:
            place, found = await _endpoint(work, who, organization, application, endpoint)
            await work.webhooks.remove(found.id)
            await _changed(work, who, "webhook.remove", f"webhook:{found.id}", place)

    async def deliveries(
        self,
        who: Identity,
        organization: str | None,
        application: str | Sender,
        *,
        state: object = None,
        endpoint: object = None,
        limit: object = None,
        offset: object = None,
    ) -> Page[KeptDelivery]:
        """Give the deliveries, the newest first; those in a state, to an endpoint by id, unless these are None."""
        part = Slice.of(limit, offset)
        with Fields() as fields:
            states = {one.value: one for one in State}
            wanted = None if state is None else states.get(str(state))
            if state is not None and wanted is None:
                fields.fault("state", f"must be one of {', '.join(states)}")
            to = None if endpoint is None else fields.number("webhook", endpoint, DECLARED, LARGEST)
        async with self._transactions.reading(who) as work:
            sender = (await _place(work, who, organization, application)).sender
            return await work.webhooks.deliveries(
                sender, state=wanted, endpoint_id=to, limit=part.limit, offset=part.offset
            )

    async def delivery(
        self, who: Identity, organization: str | None, application: str | Sender | None, delivery: str
    ) -> DeliveryReport:
        """Give one delivery, by id, with its body and its attempts."""
        async with self._transactions.reading(who) as work:
            return (await _delivery(work, who, organization, application, delivery))[1]

    async def resend(
        self, who: Identity, organization: str | None, application: str | Sender | None, delivery: str
    ) -> KeptDelivery:
        """Send the events of a delivery again, as new ones: with another time and signature, and after later ones.

        The delivery keeps its state. INVALID in the field `delivery` while it is pending, or if its endpoint is gone.
        """
        async with self._transactions.writing(who) as work:
            place, report = await _delivery(work, who, organization, application, delivery)
            found = report.delivery
            if found.state is State.PENDING:
                raise invalid("delivery", "is still on its way: it is tried again by itself")
            if not report.has_endpoint:
                raise invalid("delivery", "cannot be sent again: its webhook is removed")
            await work.webhooks.resend([found.id])
            await _changed(work, who, "webhook.resend", f"webhook_delivery:{found.id}", place)
            after = await work.webhooks.delivery(place.sender, str(found.id))
            assert after is not None, "it was there in this transaction"
            return after.delivery

    async def resend_failed(self, who: Identity, organization: str | None, application: str | Sender) -> int:
        """Send again what failed and was not sent again yet, and give how many deliveries that are.

        In several transactions if there are many: who calls again after a failure goes on where it stopped.
        """
        count = 0
        while True:
            some = await self._resend_some(who, organization, application)
            count += len(some)
            if len(some) < RESENT_AT_ONCE:
                return count

    async def _resend_some(self, who: Identity, organization: str | None, application: str | Sender) -> Sequence[int]:
        async with self._transactions.writing(who) as work:
            place = await _place(work, who, organization, application)
            failed = await work.webhooks.failed(place.sender, RESENT_AT_ONCE)
            if failed:
                await work.webhooks.resend(failed)
                subject = f"application:{place.sender.app_id}"
                await _changed(work, who, "webhook.resend_failed", subject, place, deliveries=len(failed))
            return failed


async def _place(work: Work, who: Identity, organization: str | None, application: str | Sender) -> _Place:
    if isinstance(application, Sender):
        need_root(who)
        return _Place(None, application, None)
    owner, held = await hold(work, who, organization, application, Need.ADMIN)
    return _Place(owner, Sender(str(held.id)), held.id)


async def _endpoint(
    work: Work, who: Identity, organization: str | None, application: str | None, endpoint: str
) -> tuple[_Place, HeldEndpoint]:
    if application is None:
        need_root(who)
        number = await work.webhooks.owner_of(endpoint)
        if number is None:
            raise UNKNOWN()
        application = str(number)
    owner, held = await hold(work, who, organization, application, Need.ADMIN)
    found = await work.webhooks.endpoint(held.id, endpoint)
    if found is None:
        raise UNKNOWN()
    return _Place(owner, Sender(str(held.id)), held.id), found


async def _delivery(
    work: Work, who: Identity, organization: str | None, application: str | Sender | None, delivery: str
) -> tuple[_Place, DeliveryReport]:
    if application is None:
        need_root(who)
        sender = await work.webhooks.sender_of(delivery)
        if sender is None:
            raise UNKNOWN()
        application = sender if sender.is_declared else sender.app_id
    place = await _place(work, who, organization, application)
    found = await work.webhooks.delivery(place.sender, delivery)
    if found is None:
        raise UNKNOWN()
    return place, found


async def _changed(work: Work, who: Identity, action: str, subject: str, place: _Place, **details: int) -> None:
    """Note a change, so that servers look for endpoints and events anew, and audit it."""
    # A declared application has no row to name. Whoever hears of any change looks for events.
    await work.journal.note("application", place.number or 0)
    organization = None if place.organization is None else place.organization.id
    await work.journal.audit(
        who.row_id, action, subject, organization_id=organization, application_id=place.number, details=details
    )
