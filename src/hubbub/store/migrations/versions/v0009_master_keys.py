"""Master keys, and which request an entry of the audit is from."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Create the table of keys, and add the request's id. Secrets stay as they are until they are sealed."""
    op.create_table(
        "master_keys",
        sa.Column("id", sa.String(length=16), nullable=False),
        sa.Column("is_current", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_master_keys")),
    )
    op.add_column("audit_entries", sa.Column("request_id", sa.String(length=64), nullable=True))
