"""Where Redis is, as `HUBBUB_ENGINE_URL` says it.

Knows how such a URL is written, and what TLS it asks for. Does not connect, and shows nothing of a URL in an error.
"""

import re
import ssl
from enum import Enum
from typing import Final
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

import msgspec

from hubbub.settings import ConfigurationError

PORT: Final = 6379
SENTINEL_PORT: Final = 26379

FORMS: Final = (
    "redis://HOST:PORT/DB, rediss://…, unix:///PATH, redis+sentinel://HOST:PORT,HOST:PORT/SERVICE/DB,"
    " redis+cluster://HOST:PORT,HOST:PORT"
)

_HOST = re.compile(r"(?P<host>[^\s:/@?#\[\],]+|\[[0-9a-fA-F:.]+\])(:(?P<port>\d{1,5}))?")

_SENTINEL: Final = {"sentinel_username", "sentinel_password"}
_TLS: Final = {"ssl_ca_certs", "ssl_certfile", "ssl_keyfile", "ssl_cert_reqs", "ssl_check_hostname"}
"""What may stand behind the `?` of a URL, by the names that redis-py has given it."""


class Kind(Enum):
    """How many servers there are, and who says which of them is the primary."""

    SINGLE = "single"
    SENTINEL = "sentinel"
    CLUSTER = "cluster"


class Address(msgspec.Struct, frozen=True):
    """A host and its port, or the path of a unix socket, with port 0."""

    host: str
    port: int = 0

    def __str__(self) -> str:
        if not self.port:
            return self.host
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Login(msgspec.Struct, frozen=True):
    """A user and a password; without a password there is none to be told."""

    user: str = "default"
    password: str | None = None

    def __repr__(self) -> str:
        return "Login()"


class Location(msgspec.Struct, frozen=True):
    """What a URL says. `addresses` are the server, the Sentinels, or some servers of the Cluster.

    `timeout`: seconds in which who is there must answer.
    """

    kind: Kind
    addresses: tuple[Address, ...]
    timeout: float = 3
    login: Login = Login()
    database: int = 0
    service: str = ""
    sentinel_login: Login = Login()
    tls: ssl.SSLContext | None = None


def locate(url: str, timeout: float) -> Location:
    """Read a URL. Raises ConfigurationError, which says what is wrong and shows nothing of it."""
    try:
        parsed: SplitResult | None = urlsplit(url)
    except ValueError:
        parsed = None
    # Raised outside the `except`, so that no traceback shows the parser's error, which may hold a part of the URL.
    if parsed is None:
        raise _wrong(f"not a URL of Redis, use {FORMS}")
    scheme, plus, kind = parsed.scheme.partition("+")
    if plus and kind in ("sentinel", "cluster") and scheme in ("redis", "rediss"):
        options = _options(parsed, _TLS if scheme == "rediss" else set(), _SENTINEL if kind == "sentinel" else set())
        location = _watched(parsed, options) if kind == "sentinel" else _sharded(parsed)
    elif parsed.scheme in ("redis", "rediss"):
        options = _options(parsed, _TLS if scheme == "rediss" else set(), {"db"})
        location = _single(parsed, options)
    elif parsed.scheme == "unix":
        options = _options(parsed, {"db"})
        location = _socket(parsed, options)
    else:
        raise _wrong(f"not a URL of Redis, use {FORMS}")
    tls = _tls(options) if scheme == "rediss" else None
    return msgspec.structs.replace(location, timeout=timeout, tls=tls)


def _single(parsed: SplitResult, options: dict[str, str]) -> Location:
    hosts, login = _hosts(parsed, PORT)
    if len(hosts) != 1:
        raise _wrong("redis:// names one server; write redis+cluster:// or redis+sentinel:// for several")
    return Location(Kind.SINGLE, hosts, login=login, database=_database(options.get("db", parsed.path.strip("/"))))


def _socket(parsed: SplitResult, options: dict[str, str]) -> Location:
    login, at = _login(parsed.netloc)
    if at or not parsed.path.strip("/"):
        raise _wrong("a unix socket is a path, write unix:///PATH, with three slashes")
    return Location(
        Kind.SINGLE, (Address(unquote(parsed.path)),), login=login, database=_database(options.get("db", ""))
    )


def _watched(parsed: SplitResult, options: dict[str, str]) -> Location:
    hosts, login = _hosts(parsed, SENTINEL_PORT)
    service, _, database = parsed.path.strip("/").partition("/")
    if not service:
        raise _wrong("the service's name is missing, write redis+sentinel://HOST:PORT,HOST:PORT/SERVICE")
    sentinel_login = Login(options.get("sentinel_username", "default"), options.get("sentinel_password"))
    return Location(
        Kind.SENTINEL,
        hosts,
        login=login,
        database=_database(database),
        service=unquote(service),
        sentinel_login=sentinel_login,
    )


def _sharded(parsed: SplitResult) -> Location:
    hosts, login = _hosts(parsed, PORT)
    if parsed.path.strip("/") not in ("", "0"):
        raise _wrong("a Redis Cluster has only database 0")
    return Location(Kind.CLUSTER, hosts, login=login)


def _hosts(parsed: SplitResult, port: int) -> tuple[tuple[Address, ...], Login]:
    login, rest = _login(parsed.netloc)
    found = [_HOST.fullmatch(text) for text in (rest or "localhost").split(",")]
    addresses = [Address(match["host"].strip("[]"), int(match["port"] or port)) for match in found if match]
    if len(addresses) != len(found) or not all(0 < address.port < 65536 for address in addresses):
        raise _wrong(
            f"a host or a port cannot be read, write HOST:PORT; an @, / or : in a password is written as %40, %2F, %3A."
            f" Use {FORMS}"
        )
    return tuple(addresses), login


def _login(netloc: str) -> tuple[Login, str]:
    """Give the login, and what stands behind its `@`."""
    told, at, rest = netloc.rpartition("@")
    user, colon, password = told.partition(":")
    if not at:
        return Login(), rest
    if not colon:
        raise _wrong("a password is missing; one without a user is written as :PASSWORD@")
    return Login(unquote(user) or "default", unquote(password)), rest


def _database(text: str) -> int:
    if text and not (text.isascii() and text.isdecimal() and len(text) < 6):
        raise _wrong("the number of the database cannot be read")
    return int(text or 0)


def _options(parsed: SplitResult, *known: set[str]) -> dict[str, str]:
    if parsed.fragment or "#" in parsed.geturl():
        raise _wrong("a # in a password is written as %23")
    names = set().union(*known)
    options = dict(parse_qsl(parsed.query, keep_blank_values=True))
    if options.keys() - names:
        # Not by their names: who forgot to write a ? in a password as %3F has a part of it there.
        raise _wrong(
            f"parameters not supported behind the ?; here may be {', '.join(sorted(names)) or 'none'}."
            " A ? in a password is written as %3F"
        )
    return options


def _tls(options: dict[str, str]) -> ssl.SSLContext:
    """Make a context that believes whoever has a certificate of an authority that is the system's, or named."""
    problem = None
    try:
        context = ssl.create_default_context(cafile=options.get("ssl_ca_certs"))
        if certificate := options.get("ssl_certfile"):
            context.load_cert_chain(certificate, options.get("ssl_keyfile"))
    except ssl.SSLError:
        problem = "not a certificate, or not its key"
    except OSError as error:
        problem = error.strerror
    if problem is not None:
        raise _wrong(f"a file that ssl_… names cannot be read: {problem}")
    match options.get("ssl_check_hostname", "true").lower():
        case "true" | "1" | "yes":
            pass
        case "false" | "0" | "no":
            context.check_hostname = False
        case _:
            raise _wrong("ssl_check_hostname is true or false")
    match options.get("ssl_cert_reqs", "required"):
        case "required":
            pass
        case "none":
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        case _:
            raise _wrong("ssl_cert_reqs is required or none")
    return context


def _wrong(problem: str) -> ConfigurationError:
    return ConfigurationError(f"HUBBUB_ENGINE_URL: {problem}")
