"""Which pages may connect: the `Origin` that a browser sends with each socket it opens, against a setting."""

import re
from functools import lru_cache
from typing import Final

import msgspec

_ANY: Final = r"[^/:@?#]*"
_SCHEME: Final = re.compile(r"[a-z0-9+.-]+://")
_PORT: Final = re.compile(r":(?:\d+|\*)\Z")


class _Pattern(msgspec.Struct, frozen=True):
    """What is matched, and against how much of an origin."""

    text: re.Pattern[str]
    has_scheme: bool
    has_port: bool


def is_allowed(origin: str | None, allowed: str) -> bool:
    """Tell whether a page of `origin` may connect where the origins `allowed` may, comma-separated; empty is all.

    Each is an origin or a host, with or without a port, and `*` in it any text between dots and colons:
    `https://example.com`, `https://*.example.com:8443`, `example.com`; an origin without a port has its scheme's own.
    `*` alone is any. Who sends no origin is no browser, and could send any.
    """
    if origin is None:
        return True
    patterns = _patterns(allowed)
    return not patterns or any(_matches(origin.lower(), pattern) for pattern in patterns)


def _matches(origin: str, pattern: _Pattern) -> bool:
    part = origin
    if not pattern.has_scheme:
        part = _SCHEME.sub("", part, count=1)
        if not pattern.has_port:
            part = _PORT.sub("", part)
    return pattern.text.fullmatch(part) is not None


@lru_cache(maxsize=256)
def _patterns(allowed: str) -> tuple[_Pattern, ...]:
    found = []
    for text in filter(None, map(str.strip, allowed.lower().split(","))):
        expression = ".*" if text == "*" else re.escape(text.rstrip("/")).replace(r"\*", _ANY)
        has_scheme = _SCHEME.match(text) is not None
        found.append(_Pattern(re.compile(expression), has_scheme, _PORT.search(text) is not None))
    return tuple(found)
