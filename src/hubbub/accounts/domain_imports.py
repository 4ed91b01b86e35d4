"""Applications of another server, as they are brought here, and what becomes of each.

Knows: what is kept of an application that another server had. Does not know in which form that server wrote it down.
Secrets are in no `repr`.
"""

import re
from collections.abc import Mapping
from enum import Enum
from typing import Any, Final

import msgspec

_SIGNED_IN: Final = re.compile(r"//[^/?#]*@")
_ASKED: Final = re.compile(r"\?.+", re.DOTALL)


class ForeignWebhook(msgspec.Struct, frozen=True, kw_only=True):
    """Where another server sent webhooks. `kinds` are in Hubbub's words."""

    url: str
    kinds: tuple[str, ...]
    channel_prefix: str = ""
    headers: Mapping[str, Any] = msgspec.field(default_factory=dict)

    @property
    def shown(self) -> str:
        """The URL for eyes: who signs in there, and what is asked, may be secret."""
        return _ASKED.sub("?…", _SIGNED_IN.sub("//", self.url))

    def __repr__(self) -> str:
        return f"ForeignWebhook(url={self.shown!r})"


class ForeignApp(msgspec.Struct, frozen=True, kw_only=True):
    """An application as another server had it: `settings` in Hubbub's words, and `lost`, what has none, and why."""

    id: str
    name: str
    key: str
    secret: str
    settings: Mapping[str, Any] = msgspec.field(default_factory=dict)
    webhooks: tuple[ForeignWebhook, ...] = ()
    lost: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"ForeignApp(id={self.id!r}, key={self.key!r})"


class Verdict(Enum):
    """What becomes of an application."""

    NEW = "new"
    THERE = "there"
    REFUSED = "refused"


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of one application.

    A new one is made with this `number`, or the next one if that is None, and `alias`; `settings` and `webhooks` are
    those that can be kept, `lost` is why others cannot. One that is there has the `number`, and `differences` to what
    would be made. One that is refused has `conflicts`.
    """

    app: ForeignApp
    verdict: Verdict
    number: int | None = None
    alias: str | None = None
    settings: Mapping[str, Any] = msgspec.field(default_factory=dict)
    webhooks: tuple[ForeignWebhook, ...] = ()
    lost: tuple[str, ...] = ()
    differences: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()
