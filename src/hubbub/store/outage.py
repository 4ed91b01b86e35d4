"""Telling a database that is away from a statement that is wrong.

Knows: what SQLAlchemy and the drivers raise. Does not know what is done about it.
"""

import logging

import asyncpg  # type: ignore[import-untyped]
from sqlalchemy import exc

logger = logging.getLogger("hubbub.store")

RAISED = (exc.DBAPIError, exc.TimeoutError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError)
"""What an outage may come as. OSError and asyncpg's own: SQLAlchemy does not wrap what connecting raises there."""


def is_outage(error: BaseException) -> bool:
    """Tell whether the database failed, and not the statement: that would be a bug."""
    match error:
        case exc.OperationalError() | exc.InterfaceError():
            return True
        case exc.DBAPIError():
            # SQLite says "file is not a database" with the bare DatabaseError.
            return error.connection_invalidated or type(error) is exc.DatabaseError
        case _:
            return isinstance(error, RAISED)


def report(error: BaseException) -> None:
    """Log what the driver said, in a line: SQLAlchemy's own text has lines of SQL in it."""
    cause = error.orig if isinstance(error, exc.DBAPIError) and error.orig is not None else error
    logger.error("The database is away: %s: %s", type(cause).__name__, cause)
