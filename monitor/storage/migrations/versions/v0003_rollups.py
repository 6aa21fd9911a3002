"""Hourly and daily sums of probes and components."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "rollups",
        sa.Column("vantage", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("period", sa.String(), nullable=False),
        sa.Column("start", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint(
            "vantage", "kind", "name", "period", "start", name=op.f("pk_rollups")
        ),
    )
    op.create_index(
        op.f("ix_rollups_vantage_period_start"), "rollups", ["vantage", "period", "start"]
    )
