"""Facts agreed with an operator go with their case; editors mark missed questions as done.

Revision ID: 0005
Revises: 0004
Create Date: 2026-11-24 15:20:00
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To this version."""
    op.add_column("note", sa.Column("case_id", sa.String(32), nullable=True))
    op.add_column("missed", sa.Column("intent", sa.String(64), nullable=False, server_default=""))
    op.add_column("missed", sa.Column("done", sa.BigInteger(), nullable=True))
    op.create_index("ix_note_case_id", "note", ["case_id"])


def downgrade() -> None:
    """Back to the one before."""
    op.drop_index("ix_note_case_id", "note")
    with op.batch_alter_table("missed") as batch:
        batch.drop_column("done")
        batch.drop_column("intent")
    with op.batch_alter_table("note") as batch:
        batch.drop_column("case_id")
