"""What went wrong at an application's door, and when."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

LONG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "incidents",
        sa.Column("id", LONG, nullable=False),
        sa.Column("reference", sa.String(length=32), nullable=False),
        sa.Column("app_id", sa.String(length=64), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sort", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=64), nullable=False),
        sa.Column("code", sa.Integer(), nullable=True),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("socket_id", sa.String(length=64), nullable=False),
        sa.Column("users", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("asked", sa.Text(), nullable=False),
        sa.Column("address", sa.String(length=64), nullable=False),
        sa.Column("client", sa.Text(), nullable=False),
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_incidents")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_incidents_reference"), "incidents", ["reference"])
    op.create_index(op.f("ix_incidents_at"), "incidents", ["at"])
    op.create_index(op.f("ix_incidents_app_id_id"), "incidents", ["app_id", "id"])
    op.create_index(op.f("ix_incidents_app_id_socket_id"), "incidents", ["app_id", "socket_id"])
