"""Figures over time: what `hubbub.statistics.seam.Ledger` asks for.

Knows: the statements, which add and sum up in the database: a flush is one of them, however many applications there
are. Does not know when figures are noted.
"""

# ruff: noqa: S608 - what is put into a statement are names of columns, not values

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import TextClause, bindparam, text
from sqlalchemy.engine import Row as Result
from sqlalchemy.ext.asyncio import AsyncConnection

from hubbub.statistics.figures import ADDED, Figures
from hubbub.statistics.seam import INTERVAL, KEPT, Noted, Refused
from hubbub.store import database
from hubbub.store.connections import Connections
from hubbub.store.models_statistics import ADDED_COLUMNS, LATENCY_COLUMNS, SIZE_COLUMNS

STATISTICS_LOCK: Final = 0x666967757265
"""The key of PostgreSQL's advisory lock of who adds figures: "figure" in ASCII. One at a time, or two nodes that add to
the same rows would wait for each other."""

PRUNED_AT_ONCE: Final = 60
"""Times of each resolution that are forgotten in one transaction."""

_encode = msgspec.json.Encoder().encode

_RESOLUTIONS: Final = " UNION ALL ".join(f"SELECT {seconds} AS resolution" for seconds in KEPT)
_LONGER: Final = " UNION ALL ".join(f"SELECT {seconds} AS resolution" for seconds in KEPT if seconds > INTERVAL)
_VALUES: Final = ("app_id", "at", "peak", "largest", *ADDED_COLUMNS)
_INSERT: Final = f"INSERT INTO statistics (app_id, resolution, at, peak, largest, {', '.join(ADDED_COLUMNS)})"
_SUMS: Final = ", ".join(f"sum({name}) AS {name}" for name in ADDED_COLUMNS)


def _unpacked(dialect: str, columns: Sequence[str], texts: Iterable[str]) -> str:
    """Give SQL for rows of the JSON list of lists `:rows`: one parameter, however many they are."""
    if dialect == "postgresql":
        taken = [
            f"(value ->> {place}) AS {name}" if name in texts else f"(value ->> {place})::bigint AS {name}"
            for place, name in enumerate(columns)
        ]
        return f"SELECT {', '.join(taken)} FROM jsonb_array_elements(CAST(:rows AS jsonb)) AS given(value)"
    taken = [f"json_extract(value, '$[{place}]') AS {name}" for place, name in enumerate(columns)]
    return f"SELECT {', '.join(taken)} FROM json_each(:rows)"


def _more(dialect: str, peak: str) -> str:
    """Give SQL that adds to a row that is there; `peak` is what becomes of the peak."""
    greatest = "greatest" if dialect == "postgresql" else "max"
    more = ", ".join(f"{name} = statistics.{name} + excluded.{name}" for name in ADDED_COLUMNS)
    return (
        f" ON CONFLICT (app_id, resolution, at) DO UPDATE SET peak = {peak.format(greatest=greatest)},"
        f" largest = {greatest}(statistics.largest, excluded.largest), {more}"
    )


def _add(dialect: str) -> TextClause:
    """What several nodes have at once adds up in an interval."""
    return text(
        f"{_INSERT} SELECT app_id, {INTERVAL}, at, peak, largest, {', '.join(ADDED_COLUMNS)}"
        f" FROM ({_unpacked(dialect, _VALUES, ['app_id'])}) AS noted WHERE true"
        f"{_more(dialect, 'statistics.peak + excluded.peak')}"
    )


def _sum_up(dialect: str) -> TextClause:
    """The peak of a longer time is that of its highest interval, of all nodes together."""
    sums = ", ".join(f"sum(noted.{name})" for name in ADDED_COLUMNS)
    return text(
        f"{_INSERT} SELECT noted.app_id, resolutions.resolution, noted.at - noted.at % resolutions.resolution,"
        f" max(fine.peak), max(noted.largest), {sums}"
        f" FROM ({_unpacked(dialect, _VALUES, ['app_id'])}) AS noted JOIN statistics AS fine"
        f" ON fine.app_id = noted.app_id AND fine.resolution = {INTERVAL} AND fine.at = noted.at"
        f" CROSS JOIN ({_LONGER}) AS resolutions WHERE true GROUP BY 1, 2, 3"
        f"{_more(dialect, '{greatest}(statistics.peak, excluded.peak)')}"
    )


def _add_refusals(dialect: str) -> TextClause:
    return text(
        "INSERT INTO refusal_statistics (app_id, resolution, at, reason, count)"
        " SELECT app_id, resolution, at - at % resolution, reason, sum(count)"
        f" FROM ({_unpacked(dialect, ('app_id', 'at', 'reason', 'count'), ['app_id', 'reason'])}) AS refused"
        f" CROSS JOIN ({_RESOLUTIONS}) AS resolutions WHERE true GROUP BY 1, 2, 3, 4"
        " ON CONFLICT (app_id, resolution, at, reason) DO UPDATE SET count = refusal_statistics.count + excluded.count"
    )


_DIALECTS: Final = ("sqlite", "postgresql")
_ADD: Final = {dialect: _add(dialect) for dialect in _DIALECTS}
_SUM_UP: Final = {dialect: _sum_up(dialect) for dialect in _DIALECTS}
_ADD_REFUSALS: Final = {dialect: _add_refusals(dialect) for dialect in _DIALECTS}
_TIME: Final = "resolution = :resolution AND at >= :since AND at < :until"
_FIGURES: Final = text(
    f"SELECT at, peak, largest, {', '.join(ADDED_COLUMNS)} FROM statistics WHERE app_id = :app_id AND {_TIME}"
)
_REFUSALS: Final = text(f"SELECT at, reason, count FROM refusal_statistics WHERE app_id = :app_id AND {_TIME}")
_TOTALS: Final = text(
    f"SELECT app_id, max(peak) AS peak, max(largest) AS largest, {_SUMS} FROM statistics"
    f" WHERE app_id IN :app_ids AND {_TIME} GROUP BY app_id"
).bindparams(bindparam("app_ids", expanding=True))
_TABLES: Final = ("statistics", "refusal_statistics")
_OLDEST: Final = {
    table: text(f"SELECT min(at) FROM {table} WHERE resolution = :resolution AND at < :before") for table in _TABLES
}
_FORGET: Final = {
    table: text(f"DELETE FROM {table} WHERE resolution = :resolution AND at < :before") for table in _TABLES
}


class Statistics:
    """The ledger of figures, by the questions of `hubbub.statistics.seam.Ledger`."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    async def add(self, noted: Sequence[Noted], refused: Sequence[Refused]) -> None:
        """Add to what is there, of this node or another, in every resolution, all of it or nothing."""
        async with self._connections.connection(writing=True) as connection:
            await database.limit_waiting(connection)
            await database.lock(connection, STATISTICS_LOCK)
            dialect = connection.dialect.name
            if noted:
                rows = {"rows": _encode([_row(one) for one in noted]).decode()}
                await connection.execute(_ADD[dialect], rows)
                await connection.execute(_SUM_UP[dialect], rows)
            if refused:
                given = [(one.app_id, one.at, one.reason, one.count) for one in refused]
                await connection.execute(_ADD_REFUSALS[dialect], {"rows": _encode(given).decode()})

    async def prune(self, now: int) -> bool:
        """Forget some of what is kept for too long; tell whether there may be more."""
        async with self._connections.connection() as connection:
            old = [
                (table, resolution, oldest)
                for table in _TABLES
                for resolution in KEPT
                if (oldest := await self._oldest(connection, table, resolution, now)) is not None
            ]
        if not old:
            return False
        is_more = False
        async with self._connections.connection(writing=True) as connection:
            await database.limit_waiting(connection)
            await database.lock(connection, STATISTICS_LOCK)
            for table, resolution, oldest in old:
                end = oldest + PRUNED_AT_ONCE * resolution
                before = min(end, now - KEPT[resolution])
                await connection.execute(_FORGET[table], {"resolution": resolution, "before": before})
                is_more = is_more or before == end
        return is_more

    @staticmethod
    async def _oldest(connection: AsyncConnection, table: str, resolution: int, now: int) -> int | None:
        asked = {"resolution": resolution, "before": now - KEPT[resolution]}
        oldest: int | None = (await connection.execute(_OLDEST[table], asked)).scalar_one()
        return oldest

    async def figures(self, app_id: str, resolution: int, since: int, until: int) -> Mapping[int, Figures]:
        """Give what is kept of an application from `since` on and before `until`, by the time that each begins."""
        asked = {"app_id": app_id, "resolution": resolution, "since": since, "until": until}
        async with self._connections.connection() as connection:
            return {row.at: _figures(row) for row in await connection.execute(_FIGURES, asked)}

    async def refusals(self, app_id: str, resolution: int, since: int, until: int) -> Mapping[int, Mapping[str, int]]:
        """Give how often what was refused, by the time that each begins and the reason."""
        asked = {"app_id": app_id, "resolution": resolution, "since": since, "until": until}
        found: dict[int, dict[str, int]] = {}
        async with self._connections.connection() as connection:
            for at, reason, count in await connection.execute(_REFUSALS, asked):
                found.setdefault(at, {})[reason] = count
        return found

    async def totals(self, app_ids: Sequence[str], resolution: int, since: int, until: int) -> Mapping[str, Figures]:
        """Give the figures of all that time for each of the applications that has any."""
        if not app_ids:
            return {}
        asked = {"app_ids": list(app_ids), "resolution": resolution, "since": since, "until": until}
        async with self._connections.connection() as connection:
            return {row.app_id: _figures(row) for row in await connection.execute(_TOTALS, asked)}


def _row(noted: Noted) -> tuple[str | int, ...]:
    figures = noted.figures
    added = [getattr(figures, name) for name in ADDED]
    return (noted.app_id, noted.at, figures.peak, figures.largest, *added, *figures.sizes, *figures.latencies)


def _figures(row: Result[Any]) -> Figures:
    # PostgreSQL sums up in decimals.
    found = {name: int(value) for name, value in row._mapping.items() if name not in ("at", "app_id")}  # noqa: SLF001
    return Figures(
        **{name: found[name] for name in (*ADDED, "largest", "peak")},
        sizes=tuple(found[name] for name in SIZE_COLUMNS),
        latencies=tuple(found[name] for name in LATENCY_COLUMNS),
    )
