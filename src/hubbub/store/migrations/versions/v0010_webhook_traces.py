"""Which trace an event in the outbox belongs to."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Add the column."""
    op.add_column("webhook_events", sa.Column("trace", sa.String(length=55), nullable=True))
