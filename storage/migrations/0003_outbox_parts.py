"""The outbox knows the first part of a line, and finds a lane's first row by its index alone.

Revision ID: 0003
Revises: 0002
Create Date: 2026-11-24 12:25:00
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To this version."""
    op.add_column("outbox", sa.Column("first", sa.Boolean(), nullable=False, server_default=sa.true()))
    op.create_index("ix_outbox_conversation_id_id", "outbox", ["conversation_id", "id"])
    op.drop_index("ix_outbox_conversation_id_state", "outbox")


def downgrade() -> None:
    """Back to the one before."""
    op.create_index("ix_outbox_conversation_id_state", "outbox", ["conversation_id", "state", "id"])
    op.drop_index("ix_outbox_conversation_id_id", "outbox")
    with op.batch_alter_table("outbox") as batch:
        batch.drop_column("first")
