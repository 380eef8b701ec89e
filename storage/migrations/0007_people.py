"""Statistics count people: who was counted this week, and how many firsts a tally holds.

Revision ID: 0007
Revises: 0006
Create Date: 2026-11-24 16:10:00
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from storage.column import Id

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To this version."""
    for table in ("tally", "statistic"):
        op.add_column(table, sa.Column("people", sa.Integer(), nullable=False, server_default="0"))
    op.create_table(
        "counted",
        sa.Column("id", Id, autoincrement=True, nullable=False),
        sa.Column("conversation_id", sa.String(32), nullable=False),
        sa.Column("week", sa.String(8), nullable=False),
        sa.Column("cell", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_counted")),
        sa.UniqueConstraint("conversation_id", "cell", name=op.f("uq_counted_conversation_id_cell")),
    )
    op.create_index("ix_counted_week", "counted", ["week"])


def downgrade() -> None:
    """Back to the one before."""
    op.drop_table("counted")
    for table in ("tally", "statistic"):
        with op.batch_alter_table(table) as batch:
            batch.drop_column("people")
