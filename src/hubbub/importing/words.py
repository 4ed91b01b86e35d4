"""What other servers call the settings of an application, and what becomes of each value here.

Knows: numbers and yes and no in the forms that files have them. Does not know which server it was.
"""

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from hubbub.accounts.domain_imports import ForeignApp, ForeignWebhook
from hubbub.settings import AppSettings

TRUE = {"true", "1", "yes", "on", "t"}
UNLIMITED = 1_000_000
"""What stands for no limit where Hubbub always has one."""

USUAL = AppSettings()


class Draft:
    """An application while it is read: what is kept, and what is lost and why."""

    def __init__(self) -> None:
        self.settings: dict[str, Any] = {}
        self.webhooks: list[ForeignWebhook] = []
        self.lost: list[str] = []

    def keep(self, name: str, value: object) -> None:
        """Keep a setting in Hubbub's words, if it is not the usual one."""
        if value == getattr(USUAL, name):
            self.settings.pop(name, None)
        else:
            self.settings[name] = value

    def lose(self, what: str) -> None:
        """Note what has no place here, and why."""
        if what not in self.lost:
            self.lost.append(what)

    def whole(self, values: Iterable[tuple[str, object, str, Callable[[float], int]]]) -> None:
        """Keep numbers: what they were called, the value, our name, and how one becomes the other."""
        for theirs, value, ours, converted in values:
            given = number(value)
            if given is None or given <= 0:
                self.lose(f"{theirs}: it is no number that could be kept, here it is {getattr(USUAL, ours)}")
            else:
                self.keep(ours, max(converted(given), 1))

    def app(self, *, id: str, name: str, key: str, secret: str) -> ForeignApp:  # noqa: A002 - its name everywhere
        """Give it."""
        return ForeignApp(
            id=id,
            name=name,
            key=key,
            secret=secret,
            settings=self.settings,
            webhooks=tuple(self.webhooks),
            lost=tuple(self.lost),
        )


def number(value: object) -> float | None:
    """Give a number, or the one that a text is; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = float(value)
    except ValueError:
        return None
    return found if abs(found) < 2**31 else None


def flag(value: object) -> bool:
    """Give a yes or no."""
    return value.strip().lower() in TRUE if isinstance(value, str) else bool(value)


def text(value: object) -> str:
    """Give a text, or a whole number's digits; nothing for anything else."""
    return str(value).strip() if isinstance(value, str | int) and not isinstance(value, bool) else ""


def same(value: float) -> int:
    """Give the whole number."""
    return int(value)


def kilobytes(value: float) -> int:
    """Give bytes."""
    return int(value * 1024)


def named(app_id: str, name: str = "") -> str:
    """Give what people call an application: what it was called, or after its id."""
    return name or f"Application {app_id}"


def decoded(value: object) -> object:
    """Give what a text of JSON holds, and anything else as it is."""
    if not isinstance(value, str):
        return value
    try:
        return msgspec.json.decode(value)
    except (msgspec.DecodeError, RecursionError):
        return None
