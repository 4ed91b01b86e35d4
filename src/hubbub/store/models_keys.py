"""The table of master keys.

Knows: columns, as `models` does. Does not know the keys: only their ids are kept, to tell which of them are needed.
"""

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from hubbub.store.models import Row, now


class SealingKey(Row):
    """A master key by which secrets here may be sealed. At most one is current: it seals what is written."""

    __tablename__ = "master_keys"

    id: Mapped[str] = mapped_column(String(16), primary_key=True)
    is_current: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime] = mapped_column(default=now)
