"""What an endpoint of webhooks may be, field by field.

Knows: addresses, kinds of events, headers. Does not know who asks, nor what a name resolves to: that may be another
thing at each delivery, and is looked at then.
"""

import re
import unicodedata
from collections.abc import Mapping
from urllib.parse import urlsplit

from hubbub.accounts.fields import BLANK, UNPRINTABLE, Fields
from hubbub.webhooks.addresses import is_public, literal
from hubbub.webhooks.seam import KINDS

NO_URL = "is not an address such as https://example.com/webhooks"
NOT_HERE = (
    "must not be on the server's own networks, unless HUBBUB_WEBHOOK_PRIVATE allows it: "
    "set it for the server and for commands"
)
LONGEST_URL = 2000
LONGEST_PREFIX = 200
MOST_HEADERS = 20
LONGEST_HEADER = 2000
"""Characters of a header's value."""

TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")  # RFC 9110, 5.6.2
NETLOC = re.compile(r"(\[[^\[\]]*:[^\[\]]*\]|[^\[\]:]+)(:[0-9]*)?")  # as RFC 3986, 3.2.2, which Python reads loosely
LABEL = "[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?"  # of names in the DNS, and the _ that container networks have too
HOST = re.compile(rf"(?!.{{254}}){LABEL}(\.{LABEL})*\.?")

OURS = frozenset(
    {
        # What Pusher's receivers read, and what frames the request: that is for who sends it.
        "content-type", "content-length", "content-encoding", "host", "connection", "transfer-encoding", "te",
        "trailer", "upgrade", "expect", "keep-alive",
    }
)  # fmt: skip
OUR_PREFIX = "x-pusher-"


def url(fields: Fields, value: object, *, may_be_private: bool) -> str:
    """Check the address of an endpoint, in the field `url`.

    A host that is an address, or `localhost`, may be on the server's own networks only if it `may_be_private`.
    """
    text = fields.text("url", value, LONGEST_URL)
    if not text:
        return ""
    try:
        parts = urlsplit(text)
        port, name = parts.port, _name(parts.hostname or "")
    except ValueError:  # brackets without an address, a port that is no number or over 65535, a host that is none
        fields.fault("url", NO_URL)
        return ""
    # What different programs read differently is refused: who checks must see what who sends sees.
    is_plain = (
        NETLOC.fullmatch(parts.netloc.rpartition("@")[2]) and "\\" not in text and not any(map(str.isspace, text))
    )
    if parts.scheme not in {"http", "https"} or port == 0 or not is_plain:
        fields.fault("url", NO_URL)
    elif "@" in parts.netloc:
        fields.fault("url", "must not have a user or password in it; use a header")
    elif not may_be_private and not _may_be_public(name):
        fields.fault("url", NOT_HERE)
    return text


def kinds(fields: Fields, value: object) -> tuple[str, ...]:
    """Check kinds of events, in the field `kinds`: a list, or a text with commas. None is all."""
    if value is None:
        return KINDS
    given = [part.strip() for part in value.split(",")] if isinstance(value, str) else value
    if not isinstance(given, list | tuple) or any(kind not in KINDS for kind in given if kind != ""):
        fields.fault("kinds", f"must be some of {', '.join(KINDS)}")
        return ()
    chosen = tuple(kind for kind in KINDS if kind in given)
    if not chosen:
        fields.fault("kinds", BLANK)
    return chosen


def channel_prefix(fields: Fields, value: object) -> str:
    """Check what names of channels must begin with, in the field `channel_prefix`; None or nothing is any name."""
    return "" if value in (None, "") else fields.text("channel_prefix", value, LONGEST_PREFIX)


def headers(fields: Fields, value: object) -> dict[str, str]:
    """Check headers, in the field `headers`: their values by name. Faults name a header, and never its value."""
    if value in (None, ""):
        return {}
    if not isinstance(value, Mapping):
        fields.fault("headers", "must be an object")
        return {}
    if len(value) > MOST_HEADERS:
        fields.fault("headers", f"should be at most {MOST_HEADERS}")
        return {}
    seen: set[str] = set()
    for name, content in value.items():
        if not isinstance(name, str) or not TOKEN.fullmatch(name):
            fields.fault("headers", f"has a name that is none of a header: {str(name)[:50]!a}")
        elif name.lower() in OURS or name.lower().startswith(OUR_PREFIX):
            fields.fault("headers", f"must not have {name}, which Hubbub sets")
        elif name.lower() in seen:
            fields.fault("headers", f"has {name} twice")
        elif not isinstance(content, str) or not content.strip():
            fields.fault("headers", f"has no text for {name}")
        elif len(content) > LONGEST_HEADER:
            fields.fault("headers", f"has more than {LONGEST_HEADER} characters for {name}")
        elif any(unicodedata.category(letter) in UNPRINTABLE for letter in content.strip()):
            fields.fault("headers", f"has control characters for {name}")
        else:
            seen.add(name.lower())
    return {str(name): str(content).strip() for name, content in value.items()}


def _name(host: str) -> str:
    """Give a host as resolvers are asked for it: in ASCII, wide letters narrow. Raises ValueError if it has no such."""
    name = host if ":" in host else host.encode("idna").decode().lower()
    if literal(name) is None and not HOST.fullmatch(name):
        raise ValueError("not a name")
    return name


def _may_be_public(name: str) -> bool:
    """Tell whether nothing about the name alone says that it is on the server's own networks."""
    address = literal(name)
    if address is not None:
        return is_public(address)
    bare = name.rstrip(".")
    return bare != "localhost" and not bare.endswith(".localhost")
