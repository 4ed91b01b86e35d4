"""Questions about endpoints of webhooks and deliveries, in one transaction."""

from collections.abc import Mapping, Sequence

import msgspec
from sqlalchemy import ColumnElement, Select, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import defer

from hubbub.accounts.domain import Page
from hubbub.accounts.domain_webhooks import DeliveryReport, HeldEndpoint, KeptDelivery, Sender
from hubbub.store import database, models, references, values
from hubbub.store.kept import NOTHING
from hubbub.store.models_webhooks import WebhookAttempt, WebhookDelivery, WebhookEndpoint, WebhookEvent
from hubbub.store.paging import page
from hubbub.store.vault import Vault, headers_place
from hubbub.webhooks.seam import DECLARED, KINDS, State

_endpoint = WebhookEndpoint
_delivery = WebhookDelivery


class _Body(msgspec.Struct):
    """The events of a delivery, each as the text that it is."""

    events: list[msgspec.Raw]


class _Named(msgspec.Struct):
    """An event's channel."""

    channel: str


class Webhooks:
    """Endpoints and deliveries, by the questions of `hubbub.accounts.seam_webhooks.Webhooks`."""

    def __init__(self, session: AsyncSession, vault: Vault) -> None:
        self._session = session
        self._vault = vault

    async def endpoints(self, application_id: int) -> Sequence[HeldEndpoint]:
        """Give those of an application, by id."""
        found = select(_endpoint).where(_endpoint.application_id == application_id).order_by(_endpoint.id)
        return [values.held_endpoint(row, self._vault) for row in await self._session.scalars(found)]

    async def endpoint(self, application_id: int, reference: str) -> HeldEndpoint | None:
        """Give one of an application."""
        number = references.id_of(reference)
        row = None if number is None else await self._session.get(_endpoint, number)
        return None if row is None or row.application_id != application_id else values.held_endpoint(row, self._vault)

    async def owner_of(self, endpoint: str) -> int | None:
        """Give the id of the application that an endpoint is of."""
        number = references.id_of(endpoint)
        row = None if number is None else await self._session.get(_endpoint, number)
        return None if row is None else row.application_id

    async def add(
        self, application_id: int, *, url: str, kinds: Sequence[str], channel_prefix: str, headers: Mapping[str, str]
    ) -> HeldEndpoint:
        """Create one."""
        row = _endpoint(
            application_id=application_id,
            url=url,
            kinds=list(kinds),
            channel_prefix=channel_prefix,
        )
        self._session.add(row)
        await self._session.flush()
        await self._carry(row, headers)
        return values.held_endpoint(row, self._vault)

    async def update(
        self, endpoint_id: int, *, url: str, kinds: Sequence[str], channel_prefix: str, headers: Mapping[str, str]
    ) -> HeldEndpoint:
        """Change one that is there."""
        row = await self._session.get_one(_endpoint, endpoint_id)
        row.url, row.kinds, row.channel_prefix = url, list(kinds), channel_prefix
        await self._carry(row, headers)
        return values.held_endpoint(row, self._vault)

    async def remove(self, endpoint_id: int) -> None:
        """Remove one that is there. What was delivered to it stays to be seen."""
        await self._session.execute(delete(_endpoint).where(_endpoint.id == endpoint_id))

    async def deliveries(
        self, sender: Sender, *, state: State | None, endpoint_id: int | None, limit: int, offset: int
    ) -> Page[KeptDelivery]:
        """Give those of an application, in a state and to an endpoint unless these are None, the newest first."""
        found = select(_delivery).where(_sent_by(sender)).order_by(_delivery.id.desc())
        if state is not None:
            found = found.where(_delivery.state == state.value)
        if endpoint_id is not None:
            found = found.where(_delivery.endpoint_id == endpoint_id)
        part = await page(self._session, found.options(defer(_delivery.body)), values.kept_delivery, limit, offset)
        return Page(tuple(await self._with_kinds(part.items)), part.total)

    async def delivery(self, sender: Sender, reference: str) -> DeliveryReport | None:
        """Give one of an application."""
        row = await self._one(select(_delivery).where(_sent_by(sender)), reference)
        if row is None:
            return None
        attempts = select(WebhookAttempt).where(WebhookAttempt.delivery_id == row.id).order_by(WebhookAttempt.id)
        is_there = sender.is_declared or await self._session.get(_endpoint, row.endpoint_id) is not None
        [kept] = await self._with_kinds([values.kept_delivery(row)])
        return DeliveryReport(
            delivery=kept,
            has_endpoint=is_there,
            body=row.body,
            key=row.key,
            signature=row.signature,
            ledger=tuple(values.kept_attempt(one) for one in await self._session.scalars(attempts)),
        )

    async def sender_of(self, delivery: str) -> Sender | None:
        """Give the application that a delivery is of."""
        row = await self._one(select(_delivery), delivery)
        return None if row is None else Sender(row.app_id, row.endpoint_id == DECLARED)

    async def failed(self, sender: Sender, limit: int) -> Sequence[int]:
        """Give the ids of some that failed, were not sent again and whose endpoint is there, the oldest first."""
        found = select(_delivery.id).where(
            _sent_by(sender), _delivery.state == State.FAILED.value, _delivery.resent_at.is_(None)
        )
        if not sender.is_declared:
            found = found.where(_delivery.endpoint_id.in_(select(_endpoint.id)))
        return (await self._session.scalars(found.order_by(_delivery.id).limit(limit))).all()

    async def resend(self, delivery_ids: Sequence[int]) -> None:
        """Put the events of these deliveries into the outbox again, in this order, and note that at them."""
        # The outbox's own lock: else its readers would miss ids that become visible after larger ones.
        await database.lock(await self._session.connection(), database.OUTBOX_LOCK)
        at = models.now()
        rows = await self._session.scalars(
            select(_delivery).where(_delivery.id.in_(delivery_ids)).order_by(_delivery.id)
        )
        events = [
            {
                "app_id": row.app_id,
                "endpoint_id": row.endpoint_id,
                "channel": msgspec.json.decode(event, type=_Named).channel,
                "event": bytes(event).decode(),
                "created_at": at,
            }
            for row in rows
            for event in msgspec.json.decode(row.body, type=_Body).events
        ]
        if events:
            await self._session.execute(insert(WebhookEvent), events)
        await self._session.execute(update(_delivery).where(_delivery.id.in_(delivery_ids)).values(resent_at=at))

    async def _carry(self, row: WebhookEndpoint, headers: Mapping[str, str]) -> None:
        """Give an endpoint, which has its id and its address, these headers."""
        place, secret = headers_place(row.application_id, row.id, row.url), msgspec.json.encode(headers).decode()
        row.headers = await self._vault.seal(self._session, secret, place) if headers else NOTHING
        await self._session.flush()

    async def _with_kinds(self, deliveries: Sequence[KeptDelivery]) -> list[KeptDelivery]:
        """Give deliveries with the kinds of their events, for which the database looks through the bodies."""
        # Every event begins with its name, and no text inside a JSON string has a `"` that is not escaped.
        has = [_delivery.body.contains(f'{{"name":"{kind}"', autoescape=True) for kind in KINDS]
        found = await self._session.execute(
            select(_delivery.id, *has).where(_delivery.id.in_([one.id for one in deliveries]))
        )
        kinds = {
            number: tuple(kind for kind, is_there in zip(KINDS, there, strict=True) if is_there)
            for number, *there in found
        }
        return [msgspec.structs.replace(one, kinds=kinds.get(one.id, ())) for one in deliveries]

    async def _one(self, found: Select[WebhookDelivery], reference: str) -> WebhookDelivery | None:
        number = references.long_id_of(reference)
        # What this transaction wrote a moment ago is read as it is now.
        fresh = found.execution_options(populate_existing=True)
        return None if number is None else await self._session.scalar(fresh.where(_delivery.id == number))


def _sent_by(sender: Sender) -> ColumnElement[bool]:
    """Select what an application sent: a declared one may have the id of another's row."""
    is_declared = _delivery.endpoint_id == DECLARED
    return (_delivery.app_id == sender.app_id) & (is_declared if sender.is_declared else ~is_declared)
