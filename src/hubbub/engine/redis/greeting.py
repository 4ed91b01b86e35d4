"""How a connection to a Redis begins: who is there, and whether it can be used.

Knows HELLO and what it may answer. Shows no answer to it in an error: servers repeat there what they were asked, the
password too.
"""

import asyncio
import os
import ssl
from typing import Final

import msgspec

from hubbub.engine.redis.connection import Complaint, Connection
from hubbub.engine.redis.link import Answer
from hubbub.engine.redis.location import Address, Kind, Location, Login

OLDEST: Final = 6
"""The first major version that can be used."""

NAME: Final = "hubbub"
"""What CLIENT LIST calls our connections."""

MODES: Final = {
    Kind.SINGLE: "standalone",
    Kind.SENTINEL: "standalone",
    Kind.CLUSTER: "cluster",
}


class Away(Exception):
    """Redis cannot be reached for now; the text says why."""


class Unusable(Away):
    """Whom we reached is not to be used as it is; the text says why, and what to do."""


class Greeting(msgspec.Struct, frozen=True):
    """What a server says of itself: its major version, its mode, and whether it is a primary."""

    version: int
    mode: str
    is_primary: bool


async def dial(address: Address, location: Location) -> Connection:
    """Connect. Raises Away, or Unusable where TLS is the trouble."""
    loop = asyncio.get_running_loop()

    def make() -> Connection:
        return Connection(address, location.timeout)

    try:
        async with asyncio.timeout(location.timeout):
            if address.port:
                _, connection = await loop.create_connection(make, address.host, address.port, ssl=location.tls)
            else:
                _, connection = await loop.create_unix_connection(make, address.host)
    except ssl.SSLCertVerificationError as error:
        raise Unusable(f"the certificate of {address} is not to be trusted: {error.verify_message}") from None
    except ssl.SSLError as error:
        kind = Unusable if error.reason == "WRONG_VERSION_NUMBER" else Away
        raise kind(f"{address} does not speak TLS") from None
    except TimeoutError:
        # A Redis without TLS waits for the end of a line, and so for ever.
        raise Away(f"{address} does not answer{' in TLS' if location.tls else ''}") from None
    except OSError as error:
        what = os.strerror(error.errno) if error.errno and error.errno > 0 else "no such host"
        raise Away(f"{address} cannot be reached: {what}") from None
    return connection


async def greet(connection: Connection, location: Location, *, may_be_replica: bool = False) -> Greeting:
    """Say who we are, and hear whether the server can be used: of the kind that was told, a primary, ready.

    Raises Away or Unusable; the connection is closed then.
    """
    try:
        greeting = await _hello(connection, location)
        _check(connection.address, greeting, location.kind, may_be_replica=may_be_replica)
    except BaseException:
        connection.lose("not as it should be")
        raise
    return greeting


def read(hello: Answer) -> Greeting | None:
    """Read the answer to HELLO 2; None if it is none."""
    if not isinstance(hello, list):
        return None
    told = dict(zip(hello[::2], hello[1::2], strict=False)) if all(isinstance(k, bytes) for k in hello[::2]) else {}
    version, mode, role = (told.get(name) for name in (b"version", b"mode", b"role"))
    if not isinstance(version, bytes) or not isinstance(mode, bytes):
        return None
    return Greeting(int(version.partition(b".")[0]), mode.decode(), role == b"master")


async def _hello(connection: Connection, location: Location) -> Greeting:
    login, database = location.login, location.database
    authentication = () if login.password is None else ("AUTH", login.user, login.password)
    asked = [connection.ask("HELLO", 2, *authentication, "SETNAME", NAME), connection.ask("PING")]
    if database:
        asked.append(connection.ask("SELECT", database))
    if location.kind is Kind.CLUSTER:
        asked.append(connection.ask("CLUSTER", "INFO"))
    try:
        async with asyncio.timeout(location.timeout):
            hello, ping, *more = await asyncio.gather(*asked, return_exceptions=True)
    except TimeoutError:
        raise Away(f"{connection.address} does not answer") from None
    for answer in (hello, ping):
        if isinstance(answer, Complaint):
            raise _refused(connection.address, answer, login)
        if isinstance(answer, BaseException):
            if not connection.speaks_redis:
                raise Unusable(f"{connection.reason}; if it wants TLS, write rediss://")
            raise Away(connection.reason or "closed")
    for answer in more:
        if isinstance(answer, Complaint) and database:
            raise Unusable(f"{connection.address} has no database {database}")
        if isinstance(answer, bytes) and b"cluster_state:fail" in answer:
            # One that has just started says so for two seconds, while others take it for well.
            raise Away(f"the Cluster is down, says {connection.address}")
    greeting = None if isinstance(hello, BaseException) else read(hello)
    if greeting is None:
        raise Unusable(f"{connection.address} is no Redis")
    return greeting


def _refused(address: Address, complaint: Complaint, login: Login) -> Away:
    """Say what an error means, without its words."""
    match complaint.code:
        case "NOAUTH" if login.password is None:
            return Unusable(f"{address} asks for a password")
        case "NOAUTH" | "WRONGPASS":
            return Unusable(f"{address} refuses the user or the password")
        case "NOPERM":
            return Unusable(f"{address} does not let the user say HELLO and PING")
        case "DENIED":
            return Unusable(f"{address} is in protected mode: give it a password")
        case "ERR" if str(complaint).lower().startswith("err unknown command"):
            return Unusable(f"{address} is too old: Redis {OLDEST} or later is needed")
        case "LOADING":
            return Away(f"{address} is loading its data")
        case "ERR" if "max number of clients" in str(complaint):
            return Away(f"{address} has too many clients")
        case code:
            return Away(f"{address} is not ready ({code[:20]})")


def _check(address: Address, greeting: Greeting, kind: Kind, *, may_be_replica: bool) -> None:
    if greeting.version < OLDEST:
        raise Unusable(f"{address} is too old: Redis {OLDEST} or later is needed")
    if greeting.mode != MODES[kind]:
        match greeting.mode:
            case "cluster":
                raise Unusable(f"{address} is of a Redis Cluster: write redis+cluster://")
            case "sentinel":
                raise Unusable(f"{address} is a Sentinel: write redis+sentinel://HOST:PORT/SERVICE")
            case _:
                raise Unusable(f"{address} is not of a Redis Cluster: write redis://")
    if not greeting.is_primary and not may_be_replica:
        trouble = Unusable if kind is Kind.SINGLE else Away
        raise trouble(f"{address} is a replica, which cannot be written to")
