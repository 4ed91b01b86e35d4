"""The tables of browsers that are signed in and of codes that stand in for a second factor, one class each.

Knows: columns, keys, constraints and their names, as `models` does. Does not know when a session has ended by itself.
"""

from datetime import datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from hubbub.store.models import Address, Digest, RememberedSignIn, Row, User, now

LONGEST_AGENT = 255
"""Characters kept of what a browser says it is."""


class BrowserSession(Row):
    """A browser that is signed in; `is_halfway` when the second factor is still to come.

    One that stays signed in has the row of that, and ends with it.
    """

    __tablename__ = "browser_sessions"
    # The audit names ids, so SQLite may not use one again.
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey(User.id, ondelete="CASCADE"), index=True)
    remembered_id: Mapped[int | None] = mapped_column(ForeignKey(RememberedSignIn.id, ondelete="CASCADE"), index=True)
    token_hash: Mapped[str] = mapped_column(Digest, unique=True)
    is_halfway: Mapped[bool] = mapped_column(default=False)
    wants_remembering: Mapped[bool] = mapped_column(default=False)
    address: Mapped[str | None] = mapped_column(Address)
    user_agent: Mapped[str | None] = mapped_column(String(LONGEST_AGENT))
    created_at: Mapped[datetime] = mapped_column(default=now)
    used_at: Mapped[datetime] = mapped_column(default=now, index=True)

    user: Mapped[User] = relationship(lazy="raise")


class RecoveryCode(Row):
    """A code that is good once in place of the second factor."""

    __tablename__ = "recovery_codes"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey(User.id, ondelete="CASCADE"), index=True)
    code_hash: Mapped[str] = mapped_column(Digest, unique=True)
    created_at: Mapped[datetime] = mapped_column(default=now)
    used_at: Mapped[datetime | None]
