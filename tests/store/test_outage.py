import asyncpg  # type: ignore[import-untyped]
import pytest
from sqlalchemy import exc

from hubbub.store import outage


class Coded(Exception):
    """A driver's error with PostgreSQL's code."""

    def __init__(self, sqlstate: str) -> None:
        super().__init__(sqlstate)
        self.sqlstate = sqlstate


def wrapped(kind: type[exc.DBAPIError], cause: Exception, statement: str | None = "SELECT 1") -> exc.DBAPIError:
    return kind(statement, {}, cause)


@pytest.mark.parametrize(
    "error",
    [
        ConnectionRefusedError(),
        TimeoutError(),
        exc.TimeoutError(),
        asyncpg.CannotConnectNowError("starting up"),
        asyncpg.InterfaceError("connection is closed"),
        wrapped(exc.OperationalError, Exception("database is locked")),
        wrapped(exc.InterfaceError, Exception("connection is closed")),
        wrapped(exc.DatabaseError, Exception("file is not a database")),
        wrapped(exc.DBAPIError, Exception('database "nope" does not exist'), statement=None),
        wrapped(exc.DBAPIError, Coded("57P01")),  # the server is stopped
        wrapped(exc.DBAPIError, Coded("53300")),  # too many connections
        wrapped(exc.DBAPIError, Coded("55P03")),  # another's transaction took too long
        wrapped(exc.DBAPIError, Coded("25P03")),  # ours did
        exc.DBAPIError("SELECT 1", {}, Exception("closed"), connection_invalidated=True),
    ],
)
def test_a_database_that_failed_is_an_outage(error: Exception) -> None:
    assert isinstance(error, outage.RAISED)
    assert outage.is_outage(error)


@pytest.mark.parametrize(
    "error",
    [
        wrapped(exc.IntegrityError, Exception("UNIQUE constraint failed")),
        wrapped(exc.ProgrammingError, Coded("42P01")),
        wrapped(exc.DataError, Coded("22021")),
        ValueError(),
    ],
)
def test_a_statement_that_is_wrong_is_none(error: Exception) -> None:
    assert not outage.is_outage(error)


def test_the_report_is_one_line_without_sql_and_values(caplog: pytest.LogCaptureFixture) -> None:
    outage.report(exc.OperationalError("SELECT :secret", {"secret": "hunter2"}, OSError("disk full")))
    assert caplog.messages == ["The database is away: OSError: disk full"]
