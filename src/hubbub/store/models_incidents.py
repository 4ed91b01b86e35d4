"""The table of what went wrong.

Knows: columns, keys and their names, as `models` does. Does not know what is kept, nor for how long.

Applications go by the text of their id, without a key to their row: they may be declared by settings, unknown, or gone.
"""

from datetime import datetime

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from hubbub.store.models import Moment, Row
from hubbub.store.models_webhooks import Long


class Incident(Row):
    """A refusal, or the end of a connection. `users` is a JSON list: text, as it is only ever searched as such."""

    __tablename__ = "incidents"
    __table_args__ = (
        Index(None, "app_id", "id"),
        Index(None, "app_id", "socket_id"),
        # Who reads on from the newest id must not meet it a second time.
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(Long, primary_key=True)
    reference: Mapped[str] = mapped_column(String(32), index=True)
    app_id: Mapped[str] = mapped_column(String(64))
    at: Mapped[datetime] = mapped_column(Moment(), index=True)
    sort: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str] = mapped_column(String(64))
    code: Mapped[int | None]
    status: Mapped[int]
    text: Mapped[str]
    socket_id: Mapped[str] = mapped_column(String(64))
    users: Mapped[str]
    channel: Mapped[str]
    event: Mapped[str]
    asked: Mapped[str]
    address: Mapped[str] = mapped_column(String(64))
    client: Mapped[str]
    node: Mapped[str]
    count: Mapped[int]
