"""The server that is asked, and the applications it is asked about.

Knows addresses and key pairs. Does not know how either is used.
"""

from collections.abc import Mapping

import msgspec

HIDDEN = "****"


class Application(msgspec.Struct, frozen=True):
    """One application of the server: its id, and a key pair of it."""

    id: str
    key: str
    secret: str

    def __repr__(self) -> str:
        return f"Application({self.id!r}, {self.key!r}, {HIDDEN})"


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """One server under test.

    `patience` is how many seconds anything that must come may take. `api_host` and `api_port` differ from `host` and
    `port` at Pusher itself. `second` is `app` once more, with a key pair that was made after the one of `app`. `other`
    is another application of the same server. `without` names what `app` has switched off (SWITCHES); `special` has an
    application for some of SPECIAL, whose id and secret are empty where only its key was told. `webhook_port` is where
    the server under test has been told to send webhooks of `app`, on `webhook_host`.
    """

    host: str
    port: int
    app: Application
    tls: bool = False
    api_host: str | None = None
    api_port: int | None = None
    second: Application | None = None
    other: Application | None = None
    webhook_host: str = "127.0.0.1"
    webhook_port: int | None = None
    without: frozenset[str] = frozenset()
    special: Mapping[str, Application] = {}
    patience: float = 5.0
    slow: bool = False

    @property
    def socket_url(self) -> str:
        """The address of sockets, without a path."""
        return f"{'wss' if self.tls else 'ws'}://{bracketed(self.host)}:{self.port}"

    @property
    def api_address(self) -> tuple[str, int]:
        """Host and port of the HTTP API."""
        return self.api_host or self.host, self.api_port or self.port

    @property
    def api_url(self) -> str:
        """The address of the HTTP API, without a path."""
        host, port = self.api_address
        return f"{'https' if self.tls else 'http'}://{bracketed(host)}:{port}"

    def redact(self, text: str) -> str:
        """Give `text` without the secrets, whatever a server may have put in it."""
        for app in (self.app, self.second, self.other, *self.special.values()):
            if app is not None and app.secret:
                text = text.replace(app.secret, HIDDEN)
        return text


SWITCHES = {
    "client-events": "clients may send events to each other",
    "subscription-counts": "subscribers are told how many they are",
    "watchlists": "users who sign in are told who of their watchlist is online",
    "cache": "cache channels keep their last event",
    "user-authentication": "users may sign in on a socket",
}
"""What an application may have switched off, or a server not have: told by `--without`, its cases are skipped."""

SPECIAL = {
    "force-tls": "takes connections over TLS only",
    "disabled": "is disabled",
    "one-connection": "may have one connection open at once",
    "authorized-connections": "closes connections that have not been authorized in time",
}
"""Settings of further applications, told by `--key-of`, and by `--id-of` and `--secret-of` where a case signs."""


def bracketed(host: str) -> str:
    """Give the host as it stands in a URL."""
    return f"[{host}]" if ":" in host else host
