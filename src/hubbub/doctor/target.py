"""What is looked at: an address, the application that it is looked at with, and how long that may take.

Knows addresses and the key pair. Does not know how either is used.
"""

from urllib.parse import urlsplit

import msgspec

HIDDEN = "****"
PORTS = {"http": 80, "ws": 80, "https": 443, "wss": 443}


class AddressError(ValueError):
    """An address that leads nowhere, or holds what it must not; the message says why."""


class Application(msgspec.Struct, frozen=True):
    """One application: its id, and a key pair of it. Without a secret nothing is signed."""

    id: str = ""
    key: str = ""
    secret: str = ""

    def __repr__(self) -> str:
        return f"Application({self.id!r}, {self.key!r}, {HIDDEN})"


class Place(msgspec.Struct, frozen=True):
    """Where a server is: what an address says. `prefix` is its path, without a slash at the end."""

    host: str
    port: int
    tls: bool
    prefix: str = ""

    @classmethod
    def of(cls, url: str) -> "Place":
        """Read `http://…`, `https://…`, `ws://…` or `wss://…`. Raises AddressError."""
        try:
            parts = urlsplit(url if "://" in url else f"https://{url}")
            port = parts.port
        except ValueError as error:
            raise AddressError(str(error)) from None
        if parts.scheme not in PORTS:
            raise AddressError("it must begin with https:// or http://")
        if not parts.hostname:
            raise AddressError("it names no host")
        if parts.username is not None or parts.password is not None:
            raise AddressError("it must not have a user or password")
        if parts.query or parts.fragment:
            raise AddressError("it must not have a query")
        return cls(
            parts.hostname,
            PORTS[parts.scheme] if port is None else port,
            parts.scheme in ("https", "wss"),
            parts.path.rstrip("/"),
        )

    @property
    def authority(self) -> str:
        """Host and port, as in a Host header: the scheme's own port is left out."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.tls else 80) else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """The address for HTTP."""
        return f"{'https' if self.tls else 'http'}://{self.authority}{self.prefix}"

    @property
    def socket_url(self) -> str:
        """The address for sockets."""
        return f"{'wss' if self.tls else 'ws'}://{self.authority}{self.prefix}"


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """One deployment.

    `api` is where signed requests go, at Pusher another host. `origin` is the page that is to be let in. `patience` is
    how many seconds an answer may take; `wait` for how many a silent socket is watched at most, 0 for not at all, None
    for as long as the server says that it may be silent. `addresses` stand for what the host's name leads to; `source`
    is the address of this machine that connections begin at; `ca` a file of an authority that is trusted besides the
    system's.
    """

    place: Place
    api: Place | None = None
    app: Application = Application()
    origin: str | None = None
    patience: float = 10.0
    wait: float | None = None
    addresses: tuple[str, ...] = ()
    source: str | None = None
    ca: str | None = None

    @property
    def api_place(self) -> Place:
        """Where signed requests go."""
        return self.api or self.place

    def redact(self, text: str) -> str:
        """Give `text` without the secret, whatever a server may have put in it."""
        return text.replace(self.app.secret, HIDDEN) if self.app.secret else text
