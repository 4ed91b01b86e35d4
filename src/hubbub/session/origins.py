"""Which pages may connect: the `Origin` that a browser sends with each socket it opens, against a setting.

Both texts are strangers': matching takes time in proportion to their lengths, whatever they hold.
"""

import re
from functools import lru_cache
from typing import Final

import msgspec

LONGEST: Final = 512
"""Characters of an origin: a host's name has 253 at most."""

_SCHEME: Final = re.compile(r"[a-z0-9+.-]+://")
_PORT: Final = re.compile(r":(?:\d+|\*)\Z")
_SEPARATORS: Final = re.compile(r"([/:@?#])")


class _Pattern(msgspec.Struct, frozen=True):
    """What is matched: the parts between separators, each cut at its wildcards; and how much of an origin that is."""

    parts: tuple[tuple[str, ...], ...]
    is_any: bool
    has_scheme: bool
    has_port: bool


def is_allowed(origin: str | None, allowed: str) -> bool:
    """Tell whether a page of `origin` may connect where the origins `allowed` may, comma-separated; empty is all.

    Each is an origin or a host, with or without a port, and `*` in it any text without a colon or slash:
    `https://example.com`, `https://*.example.com:8443`, `example.com`; an origin without a port has its scheme's own.
    `*` alone is any. Who sends no origin is no browser, and could send any.
    """
    if origin is None:
        return True
    patterns = _patterns(allowed)
    if not patterns:
        return True
    return len(origin) <= LONGEST and any(_matches(origin.lower(), pattern) for pattern in patterns)


def _matches(origin: str, pattern: _Pattern) -> bool:
    if pattern.is_any:
        return True
    if not pattern.has_scheme:
        origin = _SCHEME.sub("", origin, count=1)
        if not pattern.has_port:
            origin = _PORT.sub("", origin)
    parts = _SEPARATORS.split(origin)
    return len(parts) == len(pattern.parts) and all(map(_fits, parts, pattern.parts))


def _fits(text: str, pieces: tuple[str, ...]) -> bool:
    """Tell whether `text` is the pieces in this order, with any text between them."""
    first, last = pieces[0], pieces[-1]
    if len(pieces) == 1:
        return text == first
    if len(text) < len(first) + len(last) or not (text.startswith(first) and text.endswith(last)):
        return False
    at, end = len(first), len(text) - len(last)
    for piece in pieces[1:-1]:
        at = text.find(piece, at, end)
        if at < 0:
            return False
        at += len(piece)
    return True


@lru_cache(maxsize=256)
def _patterns(allowed: str) -> tuple[_Pattern, ...]:
    return tuple(
        _Pattern(
            tuple(tuple(part.split("*")) for part in _SEPARATORS.split(text.rstrip("/"))),
            is_any=text == "*",
            has_scheme=_SCHEME.match(text) is not None,
            has_port=_PORT.search(text) is not None,
        )
        for text in filter(None, map(str.strip, allowed.lower().split(",")))
    )
