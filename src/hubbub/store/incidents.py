"""What went wrong: written down by the hundred, and looked for.

Knows: the queries, what may not be kept in a column, and how much of a text is. Does not know who may ask.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final, cast

import msgspec
from sqlalchemy import Select, Table, delete, func, insert, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from hubbub.accounts.domain_incidents import Kept, Sought
from hubbub.store.connections import Connections
from hubbub.store.models_incidents import Incident as Row
from hubbub.taps.incident import Incident, Particulars, Sort

LONGEST_TEXT: Final = 8192
LONGEST: Final = 512
LONGEST_ADDRESS: Final = 64

PRUNED_AT_ONCE: Final = 1000
"""Incidents forgotten in one transaction: nobody is to wait long for it."""

_incidents = cast("Table", Row.__table__)


class IncidentLog:
    """Incidents, by the questions of `hubbub.console.seam.IncidentLog`: each is a transaction of its own."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    async def keep(self, incidents: Sequence[Incident]) -> None:
        """Keep some, in this order."""
        async with self._connections.connection(writing=True) as connection:
            await connection.execute(insert(_incidents), [_columns(incident) for incident in incidents])

    async def prune(self, before: datetime, most: int) -> int:
        """Forget some of before then, and of those that are too many; give how many that were."""
        columns = _incidents.c
        async with self._connections.connection(writing=True) as connection:
            old = select(columns.id).where(columns.at < before).order_by(columns.id).limit(PRUNED_AT_ONCE)
            if forgotten := await _forget(connection, old):
                return forgotten
            counts = select(columns.app_id).group_by(columns.app_id).having(func.count() > most)
            for app_id in list(await connection.scalars(counts)):
                of_one = select(columns.id).where(columns.app_id == app_id).order_by(columns.id.desc())
                forgotten += await _forget(connection, of_one.offset(most).limit(PRUNED_AT_ONCE))
        return forgotten


async def _forget(connection: AsyncConnection, ids: Select[int]) -> int:
    """Forget those of these ids; by their question, as each length of a list would be a statement to remember."""
    return (await connection.execute(delete(_incidents).where(_incidents.c.id.in_(ids)))).rowcount


class Incidents:
    """Incidents, by the questions of `hubbub.accounts.seam_incidents.Incidents`: in one transaction with others."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def find(self, app_id: str, sought: Sought, limit: int) -> Sequence[Kept]:
        """Give the newest that fit, `limit` at most."""
        found = _fitting(select(Row).where(Row.app_id == app_id), sought)
        rows = await self._session.scalars(found.order_by(Row.id.desc()).limit(limit))
        return [_value(row) for row in rows]

    async def get(self, app_id: str, reference: str) -> Kept | None:
        """Give one by its reference."""
        row = await self._session.scalar(select(Row).where(Row.app_id == app_id, Row.reference == clean(reference, 32)))
        return None if row is None else _value(row)

    async def reasons(self, app_id: str) -> Sequence[str]:
        """Name the reasons that an application's have."""
        found = select(Row.reason).where(Row.app_id == app_id).distinct().order_by(Row.reason)
        return (await self._session.scalars(found)).all()


def _fitting(found: Select[Row], sought: Sought) -> Select[Row]:
    equal = {
        Row.socket_id: sought.socket_id,
        Row.channel: sought.channel,
        Row.address: sought.address,
        Row.reason: sought.reason,
    }
    for column, value in equal.items():
        if value is not None:
            found = found.where(column == clean(value, LONGEST))
    if sought.user_id is not None:
        found = found.where(Row.users.contains(_encode(clean(sought.user_id, LONGEST)), autoescape=True))
    if sought.text is not None:
        text = clean(sought.text, LONGEST)
        searched = (Row.text, Row.socket_id, Row.users, Row.channel, Row.event, Row.asked, Row.address, Row.reason)
        found = found.where(or_(*(column.icontains(text, autoescape=True) for column in (*searched, Row.client))))
    if sought.since is not None:
        found = found.where(Row.at >= sought.since)
    if sought.until is not None:
        found = found.where(Row.at <= sought.until)
    if sought.is_nameless:
        found = found.where(Row.socket_id == "", Row.address == "", Row.sort != Sort.API.value)
    if sought.older_than is not None:
        found = found.where(Row.id < sought.older_than)
    return found


def _columns(incident: Incident) -> dict[str, Any]:
    about = incident.about
    return {
        "reference": incident.reference,
        "app_id": incident.app_id,
        "at": datetime.fromtimestamp(incident.at, UTC),
        "sort": incident.sort.value,
        "reason": incident.reason,
        "code": incident.code,
        "status": incident.status,
        "text": clean(incident.text, LONGEST_TEXT),
        "socket_id": clean(about.socket_id, LONGEST_ADDRESS),
        "users": _encode([clean(user, LONGEST) for user in about.users]),
        "channel": clean(about.channel, LONGEST),
        "event": clean(about.event, LONGEST),
        "asked": clean(about.asked, LONGEST),
        "address": clean(about.address, LONGEST_ADDRESS),
        "client": clean(about.client, LONGEST),
        "node": clean(incident.node, LONGEST),
        "count": incident.count,
    }


def clean(text: str, longest: int) -> str:
    """Give a text as it can be kept: PostgreSQL takes no NUL, and no database half a pair of surrogates."""
    return text[:longest].replace("\0", "\N{REPLACEMENT CHARACTER}").encode(errors="replace").decode()


def _encode(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _value(row: Row) -> Kept:
    return Kept(
        row.id,
        Incident(
            reference=row.reference,
            app_id=row.app_id,
            at=row.at.timestamp(),
            sort=Sort(row.sort),
            reason=row.reason,
            code=row.code,
            status=row.status,
            text=row.text,
            about=Particulars(
                row.socket_id,
                tuple(msgspec.json.decode(row.users, type=list[str])),
                row.address,
                row.client,
                row.channel,
                row.event,
                row.asked,
            ),
            node=row.node,
            count=row.count,
        ),
    )
