"""Mutes, deliveries that an operator asks for again, and a way to the last delivery of a line."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add a table, a column and an index."""
    op.add_column("deliveries", sa.Column("requeued_at", sa.BigInteger(), nullable=True))
    op.create_index(
        op.f("ix_deliveries_vantage_line_id"), "deliveries", ["vantage", "line", "id"], unique=False
    )
    op.create_table(
        "mutes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("vantage", sa.String(), nullable=False),
        sa.Column("component", sa.String(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("author", sa.String(), nullable=False),
        sa.Column("starts_at", sa.BigInteger(), nullable=False),
        sa.Column("ends_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mutes")),
    )
    op.create_index(op.f("ix_mutes_vantage_ends_at"), "mutes", ["vantage", "ends_at"], unique=False)
