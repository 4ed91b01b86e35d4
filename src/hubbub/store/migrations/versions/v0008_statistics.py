"""Figures over time."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

COUNTS = (
    *("events", "client_events", "bytes_in", "deliveries", "bytes_out", "presence", "queries", "webhooks"),
    *("failed_webhooks", "refusals", "ws", "wss", "http", "phoenix"),
    *(f"size_{place}" for place in range(11)),
    *(f"latency_{place}" for place in range(14)),
)


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "statistics",
        sa.Column("app_id", sa.String(length=64), nullable=False),
        sa.Column("resolution", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("peak", sa.BigInteger(), nullable=False),
        sa.Column("largest", sa.BigInteger(), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in COUNTS),
        sa.PrimaryKeyConstraint("app_id", "resolution", "at", name=op.f("pk_statistics")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_statistics_resolution_at"), "statistics", ["resolution", "at"])
    op.create_table(
        "refusal_statistics",
        sa.Column("app_id", sa.String(length=64), nullable=False),
        sa.Column("resolution", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("reason", sa.String(length=64), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("app_id", "resolution", "at", "reason", name=op.f("pk_refusal_statistics")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_refusal_statistics_resolution_at"), "refusal_statistics", ["resolution", "at"])
