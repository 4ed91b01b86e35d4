"""What snippets speak to: a server's address, and an application there.

Pure. Knows how an address falls into the parts that libraries take. Does not know any library.
"""

from urllib.parse import urlsplit

import msgspec

from hubbub.apps import Application

MASK = "••••••••"
"""What stands for a secret that is not shown."""

CHANNEL = "general"
EVENT = "greeting"
TEXT = "Hello from Hubbub"
"""What all snippets speak of, so that each of them meets every other."""


class Place(msgspec.Struct, frozen=True):
    """Where a server is reached: `url` has no slash at its end, `path` none either and is mostly empty.

    `host` is as URLs have it: an IPv6 address stands in brackets.
    """

    url: str
    host: str
    port: int
    path: str
    is_secure: bool

    @classmethod
    def of(cls, url: str) -> "Place":
        """Give the place of a URL, `https://HOST:PORT/PATH`. Port and path may be missing."""
        at = urlsplit(url.rstrip("/"))
        is_secure = at.scheme == "https"
        host = at.hostname or "localhost"
        return cls(
            url=url.rstrip("/"),
            host=f"[{host}]" if ":" in host else host,
            port=at.port or (443 if is_secure else 80),
            path=at.path,
            is_secure=is_secure,
        )

    @property
    def scheme(self) -> str:
        """`http` or `https`."""
        return "https" if self.is_secure else "http"


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """An application at a place. `secret` is empty for who may not see it.

    `organization` is the slug of the one by which it is used, empty for none: then it has neither tokens nor Phoenix
    clients.
    """

    place: Place
    app_id: str
    key: str
    secret: str = ""
    organization: str = ""

    @classmethod
    def of(cls, url: str, app: Application) -> "Target":
        """Give the target that is `app` on the server at `url`, with its newest key pair."""
        pair = app.key_pairs[-1]
        return cls(place=Place.of(url), app_id=app.id, key=pair.key, secret=pair.secret)

    def __repr__(self) -> str:
        return f"Target(app_id={self.app_id!r}, key={self.key!r})"
