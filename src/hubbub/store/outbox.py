"""Webhooks on their way: what `hubbub.webhooks.seam.Outbox` asks for.

Knows: the queries; that ids of events become visible in their order; what may not be kept in a column. Makes no objects
of rows: events are written down for each moment in which anything happens.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any, cast

import msgspec
from sqlalchemy import Row, Table, bindparam, delete, func, insert, literal_column, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from hubbub.store import database, models, references, standings, values
from hubbub.store.applications import FINDABLE
from hubbub.store.connections import Connections
from hubbub.store.models_webhooks import (
    WebhookAttempt,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookEvent,
    WebhookLead,
)
from hubbub.webhooks.seam import (
    DECLARED,
    Attempt,
    Delivery,
    Hooked,
    NewDelivery,
    Note,
    Standing,
    State,
    SupersededError,
    Waiting,
)

PRUNED_AT_ONCE = 1000
"""Deliveries forgotten in one transaction: nobody is to wait long for it."""

# Built once: SQLAlchemy takes longer to put these together than the databases to do them.
_events = cast("Table", WebhookEvent.__table__)
_deliveries = cast("Table", WebhookDelivery.__table__)
_attempts = cast("Table", WebhookAttempt.__table__)

_lead = cast("Table", WebhookLead.__table__)

_PENDING = _deliveries.c.state == State.PENDING.value

_WAITING = (
    select(
        _events.c.id,
        _events.c.app_id,
        _events.c.endpoint_id,
        _events.c.channel,
        _events.c.event,
        func.coalesce(_events.c.trace, ""),
    )
    .where(_events.c.id > bindparam("after"))
    .order_by(_events.c.id)
    .limit(bindparam("most"))
)
_WAITING_FOR_ONE = _WAITING.where(_events.c.app_id == bindparam("app"), _events.c.endpoint_id == bindparam("endpoint"))
_BACKLOG = select(_events.c.app_id, _events.c.endpoint_id, func.count()).group_by(
    _events.c.app_id, _events.c.endpoint_id
)
# By the ids of its endpoints, for there is an index of those.
_BACKLOG_OF_ONE = _BACKLOG.where(
    _events.c.app_id == bindparam("app"),
    _events.c.endpoint_id.in_(
        select(WebhookEndpoint.id)
        .where(WebhookEndpoint.application_id == bindparam("number"))
        .union_all(select(literal_column(str(DECLARED))))
    ),
)
_TAKE_OUT = {name: delete(_events).where(standings.among(name, _events.c.id)) for name in ("sqlite", "postgresql")}
_TOKEN = select(_lead.c.token)
_LEAD = update(_lead).values(token=bindparam("new_token"))
_MAKE = insert(_deliveries).returning(_deliveries.c.id, sort_by_parameter_order=True)
_RENEW = (
    update(_deliveries)
    .where(_deliveries.c.id == bindparam("delivery_id"), _PENDING)
    .values(
        time_ms=bindparam("new_time_ms"),
        body=bindparam("new_body"),
        key=bindparam("new_key"),
        signature=bindparam("new_signature"),
    )
)
_STATE = (
    update(_deliveries)
    .where(_deliveries.c.id == bindparam("delivery_id"), _deliveries.c.state != State.DELIVERED.value)
    .values(
        state=bindparam("new_state"),
        attempts=_deliveries.c.attempts + literal_column("1"),
        finished_at=bindparam("finished"),
    )
)
_columns = ("delivery_id", "at", "duration_ms", "status", "problem", "answer")
_kept = [bindparam(f"the_{name}", type_=_attempts.c[name].type) for name in _columns]
# Of a delivery that was discarded in the meantime nothing is kept.
_ATTEMPT = insert(_attempts).from_select(
    _columns, select(*_kept).where(select(_deliveries.c.id).where(_deliveries.c.id == _kept[0]).exists())
)


class _GoneError(Exception):
    """An event of which a delivery was to be made is no longer in the outbox."""


class Outbox:
    """The outbox and the deliveries, by the questions of `hubbub.webhooks.seam.Outbox`.

    Who writes is alone, on either database: on PostgreSQL under a lock of its own, so that accounts do not wait for it.
    """

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    async def hooked(self, app_id: str | None = None) -> Sequence[Hooked]:
        """Give the applications with endpoints, not archived, with an active key; or that one, if it is such."""
        number = None if app_id is None else references.id_of(app_id)
        if app_id is not None and number is None:
            return []
        endpoints = select(WebhookEndpoint).order_by(WebhookEndpoint.id)
        applications = FINDABLE.order_by(models.Application.id)
        if number is not None:
            endpoints = endpoints.where(WebhookEndpoint.application_id == number)
            applications = applications.where(models.Application.id == number)
        vault = self._connections.vault
        with_endpoints = select(WebhookEndpoint.id).where(WebhookEndpoint.application_id == models.Application.id)
        async with self._connections.session() as session:
            of: dict[int, list[WebhookEndpoint]] = {}
            for row in await session.scalars(endpoints):
                of.setdefault(row.application_id, []).append(row)
            if not of:
                return []
            rows = await session.scalars(applications.where(with_endpoints.exists()))
            found = [(row.id, values.application(row, vault)) for row in rows]
        return [
            Hooked(
                app_id=app.id,
                pair=app.key_pairs[0],
                is_batched=app.settings.webhook_batches,
                endpoints=tuple(values.endpoint(one, vault) for one in of[number]),
            )
            for number, app in found
            if app.key_pairs and number in of
        ]

    async def accept(self, notes: Sequence[Note]) -> Mapping[Standing, int]:
        """Write down events, in this order, and what they begin, leave and end. To begin or end twice changes nothing.

        Gives what was to end by a version and stands by another, with that.
        """
        told, others = notes, dict[Standing, int]()
        # What ended and began again in one of them stands, and the other way round: the last word counts.
        stands: dict[Standing, bool] = {}
        is_settled = True
        for note in notes:
            if note.begins is not None:
                stands[note.begins] = True
            if note.ends is not None:
                stands[note.ends] = False
            is_settled = is_settled and note.version is None
        if is_settled and not stands and not any(note.endpoints for note in notes):
            return others
        async with self._writing() as connection:
            if not is_settled:
                told, others = await standings.settle(connection, notes)
            elif stands:
                await standings.write(connection, stands)
            at = models.now()
            events = [
                {
                    "app_id": note.app_id,
                    "endpoint_id": endpoint_id,
                    "channel": note.channel,
                    "event": note.event,
                    "created_at": at,
                    "trace": note.trace or None,
                }
                for note in told
                for endpoint_id in note.endpoints
            ]
            if events:
                await connection.execute(insert(_events), events)
        return others

    async def waiting(
        self, after: int, limit: int, app_id: str | None = None, endpoint_id: int | None = None
    ) -> Sequence[Waiting]:
        """Give the events in the outbox with ids over `after`, by id, `limit` at most; or those for one endpoint."""
        asked: dict[str, object] = {"after": after, "most": limit}
        found = _WAITING
        if app_id is not None or endpoint_id is not None:
            found, asked = _WAITING_FOR_ONE, asked | {"app": app_id, "endpoint": endpoint_id}
        async with self._connections.connection() as connection:
            return [Waiting(*row) for row in await connection.execute(found, asked)]

    async def backlog(self) -> Mapping[tuple[str, int], int]:
        """Give how many events are in the outbox for each application's id and endpoint."""
        async with self._connections.connection() as connection:
            return {(app_id, endpoint_id): count for app_id, endpoint_id, count in await connection.execute(_BACKLOG)}

    async def backlog_of(self, app_id: str) -> Mapping[int, int]:
        """Give how many events are in the outbox for each endpoint that an application has, without those of none."""
        asked = {"app": app_id, "number": references.id_of(app_id)}
        async with self._connections.connection() as connection:
            return {endpoint_id: count for _, endpoint_id, count in await connection.execute(_BACKLOG_OF_ONE, asked)}

    async def pending(self) -> Sequence[Delivery]:
        """Give all deliveries that are neither delivered nor failed, by id."""
        async with self._connections.connection() as connection:
            found = await connection.execute(select(_deliveries).where(_PENDING).order_by(_deliveries.c.id))
            return [_delivery(row) for row in found]

    async def lead(self, token: int) -> None:
        """Let nobody make deliveries from now on, among several nodes, but who has this token."""
        async with self._writing() as connection:
            changed = await connection.execute(_LEAD, {"new_token": token})
            if not changed.rowcount:
                await connection.execute(insert(_lead), {"id": 1, "token": token})

    async def make(self, deliveries: Sequence[NewDelivery], token: int | None = None) -> Sequence[int | None]:
        """Keep deliveries, take their events out of the outbox, and give the deliveries' ids, in this order.

        None for one of which an event is no longer there: somebody else has made a delivery of it, or discarded it.
        Raises SupersededError, having changed nothing, if somebody has led by another token since. A node that is alone
        has none.
        """
        if not deliveries:
            return []
        try:
            return await self._make(deliveries, token)
        except _GoneError:
            if len(deliveries) == 1:
                return [None]
        return [number for one in deliveries for number in await self.make([one], token)]

    async def _make(self, deliveries: Sequence[NewDelivery], token: int | None) -> Sequence[int]:
        at = models.now()
        rows = [
            {
                "app_id": one.app_id,
                "endpoint_id": one.endpoint_id,
                "time_ms": one.time_ms,
                "channels": msgspec.json.encode(one.channels).decode(),
                "body": one.body,
                "key": one.key,
                "signature": one.signature,
                "state": State.PENDING.value,
                "attempts": 0,
                "created_at": at,
            }
            for one in deliveries
        ]
        taken = [event_id for one in deliveries for event_id in one.event_ids]
        async with self._writing() as connection:
            dialect = connection.dialect.name
            if token is not None and (await connection.execute(_TOKEN)).scalar() != token:
                raise SupersededError
            if taken:
                gone = await connection.execute(_TAKE_OUT[dialect], standings.values(dialect, taken))
                if gone.rowcount != len(taken):
                    raise _GoneError  # which undoes it
            return list((await connection.execute(_MAKE, rows)).scalars())

    async def renew(self, deliveries: Sequence[Delivery]) -> None:
        """Keep the time, body, key and signature that these deliveries have now. Those not pending stay as they are."""
        if not deliveries:
            return
        renewed = [
            {
                "delivery_id": one.id,
                "new_time_ms": one.time_ms,
                "new_body": one.body,
                "new_key": one.key,
                "new_signature": one.signature,
            }
            for one in deliveries
        ]
        async with self._writing() as connection:
            await connection.execute(_RENEW, renewed)

    async def attempted(self, attempts: Sequence[Attempt]) -> None:
        """Keep attempts, and the state each left its delivery in. Those of deliveries that are gone are not kept."""
        if not attempts:
            return
        kept = [
            {
                "the_delivery_id": one.delivery_id,
                "the_at": one.at,
                "the_duration_ms": one.duration_ms,
                "the_status": one.status,
                "the_problem": _storable(one.problem),
                "the_answer": _storable(one.answer),
            }
            for one in attempts
        ]
        states = [
            {
                "delivery_id": one.delivery_id,
                "new_state": one.state.value,
                "finished": None if one.state is State.PENDING else one.at + timedelta(milliseconds=one.duration_ms),
            }
            for one in attempts
        ]
        async with self._writing() as connection:
            await connection.execute(_ATTEMPT, kept)
            await connection.execute(_STATE, states)

    async def standing(self) -> Sequence[Standing]:
        """Give what endpoints were told has begun, and not that it ended."""
        async with self._connections.connection() as connection:
            return list(await standings.versions(connection))

    async def versions(self, app_id: str) -> Mapping[Standing, int]:
        """Give what stands of an application, each with its version."""
        async with self._connections.connection() as connection:
            return await standings.versions(connection, app_id)

    async def stood(self) -> Sequence[str]:
        """Give the ids of the applications of which anything stands."""
        async with self._connections.connection() as connection:
            return await standings.applications(connection)

    async def forget(self, app_id: str) -> None:
        """Let nothing of an application stand."""
        async with self._writing() as connection:
            await standings.forget(connection, app_id)

    async def discard(self, app_id: str, endpoint_id: int) -> int:
        """Forget the events and pending deliveries of an endpoint that is there no more, and give how many.

        Those of one that is there, though its application may be archived, or that is a declared one's, stay.
        """
        kept = select(WebhookEndpoint.id).where(
            WebhookEndpoint.id == endpoint_id, WebhookEndpoint.application_id == references.id_of(app_id)
        )
        count = 0
        async with self._writing() as connection:
            if endpoint_id == DECLARED or (await connection.execute(kept)).first() is not None:
                return 0
            for table, condition in ((_events, None), (_deliveries, _PENDING)):
                gone = delete(table).where(table.c.app_id == app_id, table.c.endpoint_id == endpoint_id)
                found = await connection.execute(gone if condition is None else gone.where(condition))
                count += found.rowcount
        return count

    async def prune(self, before: datetime) -> None:
        """Forget deliveries, delivered or failed, that were made before a time, with their attempts.

        In several transactions if there are many, so that events need not wait.
        """
        old = select(_deliveries.c.id).where(~_PENDING, _deliveries.c.created_at < before)
        some = old.order_by(_deliveries.c.created_at).limit(PRUNED_AT_ONCE)
        is_more = True
        while is_more:
            async with self._writing() as connection:
                gone = await connection.execute(delete(_deliveries).where(_deliveries.c.id.in_(some)))
                is_more = gone.rowcount == PRUNED_AT_ONCE

    @asynccontextmanager
    async def _writing(self) -> AsyncIterator[AsyncConnection]:
        async with self._connections.connection(writing=True) as connection:
            await database.limit_waiting(connection)
            await database.lock(connection, database.OUTBOX_LOCK)
            yield connection


def _delivery(row: Row[Any]) -> Delivery:
    return Delivery(
        id=row.id,
        app_id=row.app_id,
        endpoint_id=row.endpoint_id,
        time_ms=row.time_ms,
        channels=msgspec.json.decode(row.channels, type=tuple[str, ...]),
        body=row.body,
        key=row.key,
        signature=row.signature,
        attempts=row.attempts,
    )


def _storable(text: str) -> str:
    """Give the text as both databases can keep it: what came from an endpoint may be anything."""
    return text.replace("\0", "\ufffd").encode(errors="replace").decode()
