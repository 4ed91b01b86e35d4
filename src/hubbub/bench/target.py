"""The server that is measured, and the application it is measured with.

Knows addresses and the key pair. Does not know how either is used.
"""

import ssl
from urllib.parse import quote

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
    """One server.

    `patience` is how many seconds an answer may take. `api_host` and `api_port` differ from `host` and `port` at Pusher
    itself. `address` and `api_address` are what the hosts' names stand for, once that is known.
    """

    host: str
    port: int
    app: Application
    tls: bool = False
    api_host: str | None = None
    api_port: int | None = None
    address: str = ""
    api_address: str = ""
    patience: float = 10.0

    @property
    def socket_url(self) -> str:
        """The address of sockets, without a path."""
        return f"{'wss' if self.tls else 'ws'}://{named(self.host, self.port)}"

    @property
    def socket_path(self) -> str:
        """Where a client connects."""
        return f"/app/{quote(self.app.key, safe='')}?protocol=7&client=hubbub-bench&version=1.0"

    @property
    def api(self) -> tuple[str, int]:
        """Host and port of the HTTP API."""
        return self.api_host or self.host, self.api_port or self.port

    def context(self) -> ssl.SSLContext | None:
        """Give what TLS is begun with; None without TLS. SSL_CERT_FILE names another authority."""
        return ssl.create_default_context() if self.tls else None

    def redact(self, text: str) -> str:
        """Give `text` without the secret, whatever a server may have put in it."""
        return text.replace(self.app.secret, HIDDEN) if self.app.secret else text


def named(host: str, port: int) -> str:
    """Give host and port as they stand in a URL."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
