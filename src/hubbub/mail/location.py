"""Where the mail server is, as `HUBBUB_SMTP_URL` says it.

Knows how such a URL is written, and when a password or a letter may go out without TLS. Does not connect, and shows
nothing of a URL in an error.
"""

import re
import ssl
from enum import Enum
from ipaddress import ip_address
from typing import Final
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

import msgspec

from hubbub.settings import ConfigurationError

FORMS: Final = "smtp://USER:PASSWORD@HOST:587 or smtps://USER:PASSWORD@HOST:465"

_PORTS: Final = {"smtp": 587, "smtps": 465}
_HOST: Final = re.compile(r"(?P<host>[^\s:/@?#\[\],]+|\[[0-9a-fA-F:.]+\])(:(?P<port>\d{1,5}))?")
_OPTIONS: Final = {"starttls", "ssl_ca_certs"}


class Encryption(Enum):
    """How a connection comes to be encrypted."""

    TLS = "from its first byte"
    ALWAYS = "by STARTTLS, or it is given up"
    OFFERED = "by STARTTLS, where the server offers it"
    NEVER = "not at all"


class Location(msgspec.Struct, frozen=True):
    """What a URL says; `user` is None where nobody signs in."""

    host: str
    port: int
    user: str | None
    password: str
    encryption: Encryption
    tls: ssl.SSLContext | None

    def __repr__(self) -> str:
        return f"Location(host={self.host!r}, port={self.port!r})"


def locate(url: str) -> Location:
    """Read a URL. Raises ConfigurationError, which says what is wrong and shows nothing of it.

    With `smtp://` STARTTLS is used where it is offered, and is needed where there is a password. On this machine there
    is no use for it. `?starttls=always` and `?starttls=never` decide otherwise.
    """
    try:
        parsed: SplitResult | None = urlsplit(url)
    except ValueError:
        parsed = None
    # Raised outside the `except`, so that no traceback shows the parser's error, which may hold a part of the URL.
    if parsed is None or parsed.scheme not in _PORTS or parsed.path.strip("/"):
        raise _wrong(f"not a URL of a mail server, use {FORMS}")
    if parsed.fragment or "#" in url:
        raise _wrong("a # in a password is written as %23")
    options = dict(parse_qsl(parsed.query, keep_blank_values=True))
    if options.keys() - _OPTIONS:
        # Not by their names: who forgot to write a ? in a password as %3F has a part of it there.
        raise _wrong(f"behind the ? may only be {', '.join(sorted(_OPTIONS))}. A ? in a password is written as %3F")
    login, at, place = parsed.netloc.rpartition("@")
    user, colon, password = login.partition(":")
    if at and not (user and colon):
        raise _wrong(f"a user or a password is missing, use {FORMS}")
    host = _HOST.fullmatch(place)
    port = 0 if host is None else int(host["port"] or _PORTS[parsed.scheme])
    if host is None or not 0 < port < 65536:
        raise _wrong(
            "the host or the port cannot be read, write HOST:PORT; an @, / or : in a password is written as %40, %2F,"
            f" %3A. Use {FORMS}"
        )
    name = host["host"].strip("[]")
    encryption = _encryption(parsed.scheme, options, is_here=_is_here(name), has_password=bool(at))
    return Location(
        name,
        port,
        unquote(user) if at else None,
        unquote(password),
        encryption,
        None if encryption is Encryption.NEVER else _tls(options.get("ssl_ca_certs")),
    )


def _encryption(scheme: str, options: dict[str, str], *, is_here: bool, has_password: bool) -> Encryption:
    wish = options.get("starttls")
    if scheme == "smtps":
        if wish is not None:
            raise _wrong("smtps:// is encrypted from the first byte, starttls is for smtp://")
        return Encryption.TLS
    match wish:
        case "always":
            return Encryption.ALWAYS
        case "never":
            return Encryption.NEVER
        case None:
            if is_here:
                return Encryption.NEVER
            return Encryption.ALWAYS if has_password else Encryption.OFFERED
        case _:
            raise _wrong("starttls is always or never")


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _tls(authorities: str | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=authorities)
    except ssl.SSLError:
        problem = "it has no certificates"
    except OSError as error:
        problem = str(error.strerror)
    raise _wrong(f"the file that ssl_ca_certs names cannot be read: {problem}")


def _wrong(problem: str) -> ConfigurationError:
    return ConfigurationError(f"HUBBUB_SMTP_URL: {problem}")
