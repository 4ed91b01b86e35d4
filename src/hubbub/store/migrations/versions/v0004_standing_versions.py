"""A version of what receivers were told stands, so that of several nodes only one tells that it is over."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the column; what stands already has the version of a node that is alone."""
    with op.batch_alter_table("webhook_standing") as table:
        table.add_column(sa.Column("version", sa.BigInteger(), nullable=True))
    op.execute("UPDATE webhook_standing SET version = 0")
    with op.batch_alter_table("webhook_standing") as table:
        table.alter_column("version", existing_type=sa.BigInteger(), nullable=False)
