"""What an installation decides about signing up and in, and about webhooks.

Knows: the numbers, and their defaults. Does not know what is done with them.
"""

from datetime import timedelta
from typing import Self

import msgspec

from hubbub.settings import Settings


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of the same names, times as such."""

    sign_up: bool = True
    require_confirmation: bool = False
    confirmation_lifetime: timedelta = timedelta(days=3)
    lock_after: int = 10
    lock_time: timedelta = timedelta(hours=1)
    session_lifetime: timedelta = timedelta(hours=12)
    remember_lifetime: timedelta = timedelta(days=14)
    reset_lifetime: timedelta = timedelta(hours=6)
    webhook_private: bool = False

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Give that of `settings`."""
        return cls(
            sign_up=settings.sign_up,
            require_confirmation=settings.require_confirmation,
            confirmation_lifetime=timedelta(seconds=settings.confirmation_lifetime),
            lock_after=settings.lock_after,
            lock_time=timedelta(seconds=settings.lock_seconds),
            session_lifetime=timedelta(seconds=settings.session_lifetime),
            remember_lifetime=timedelta(seconds=settings.remember_lifetime),
            reset_lifetime=timedelta(seconds=settings.reset_lifetime),
            webhook_private=settings.webhook_private,
        )
