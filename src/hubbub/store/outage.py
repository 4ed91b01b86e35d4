"""Telling a database that is away from a statement that is wrong.

Knows: what SQLAlchemy and the drivers raise. Does not know what is done about it.
"""

import logging

import asyncpg  # type: ignore[import-untyped]
from sqlalchemy import exc

logger = logging.getLogger("hubbub.store")

RAISED = (exc.DBAPIError, exc.TimeoutError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError)
"""What an outage may come as. OSError and asyncpg's own: SQLAlchemy does not wrap all that connecting raises."""


FAILURES = frozenset({"08", "53", "57", "58"})
"""Classes of PostgreSQL's error codes (its Appendix A): connection, resources, operator intervention, system."""

LOCKED = frozenset({"55P03", "25P03"})
"""Waited too long for another's transaction, or kept others waiting too long."""


def is_outage(error: BaseException) -> bool:
    """Tell whether the database failed, and not the statement: that would be a bug."""
    match error:
        case exc.OperationalError() | exc.InterfaceError():
            return True
        case exc.DBAPIError():
            return (
                error.connection_invalidated
                or error.statement is None  # it never got so far, PostgreSQL's refusals at connecting among them
                or type(error) is exc.DatabaseError  # SQLite's "file is not a database", "disk image is malformed"
                or _code(error)[:2] in FAILURES
                or _code(error) in LOCKED
            )
        case _:
            return isinstance(error, RAISED)


def _code(error: exc.DBAPIError) -> str:
    return str(getattr(error.orig, "sqlstate", None))


def report(error: BaseException) -> None:
    """Log what the driver said, in a line: SQLAlchemy's own text has lines of SQL in it."""
    cause = error.orig if isinstance(error, exc.DBAPIError) and error.orig is not None else error
    logger.error("The database is away: %s: %s", type(cause).__name__, cause)
