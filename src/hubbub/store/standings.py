"""What endpoints were told stands, as several nodes settle it: whose word counts is seen here, under the outbox's lock.

Knows: how notes with versions change what stands, and which of them have an event. Does not know what becomes of
events, nor who is really there.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from typing import Any, cast

from sqlalchemy import ColumnElement, Table, any_, bindparam, delete, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from hubbub.store.models_webhooks import WebhookStanding
from hubbub.webhooks.seam import Note, Standing

ALONE = 0
"""The version of what a node has begun that is alone."""

_standing = cast("Table", WebhookStanding.__table__)


def among(dialect: str, column: ColumnElement[Any]) -> ColumnElement[bool]:
    """Select what has one of the values that `values(dialect, …)` gives: one statement, however many there are."""
    if dialect == "postgresql":
        return column == any_(bindparam("values", type_=postgresql.ARRAY(column.type)))
    return column.in_(select(func.json_each(bindparam("values")).table_valued("value").c.value))


def values(dialect: str, given: Sequence[object]) -> dict[str, object]:
    """Give the parameter for `among`."""
    return {"values": given if dialect == "postgresql" else json.dumps(given)}


_DIALECTS = ("sqlite", "postgresql")
_INSERT: dict[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}
_BEGIN = {name: _INSERT[name](_standing).on_conflict_do_nothing() for name in _DIALECTS}
_END = delete(_standing).where(_standing.c.digest == bindparam("over"))
_VERSIONS = {
    name: select(_standing.c.digest, _standing.c.version).where(among(name, _standing.c.digest)) for name in _DIALECTS
}
_OVER = {name: delete(_standing).where(among(name, _standing.c.digest)) for name in _DIALECTS}


def _put(name: str) -> Any:
    row = _INSERT[name](_standing)
    return row.on_conflict_do_update(index_elements=[_standing.c.digest], set_={"version": row.excluded.version})


_PUT = {name: _put(name) for name in _DIALECTS}


async def write(connection: AsyncConnection, stands: Mapping[Standing, bool]) -> None:
    """Let each stand, or not, whatever stood."""
    begun = [_row(standing, ALONE) for standing, is_on in stands.items() if is_on]
    over = [{"over": _digest(standing)} for standing, is_on in stands.items() if not is_on]
    if begun:
        await connection.execute(_BEGIN[connection.dialect.name], begun)
    if over:
        await connection.execute(_END, over)


async def settle(connection: AsyncConnection, notes: Iterable[Note]) -> tuple[list[Note], dict[Standing, int]]:
    """Change what stands as notes say, one after the other; give those whose event is to be kept.

    And what was to end by a version, and stands by another one, with that.
    """
    notes = list(notes)
    dialect = connection.dialect.name
    digests = {stay: _digest(stay) for note in notes if (stay := note.begins or note.leaves or note.ends)}
    found = await connection.execute(_VERSIONS[dialect], values(dialect, list(digests.values())))
    stood = {row.digest: row.version for row in found}
    stands = {stay: stood[digest] for stay, digest in digests.items() if digest in stood}
    before = dict(stands)
    told: list[Note] = []
    others: dict[Standing, int] = {}
    for note in notes:
        has_event = True
        if note.begins is not None:
            has_event = note.version is None or note.begins not in stands
            stands[note.begins] = ALONE if note.version is None else note.version
        elif note.leaves is not None:
            has_event = False
            if note.leaves in stands and note.version is not None:
                stands[note.leaves] = note.version
        elif note.ends is not None:
            version = stands.get(note.ends)
            has_event = note.version is None or note.version == version
            if has_event:
                stands.pop(note.ends, None)
            elif version is not None:
                others[note.ends] = version
        if has_event:
            told.append(note)
    changed = [_row(stay, version) for stay, version in stands.items() if before.get(stay) != version]
    over = [digests[stay] for stay in before if stay not in stands]
    if changed:
        await connection.execute(_PUT[dialect], changed)
    if over:
        await connection.execute(_OVER[dialect], values(dialect, over))
    return told, {stay: version for stay, version in others.items() if stands.get(stay) == version}


async def versions(connection: AsyncConnection, app_id: str | None = None) -> dict[Standing, int]:
    """Give what stands, of an application or in all, with its versions."""
    columns = select(_standing.c.app_id, _standing.c.channel, _standing.c.user_id, _standing.c.version)
    if app_id is not None:
        columns = columns.where(_standing.c.app_id == app_id)
    return {
        Standing(app_id, channel, json.loads(user_id)): version
        for app_id, channel, user_id, version in await connection.execute(columns)
    }


async def applications(connection: AsyncConnection) -> list[str]:
    """Give the ids of the applications of which anything stands."""
    return list((await connection.execute(select(_standing.c.app_id).distinct())).scalars())


async def forget(connection: AsyncConnection, app_id: str) -> None:
    """Let nothing of an application stand."""
    await connection.execute(delete(_standing).where(_standing.c.app_id == app_id))


def _digest(standing: Standing) -> str:
    return sha256(json.dumps([standing.app_id, standing.channel, standing.user_id]).encode()).hexdigest()


def _row(standing: Standing, version: int) -> dict[str, Any]:
    return {
        "digest": _digest(standing),
        "app_id": standing.app_id,
        "channel": standing.channel,
        "user_id": json.dumps(standing.user_id),  # in ASCII: a user may be called anything, lone surrogates too
        "version": version,
    }
