"""The tables of figures over time. Nobody makes objects of their rows, so they have no classes.

Knows: columns, keys and their names, as `models` does. Does not know which resolutions there are, nor for how long they
are kept. Times are Unix seconds, for they are put together by dividing them; applications go by the text of their id,
as one that settings declare has no row.
"""

from sqlalchemy import BigInteger, Column, Index, Integer, String, Table

from hubbub.statistics.figures import ADDED, LATENCIES, SIZES
from hubbub.store.models import Row

SIZE_COLUMNS = tuple(f"size_{place}" for place in range(len(SIZES)))
LATENCY_COLUMNS = tuple(f"latency_{place}" for place in range(len(LATENCIES)))
ADDED_COLUMNS = (*ADDED, *SIZE_COLUMNS, *LATENCY_COLUMNS)
"""Columns that what is told of is added to."""

STATISTICS = Table(
    "statistics",
    Row.metadata,
    Column("app_id", String(64), primary_key=True),
    Column("resolution", Integer, primary_key=True, autoincrement=False),
    Column("at", BigInteger, primary_key=True, autoincrement=False),
    *(Column(name, BigInteger, nullable=False) for name in ("peak", "largest", *ADDED_COLUMNS)),
    Index(None, "resolution", "at"),
    sqlite_with_rowid=False,
)
"""What was counted of an application in `resolution` seconds from `at` on, of all nodes."""

REFUSALS = Table(
    "refusal_statistics",
    Row.metadata,
    Column("app_id", String(64), primary_key=True),
    Column("resolution", Integer, primary_key=True, autoincrement=False),
    Column("at", BigInteger, primary_key=True, autoincrement=False),
    Column("reason", String(64), primary_key=True),
    Column("count", BigInteger, nullable=False),
    Index(None, "resolution", "at"),
    sqlite_with_rowid=False,
)
"""How often something was refused to an application's clients and servers for a reason, by its name."""
