"""The id that an application had at another server."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Add the column."""
    op.add_column("applications", sa.Column("alias", sa.String(length=64), nullable=True))
    op.create_index(op.f("ix_applications_alias"), "applications", ["alias"], unique=True)
